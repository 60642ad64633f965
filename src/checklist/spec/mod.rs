//! Probe specs: the settings of each kind of probe. Resolved with the profile's values into the plan; they contain
//! references to secrets, never secrets.

mod api;
mod ci;
mod command;
mod content;
mod decimal;
mod edge;
pub(super) mod form;
mod git;
mod http;
mod iac;
mod json_path;
mod kubernetes;
mod pipeline;
mod prometheus;
mod rabbitmq;
mod redis;
mod registry;
mod scan;
mod telemetry;
mod vault;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::api::Api;
pub use self::ci::{Ci, CiSource, Forge, JunitFile};
pub use self::command::{Command, Unable};
pub use self::content::{JsonCheck, Pattern, PatternError, TextCheck};
pub use self::decimal::Decimal;
pub use self::edge::{Contacts, Cors, Headers, Origins, Token};
pub use self::git::Git;
pub use self::http::{HeaderCheck, Http, Method, Vantage};
pub use self::iac::{AwsSecret, Iac, IacTool};
pub use self::json_path::{JsonPath, JsonPathError};
pub use self::kubernetes::{Health, Kubernetes, Rollout};
pub use self::pipeline::{Pipeline, Tap};
pub use self::prometheus::{Job, Prometheus, Query, Risen, Rule, RuleAbout, Trend};
pub use self::rabbitmq::{Binding, Exchange, Queue, Rabbitmq};
pub use self::redis::{Redis, Subscribers};
pub use self::registry::Registry;
pub use self::scan::{Day, Exception, Scan, Severity};
pub use self::telemetry::{Grafana, Jaeger, Otlp};
pub use self::vault::{Vault, VaultAuth};
use crate::secret::SecretRef;

/// The settings of a probe, by its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "with", rename_all = "kebab-case")]
pub enum Spec {
    /// One HTTP request and what its answer must be.
    Http(Http),
    /// A Redis server.
    Redis(Redis),
    /// A RabbitMQ broker.
    Rabbitmq(Rabbitmq),
    /// A program.
    Command(Command),
    /// A git checkout.
    Git(Git),
    /// Continuous integration.
    Ci(Ci),
    /// A Prometheus server.
    Prometheus(Prometheus),
    /// A Grafana server.
    Grafana(Grafana),
    /// A Jaeger server.
    Jaeger(Jaeger),
    /// A trace collector.
    Otlp(Otlp),
    /// A repository of a container registry.
    Registry(Registry),
    /// A secret in Vault.
    Vault(Vault),
    /// The deployed list of allowed origins.
    Origins(Origins),
    /// The origins that the application allows.
    Cors(Cors),
    /// The application's security headers.
    Headers(Headers),
    /// The tokens that the application accepts.
    Token(Token),
    /// An event through every hop of the pipeline.
    Pipeline(Box<Pipeline>),
    /// A namespace of a Kubernetes cluster.
    Kubernetes(Kubernetes),
    /// Infrastructure as code.
    Iac(Iac),
    /// A secret in AWS Secrets Manager.
    AwsSecret(AwsSecret),
    /// The report of an image's security scan.
    Scan(Scan),
    /// The contacts.
    Contacts(Contacts),
}

impl Spec {
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
            Self::Contacts(_) => "contacts",
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
            Self::Vault(spec) => spec.api.secrets().into_iter().chain([spec.auth.secret()]).collect(),
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
            | Self::Contacts(_) => Vec::new(),
        }
    }
}

/// A text, an integer or a boolean. Run logs contain no floats.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a string, or a secret as { secret = { env = \"…\" }, prefix = \"…\" }"
)]
pub enum Value {
    /// Plain text.
    Text(String),
    /// A secret: sent, never shown.
    Secret(SecretValue),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

fn secret_values(values: &BTreeMap<String, Value>) -> Vec<&SecretRef> {
    values.values().filter_map(Value::secret).collect()
}

impl Value {
    /// The value as a word of a shell command.
    #[must_use]
    pub fn shell(&self) -> String {
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretValue {
    /// The reference to the secret.
    pub secret: SecretRef,
    /// The text before it, such as `Bearer `.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}
