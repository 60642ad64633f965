//! Automatic checks. A probe looks at one server, within one deadline, and says all that it saw.
//!
//! ```text
//!     look ─► http ─────► web ─┐
//!          ─► redis ───────────┼─► net (names, connecting) ─► socket, tls
//!          ─► rabbitmq ► web ──┘
//!          ─► command, git ────► process
//! ```
//!
//! What was looked at and is not as the checklist asks is a wrong observation. What could not be looked
//! at (no such host, no answer, credentials refused, a command forbidden) is an unseen one: never a pass,
//! and never a fail. Each step takes its time from the same [`Deadline`], so what was seen before it
//! passed is kept. A server is not trusted: what it sends is capped before anything is made of it.

mod address;
mod api;
mod aws_secret;
mod blind;
mod ci;
mod command;
mod contacts;
mod content;
mod cors;
mod curl;
mod deadline;
mod effects;
mod git;
mod grafana;
mod headers;
mod http;
mod iac;
mod jaeger;
mod json;
mod judging;
mod kubernetes;
mod net;
mod origins;
mod otlp;
mod pipeline;
mod process;
mod prometheus;
mod rabbitmq;
mod redis;
mod registry;
mod scan;
mod socket;
mod sse;
mod text_checks;
mod tls;
mod token;
mod vault;
mod web;
mod ws;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use zeroize::Zeroizing;

use crate::checklist::spec::Spec;
use crate::outcome::{Observation, Outcome};
use crate::secret::Keeper;
use crate::time::Utc;

use deadline::Deadline;
pub use effects::Effects;
pub use web::proxies_of_environment;

/// The largest file that holds the id of an image, in bytes.
const MAX_IMAGE_ID: u64 = 64 << 10;

/// What a look is given of the run around it.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// When the look began that this one counts from: what is older is not what is looked for.
    pub since: Option<Utc>,
    /// Where a digest must be seen that another look has found: that one, if it has found one.
    pub digest: Option<Option<String>>,
    /// When the run was opened, if it is kept.
    pub opened: Option<Utc>,
    /// What the same probe saw in the environment's last sealed run, for drift.
    pub last: Option<Arc<Outcome>>,
    /// The environment's key for fingerprints of secrets; it is kept outside the log.
    pub fingerprint: Option<FingerprintKey>,
    /// Where the probe writes what it changes, as soon as it does.
    pub effects: Effects,
}

impl Given {
    /// What the same probe saw in the last sealed run that is known by this.
    fn before(&self, key: &str) -> Option<&Observation> {
        self.last.as_ref()?.known_by(key)
    }

    /// A value that must be another than the one that the last sealed run saw, if that saw one.
    fn changed(&self, what: &str, key: &str, value: &str) -> Observation {
        let seen = match self.before(key).map(|before| &before.seen) {
            Some(last) => {
                Observation::new(what, format!("another than the last run's {last}"), value, last != value)
            }
            None => Observation::recorded(what, value),
        };
        seen.known_by(key)
    }
}

/// A key under which fingerprints of secrets are made (HMAC-SHA-256), so that no reader of a log can try
/// guesses against them.
#[derive(Clone)]
pub struct FingerprintKey(pub Arc<Zeroizing<[u8; 32]>>);

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(…)")
    }
}

/// Looks once, as `spec` asks, and ends within `deadline`, which covers everything: reading secrets,
/// resolving names, connecting, TLS, handshakes and answers.
///
/// The outcome is clean: no secret that `keeper` has read, and nothing that steers a terminal.
pub async fn look(spec: &Spec, deadline: Duration, keeper: &Keeper, given: &Given) -> Outcome {
    let deadline = Deadline::after(deadline);
    let (effects, before) = (&given.effects, given.effects.count());
    let outcome = match spec {
        Spec::Http(spec) => Box::pin(http::look(spec, &deadline, keeper)).await,
        Spec::Redis(spec) => Box::pin(redis::look(spec, &deadline, keeper)).await,
        Spec::Rabbitmq(spec) => Box::pin(rabbitmq::look(spec, &deadline, keeper, effects)).await,
        Spec::Command(spec) => Box::pin(command::look(spec, &deadline, keeper)).await,
        Spec::Git(spec) => Box::pin(git::look(spec, &deadline, keeper.permit())).await,
        Spec::Ci(spec) => Box::pin(ci::look(spec, &deadline, keeper)).await,
        Spec::Prometheus(spec) => Box::pin(prometheus::look(spec, &deadline, keeper, given)).await,
        Spec::Grafana(spec) => Box::pin(grafana::look(spec, &deadline, keeper)).await,
        Spec::Jaeger(spec) => Box::pin(jaeger::look(spec, &deadline, keeper, given)).await,
        Spec::Otlp(spec) => Box::pin(otlp::look(spec, &deadline, keeper, effects)).await,
        Spec::Registry(spec) => Box::pin(registry::look(spec, &deadline, keeper, given)).await,
        Spec::Vault(spec) => Box::pin(vault::look(spec, &deadline, keeper, given)).await,
        Spec::Cors(spec) => Box::pin(cors::look(spec, &deadline, keeper)).await,
        Spec::Headers(spec) => Box::pin(headers::look(spec, &deadline, keeper, given)).await,
        Spec::Token(spec) => Box::pin(token::look(spec, &deadline, keeper)).await,
        Spec::Pipeline(spec) => pipeline::look(spec, &deadline, keeper, effects).boxed().await,
        Spec::Kubernetes(spec) => Box::pin(kubernetes::look(spec, &deadline, keeper.permit(), given)).await,
        Spec::Iac(spec) => Box::pin(iac::look(spec, &deadline, keeper.permit(), given)).await,
        Spec::AwsSecret(spec) => Box::pin(aws_secret::look(spec, &deadline, keeper.permit(), given)).await,
        Spec::Origins(spec) => origins::look(spec),
        Spec::Scan(spec) => Box::pin(scan::look(spec, &deadline)).await,
        Spec::Contacts(spec) => contacts::look(spec),
    };
    let outcome = if outcome.observations.is_empty() { nothing_asked(spec) } else { outcome };
    outcome.with_effects(given.effects.since(before)).cleaned(&keeper.redactor())
}

fn nothing_asked(spec: &Spec) -> Outcome {
    let why = "nothing is asked of it; the README lists what this kind of probe can look at";
    Outcome::error(format!("{} probe", spec.kind()), "something to look at", why)
}
