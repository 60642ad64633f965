//! The path of an event between the endpoints: published to the exchange, consumed by the worker, published to the
//! channel, received by the application.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use redis::aio::MultiplexedConnection;
use serde_json::Value;

use super::super::server::LoopbackServer;
use super::{AppConfig, AppState, CHANNEL, EXCHANGE, QUEUE, ROUTING_KEY};

/// How long to wait before connecting to a broker again.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// How often a message is retried before it is dead-lettered.
const MAX_RETRIES: i32 = 5;
/// How long duplicates of an event are recognized, in seconds.
const IDEMPOTENCY_SECONDS: u64 = 300;
/// The most unacknowledged messages of the worker.
const PREFETCH: u16 = 16;

type BrokerResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Publishes one event.
pub(super) async fn publish(config: &AppConfig, event: &Value) -> BrokerResult {
    let connection = Connection::connect(&config.amqp, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    // Without confirms, an exchange that is missing would not be noticed.
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
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

/// Forwards events from the channel to all clients. Subscribes again after a failure.
pub(super) async fn forward_events(shared: Arc<AppState>) {
    loop {
        let _ = subscribe(&shared).await;
        shared.subscribed.store(false, Ordering::SeqCst);
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

async fn subscribe(shared: &AppState) -> BrokerResult {
    let client = redis::Client::open(shared.config.redis.as_str())?;
    let mut channel = client.get_async_pubsub().await?;
    let channel_name = if shared.faults().wrong_channel { "advanced:activities" } else { CHANNEL };
    channel.subscribe(channel_name).await?;
    shared.subscribed.store(true, Ordering::SeqCst);
    let mut messages = channel.on_message();
    while let Some(message) = messages.next().await {
        // There may be no clients.
        let _ = shared.events.send(message.get_payload()?);
    }
    Ok(())
}

/// Faults of the worker. The default has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkerFaults {
    /// Both copies of an event that was published twice are passed on, when the second one has come.
    pub passes_duplicates: bool,
    /// How long after it was delivered each event is dead-lettered.
    pub dead_letters_after: Option<Duration>,
}

/// The running worker. Dropping it stops it.
#[derive(Debug)]
pub struct AppWorker {
    _task: LoopbackServer,
}

impl AppWorker {
    /// Starts to consume the queue.
    ///
    /// # Errors
    /// When no thread is available.
    pub fn start(config: AppConfig) -> io::Result<Self> {
        Self::start_with(config, WorkerFaults::default())
    }

    /// Starts to consume the queue, with faults.
    ///
    /// # Errors
    /// When no thread is available.
    pub fn start_with(config: AppConfig, faults: WorkerFaults) -> io::Result<Self> {
        let work = async move {
            loop {
                let _ = consume(&config, faults).await;
                tokio::time::sleep(RETRY_DELAY).await;
            }
        };
        Ok(Self { _task: LoopbackServer::start_with(Router::new(), Box::pin(work))? })
    }
}

async fn consume(config: &AppConfig, faults: WorkerFaults) -> BrokerResult {
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
        // What could not be handled is retried, whatever the reason.
        let handled = match event_id(&message.data) {
            Ok(id) => fan_out(&mut channel, &id, &message.data, faults).await.map_err(|why| why.to_string()),
            Err(why) => Err(why.to_owned()),
        };
        if let Err(why) = handled {
            retry_or_dead_letter(&queue, &message, &why).await?;
        }
        if let Some(delay) = faults.dead_letters_after {
            tokio::time::sleep(delay).await;
            forward(&queue, &message.data, message.properties.clone(), "dlq").await?;
        }
        message.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

/// Publishes an event to the channel, once. Duplicates, if any, are published in one go, so that nothing else comes between
/// them.
async fn fan_out(
    channel: &mut MultiplexedConnection,
    id: &str,
    event: &[u8],
    faults: WorkerFaults,
) -> redis::RedisResult<()> {
    let mut once = redis::cmd("SET");
    once.arg(format!("advanced:idempotency:{id}")).arg(1).arg("NX").arg("EX").arg(IDEMPOTENCY_SECONDS);
    let is_new: Option<String> = once.query_async(channel).await?;
    let copies = match (is_new.is_some(), faults.passes_duplicates) {
        (true, false) => 1,
        (false, true) => 2,
        _ => 0,
    };
    let mut publish = redis::pipe();
    for _ in 0..copies {
        publish.publish(CHANNEL, event).ignore();
    }
    publish.query_async(channel).await
}

/// The id of an event.
fn event_id(bytes: &[u8]) -> Result<String, &'static str> {
    let event: Value = serde_json::from_slice(bytes).map_err(|_| "not JSON")?;
    event.get("id").and_then(Value::as_str).map(str::to_owned).ok_or("an event without an id")
}

/// Publishes a message that cannot be handled to the retry queue or, after the last retry, to the dead-letter queue.
async fn retry_or_dead_letter(queue: &Channel, message: &Delivery, error: &str) -> BrokerResult {
    let mut headers = message.properties.headers().clone().unwrap_or_default();
    let tries = match headers.inner().get("x-retry-count") {
        Some(AMQPValue::LongInt(tries)) => *tries,
        _ => 0,
    };
    let suffix = if tries < MAX_RETRIES { "retry" } else { "dlq" };
    headers.insert("x-retry-count".into(), AMQPValue::LongInt(tries + 1));
    headers.insert("last-error".into(), AMQPValue::LongString(error.into()));
    forward(queue, &message.data, message.properties.clone().with_headers(headers), suffix).await
}

/// Publishes a message to the exchange of retries or dead letters.
async fn forward(queue: &Channel, data: &[u8], properties: BasicProperties, suffix: &str) -> BrokerResult {
    let (exchange, key) = (format!("{EXCHANGE}.{suffix}"), format!("{ROUTING_KEY}.{suffix}"));
    let options = BasicPublishOptions::default();
    queue.basic_publish(exchange.into(), key.into(), options, data, properties).await?.await?;
    Ok(())
}
