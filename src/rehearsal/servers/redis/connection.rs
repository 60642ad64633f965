//! The connection of a client: reads commands from the socket and writes replies.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::reply::Reply;

/// The most bytes that are buffered for one command.
const MAX_BUFFERED: usize = 1 << 20;
const CRLF: &[u8] = b"\r\n";
/// The most digits of a length.
const MAX_DIGITS: usize = 10;

/// The words of a command: its name and arguments.
type CommandWords = Vec<Vec<u8>>;

/// The socket, and the bytes that were read and not yet parsed.
pub(super) struct RespConnection {
    socket: TcpStream,
    unread: Vec<u8>,
    /// The protocol version of replies.
    pub(super) version: u8,
}

impl RespConnection {
    pub(super) fn new(socket: TcpStream) -> Self {
        let _ = socket.set_nodelay(true);
        Self { socket, unread: Vec::new(), version: 2 }
    }

    /// The next command; `None` when the client has disconnected.
    ///
    /// # Errors
    /// The error message of Redis for malformed input.
    pub(super) async fn read(&mut self) -> Result<Option<CommandWords>, String> {
        loop {
            if let Some((words, consumed)) =
                parse_command(&self.unread).map_err(|error| format!("ERR Protocol error: {error}"))?
            {
                self.unread.drain(..consumed);
                return Ok(Some(words));
            }
            if self.unread.len() > MAX_BUFFERED {
                return Err("ERR Protocol error: too big a request".into());
            }
            match self.socket.read_buf(&mut self.unread).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
        }
    }

    pub(super) async fn write(&mut self, reply: Reply) -> io::Result<()> {
        let bytes = reply.encode(self.version).map_err(|error| io::Error::other(error.to_string()))?;
        self.socket.write_all(&bytes).await
    }
}

/// The command at the start of the bytes, and its length in bytes; `None` while it is incomplete. A command is a flat
/// array of bulk strings, so the general parser is not used: it would accept nested input.
fn parse_command(bytes: &[u8]) -> Result<Option<(CommandWords, usize)>, String> {
    let Some((count, mut at)) = parse_length(bytes, b'*')? else { return Ok(None) };
    let mut words = Vec::new();
    for _ in 0..count {
        let Some((length, start)) = parse_length(&bytes[at..], b'$')? else { return Ok(None) };
        let (start, end) = (at + start, at + start + length);
        let Some(word) = bytes.get(start..end).filter(|_| bytes.len() >= end + CRLF.len()) else {
            return Ok(None);
        };
        words.push(word.to_vec());
        at = end + CRLF.len();
    }
    Ok(Some((words, at)))
}

/// The number in a line with this prefix, and the start of the next line; `None` while the line is incomplete.
fn parse_length(bytes: &[u8], prefix: u8) -> Result<Option<(usize, usize)>, String> {
    match bytes.first() {
        None => return Ok(None),
        Some(first) if *first == prefix => {}
        Some(first) => {
            return Err(format!("expected '{}', got '{}'", char::from(prefix), first.escape_ascii()));
        }
    }
    let line = &bytes[1..bytes.len().min(1 + MAX_DIGITS + CRLF.len())];
    let Some(end) = line.windows(CRLF.len()).position(|pair| pair == CRLF) else {
        return if line.len() > MAX_DIGITS { Err("invalid length".into()) } else { Ok(None) };
    };
    let number = std::str::from_utf8(&line[..end]).ok().and_then(|digits| digits.parse::<usize>().ok());
    let number = number.filter(|number| *number <= MAX_BUFFERED).ok_or("invalid length")?;
    Ok(Some((number, 1 + end + CRLF.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_parsed_once_it_is_complete() {
        let whole = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n";
        let words = vec![b"GET".to_vec(), b"a".to_vec()];
        for end in 0..20 {
            assert_eq!(parse_command(&whole[..end]), Ok(None), "{end}");
        }
        assert_eq!(parse_command(whole), Ok(Some((words, 20))));
        assert_eq!(parse_command(b"*0\r\n"), Ok(Some((vec![], 4))));
    }

    #[test]
    fn malformed_commands_are_rejected() {
        let error = |bytes: &[u8]| parse_command(bytes).unwrap_err();
        assert_eq!(error(b"GET a\r\n"), "expected '*', got 'G'");
        assert_eq!(error(&b"*1\r\n".repeat(100_000)), "expected '$', got '*'");
        for bytes in
            [&b"*-1\r\n"[..], b"*x\r\n", b"*\r\n", b"*99999999999\r\n", b"*1\r\n$1048577\r\n", &[b'*'; 40]]
        {
            assert_eq!(error(bytes), "invalid length", "{}", bytes.escape_ascii());
        }
    }
}
