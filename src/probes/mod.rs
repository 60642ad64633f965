//! Automatic checks. A probe checks one server within one deadline and reports everything that it observed.
//!
//! ```text
//!     run ─► http ─────► http_client ─┐
//!         ─► redis ──────────────────┼─► net (DNS, connecting) ─► socket, tls
//!         ─► rabbitmq ► http_client ─┘
//!         ─► tcp, tls ───────► net
//!         ─► command, git ──► process
//! ```
//!
//! A checked value that is not as the checklist requires gives a wrong observation. What could not be checked
//! (no such host, no answer, credentials refused, a command forbidden) is an unknown one: never a pass,
//! and never a failure. Each step takes its time from the same [`Deadline`], so what was observed before it
//! passed is kept. A server is not trusted: what it sends is capped before it is parsed.

mod address;
#[cfg(test)]
mod altered_json;
#[cfg(test)]
mod altered_text;
mod api_client;
mod aws_secret;
mod checked_by;
mod ci;
mod command;
mod contacts;
mod content;
mod cors;
mod credentials;
mod curl;
mod deadline;
mod delivery;
mod dns;
mod effects;
mod encoding;
mod error;
mod git;
mod grafana;
mod headers;
mod http;
mod http_client;
mod iac;
mod image_id;
mod jaeger;
mod json;
mod judging;
mod kubernetes;
mod net;
mod origins;
mod otlp;
mod otlp_answer;
mod pipeline;
mod process;
mod prometheus;
mod rabbitmq;
mod rate_limit;
mod recording_verifier;
mod redis;
mod registry;
mod samples;
mod scan;
mod secrets;
mod servers;
mod socket;
mod sse;
mod tcp;
mod text_checks;
mod tls;
mod tls_server;
mod token;
mod unique_keys;
mod vault;
mod websocket;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use zeroize::Zeroizing;

use crate::secret_store::SecretStore;
use gonogo_core::checklist::ProbeKey;
use gonogo_core::checklist::spec::ProbeSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::time::Utc;

use deadline::Deadline;
pub use delivery::deliver;
pub use effects::Effects;
pub use http_client::proxies_of_environment;

/// What a probe run needs to know about the deployment run.
#[derive(Clone, Debug, Default)]
pub struct ProbeContext {
    /// Start of the probe run that this one counts from: older data is ignored.
    pub since: Option<Utc>,
    /// The probe whose run it should count from, if that has neither passed nor sent anything: this one cannot pass.
    pub not_sent: Option<ProbeKey>,
    /// The digest that another probe observed and that this one must see, if there is one.
    pub digest: Option<Option<String>>,
    /// The release that was rolled back and the one that is restored, if the probe verifies that rollback.
    pub restored: Option<RestoredRelease>,
    /// When the run was opened, if it is kept.
    pub opened: Option<Utc>,
    /// What the same probe saw in the environment's last sealed run, for drift.
    pub last: Option<Arc<Outcome>>,
    /// The environment's key for fingerprints of secrets; it is kept outside the log.
    pub fingerprint: Option<FingerprintKey>,
    /// Records the changes that the probe makes, as they happen.
    pub effects: Effects,
}

/// A rollback: tags of images.
#[derive(Clone, Debug)]
pub struct RestoredRelease {
    /// The release that was to be deployed.
    pub instead_of: String,
    /// The release that should run now.
    pub tag: String,
}

impl ProbeContext {
    /// Why there is no time to count from.
    fn no_start(&self) -> String {
        let source = self.not_sent.as_ref().map(ToString::to_string);
        format!("{} has sent nothing", source.as_deref().unwrap_or("the probe before this one"))
    }

    /// The tag to look for: after a rollback, that of the restored release instead of the one that was deployed.
    fn restored_tag<'a>(&'a self, tag: &'a str) -> &'a str {
        self.restored
            .as_ref()
            .filter(|restored| restored.instead_of == tag)
            .map_or(tag, |restored| &restored.tag)
    }

    /// The observation with this key by the same probe in the last sealed run.
    fn previous_observation(&self, key: &str) -> Option<&Observation> {
        self.last.as_ref()?.observation(key)
    }

