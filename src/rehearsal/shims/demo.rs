//! The shim of `scripts/advanced_pipeline_demo.py`: sends an event and waits for it on the activity stream.

use std::io;
use std::time::Duration;

use futures_util::SinkExt as _;
use serde_json::json;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use super::{ToolCall, ToolResult, ToolStream, unsupported};
use crate::servers::client;
use crate::stack::Services;

/// The program that runs the script.
pub(super) const TOOL: &str = "python3";
/// What the script reads from its environment: where the application is, and the token.
pub(super) const VARIABLES: [&str; 3] = [HOST, PORT, TOKEN];
const HOST: &str = "ADVANCED_APP_HOST";
const PORT: &str = "ADVANCED_APP_PORT";
const TOKEN: &str = "ADVANCED_REALTIME_TOKEN";
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn run(call: &ToolCall, services: &Services, stream: &mut ToolStream) -> ToolResult {
    if call.args != ["scripts/advanced_pipeline_demo.py"] {
        return unsupported(call, stream).await;
    }
    let (url, token) = target(call, services);
    let received = tokio::time::timeout(RECEIVE_TIMEOUT, send_and_receive(&url, &token)).await;
    let (line, code) = match received {
        Ok(Ok(line)) => (format!("received: {line}"), 0),
        Ok(Err(error)) => (format!("the demo failed: {error}"), 1),
        Err(_) => ("the demo failed: no event received within 10 s".to_owned(), 1),
    };
    stream.stdout(line).await?;
    Ok(code)
}

/// The address and the token that the caller gives; else those of the stack.
fn target(call: &ToolCall, services: &Services) -> (String, String) {
    let url = match (call.env.get(HOST), call.env.get(PORT)) {
        (Some(host), Some(port)) => format!("http://{host}:{port}"),
        _ => services.app.url(),
    };
    (url, call.env.get(TOKEN).unwrap_or(&services.secrets.token).clone())
}

async fn send_and_receive(url: &str, token: &str) -> io::Result<String> {
    let stream = client::plain_http_client()?.get(format!("{url}/sse/activity")).bearer_auth(token);
    let mut stream =
        stream.send().await.and_then(reqwest::Response::error_for_status).map_err(io::Error::other)?;
    let host = url.replacen("http://", "", 1);
    let socket = tokio::net::TcpStream::connect(&host).await?;
    let to = format!("ws://{host}/ws/boards/demo?token={token}");
    let (mut socket, _) = client_async(to, socket).await.map_err(io::Error::other)?;
    let event = json!({"action": "card.moved", "user": "demo", "payload": {}, "correlation_id": "demo"});
    socket.send(Message::text(event.to_string())).await.map_err(io::Error::other)?;
    let mut read = String::new();
    while let Some(chunk) = stream.chunk().await.map_err(io::Error::other)? {
        read.push_str(&String::from_utf8_lossy(&chunk));
        if let Some(line) =
            read.lines().find(|line| line.starts_with("data:") && line.contains("board_event"))
        {
            return Ok(line.to_owned());
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}
