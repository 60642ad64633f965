//! Seeing messages pass a pub/sub channel.

use futures_util::StreamExt as _;
use redis::RedisConnectionInfo;
use redis::aio::PubSub;

use crate::checklist::spec::{Redis, Tap as Spec};
use crate::error;
use crate::secret::Keeper;

use super::super::address::Address;
use super::super::blind::{Blind, Fact};
use super::super::deadline::Deadline;
use super::super::net;
use super::SCHEMES;
use super::session::Login;
use super::watch::Replies;

/// A subscription; ends when dropped.
pub(in crate::probe) struct Tap(PubSub);

impl Tap {
    /// Logs in and subscribes.
    pub(in crate::probe) async fn open(
        spec: &Spec<Redis>,
        deadline: &Deadline,
        keeper: &Keeper,
    ) -> Fact<Self> {
        let address = Address::parse(&spec.at.url, &SCHEMES)?;
        let login = Login::read(&spec.at, keeper, deadline).await?;
        let socket = net::connect(&address, &spec.at.tls, deadline).await?.watched(Replies::default());
        let seen = socket.seen();
        let refused =
            |error: redis::RedisError| Blind::new(seen.refused().unwrap_or_else(|| error::chain(&error)));
        let info = login.info(RedisConnectionInfo::default().set_skip_set_lib_name());
        let mut tap =
            deadline.of("opening the session", PubSub::new(&info, socket)).await?.map_err(refused)?;
        // By pattern: who listens so is not counted among a channel's subscribers, which others look at meanwhile.
        let pattern = literally(&spec.name);
        let subscribed = deadline.of(format!("PSUBSCRIBE {pattern}"), tap.psubscribe(&pattern)).await?;
        subscribed.map_err(refused)?;
        Ok(Self(tap))
    }

    /// Waits for a message that holds this text.
    pub(in crate::probe) async fn find(&mut self, text: &str) -> Fact<()> {
        let mut messages = self.0.on_message();
        while let Some(message) = messages.next().await {
            if String::from_utf8_lossy(message.get_payload_bytes()).contains(text) {
                return Ok(());
            }
        }
        Err(Blind::new("the server has ended the subscription"))
    }
}

/// The pattern that means one channel and no other.
fn literally(channel: &str) -> String {
    let escaped = |c: char| ['*', '?', '[', ']', '\\'].contains(&c).then_some('\\');
    channel.chars().flat_map(|c| escaped(c).into_iter().chain([c])).collect()
}
