//! Whether the event arrived at a hop, and what is said of it.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::error::ProbeResult;
use super::super::websocket::{WebSocket, WebSocketMessage};
use super::event_stream::EventStream;
use crate::stopwatch::timeout;
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// The expectation for the event that comes back.
const BY_ID: &str = "received, matched by id";

/// When the event was seen at a place, or why it was not.
pub(super) type Arrival = ProbeResult<Option<Duration>>;

/// Why the application refuses the event, if it does; returns once the event is delivered on the WebSocket.
pub(super) async fn rejection(socket: &mut WebSocket, id: &str, wait_limit: Duration) -> Option<String> {
    let wait = async {
        loop {
            match socket.next().await {
                Ok(WebSocketMessage::Text(text)) => {
                    let message: Value = serde_json::from_str(&text).unwrap_or_default();
                    let word = |key| message.get(key).and_then(Value::as_str);
                    if word("kind") == Some("error") {
                        return Some(text::clip(word("reason").unwrap_or("no reason given"), 120));
                    }
                    if word("correlation_id") == Some(id) {
                        return None;
                    }
                }
                Ok(WebSocketMessage::Pong) => {}
                Ok(WebSocketMessage::Closed(code)) => {
                    let code = code.map(|code| format!(" with {code}")).unwrap_or_default();
                    return Some(format!("the WebSocket was closed{code}"));
                }
                Err(why) => return Some(why.to_string()),
            }
        }
    };
    // An application need not answer over the WebSocket: the stream is what counts.
    timeout(wait_limit, wait).await.unwrap_or(None)
}

pub(super) async fn at_tap(
    find: impl Future<Output = ProbeResult<()>>,
    sent: Instant,
    wait_limit: Duration,
) -> Arrival {
    match timeout(wait_limit, find).await {
        Ok(result) => result.map(|()| Some(sent.elapsed())),
        Err(_) => Ok(None),
    }
}

pub(super) fn leg(place: &str, at: Arrival, wait_limit: Duration) -> Observation {
    let what = format!("event {place}");
    match at {
        Ok(Some(after)) => took(&what, "received", after),
        Ok(None) => Observation::new(what, "received", format!("not within {}", millis(wait_limit)), false)
            .as_measured(),
        Err(why) => Observation::unknown(what, "received", why),
    }
}

/// A stream that ends when the event comes is a failure of the application.
pub(super) fn came_back(stream: &ProbeResult<EventStream>, wait_limit: Duration) -> Observation {
    let what = "event received over server-sent events";
    match stream {
        Ok(EventStream { arrived: Some(after), .. }) => took(what, BY_ID, *after),
        Ok(EventStream { ended: Some(how), .. }) => Observation::new(what, BY_ID, how, false),
        Ok(EventStream { heartbeats, others, .. }) => {
            let seen = format!(
                "not within {}; got {} and {}",
                millis(wait_limit),
                text::count(*heartbeats, "heartbeat"),
                text::count(*others, "other event")
            );
            Observation::new(what, BY_ID, seen, false).as_measured()
        }
        Err(why) => Observation::unknown(what, BY_ID, why.clone()),
    }
}

pub(super) fn took(what: &str, expected: &str, after: Duration) -> Observation {
    Observation::new(what, expected, format!("after {}", millis(after)), true).as_measured()
}

pub(super) fn millis(span: Duration) -> String {
    format!("{} ms", span.as_millis())
}
