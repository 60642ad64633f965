//! A WebSocket to the application, over a socket of our own.

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use reqwest::header::HeaderMap;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::address::{Address, Schemes};
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::net;
use super::rate_limit::retry_after;
use super::socket::{ReceivedBytes, Socket};
use gonogo_core::checklist::spec::Tls;
use gonogo_core::error;
use gonogo_core::text;

const SCHEMES: Schemes = Schemes { plain: ("http", 80), secure: ("https", 443) };
/// The longest message that is read, in bytes.
const MAX_MESSAGE: usize = 256 * 1024;
/// The longest piece of an answer that explains a refusal, in bytes.
const MAX_REASON: usize = 160;

/// An open WebSocket; its connection is closed when it is dropped.
pub(super) struct WebSocket {
    stream: WebSocketStream<Socket>,
    seen: ReceivedBytes,
}

/// The result of opening a WebSocket.
pub(super) enum WebSocketAnswer {
    Open(Box<WebSocket>),
    /// The server answered with this status instead, and what it says.
    Refused(u16, String),
}

/// What comes next on a WebSocket.
pub(super) enum WebSocketMessage {
    Text(String),
    Pong,
    /// The server has closed it, with this code.
    Closed(Option<u16>),
}

/// Opens a WebSocket at a URL of scheme http or https. A server that limits our rate is asked once more, after the time
/// that it names.
pub(super) async fn open(
    url: &Url,
    headers: &HeaderMap,
    tls: &Tls,
    deadline: &Deadline,
) -> ProbeResult<WebSocketAnswer> {
    let mut answer = shake_hands(url, headers, tls, deadline).await?;
    if let Err(refusal) = &answer
        && let Some(delay) = retry_after(refusal.status(), refusal.headers(), deadline)
    {
        tokio::time::sleep(delay).await;
        answer = shake_hands(url, headers, tls, deadline).await?;
    }
    Ok(match answer {
        Ok(socket) => WebSocketAnswer::Open(Box::new(socket)),
        Err(refusal) => {
            let reason = refusal.body().as_deref().map(|body| text::excerpt(body, MAX_REASON));
            WebSocketAnswer::Refused(refusal.status().as_u16(), reason.unwrap_or_default())
        }
    })
}

/// One handshake: the WebSocket, or the answer that the server gives instead.
async fn shake_hands(
    url: &Url,
    headers: &HeaderMap,
    tls: &Tls,
    deadline: &Deadline,
) -> ProbeResult<Result<WebSocket, Box<Response>>> {
    let address = Address::parse(url.as_str(), &SCHEMES)?;
    let scheme = if address.tls { "wss" } else { "ws" };
    // Everything after the scheme stays as it is.
    let target = format!("{scheme}{}", url.as_str().trim_start_matches(url.scheme()));
    let mut request = target.into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(name, value.clone());
    }
    let socket = net::connect(&address, tls, deadline).await?;
    let seen = socket.seen();
    let config =
        WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let handshake = client_async_with_config(request, socket, Some(config));
    match deadline.limit(format!("WebSocket handshake with {address}"), handshake).await? {
        Ok((stream, _)) => Ok(Ok(WebSocket { stream, seen })),
        Err(Error::Http(response)) => Ok(Err(response)),
        Err(error) => Err(explain(&error, &seen)),
    }
}

impl WebSocket {
    pub(super) async fn send(&mut self, text: String) -> ProbeResult<()> {
        self.stream.send(Message::text(text)).await.map_err(|error| explain(&error, &self.seen))
    }

    /// Sends a ping; its pong comes after any messages that the server sends first.
    pub(super) async fn ping(&mut self) -> ProbeResult<()> {
        self.stream.send(Message::Ping("gonogo".into())).await.map_err(|error| explain(&error, &self.seen))
    }

    /// The next message; pings are skipped.
    pub(super) async fn next(&mut self) -> ProbeResult<WebSocketMessage> {
        loop {
            return Ok(match self.stream.next().await {
                Some(Ok(Message::Text(text))) => WebSocketMessage::Text(text.to_string()),
                Some(Ok(Message::Binary(bytes))) => {
                    WebSocketMessage::Text(String::from_utf8_lossy(&bytes).into_owned())
                }
                Some(Ok(Message::Pong(_))) => WebSocketMessage::Pong,
                Some(Ok(Message::Close(frame))) => {
                    WebSocketMessage::Closed(frame.map(|frame| frame.code.into()))
                }
                Some(Ok(Message::Ping(_) | Message::Frame(_))) => continue,
                None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                    WebSocketMessage::Closed(None)
                }
                Some(Err(error)) => return Err(explain(&error, &self.seen)),
            });
        }
    }

    /// Closes it; errors are ignored, nothing depends on it.
    pub(super) async fn close(mut self) {
        let _ = self.stream.close(None).await;
    }
}

fn explain(error: &Error, seen: &ReceivedBytes) -> ProbeError {
    if let Some(refused) = seen.refused() {
        return ProbeError::new(refused);
    }
    match seen.guess() {
        Some(what) if what != "an HTTP server" => {
            ProbeError::new(format!("this is not an HTTP server: {what} responds here"))
        }
        _ => ProbeError::new(format!("WebSocket error: {}", text::clip(&error::chain(error), 200))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

    use super::*;

    /// Answers each handshake with the next of these heads; `101` opens the WebSocket.
    async fn answer(listener: TcpListener, heads: Vec<String>) -> usize {
        let count = heads.len();
        for head in heads {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            let key = request.lines().find_map(|line| {
                line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
            });
            let accept = derive_accept_key(key.unwrap().1.trim().as_bytes());
            let head = head.replace("ACCEPT", &accept);
            stream.write_all(format!("HTTP/1.1 {head}\r\n\r\n").as_bytes()).await.unwrap();
        }
        count
    }

    #[tokio::test]
    async fn a_limited_handshake_is_tried_once_more_if_there_is_time() {
        const OPEN: &str =
            "101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT";
        let limited = |after: &str| format!("429 x\r\nContent-Length: 0\r\nRetry-After: {after}");
        let past = jiff::fmt::rfc2822::DateTimePrinter::new();
        let past = past.timestamp_to_rfc9110_string(&SystemTime::UNIX_EPOCH.try_into().unwrap()).unwrap();
        for (heads, status, why) in [
            (vec![limited("0"), OPEN.to_owned()], None, "a second try, at once"),
            (vec![limited(&past), OPEN.to_owned()], None, "the same, by a date that is past"),
            (vec![limited("0"), limited("0")], Some(429), "no third try"),
            (vec![limited("3600")], Some(429), "no time left for it"),
            (vec![limited("soon")], Some(429), "not a time"),
            (vec!["429 x\r\nContent-Length: 0".to_owned()], Some(429), "no time is named"),
            (vec!["503 x\r\nContent-Length: 0\r\nRetry-After: 0".to_owned()], Some(503), "not our rate"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
            let count = heads.len();
            let server = tokio::spawn(answer(listener, heads));
            let deadline = Deadline::after(Duration::from_secs(30));
            let opened = open(&url, &HeaderMap::new(), &Tls::default(), &deadline).await.ok().unwrap();
            let seen = match opened {
                WebSocketAnswer::Open(_) => None,
                WebSocketAnswer::Refused(status, _) => Some(status),
            };
            assert_eq!((seen, server.await.unwrap()), (status, count), "{why}");
        }
    }
}
