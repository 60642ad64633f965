//! Probe specs: the settings of each kind of probe. Resolved with the profile's values into the plan; they contain
//! references to secrets, never secrets.

mod api;
mod ci;
mod command;
mod content;
mod decimal;
mod decode;
mod edge;
mod git;
mod http;
mod iac;
mod json_path;
mod kubernetes;
mod network;
mod number;
mod pipeline;
mod programs;
mod prometheus;
mod rabbitmq;
mod redis;
mod registry;
mod scan;
pub(super) mod syntax;
mod telemetry;
mod text_check;
mod vault;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::api::ApiSpec;
pub use self::ci::{CiSource, CiSpec, ForgeProject, JunitFile};
pub use self::command::{CommandSpec, CommandTarget, ErrorPattern, ExitCodes};
pub use self::content::{JsonCheck, Pattern, PatternError};
pub use self::decimal::Decimal;
pub(super) use self::decode::decode;
pub use self::edge::{ContactsSpec, CorsSpec, HeadersSpec, OriginsSpec, TokenSpec};
pub use self::git::GitSpec;
pub use self::http::{HeaderCheck, HttpSpec, Method, Vantage};
pub use self::iac::{AwsSecretSpec, IacSpec, IacTool};
pub use self::json_path::{JsonPath, JsonPathError};
pub use self::kubernetes::{
    AddressSetting, HealthCheck, HealthScheme, KUBECTL, KubernetesSpec, PauseCheck, RolloutCheck, Setting,
    SettingsCheck,
};
pub use self::network::{DnsRecord, DnsSpec, TcpSpec, TlsSpec};
pub use self::number::{Bound, Range, is_number};
pub use self::pipeline::{PipelineHop, PipelineSpec};
pub use self::programs::{IacQuery, SecretQuery, deployment_target, remote_curl};
pub use self::prometheus::{
    DescribedRule, IncreaseCheck, JobCheck, PrometheusSpec, QueryCheck, RuleCheck, Trend,
};
pub use self::rabbitmq::{BindingCheck, ExchangeCheck, QueueCheck, QueueLimits, RabbitmqSpec};
pub use self::redis::{RedisRole, RedisSpec, SubscriberCheck};
pub use self::registry::RegistrySpec;
pub use self::scan::{Day, ScanException, ScanSpec, Severity};
pub use self::telemetry::{GrafanaSpec, JaegerSpec, OtlpSpec};
pub use self::text_check::{TextCheck, TextRule};
pub use self::vault::{VaultAuth, VaultSpec};
use crate::secret::SecretRef;

/// The settings of a probe, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", content = "with", rename_all = "kebab-case")]
pub enum ProbeSpec {
    /// One HTTP request and what its answer must be.
    Http(HttpSpec),
    /// A Redis server.
    Redis(RedisSpec),
    /// A RabbitMQ broker.
    Rabbitmq(RabbitmqSpec),
    /// A program.
    Command(CommandSpec),
    /// A git checkout.
    Git(GitSpec),
    /// Continuous integration.
    Ci(CiSpec),
    /// A Prometheus server.
    Prometheus(PrometheusSpec),
    /// A Grafana server.
    Grafana(GrafanaSpec),
    /// A Jaeger server.
    Jaeger(JaegerSpec),
    /// A trace collector.
    Otlp(OtlpSpec),
    /// A repository of a container registry.
    Registry(RegistrySpec),
    /// A secret in Vault.
    Vault(VaultSpec),
    /// The deployed list of allowed origins.
    Origins(OriginsSpec),
    /// The origins that the application allows.
    Cors(CorsSpec),
    /// The application's security headers.
    Headers(HeadersSpec),
    /// The tokens that the application accepts.
    Token(TokenSpec),
    /// An event through every hop of the pipeline.
    Pipeline(Box<PipelineSpec>),
    /// A namespace of a Kubernetes cluster.
    Kubernetes(KubernetesSpec),
    /// Infrastructure as code.
    Iac(IacSpec),
    /// A secret in AWS Secrets Manager.
    AwsSecret(AwsSecretSpec),
    /// The report of an image's security scan.
    Scan(ScanSpec),
    /// A TCP port.
    Tcp(TcpSpec),
    /// The certificate of a TLS server.
    Tls(TlsSpec),
    /// Records in the DNS.
    Dns(DnsSpec),
    /// The contacts.
    Contacts(ContactsSpec),
}

