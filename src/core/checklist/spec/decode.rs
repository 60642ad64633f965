//! Decodes the settings of a probe. A checklist and a log use the same code: each kind is compiled once.

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer};
use serde_json::Value;

use super::ProbeSpec;
use crate::checklist::source::{KeyPath, PathStep};

impl ProbeSpec {
    /// The spec of a probe of this kind, with these settings.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub(in crate::checklist) fn decode(kind: &str, with: Value) -> Result<Self, (KeyPath, String)> {
        match kind {
            "http" => decode(with).map(Self::Http),
            "redis" => decode(with).map(Self::Redis),
            "rabbitmq" => decode(with).map(Self::Rabbitmq),
            "command" => decode(with).map(Self::Command),
            "git" => decode(with).map(Self::Git),
            "ci" => decode(with).map(Self::Ci),
            "prometheus" => decode(with).map(Self::Prometheus),
            "grafana" => decode(with).map(Self::Grafana),
            "jaeger" => decode(with).map(Self::Jaeger),
            "otlp" => decode(with).map(Self::Otlp),
            "registry" => decode(with).map(Self::Registry),
            "vault" => decode(with).map(Self::Vault),
            "origins" => decode(with).map(Self::Origins),
            "cors" => decode(with).map(Self::Cors),
            "headers" => decode(with).map(Self::Headers),
            "token" => decode(with).map(Self::Token),
            "pipeline" => decode(with).map(Box::new).map(Self::Pipeline),
            "kubernetes" => decode(with).map(Self::Kubernetes),
            "iac" => decode(with).map(Self::Iac),
            "aws-secret" => decode(with).map(Self::AwsSecret),
            "scan" => decode(with).map(Self::Scan),
            "tcp" => decode(with).map(Self::Tcp),
            "tls" => decode(with).map(Self::Tls),
            "dns" => decode(with).map(Self::Dns),
            "contacts" => decode(with).map(Self::Contacts),
            kind => Err((KeyPath::new(), format!("unknown probe kind {kind:?}"))),
        }
    }
}

/// Decodes a value.
///
/// # Errors
/// The key that is wrong, and why.
pub(in crate::checklist) fn decode<T: DeserializeOwned>(value: Value) -> Result<T, (KeyPath, String)> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let steps = error.path().iter().filter_map(|segment| match segment {
            serde_path_to_error::Segment::Seq { index } => Some(PathStep::Index(*index)),
            serde_path_to_error::Segment::Map { key } => Some(PathStep::Key(key.clone())),
            _ => None,
        });
        (steps.collect(), error.inner().to_string())
    })
}

impl<'de> Deserialize<'de> for ProbeSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Tagged {
            kind: String,
            with: Value,
        }
        let Tagged { kind, with } = Tagged::deserialize(from)?;
        Self::decode(&kind, with).map_err(|(_, what)| de::Error::custom(format!("{kind} probe: {what}")))
    }
}
