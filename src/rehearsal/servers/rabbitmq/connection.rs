//! One client's connection: the handshake, frames in and out, and how it ends.

use std::io;
use std::time::Duration;

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use amq_protocol::protocol::AMQPClass;
use amq_protocol::protocol::connection::{AMQPMethod as Own, Close, CloseOk, OpenOk, Start, Tune};
use amq_protocol::types::{AMQPValue, FieldTable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::channel::{Asked, Channels};
use super::model::{Done, Refusal};
use super::{Shared, VHOST, lock};

/// The largest frame, in bytes.
const FRAME_MAX: u32 = 131_072;
/// The largest frame of a client that has not shown yet that it may be here, in bytes.
const FIRST_FRAME_MAX: usize = 8192;
/// What stands before a frame's payload (type, channel, size), and its end, in bytes.
const FRAME_HEAD: usize = 7;
const FRAME_END: usize = 1;
const CHANNEL_MAX: u16 = 2047;
/// Seconds between heartbeats, unless the client wants others.
const HEARTBEAT: u16 = 60;
/// What a client that speaks something else is told.
const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";

/// The socket, and what was read and not yet understood.
pub(super) struct Wire {
    socket: TcpStream,
    unread: Vec<u8>,
    /// The largest frame to be written, as it was agreed on.
    frame_max: usize,
    /// The largest frame that is read.
    taken_max: usize,
}

/// How a conversation ends before its time.
pub(super) enum End {
    /// The client has gone, or makes no sense.
    Gone,
    /// The client is told why.
    Refused(Refusal),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Wire {
    /// The next frame. One that is broken is used up: the one after it can be read.
    async fn read(&mut self) -> Result<AMQPFrame, End> {
        loop {
            if let Some(length) = self.frame_length()?
                && self.unread.len() >= length
            {
                let bytes: Vec<u8> = self.unread.drain(..length).collect();
                return match parse_frame(bytes.as_slice()) {
                    Ok(([], frame)) => Ok(frame),
                    _ => Err(frame_error()),
                };
            }
            if self.socket.read_buf(&mut self.unread).await? == 0 {
                return Err(End::Gone);
            }
        }
    }

    /// How long the frame is that has begun, in bytes, once that can be told.
    fn frame_length(&mut self) -> Result<Option<usize>, End> {
        let Some(&[_, _, _, a, b, c, d]) = self.unread.first_chunk::<FRAME_HEAD>() else { return Ok(None) };
        let payload = u32::from_be_bytes([a, b, c, d]);
        match usize::try_from(payload).ok().and_then(|payload| payload.checked_add(FRAME_HEAD + FRAME_END)) {
            Some(length) if length <= self.taken_max => Ok(Some(length)),
            _ => {
                self.unread.clear();
                Err(frame_error())
            }
        }
    }

    /// Writes a frame.
    pub(super) async fn write(&mut self, frame: &AMQPFrame) -> io::Result<()> {
        let written = gen_frame(frame)(WriteContext::from(Vec::new()));
        let (bytes, _) = written.map_err(|error| io::Error::other(error.to_string()))?.into_inner();
        self.socket.write_all(&bytes).await
    }

    /// Writes a method on a channel.
    pub(super) async fn say(&mut self, channel: u16, method: AMQPClass) -> io::Result<()> {
        self.write(&AMQPFrame::Method(channel, method)).await
    }

    /// How much of a message's body fits into one frame.
    pub(super) fn room(&self) -> usize {
        self.frame_max - 8
    }

    async fn method(&mut self) -> Result<Own, End> {
        loop {
            match self.read().await? {
                AMQPFrame::Method(0, AMQPClass::Connection(method)) => return Ok(method),
                AMQPFrame::Heartbeat => {}
                _ => {
                    return Err(
                        Refusal::new(505, "UNEXPECTED_FRAME - expected the handshake to go on").into()
                    );
                }
            }
        }
    }
}

fn frame_error() -> End {
    Refusal::new(501, "FRAME_ERROR - cannot decode frame").into()
}

/// Serves a client until it leaves.
pub(super) async fn serve(socket: TcpStream, state: Shared, id: u64) {
    let _ = socket.set_nodelay(true);
    let mut wire =
        Wire { socket, unread: Vec::new(), frame_max: FRAME_MAX as usize, taken_max: FIRST_FRAME_MAX };
    let ended = converse(&mut wire, &state, id).await;
    lock(&state).close_connection(id);
    if let Err(End::Refused(refusal)) = ended {
        let close = Close {
            reply_code: refusal.code,
            reply_text: clipped(&refusal.text).into(),
            class_id: 0,
            method_id: 0,
        };
        let said = wire.say(0, AMQPClass::Connection(Own::Close(close))).await;
        // It is told before it is hung up on; what else it says is not heard.
        let goodbye = async {
            while said.is_ok() && !matches!(wire.method().await, Ok(Own::CloseOk(_)) | Err(End::Gone)) {}
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), goodbye).await;
    }
}

/// Short enough for a short string.
pub(super) fn clipped(text: &str) -> &str {
    let end = (0..=text.len().min(255)).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

async fn converse(wire: &mut Wire, state: &Shared, id: u64) -> Result<(), End> {
    let mut header = [0; HEADER.len()];
    wire.socket.read_exact(&mut header).await?;
    if header != HEADER {
        wire.socket.write_all(HEADER).await?;
        return Err(End::Gone);
    }
    let heartbeat = shake_hands(wire, state).await?;
    let (deliver, mut deliveries) = mpsc::unbounded_channel();
    let mut channels = Channels::new(id, state.clone(), deliver);
    let beat = Duration::from_secs(u64::from(heartbeat.max(2)) / 2);
    let mut beats = tokio::time::interval(beat);
    loop {
        tokio::select! {
            frame = wire.read() => match frame? {
                AMQPFrame::Method(0, AMQPClass::Connection(Own::Close(_))) => {
                    return Ok(wire.say(0, AMQPClass::Connection(Own::CloseOk(CloseOk {}))).await?);
                }
                AMQPFrame::Method(channel, method) => {
                    let asked = Asked::Method(method);
                    channels.take(wire, channel, asked).await?;
                }
                AMQPFrame::Header(channel, header) => channels.take(wire, channel, Asked::Header(header)).await?,
                AMQPFrame::Body(channel, bytes) => channels.take(wire, channel, Asked::Body(bytes)).await?,
                AMQPFrame::Heartbeat => {}
                _ => return Err(Refusal::new(505, "UNEXPECTED_FRAME - not one of a conversation").into()),
            },
            Some(delivery) = deliveries.recv() => channels.deliver(wire, delivery).await?,
            _ = beats.tick(), if heartbeat > 0 => wire.write(&AMQPFrame::Heartbeat).await?,
        }
    }
}

/// From the greeting to an open connection; gives the seconds between heartbeats that were agreed on.
async fn shake_hands(wire: &mut Wire, state: &Shared) -> Result<u16, End> {
    let start = Start {
        version_major: 0,
        version_minor: 9,
        server_properties: properties(),
        mechanisms: "PLAIN".into(),
        locales: "en_US".into(),
    };
    wire.say(0, AMQPClass::Connection(Own::Start(start))).await?;
    let Own::StartOk(login) = wire.method().await? else {
        return Err(Refusal::new(503, "COMMAND_INVALID - expected 'connection.start_ok'").into());
    };
    admit(state, login.mechanism.as_str(), login.response.as_bytes())?;
    wire.taken_max = FRAME_MAX as usize;
    let tune = Tune { channel_max: CHANNEL_MAX, frame_max: FRAME_MAX, heartbeat: HEARTBEAT };
    wire.say(0, AMQPClass::Connection(Own::Tune(tune))).await?;
    let Own::TuneOk(tuned) = wire.method().await? else {
        return Err(Refusal::new(503, "COMMAND_INVALID - expected 'connection.tune_ok'").into());
    };
    if tuned.frame_max != 0 {
        // The least that the protocol allows is 4096.
        wire.frame_max = tuned.frame_max.clamp(4096, FRAME_MAX) as usize;
    }
    let Own::Open(open) = wire.method().await? else {
        return Err(Refusal::new(503, "COMMAND_INVALID - expected 'connection.open'").into());
    };
    let vhost = open.virtual_host.as_str();
    if vhost != VHOST {
        return Err(Refusal::new(530, format!("NOT_ALLOWED - vhost {vhost} not found")).into());
    }
    wire.say(0, AMQPClass::Connection(Own::OpenOk(OpenOk {}))).await?;
    Ok(tuned.heartbeat)
}

fn admit(state: &Shared, mechanism: &str, response: &[u8]) -> Done {
    let user = lock(state).user.clone();
    let wanted = [b"\0", user.name.as_bytes(), b"\0", user.password.as_bytes()].concat();
    if mechanism == "PLAIN" && response == wanted {
        return Ok(());
    }
    let text = format!("ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}.");
    Err(Refusal::new(403, text))
}

/// Who it says it is: no RabbitMQ.
fn properties() -> FieldTable {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut able = FieldTable::default();
    for name in [
        "publisher_confirms",
        "basic.nack",
        "consumer_cancel_notify",
        "authentication_failure_close",
        "per_consumer_qos",
    ] {
        able.insert(name.into(), AMQPValue::Boolean(true));
    }
    let mut own = FieldTable::default();
    own.insert("product".into(), text("gonogo rehearsal"));
    own.insert("version".into(), text(env!("CARGO_PKG_VERSION")));
    own.insert("platform".into(), text("Rust"));
    own.insert("capabilities".into(), AMQPValue::FieldTable(able));
    own
}