impl ProbeSpec {
    /// The kind as in checklists.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Http(_) => "http",
            Self::Redis(_) => "redis",
            Self::Rabbitmq(_) => "rabbitmq",
            Self::Command(_) => "command",
            Self::Git(_) => "git",
            Self::Ci(_) => "ci",
            Self::Prometheus(_) => "prometheus",
            Self::Grafana(_) => "grafana",
            Self::Jaeger(_) => "jaeger",
            Self::Otlp(_) => "otlp",
            Self::Registry(_) => "registry",
            Self::Vault(_) => "vault",
            Self::Origins(_) => "origins",
            Self::Cors(_) => "cors",
            Self::Headers(_) => "headers",
            Self::Token(_) => "token",
            Self::Pipeline(_) => "pipeline",
            Self::Kubernetes(_) => "kubernetes",
            Self::Iac(_) => "iac",
            Self::AwsSecret(_) => "aws-secret",
            Self::Scan(_) => "scan",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Dns(_) => "dns",
            Self::Contacts(_) => "contacts",
        }
    }

    /// The settings of which it needs one or more, if it has none of them: it would check nothing.
    #[must_use]
    pub fn needs_one_of(&self) -> Option<&'static str> {
        let (is_empty, needed) = match self {
            Self::Prometheus(spec) => {
                (spec.checks_nothing(), "`rules`, `jobs`, `quiet`, `queries`, `risen` or `trends`")
            }
            Self::Kubernetes(spec) => (
                spec.checks_nothing(),
                "`deployments`, `rollout`, `health`, `settings`, `replicas` or `dry_run`",
            ),
            Self::Registry(spec) => (spec.tag.is_none() && !spec.push, "`tag` or `push`"),
            Self::Contacts(spec) => (spec.roles.is_empty(), "one or more `roles`"),
            _ => (false, ""),
        };
        is_empty.then_some(needed)
    }

    /// Why its settings contradict each other, with the key that is wrong.
    #[must_use]
    pub(super) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Http(spec) => spec.contradiction(),
            Self::Ci(spec) => spec.contradiction(),
            Self::Jaeger(spec) => spec.contradiction(),
            Self::Kubernetes(spec) => spec.contradiction(),
            Self::Command(spec) => spec.contradiction(),
            Self::Tcp(spec) => spec.contradiction(),
            Self::Dns(spec) => spec.contradiction(),
            _ => None,
        }
    }

    /// What it looks for since the result of another probe, without which it can never pass.
    #[must_use]
    pub(super) fn counts_from_another(&self) -> Option<&'static str> {
        match self {
            Self::Jaeger(_) => Some("spans"),
            Self::Prometheus(spec) if !spec.risen.is_empty() => Some("an increase (`risen`)"),
            _ => None,
        }
    }

    /// The secrets that it reads.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::Http(spec) => secret_values(&spec.headers),
            Self::Redis(spec) => spec.password.iter().collect(),
            Self::Rabbitmq(spec) => vec![&spec.password],
            Self::Command(spec) => secret_values(&spec.env),
            Self::Ci(spec) => spec.secrets(),
            Self::Prometheus(spec) => spec.api.secrets(),
            Self::Grafana(spec) => spec.api.secrets(),
            Self::Jaeger(spec) => spec.api.secrets(),
            Self::Otlp(spec) => secret_values(&spec.headers),
            Self::Registry(spec) => spec.api.secrets().into_iter().chain(&spec.password).collect(),
            Self::Vault(spec) => {
                spec.api.secrets().into_iter().chain([spec.auth.secret()]).chain(&spec.same_as).collect()
            }
            Self::Cors(spec) => spec.api.secrets(),
            Self::Headers(spec) => spec.api.secrets(),
            Self::Token(spec) => {
                spec.api.secrets().into_iter().chain(&spec.current).chain(&spec.old).collect()
            }
            Self::Pipeline(spec) => spec.secrets(),
            Self::Iac(_)
            | Self::AwsSecret(_)
            | Self::Git(_)
            | Self::Kubernetes(_)
            | Self::Origins(_)
            | Self::Scan(_)
            | Self::Tcp(_)
            | Self::Tls(_)
            | Self::Dns(_)
            | Self::Contacts(_) => Vec::new(),
        }
    }
}

/// A text, an integer or a boolean. Run logs contain no floats.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a string, a whole number, true or false")]
pub enum Scalar {
    /// A boolean.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// Text.
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// The TLS settings of a connection.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// A PEM file of trusted root certificates *instead of* the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roots: Option<String>,
    /// A PEM file of the client certificate, with its chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// A PEM file of the client certificate's private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl Tls {
    /// Whether nothing is set.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The value of a header or an environment variable: plain text, or a secret by reference, optionally behind
/// a prefix such as `Bearer `.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a string, or a secret as { secret = { env = \"…\" }, prefix = \"…\" }"
)]
pub enum TextOrSecret {
    /// Plain text.
    Text(String),
    /// A secret: sent, never shown.
    Secret(SecretValue),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

const fn one() -> u32 {
    1
}

/// A number of tries: with none, nothing would be checked.
fn one_or_more<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    let zero = serde::de::Unexpected::Unsigned(0);
    if number > 0 { Ok(number) } else { Err(serde::de::Error::invalid_value(zero, &"1 or more")) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_one(number: &u32) -> bool {
    *number == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn secret_values(values: &BTreeMap<String, TextOrSecret>) -> Vec<&SecretRef> {
    values.values().filter_map(TextOrSecret::secret).collect()
}

impl TextOrSecret {
    /// The value as a word of a shell command.
    #[must_use]
    pub fn shell_word(&self) -> String {
        match self {
            Self::Text(text) => crate::text::shell_word(text),
            Self::Secret(value) if value.prefix.is_empty() => value.secret.shell(),
            Self::Secret(value) => {
                format!("{}{}", crate::text::shell_word(&value.prefix), value.secret.shell())
            }
        }
    }

    /// The reference to its secret.
    #[must_use]
    pub fn secret(&self) -> Option<&SecretRef> {
        match self {
            Self::Text(_) => None,
            Self::Secret(header) => Some(&header.secret),
        }
    }
}

/// A value with a secret.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretValue {
    /// The reference to the secret.
    pub secret: SecretRef,
    /// The text before it, such as `Bearer `.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}
