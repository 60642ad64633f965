//! How often each event was delivered. A client must see it once: the worker marks the id of an event before it publishes
//! it, so that neither a retry nor a second worker publishes it again.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};

use super::super::error::ProbeResult;
use super::super::{rabbitmq, redis};
use super::arrival::millis;
use super::event_stream::EventStream;
use crate::stopwatch::timeout;
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// For how long streams are read on at the end. What came while the other events were under way is there already.
const LAST_READ: Duration = Duration::from_millis(50);

/// An event that has arrived, and where it can arrive again.
pub(super) struct DeliveredEvent {
    pub(super) stream: EventStream,
    pub(super) id: String,
    pub(super) exchange: Option<rabbitmq::QueueSubscription>,
    pub(super) channel: Option<redis::RedisSubscription>,
}

/// How often an event was delivered at each place.
#[derive(Debug, PartialEq, Eq)]
struct DeliveryCount {
    stream: usize,
    exchange: Option<usize>,
    channel: Option<usize>,
}

/// How often the events came; nothing if none did.
pub(super) async fn observe(mut events: Vec<DeliveredEvent>) -> Option<Observation> {
    let watched = join_all(events.iter_mut().map(|event| event.stream.read_on(LAST_READ))).await;
    let longest = watched.into_iter().max()?;
    let total = events.len();
    let mut repeated = Vec::new();
    for event in events.into_iter().filter(|event| event.stream.deliveries > 1) {
        repeated.push(event.count().await);
    }
    Some(judge(&repeated, total, longest))
}

impl DeliveredEvent {
    /// Each place has seen it once already.
    async fn count(mut self) -> DeliveryCount {
        let (mut exchange, mut channel) = (None, None);
        if let Some(tap) = &mut self.exchange {
            exchange = Some(1 + further(tap, &self.id).await);
        }
        if let Some(tap) = &mut self.channel {
            channel = Some(1 + further(tap, &self.id).await);
        }
        DeliveryCount { stream: self.stream.deliveries, exchange, channel }
    }
}

/// A place that an event passes.
trait Tap: Send {
    /// Waits until a message with this id passes.
    fn next<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, ProbeResult<()>>;
}

impl Tap for rabbitmq::QueueSubscription {
    fn next<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, ProbeResult<()>> {
        self.find(id).boxed()
    }
}

impl Tap for redis::RedisSubscription {
    fn next<'a>(&'a mut self, id: &'a str) -> BoxFuture<'a, ProbeResult<()>> {
        self.find(id).boxed()
    }
}

/// How often it has passed again.
async fn further(tap: &mut dyn Tap, id: &str) -> usize {
    let mut count = 0;
    while let Ok(Ok(())) = timeout(LAST_READ, tap.next(id)).await {
        count += 1;
    }
    count
}

fn judge(repeated: &[DeliveryCount], total: usize, watched: Duration) -> Observation {
    let (what, expected) = ("deliveries of each event", "1");
    let of = format!("{}, watched for up to {}", text::count(total, "event"), millis(watched));
    let Some(first) = repeated.first() else {
        return Observation::new(what, expected, format!("1 ({of})"), true).as_measured();
    };
    let place = |count: Option<usize>, place| count.map(|count| format!(", {count} at the {place}"));
    let places = [place(first.exchange, "exchange"), place(first.channel, "Redis channel")];
    let places: String = places.into_iter().flatten().collect();
    let seen =
        format!("{} over server-sent events{places}: duplicates of {} of {of}", first.stream, repeated.len());
    Observation::new(what, expected, seen, false).as_measured()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_counted_where_they_were_seen() {
        let count = |stream, exchange, channel| DeliveryCount { stream, exchange, channel };
        for (repeated, ok, seen) in [
            (vec![], true, "1 (4 events, watched for up to 312 ms)"),
            (
                vec![count(2, Some(1), Some(2))],
                false,
                "2 over server-sent events, 1 at the exchange, 2 at the Redis channel: duplicates of 1 of 4 events, watched \
                 for up to 312 ms",
            ),
            (
                vec![count(3, None, None), count(2, None, None)],
                false,
                "3 over server-sent events: duplicates of 2 of 4 events, watched for up to 312 ms",
            ),
        ] {
            let judged = judge(&repeated, 4, Duration::from_millis(312));
            assert_eq!((judged.ok, judged.seen.as_str()), (Some(ok), seen));
        }
    }
}
