//! Commands as they come over a socket, and what goes back.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::reply::Reply;

/// The most that a client may send without finishing a command, in bytes.
const BUFFERED: usize = 1 << 20;
const CRLF: &[u8] = b"\r\n";
/// The longest number that leads to something that fits, in digits.
const LONGEST_NUMBER: usize = 10;

/// A command.
type Words = Vec<Vec<u8>>;

/// The socket, and what was read and not yet understood.
pub(super) struct Wire {
    socket: TcpStream,
    unread: Vec<u8>,
    /// The version of the protocol that answers are in.
    pub(super) version: u8,
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Self {
        let _ = socket.set_nodelay(true);
        Self { socket, unread: Vec::new(), version: 2 }
    }

    /// The next command; nothing when the client has gone.
    ///
    /// # Errors
    /// What is wrong with what it sends, in Redis' words.
    pub(super) async fn read(&mut self) -> Result<Option<Words>, String> {
        loop {
            if let Some((words, taken)) =
                command(&self.unread).map_err(|why| format!("ERR Protocol error: {why}"))?
            {
                self.unread.drain(..taken);
                return Ok(Some(words));
            }
            if self.unread.len() > BUFFERED {
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

/// The words of the command that the bytes begin with, and its length; nothing while it is not all there. A command is
/// an array of strings and nothing deeper, which is why it is not read as any reply would be.
fn command(bytes: &[u8]) -> Result<Option<(Words, usize)>, String> {
    let Some((count, mut at)) = number(bytes, b'*')? else { return Ok(None) };
    let mut words = Vec::new();
    for _ in 0..count {
        let Some((length, begin)) = number(&bytes[at..], b'$')? else { return Ok(None) };
        let (begin, end) = (at + begin, at + begin + length);
        let Some(word) = bytes.get(begin..end).filter(|_| bytes.len() >= end + CRLF.len()) else {
            return Ok(None);
        };
        words.push(word.to_vec());
        at = end + CRLF.len();
    }
    Ok(Some((words, at)))
}

/// The number in a line that begins with this letter, and where the next line begins.
fn number(bytes: &[u8], letter: u8) -> Result<Option<(usize, usize)>, String> {
    match bytes.first() {
        None => return Ok(None),
        Some(first) if *first == letter => {}
        Some(first) => {
            return Err(format!("expected '{}', got '{}'", char::from(letter), first.escape_ascii()));
        }
    }
    let line = &bytes[1..bytes.len().min(1 + LONGEST_NUMBER + CRLF.len())];
    let Some(end) = line.windows(CRLF.len()).position(|two| two == CRLF) else {
        return if line.len() > LONGEST_NUMBER { Err("invalid length".into()) } else { Ok(None) };
    };
    let number = std::str::from_utf8(&line[..end]).ok().and_then(|digits| digits.parse::<usize>().ok());
    let number = number.filter(|number| *number <= BUFFERED).ok_or("invalid length")?;
    Ok(Some((number, 1 + end + CRLF.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_once_it_is_all_there() {
        let whole = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n";
        let words = vec![b"GET".to_vec(), b"a".to_vec()];
        for end in 0..20 {
            assert_eq!(command(&whole[..end]), Ok(None), "{end}");
        }
        assert_eq!(command(whole), Ok(Some((words, 20))));
        assert_eq!(command(b"*0\r\n"), Ok(Some((vec![], 4))));
    }

    #[test]
    fn what_is_no_command_is_refused() {
        let refused = |bytes: &[u8]| command(bytes).unwrap_err();
        assert_eq!(refused(b"GET a\r\n"), "expected '*', got 'G'");
        assert_eq!(refused(&b"*1\r\n".repeat(100_000)), "expected '$', got '*'");
        for bytes in
            [&b"*-1\r\n"[..], b"*x\r\n", b"*\r\n", b"*99999999999\r\n", b"*1\r\n$1048577\r\n", &[b'*'; 40]]
        {
            assert_eq!(refused(bytes), "invalid length", "{}", bytes.escape_ascii());
        }
    }
}
