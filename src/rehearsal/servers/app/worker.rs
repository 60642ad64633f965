//! What stands between the endpoints: publishing to the exchange, the worker from the queue to the channel, and the
//! application's subscription to that channel.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::Value;

use super::super::server::Server;
use super::{CHANNEL, Config, EXCHANGE, QUEUE, ROUTING_KEY, Shared};

/// How long it waits before it tries a broker again.
const AGAIN: Duration = Duration::from_millis(100);
/// How often a message is tried again.
const TRIES: i32 = 5;
/// How long an event is known, in seconds.
const ONCE: u64 = 300;
/// How many messages the worker has in hand.
const PREFETCH: u16 = 16;

type Done = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Publishes one event.
pub(super) async fn publish(config: &Config, event: &Value) -> Done {
    let connection = Connection::connect(&config.amqp, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let id = event.get("correlation_id").and_then(Value::as_str).unwrap_or_default();
    let properties = BasicProperties::default().with_correlation_id(id.into()).with_delivery_mode(2);
    let body = event.to_string();
    channel
        .basic_publish(
            EXCHANGE.into(),
            ROUTING_KEY.into(),
            BasicPublishOptions::default(),
            body.as_bytes(),
            properties,
        )
        .await?
        .await?;
    connection.close(200, "done".into()).await?;
    Ok(())
}

/// Passes on what the channel brings to everybody who listens; subscribes again when the server was away.
pub(super) async fn fan_out(shared: Arc<Shared>) {
    loop {
        let _ = subscribe(&shared).await;
        shared.subscribed.store(false, Ordering::SeqCst);
        tokio::time::sleep(AGAIN).await;
    }
}

async fn subscribe(shared: &Shared) -> Done {
    let client = redis::Client::open(shared.config.redis.as_str())?;
    let mut channel = client.get_async_pubsub().await?;
    let own = if shared.faults().deaf { "advanced:activities" } else { CHANNEL };
    channel.subscribe(own).await?;
    shared.subscribed.store(true, Ordering::SeqCst);
    let mut messages = channel.on_message();
    while let Some(message) = messages.next().await {
        // Nobody may be listening.
        let _ = shared.events.send(message.get_payload()?);
    }
    Ok(())
}

/// The worker, under way; stopped when dropped.
#[derive(Debug)]
pub struct Worker {
    _task: Server,
}

impl Worker {
    /// Starts to consume.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(config: Config) -> io::Result<Self> {
        let work = async move {
            loop {
                let _ = consume(&config).await;
                tokio::time::sleep(AGAIN).await;
            }
        };
        Ok(Self { _task: Server::start_with(Router::new(), Box::pin(work))? })
    }
}

async fn consume(config: &Config) -> Done {
    let mut channel = redis::Client::open(config.redis.as_str())?.get_multiplexed_async_connection().await?;
    let connection = Connection::connect(&config.amqp, ConnectionProperties::default()).await?;
    let queue = connection.create_channel().await?;
    queue.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let mut messages = queue
        .basic_consume(
            QUEUE.into(),
            "advanced-worker".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        match understood(&message.data) {
            Ok(id) => {
                let key = format!("advanced:idempotency:{id}");
                let mut once = redis::cmd("SET");
                once.arg(key).arg(1).arg("NX").arg("EX").arg(ONCE);
                let is_new: Option<String> = once.query_async(&mut channel).await?;
                if is_new.is_some() {
                    let mut publish = redis::cmd("PUBLISH");
                    let _: () = publish.arg(CHANNEL).arg(&message.data).query_async(&mut channel).await?;
                }
            }
            Err(why) => put_off(&queue, &message, why).await?,
        }
        message.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

/// The id of an event.
fn understood(bytes: &[u8]) -> Result<String, &'static str> {
    let event: Value = serde_json::from_slice(bytes).map_err(|_| "not JSON")?;
    event.get("id").and_then(Value::as_str).map(str::to_owned).ok_or("an event without an id")
}

/// Gives a message that cannot be handled to the retry queue, or, after some tries, to the dead letters.
async fn put_off(queue: &Channel, message: &Delivery, why: &str) -> Done {
    let mut headers = message.properties.headers().clone().unwrap_or_default();
    let tries = match headers.inner().get("x-retry-count") {
        Some(AMQPValue::LongInt(tries)) => *tries,
        _ => 0,
    };
    let suffix = if tries < TRIES { "retry" } else { "dlq" };
    headers.insert("x-retry-count".into(), AMQPValue::LongInt(tries + 1));
    headers.insert("last-error".into(), AMQPValue::LongString(why.into()));
    let properties = message.properties.clone().with_headers(headers);
    let (exchange, key) = (format!("{EXCHANGE}.{suffix}"), format!("{ROUTING_KEY}.{suffix}"));
    let options = BasicPublishOptions::default();
    queue.basic_publish(exchange.into(), key.into(), options, &message.data, properties).await?.await?;
    Ok(())
}
