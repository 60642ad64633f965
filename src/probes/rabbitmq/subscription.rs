//! Receives the messages of an exchange through an exclusive queue, which is deleted with the connection.

use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Consumer, Error};

use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{PipelineHop as Spec, RabbitmqSpec};

use super::super::address::Address;
use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use super::amqp::{self, reply, short};
use super::connection::AmqpConnection;
use super::guard::AmqpGuard;
use super::{AMQP_SCHEMES, password};

/// A queue bound to an exchange; deleted by the broker when this is dropped.
pub(in crate::probes) struct QueueSubscription {
    consumer: Consumer,
    _amqp: AmqpConnection,
}

impl QueueSubscription {
    /// Declares an exclusive queue, binds it and begins to consume.
    pub(in crate::probes) async fn open(
        spec: &Spec<RabbitmqSpec>,
        deadline: &Deadline,
        secret_store: &SecretStore,
    ) -> ProbeResult<Self> {
        let address = Address::parse(&spec.at.url, &AMQP_SCHEMES)?;
        let password = password(&spec.at, deadline, secret_store)
            .await
            .map_err(|observation| ProbeError::new(observation.seen))?;
        let amqp = amqp::open(&spec.at, &address, &password, AmqpGuard::with_messages(), deadline).await?;
        let (exchange, key) = (short(&spec.name)?, short(spec.routing_key.as_deref().unwrap_or("#"))?);
        let bind = async {
            let channel = amqp.connection.create_channel().await?;
            let queue_options =
                QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
            let queue = channel
                .queue_declare(short_of(""), queue_options, FieldTable::default())
                .await?
                .name()
                .clone();
            let (plain, none) = (QueueBindOptions::default(), FieldTable::default());
            channel.queue_bind(queue.clone(), exchange, key, plain, none).await?;
            let consume_options =
                BasicConsumeOptions { no_ack: true, exclusive: true, ..BasicConsumeOptions::default() };
            channel.basic_consume(queue, short_of("gonogo"), consume_options, FieldTable::default()).await
        };
        let bound = deadline.limit(format!("binding a queue to exchange {}", spec.name), bind).await?;
        let consumer = bound.map_err(|error| subscription_error(&error, &spec.name))?;
        Ok(Self { consumer, _amqp: amqp })
    }

    /// Waits for a message that holds this text, in its body or as its correlation id.
    pub(in crate::probes) async fn find(&mut self, text: &str) -> ProbeResult<()> {
        while let Some(message) = self.consumer.next().await {
            let message = message.map_err(|error| subscription_error(&error, "the queue"))?;
            let id = message.properties.correlation_id().as_ref().map(ToString::to_string);
            if id.as_deref() == Some(text) || String::from_utf8_lossy(&message.data).contains(text) {
                return Ok(());
            }
        }
        Err(ProbeError::new("the broker closed the connection"))
    }
}

fn short_of(text: &'static str) -> lapin::types::ShortString {
    text.into()
}

fn subscription_error(error: &Error, what: &str) -> ProbeError {
    ProbeError::new(match reply(error) {
        Some((404, _)) => format!("exchange {what} is not declared"),
        Some((403, text)) => format!("the user has no permission to bind a queue ({text})"),
        Some((_, text)) => format!("rejected by the server ({text})"),
        None => format!("the connection was lost: {}", gonogo_core::error::chain(error)),
    })
}
