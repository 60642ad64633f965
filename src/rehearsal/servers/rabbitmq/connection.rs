//! The connection of one client: handshake, frames in and out, and close.

use std::io;
use std::time::Duration;

use amq_protocol::frame::{AMQPFrame, WriteContext, gen_frame, parse_frame};
use amq_protocol::protocol::AMQPClass;
use amq_protocol::protocol::connection::{
    AMQPMethod as ConnectionMethod, Close, CloseOk, OpenOk, Start, Tune,
};
use amq_protocol::types::{AMQPValue, FieldTable};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::channel::{ChannelFrame, Channels};
use super::model::{AmqpError, MethodResult};
use super::{SharedBroker, VHOST, lock};

/// The largest frame, in bytes.
const FRAME_MAX: u32 = 131_072;
/// The largest frame that is read before the client has logged in, in bytes.
const LOGIN_FRAME_MAX: usize = 8192;
/// The size of a frame's header (type, channel, size) and of its end, in bytes.
const FRAME_HEAD: usize = 7;
const FRAME_END: usize = 1;
const CHANNEL_MAX: u16 = 2047;
/// Seconds between heartbeats that the broker proposes.
const HEARTBEAT: u16 = 60;
/// The protocol header. It is also the reply to a client that sends another.
const HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";

/// The socket, and the bytes that were read and not yet parsed.
pub(super) struct FrameConnection {
    socket: TcpStream,
    unread: Vec<u8>,
    /// The largest frame that is written, as negotiated.
    write_frame_max: usize,
    /// The largest frame that is read.
    read_frame_max: usize,
}

/// Why a connection ends.
pub(super) enum ConnectionEnd {
    /// The client has disconnected, or does not speak the protocol.
    Closed,
    /// The broker closes the connection with this error.
    Error(AmqpError),
}

impl From<io::Error> for ConnectionEnd {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

impl From<AmqpError> for ConnectionEnd {
    fn from(error: AmqpError) -> Self {
        Self::Error(error)
    }
}

impl FrameConnection {
    /// The next frame. A malformed frame is consumed, so that the next one can be read.
    async fn read(&mut self) -> Result<AMQPFrame, ConnectionEnd> {
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
                return Err(ConnectionEnd::Closed);
            }
        }
    }

    /// The length of the next frame in bytes; `None` until its header is complete.
    fn frame_length(&mut self) -> Result<Option<usize>, ConnectionEnd> {
        let Some(&[_, _, _, a, b, c, d]) = self.unread.first_chunk::<FRAME_HEAD>() else { return Ok(None) };
        let payload = u32::from_be_bytes([a, b, c, d]);
        match usize::try_from(payload).ok().and_then(|payload| payload.checked_add(FRAME_HEAD + FRAME_END)) {
            Some(length) if length <= self.read_frame_max => Ok(Some(length)),
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
    pub(super) async fn send(&mut self, channel: u16, method: AMQPClass) -> io::Result<()> {
        self.write(&AMQPFrame::Method(channel, method)).await
    }

    /// The most bytes of a message's body in one frame.
    pub(super) fn max_body_part(&self) -> usize {
        self.write_frame_max - 8
    }

    async fn read_connection_method(&mut self) -> Result<ConnectionMethod, ConnectionEnd> {
        loop {
            match self.read().await? {
                AMQPFrame::Method(0, AMQPClass::Connection(method)) => return Ok(method),
                AMQPFrame::Heartbeat => {}
                _ => {
                    return Err(
                        AmqpError::new(505, "UNEXPECTED_FRAME - expected a method of the handshake").into()
                    );
                }
            }
        }
    }
}

fn frame_error() -> ConnectionEnd {
    AmqpError::new(501, "FRAME_ERROR - cannot decode frame").into()
}

/// Serves a client until it disconnects.
pub(super) async fn run_connection(socket: TcpStream, state: SharedBroker, id: u64) {
    let _ = socket.set_nodelay(true);
    let mut connection = FrameConnection {
        socket,
        unread: Vec::new(),
        write_frame_max: FRAME_MAX as usize,
        read_frame_max: LOGIN_FRAME_MAX,
    };
    let result = exchange_frames(&mut connection, &state, id).await;
    lock(&state).close_connection(id);
    if let Err(ConnectionEnd::Error(error)) = result {
        let close = Close {
            reply_code: error.code,
            reply_text: truncate_reply_text(&error.text).into(),
            class_id: 0,
            method_id: 0,
        };
        let sent = connection.send(0, AMQPClass::Connection(ConnectionMethod::Close(close))).await;
        // The client gets the error before the connection closes. Its other frames are ignored.
        let close_ok = async {
            while sent.is_ok()
                && !matches!(
                    connection.read_connection_method().await,
                    Ok(ConnectionMethod::CloseOk(_)) | Err(ConnectionEnd::Closed)
                )
            {}
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), close_ok).await;
    }
}