    /// A value that must be another than the one that the last sealed run saw, if that saw one.
    fn must_have_changed(&self, what: &str, key: &str, value: &str) -> Observation {
        let seen = match self.previous_observation(key).map(|before| &before.seen) {
            Some(last) => {
                Observation::new(what, format!("different from the last run's {last}"), value, last != value)
            }
            None => Observation::recorded(what, value),
        };
        seen.with_key(key)
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

/// Runs a probe once, as `spec` says, and ends within `deadline`, which covers everything: reading secrets,
/// resolving names, connecting, TLS, handshakes and answers.
///
/// The outcome is clean: no secret that `secret_store` has read, and nothing that steers a terminal.
pub async fn run(
    spec: &ProbeSpec,
    deadline: Duration,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Outcome {
    // What a connection shows beside the checks is none of them.
    if spec.needs_one_of().is_some() {
        return nothing_to_check(spec);
    }
    let deadline = Deadline::after(deadline);
    let before = context.effects.count();
    let (outcome, besides) = servers::recording(run_kind(spec, &deadline, secret_store, context)).await;
    let outcome = besides.into_iter().fold(outcome, Outcome::with_observation);
    let outcome = if outcome.observations.is_empty() { nothing_to_check(spec) } else { outcome };
    outcome.with_effects(context.effects.since(before)).sanitized(&secret_store.redactor())
}

async fn run_kind(
    spec: &ProbeSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Outcome {
    let effects = &context.effects;
    match spec {
        ProbeSpec::Http(spec) => Box::pin(http::run(spec, deadline, secret_store)).await,
        ProbeSpec::Redis(spec) => Box::pin(redis::run(spec, deadline, secret_store)).await,
        ProbeSpec::Rabbitmq(spec) => Box::pin(rabbitmq::run(spec, deadline, secret_store, effects)).await,
        ProbeSpec::Command(spec) => Box::pin(command::run(spec, deadline, secret_store)).await,
        ProbeSpec::Git(spec) => Box::pin(git::run(spec, deadline, secret_store.permit())).await,
        ProbeSpec::Ci(spec) => Box::pin(ci::run(spec, deadline, secret_store)).await,
        ProbeSpec::Prometheus(spec) => Box::pin(prometheus::run(spec, deadline, secret_store, context)).await,
        ProbeSpec::Grafana(spec) => Box::pin(grafana::run(spec, deadline, secret_store)).await,
        ProbeSpec::Jaeger(spec) => Box::pin(jaeger::run(spec, deadline, secret_store, context)).await,
        ProbeSpec::Otlp(spec) => Box::pin(otlp::run(spec, deadline, secret_store, effects)).await,
        ProbeSpec::Registry(spec) => Box::pin(registry::run(spec, deadline, secret_store, context)).await,
        ProbeSpec::Vault(spec) => Box::pin(vault::run(spec, deadline, secret_store, context)).await,
        ProbeSpec::Cors(spec) => Box::pin(cors::run(spec, deadline, secret_store)).await,
        ProbeSpec::Headers(spec) => Box::pin(headers::run(spec, deadline, secret_store, context)).await,
        ProbeSpec::Token(spec) => Box::pin(token::run(spec, deadline, secret_store)).await,
        ProbeSpec::Pipeline(spec) => pipeline::run(spec, deadline, secret_store, effects).boxed().await,
        ProbeSpec::Kubernetes(spec) => {
            Box::pin(kubernetes::run(spec, deadline, secret_store.permit(), context)).await
        }
        ProbeSpec::Iac(spec) => Box::pin(iac::run(spec, deadline, secret_store.permit(), context)).await,
        ProbeSpec::AwsSecret(spec) => {
            Box::pin(aws_secret::run(spec, deadline, secret_store.permit(), context)).await
        }
        ProbeSpec::Origins(spec) => origins::run(spec),
        ProbeSpec::Scan(spec) => Box::pin(scan::run(spec, deadline)).await,
        ProbeSpec::Tcp(spec) => Box::pin(tcp::run(spec, deadline)).await,
        ProbeSpec::Tls(spec) => Box::pin(tls_server::run(spec, deadline)).await,
        ProbeSpec::Dns(spec) => Box::pin(dns::run(spec, deadline)).await,
        ProbeSpec::Contacts(spec) => contacts::run(spec),
    }
}

fn nothing_to_check(spec: &ProbeSpec) -> Outcome {
    let why = match spec.needs_one_of() {
        Some(needed) => format!("no checks configured: it needs {needed}"),
        None => format!("no checks configured; `gonogo help {}` lists what it can check", spec.kind()),
    };
    Outcome::error(format!("{} probe", spec.kind()), "one or more checks", why)
}
