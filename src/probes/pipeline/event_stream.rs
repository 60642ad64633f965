//! The application's event stream: whether the event arrived on it, and how often.

use std::time::{Duration, Instant};

use reqwest::Response;
use serde_json::Value;

use super::super::sse::SseParser;
use crate::stopwatch::timeout;
use gonogo_core::error;

/// An open stream of server-sent events, read for one event.
pub(super) struct EventStream {
    response: Response,
    frames: SseParser,
    id: String,
    /// The id that the application has given the event.
    pub(super) event_id: Option<String>,
    sent: Instant,
    /// How long after it was sent the event arrived first.
    pub(super) arrived: Option<Duration>,
    /// Why the stream ended, if it did.
    pub(super) ended: Option<String>,
    /// How often the event was delivered.
    pub(super) deliveries: usize,
    pub(super) heartbeats: usize,
    /// Other events: those of others, and of other samples.
    pub(super) others: usize,
}

impl EventStream {
    /// A stream on which the event with this correlation id must arrive.
    pub(super) fn new(response: Response, id: &str, sent: Instant) -> Self {
        let (frames, id) = (SseParser::default(), id.to_owned());
        let (event_id, arrived, ended) = (None, None, None);
        Self { response, frames, id, event_id, sent, arrived, ended, deliveries: 0, heartbeats: 0, others: 0 }
    }

    /// Reads until the event is there, the stream ends or the time is up.
    pub(super) async fn wait_for_event(&mut self, limit: Duration) {
        let read = async { while self.deliveries == 0 && self.read().await {} };
        // What came until then is what counts.
        let _ = timeout(limit, read).await;
    }

    /// Reads what has come since, and what comes until the time is up. Returns for how long it was watched.
    pub(super) async fn read_on(&mut self, limit: Duration) -> Duration {
        let _ = timeout(limit, async { while self.read().await {} }).await;
        self.sent.elapsed()
    }

    /// Reads one piece; false at the end of the stream.
    async fn read(&mut self) -> bool {
        match self.response.chunk().await {
            Ok(Some(chunk)) => {
                self.count(&chunk);
                return true;
            }
            Ok(None) => self.ended = Some("the application ended the stream".into()),
            Err(error) => {
                let why = error::chain(&error.without_url());
                self.ended = Some(format!("the stream was interrupted: {why}"));
            }
        }
        false
    }

    /// Heartbeats and the events of others do not count.
    fn count(&mut self, chunk: &[u8]) {
        for event in self.frames.push(chunk) {
            let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
            if data.get("correlation_id").and_then(Value::as_str) == Some(&self.id) {
                self.arrived.get_or_insert_with(|| self.sent.elapsed());
                self.event_id = data.get("id").and_then(Value::as_str).map(str::to_owned);
                self.deliveries += 1;
            } else if event.event == "heartbeat" {
                self.heartbeats += 1;
            } else {
                self.others += 1;
            }
        }
    }
}
