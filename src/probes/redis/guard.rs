//! Limits what a Redis server may announce, before it is sent. The client would wait for a text of any
//! length, and allocates up to 4096 elements for each of up to 100 nested lists before the first one arrives.
//! Only RESP2 is let through: RESP3 is never requested (`HELLO`), so its types violate the protocol.
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use super::super::socket::ProtocolGuard;

/// The longest line that holds a length.
const MAX_LENGTH_LINE: usize = 24;
/// The longest text, in bytes.
const MAX_TEXT: usize = 4 << 20;
/// The maximum number of elements in all lists of one probe together.
const MAX_ELEMENTS: usize = 1 << 16;
/// How deep lists may nest; `LATENCY LATEST` needs two.
const MAX_DEPTH: usize = 8;

/// Where in the stream of replies the server is.
#[derive(Default)]
pub(super) struct RedisGuard {
    at: ParserState,
    /// How many elements each open list lacks.
    open: Vec<usize>,
    announced: usize,
}

#[derive(Default)]
enum ParserState {
    #[default]
    Type,
    /// In a status or an error, up to the end of its line.
    Line,
    /// In the length that follows this type, with the part received so far.
    Length(u8, Vec<u8>),
    /// In a text, with this many bytes left.
    Text(usize),
}

impl ProtocolGuard for RedisGuard {
    fn inspect(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while let Some((first, rest)) = bytes.split_first() {
            bytes = match &mut self.at {
                ParserState::Type => {
                    self.begin(*first)?;
                    rest
                }
                ParserState::Line => self.line(bytes),
                ParserState::Length(_, number) => {
                    if number.len() >= MAX_LENGTH_LINE {
                        return Err("this is not a Redis server: invalid length".into());
                    }
                    number.push(*first);
                    self.length(*first)?;
                    rest
                }
                ParserState::Text(left) => {
                    let (_, rest) = bytes.split_at((*left).min(bytes.len()));
                    *left -= bytes.len() - rest.len();
                    if *left == 0 {
                        self.end();
                    }
                    rest
                }
            };
        }
        Ok(())
    }
}

impl RedisGuard {
    fn begin(&mut self, kind: u8) -> Result<(), String> {
        self.at = match kind {
            b'+' | b'-' | b':' => ParserState::Line,
            b'$' | b'*' => ParserState::Length(kind, Vec::new()),
            other => {
                let byte = char::from(other).escape_default();
                return Err(format!("this is not a Redis server: invalid RESP2 reply start `{byte}`"));
            }
        };
        Ok(())
    }

    fn line<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        match bytes.iter().position(|b| *b == b'\n') {
            Some(end) => {
                self.end();
                bytes.get(end + 1..).unwrap_or_default()
            }
            None => &[],
        }
    }

    fn length(&mut self, last: u8) -> Result<(), String> {
        let (b'\n', ParserState::Length(kind, number)) = (last, &self.at) else { return Ok(()) };
        let length = std::str::from_utf8(number).ok().and_then(|text| text.trim().parse::<i64>().ok());
        let Some(length) = length else {
            return Err("this is not a Redis server: invalid length".into());
        };
        // A negative length is no value at all.
        match (*kind, usize::try_from(length).ok()) {
            (b'$', Some(length)) => self.text(length),
            (_, Some(length)) if length > 0 => self.list(length),
            _ => {
                self.end();
                Ok(())
            }
        }
    }

    fn text(&mut self, length: usize) -> Result<(), String> {
        if length > MAX_TEXT {
            return Err(format!(
                "the server announces a text of {length} bytes; the limit is {} MiB",
                MAX_TEXT >> 20
            ));
        }
        self.at = ParserState::Text(length + "\r\n".len());
        Ok(())
    }

    fn list(&mut self, length: usize) -> Result<(), String> {
        self.announced = self.announced.saturating_add(length);
        if self.announced > MAX_ELEMENTS {
            return Err(format!(
                "the server announces a list of {length} elements, {} in total; the limit is {MAX_ELEMENTS}",
                self.announced
            ));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("the server nests lists more than {MAX_DEPTH} deep: stopped reading"));
        }
        self.open.push(length);
        self.at = ParserState::Type;
        Ok(())
    }

    /// One value has ended, and with it each list of which it was the last element.
    fn end(&mut self) {
        self.at = ParserState::Type;
        while let Some(missing) = self.open.last_mut() {
            *missing -= 1;
            if *missing > 0 {
                return;
            }
            self.open.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All at once, and byte by byte: the results must be equal.
    fn see(bytes: &[u8]) -> Result<(), String> {
        let whole = RedisGuard::default().inspect(bytes);
        let mut replies = RedisGuard::default();
        assert_eq!(bytes.iter().try_for_each(|byte| replies.inspect(&[*byte])), whole);
        whole
    }

    #[test]
    fn replies_of_redis_are_accepted() {
        see(b"+PONG\r\n$5\r\n*9\r\n$\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n:12\r\n-ERR no\r\n").unwrap();
        see(b"*2\r\n*4\r\n$7\r\ncommand\r\n:1\r\n:2\r\n:3\r\n*1\r\n*0\r\n+OK\r\n").unwrap();
    }

    #[test]
    fn large_replies_are_rejected_when_they_are_announced() {
        let error = |bytes: &[u8]| see(bytes).unwrap_err();
        assert!(error(b"$536870912\r\n").contains("a text of 536870912 bytes"));
        assert!(error(b"*2000000000\r\n").contains("a list of 2000000000 elements"));
        assert!(error(b"*60000\r\n*60000\r\n").contains("a list of 60000 elements"));
        assert!(error(&b"*1\r\n".repeat(10_000)).contains("more than 8 deep"));
        assert!(error(b"*99999999999999999999999999").contains("invalid length"));
        assert!(error(b">2\r\n").contains("invalid RESP2 reply start `>`"));
    }
}
