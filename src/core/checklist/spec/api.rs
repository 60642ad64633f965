//! The address and settings of an HTTP API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{SecretRef, TextOrSecret, Tls, secret_values};

/// An HTTP API.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an API as { url = \"https://…\" }")]
pub struct ApiSpec {
    /// `http://…` or `https://…`, without user and password; paths are added to it.
    pub url: String,
    /// Headers of every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, TextOrSecret>,
    /// The TLS settings.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
}

impl ApiSpec {
    /// The API at an address, with default settings.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), headers: BTreeMap::new(), tls: Tls::default() }
    }

    /// The address where browsers reach it, if that is another one.
    #[must_use]
    pub fn elsewhere<'a>(&self, public_url: Option<&'a str>) -> Option<&'a str> {
        public_url.filter(|url| url.trim_end_matches('/') != self.url.trim_end_matches('/'))
    }

    /// The secrets that its requests carry.
    pub(super) fn secrets(&self) -> Vec<&SecretRef> {
        secret_values(&self.headers)
    }
}
