//! The specs of the probes of Grafana, Jaeger and a trace collector.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ApiSpec, TextOrSecret, Tls};

/// A Grafana server: its health, a dashboard, and the data sources behind it.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrafanaSpec {
    /// The server.
    pub api: ApiSpec,
    /// A dashboard, by its uid or by a tag of it.
    pub dashboard: String,
}

/// A Jaeger server: spans of a service, newer than the result of the probe in `since`.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JaegerSpec {
    /// The query API.
    pub api: ApiSpec,
    /// The service.
    pub service: String,
    /// The required routes of spans: the start of a path, such as `/ws`.
    pub routes: Vec<String>,
}

impl JaegerSpec {
    /// Why it checks nothing, with the key that is wrong.
    #[must_use]
    pub(in crate::checklist) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        let what = "expected one or more routes: without any, no span would be checked; \"/\" is every path";
        self.routes.is_empty().then_some(("routes", what))
    }
}

/// A collector of traces over OTLP/HTTP.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtlpSpec {
    /// Its address, to which `/v1/traces` is added.
    pub endpoint: String,
    /// Headers of every export.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, TextOrSecret>,
    /// Whether an export without those headers must be rejected; by default if they contain a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guarded: Option<bool>,
    /// The service of the test span.
    #[serde(default = "own_service")]
    pub service: String,
    /// The TLS settings.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
}

fn own_service() -> String {
    "gonogo".into()
}

impl OtlpSpec {
    /// Whether an export without the headers must be rejected.
    #[must_use]
    pub fn has_authentication(&self) -> bool {
        self.guarded
            .unwrap_or_else(|| self.headers.values().any(|value| matches!(value, TextOrSecret::Secret(_))))
    }
}
