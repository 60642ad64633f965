//! A WebSocket to the application, over a socket of our own.

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Url;
use reqwest::header::HeaderMap;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::address::{Address, Schemes};
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::net;
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

/// Opens a WebSocket at a URL of scheme http or https.
pub(super) async fn open(
    url: &Url,
    headers: &HeaderMap,
    tls: &Tls,
    deadline: &Deadline,
) -> ProbeResult<WebSocketAnswer> {
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
        Ok((stream, _)) => Ok(WebSocketAnswer::Open(Box::new(WebSocket { stream, seen }))),
        Err(Error::Http(response)) => {
            let reason = response.body().as_deref().map(|body| text::excerpt(body, MAX_REASON));
            Ok(WebSocketAnswer::Refused(response.status().as_u16(), reason.unwrap_or_default()))
        }
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
