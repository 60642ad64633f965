//! Limits what an AMQP server may send. The client keeps incomplete frames in a buffer of a fixed size, and
//! never returns once that is full, not even when its connection ends; and it follows nested tables
//! until its thread's stack, and with it the whole program, is gone. So frames that are longer than agreed,
//! that nest too deep or that no probe requests do not reach it. AMQP 0-9-1, 2.3.5 and 4.2.3.

use super::super::socket::ProtocolGuard;

/// The longest frame that the probe negotiates, in bytes: the minimum that all RabbitMQ versions accept.
pub(super) const MAX_FRAME: u32 = 8192;
/// Type, channel and size, and the end mark.
const FRAME_OVERHEAD: usize = 7;
/// How many lists and tables a frame may hold, which bounds how deep they nest. RabbitMQ's have two.
const MAX_TABLES: usize = 16;
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

/// Where in the stream of frames the server is.
#[derive(Default)]
pub(super) struct AmqpGuard {
    head: Vec<u8>,
    /// How many bytes of the frame's payload and end mark are to come.
    left: usize,
    /// How many lists and tables the frame has shown, and how much of the begin of a next one.
    tables: usize,
    begun: usize,
    /// Whether messages were requested.
    messages: bool,
    /// Whether the frame is a piece of a message, which holds no tables.
    body: bool,
}

impl ProtocolGuard for AmqpGuard {
    fn inspect(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            let (payload, rest) = bytes.split_at(self.left.min(bytes.len()));
            self.left -= payload.len();
            bytes = rest;
            if !self.body {
                for byte in payload {
                    self.table(*byte);
                }
            }
            if self.tables > MAX_TABLES {
                return Err(format!(
                    "the server sends more than {MAX_TABLES} tables in one frame: stopped reading"
                ));
            }
            let Some((first, rest)) = bytes.split_first() else { break };
            self.head.push(*first);
            bytes = rest;
            self.begin()?;
        }
        Ok(())
    }
}

impl AmqpGuard {
    /// Lets messages through.
    pub(super) fn with_messages() -> Self {
        Self { messages: true, ..Self::default() }
    }

    fn begin(&mut self) -> Result<(), String> {
        match *self.head.as_slice() {
            // Content: messages, which are unsolicited for most probes.
            [HEADER | BODY, ..] if !self.messages => {
                return Err("the server sends unsolicited messages".into());
            }
            [kind @ (METHOD | HEADER | BODY | HEARTBEAT), _, _, a, b, c, d] => {
                self.body = kind == BODY;
                let size = u32::from_be_bytes([a, b, c, d]);
                if size > MAX_FRAME {
                    return Err(format!(
                        "the server announces a frame of {size} bytes; the negotiated limit is {MAX_FRAME}"
                    ));
                }
                self.left = usize::try_from(size).unwrap_or(usize::MAX).saturating_add(1);
                (self.tables, self.begun) = (0, 0);
                self.head.clear();
            }
            [METHOD | HEADER | BODY | HEARTBEAT, ..] if self.head.len() < FRAME_OVERHEAD => {}
            // The server's own header: it hangs up on ours.
            [b'A', b'M', b'Q', b'P', _, major, minor, revision] => {
                return Err(format!(
                    "the server speaks another protocol: AMQP {major}.{minor}.{revision}, not 0-9-1"
                ));
            }
            ref head if b"AMQP".starts_with(head.get(..4).unwrap_or(head)) => {}
            ref head => {
                let bytes = head.escape_ascii();
                return Err(format!("this is not an AMQP server: invalid frame start `{bytes}`"));
            }
        }
        Ok(())
    }

    /// A list or a table begins with its mark and a length of four bytes; in a frame of so few bytes the
    /// first two of them are 0, which distinguishes the mark from a letter in a text.
    fn table(&mut self, byte: u8) {
        self.begun = match (byte, self.begun) {
            (b'A' | b'F', _) => 1,
            (0, 1) => 2,
            (0, 2) => {
                self.tables += 1;
                0
            }
            _ => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn see(bytes: &[u8]) -> Result<(), String> {
        let whole = AmqpGuard::default().inspect(bytes);
        let mut frames = AmqpGuard::default();
        assert_eq!(bytes.iter().try_for_each(|byte| frames.inspect(&[*byte])), whole);
        whole
    }

    #[test]
    fn frames_as_agreed_are_accepted() {
        see(b"\x08\0\0\0\0\0\0\xce\x01\0\x01\0\0\0\x04\x02\x03\xff\xff\xce\x08\0\0\0\0\0\0\xce").unwrap();
    }

    #[test]
    fn frames_that_are_too_long_or_unsolicited_are_rejected() {
        let error = |bytes: &[u8]| see(bytes).unwrap_err();
        assert!(error(b"\x01\0\0\x80\0\0\0").contains("a frame of 2147483648 bytes"));
        assert!(error(b"AMQP\x03\x01\0\0").contains("another protocol: AMQP 1.0.0, not 0-9-1"));
        assert!(error(b"AMQX").contains("invalid frame start `AMQX`"));
        assert!(error(b"\xff\0").contains("invalid frame start `\\xff`"));
        let nested = [&b"\x01\0\0\0\0\x20\0"[..], &b"A\0\0\x01\0".repeat(400)].concat();
        assert!(error(&nested).contains("more than 16 tables"));
        assert!(error(b"\x08\0\0\0\0\0\0\xce\x02\0\x01").contains("unsolicited"));
    }
}
