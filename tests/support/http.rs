//! A minimal HTTP client for fixtures. The HTTP client of the program is under test and therefore not used here.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{ports, wait};

/// A status, headers and a body.
#[must_use]
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, one per line.
    pub head: String,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Sends one request to 127.0.0.1, with basic authentication if `user` is set.
pub fn call(
    method: &str,
    port: u16,
    path: &str,
    user: Option<(&str, &str)>,
    body: &str,
) -> io::Result<Answer> {
    let auth = user.map(|(name, password)| STANDARD.encode(format!("{name}:{password}")));
    let auth =
        auth.map(|basic| format!("Authorization: Basic {basic}\r\nContent-Type: application/json\r\n"));
    send(method, port, path, &auth.unwrap_or_default(), body)
}

/// Sends one request to 127.0.0.1 with these headers, each ending with CRLF.
pub fn send(method: &str, port: u16, path: &str, headers: &str, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&ports::local(port), wait::TIMEOUT)?;
    stream.set_read_timeout(Some(wait::TIMEOUT))?;
    let length = body.len();
    // HTTP/1.0: the response ends with the connection and is never chunked.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| io::Error::other("not an HTTP answer"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// Percent-encodes one path segment.
pub fn segment(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
