//! Seeing messages pass a pub/sub channel.

use futures_util::StreamExt as _;
use redis::RedisConnectionInfo;
use redis::aio::PubSub;

use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{PipelineHop as Spec, RedisSpec};
use gonogo_core::error;

use super::super::address::Address;
use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use super::super::net;
use super::SCHEMES;
use super::guard::RedisGuard;
use super::session::Login;

/// A subscription; ends when dropped.
pub(in crate::probes) struct RedisSubscription(PubSub);

impl RedisSubscription {
    /// Logs in and subscribes.
    pub(in crate::probes) async fn open(
        spec: &Spec<RedisSpec>,
        deadline: &Deadline,
        secret_store: &SecretStore,
    ) -> ProbeResult<Self> {
        let address = Address::parse(&spec.at.url, &SCHEMES)?;
        let login = Login::read(&spec.at, secret_store, deadline).await?;
        let socket = net::connect(&address, &spec.at.tls, deadline).await?.watched(RedisGuard::default());
        let seen = socket.seen();
        let refusal = |error: redis::RedisError| {
            ProbeError::new(seen.refused().unwrap_or_else(|| error::chain(&error)))
        };
        let info = login.info(RedisConnectionInfo::default().set_skip_set_lib_name());
        let mut tap =
            deadline.limit("opening the session", PubSub::new(&info, socket)).await?.map_err(refusal)?;
        // By pattern: pattern subscriptions do not count as a channel's subscribers, which other probes count meanwhile.
        let pattern = literal_pattern(&spec.name);
        let subscribed = deadline.limit(format!("PSUBSCRIBE {pattern}"), tap.psubscribe(&pattern)).await?;
        subscribed.map_err(refusal)?;
        Ok(Self(tap))
    }

    /// Waits for a message that holds this text.
    pub(in crate::probes) async fn find(&mut self, text: &str) -> ProbeResult<()> {
        let mut messages = self.0.on_message();
        while let Some(message) = messages.next().await {
            if String::from_utf8_lossy(message.get_payload_bytes()).contains(text) {
                return Ok(());
            }
        }
        Err(ProbeError::new("the server closed the subscription"))
    }
}

/// The pattern that means one channel and no other.
fn literal_pattern(channel: &str) -> String {
    let escaped = |c: char| ['*', '?', '[', ']', '\\'].contains(&c).then_some('\\');
    channel.chars().flat_map(|c| escaped(c).into_iter().chain([c])).collect()
}