/// Truncates a text to the length of a short string.
pub(super) fn truncate_reply_text(text: &str) -> &str {
    let end = (0..=text.len().min(255)).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

async fn exchange_frames(
    connection: &mut FrameConnection,
    state: &SharedBroker,
    id: u64,
) -> Result<(), ConnectionEnd> {
    let mut header = [0; HEADER.len()];
    connection.socket.read_exact(&mut header).await?;
    if header != HEADER {
        connection.socket.write_all(HEADER).await?;
        return Err(ConnectionEnd::Closed);
    }
    let heartbeat = handshake(connection, state).await?;
    let (deliver, mut deliveries) = mpsc::unbounded_channel();
    let mut channels = Channels::new(id, state.clone(), deliver);
    let beat = Duration::from_secs(u64::from(heartbeat.max(2)) / 2);
    let mut beats = tokio::time::interval(beat);
    loop {
        tokio::select! {
            frame = connection.read() => {
                let (channel, frame) = match frame? {
                    AMQPFrame::Method(0, AMQPClass::Connection(ConnectionMethod::Close(_))) => {
                        let close_ok = ConnectionMethod::CloseOk(CloseOk {});
                        return Ok(connection.send(0, AMQPClass::Connection(close_ok)).await?);
                    }
                    AMQPFrame::Method(channel, method) => (channel, ChannelFrame::Method(method)),
                    AMQPFrame::Header(channel, header) => (channel, ChannelFrame::Header(header)),
                    AMQPFrame::Body(channel, bytes) => (channel, ChannelFrame::Body(bytes)),
                    AMQPFrame::Heartbeat => continue,
                    _ => return Err(AmqpError::new(505, "UNEXPECTED_FRAME - frame type not expected").into()),
                };
                channels.on_frame(connection, channel, frame).await?;
            }
            Some(delivery) = deliveries.recv() => channels.deliver(connection, delivery).await?,
            _ = beats.tick(), if heartbeat > 0 => connection.write(&AMQPFrame::Heartbeat).await?,
        }
    }
}

/// The handshake, up to an open connection. Returns the negotiated seconds between heartbeats.
async fn handshake(connection: &mut FrameConnection, state: &SharedBroker) -> Result<u16, ConnectionEnd> {
    let start = Start {
        version_major: 0,
        version_minor: 9,
        server_properties: server_properties(),
        mechanisms: "PLAIN".into(),
        locales: "en_US".into(),
    };
    connection.send(0, AMQPClass::Connection(ConnectionMethod::Start(start))).await?;
    let ConnectionMethod::StartOk(login) = connection.read_connection_method().await? else {
        return Err(AmqpError::new(503, "COMMAND_INVALID - expected 'connection.start_ok'").into());
    };
    authenticate(state, login.mechanism.as_str(), login.response.as_bytes())?;
    connection.read_frame_max = FRAME_MAX as usize;
    let tune = Tune { channel_max: CHANNEL_MAX, frame_max: FRAME_MAX, heartbeat: HEARTBEAT };
    connection.send(0, AMQPClass::Connection(ConnectionMethod::Tune(tune))).await?;
    let ConnectionMethod::TuneOk(tuned) = connection.read_connection_method().await? else {
        return Err(AmqpError::new(503, "COMMAND_INVALID - expected 'connection.tune_ok'").into());
    };
    if tuned.frame_max != 0 {
        // The protocol's minimum is 4096.
        connection.write_frame_max = tuned.frame_max.clamp(4096, FRAME_MAX) as usize;
    }
    let ConnectionMethod::Open(open) = connection.read_connection_method().await? else {
        return Err(AmqpError::new(503, "COMMAND_INVALID - expected 'connection.open'").into());
    };
    let vhost = open.virtual_host.as_str();
    if vhost != VHOST {
        return Err(AmqpError::new(530, format!("NOT_ALLOWED - vhost {vhost} not found")).into());
    }
    connection.send(0, AMQPClass::Connection(ConnectionMethod::OpenOk(OpenOk {}))).await?;
    Ok(tuned.heartbeat)
}

fn authenticate(state: &SharedBroker, mechanism: &str, response: &[u8]) -> MethodResult {
    let user = lock(state).user.clone();
    let expected = [b"\0", user.name.as_bytes(), b"\0", user.password.as_bytes()].concat();
    if mechanism == "PLAIN" && response == expected {
        return Ok(());
    }
    let text = format!("ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}.");
    Err(AmqpError::new(403, text))
}

/// The properties in `connection.start`. They do not claim to be RabbitMQ.
fn server_properties() -> FieldTable {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut capabilities = FieldTable::default();
    for name in [
        "publisher_confirms",
        "basic.nack",
        "consumer_cancel_notify",
        "authentication_failure_close",
        "per_consumer_qos",
    ] {
        capabilities.insert(name.into(), AMQPValue::Boolean(true));
    }
    let mut properties = FieldTable::default();
    properties.insert("product".into(), text("gonogo rehearsal"));
    properties.insert("version".into(), text(env!("CARGO_PKG_VERSION")));
    properties.insert("platform".into(), text("Rust"));
    properties.insert("capabilities".into(), AMQPValue::FieldTable(capabilities));
    properties
}
