//! The spec of the HTTP probe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Bound, Decimal, JsonCheck, Range, TextCheck, TextOrSecret, Tls, is_false, is_one, number, one,
    one_or_more,
};

/// The request methods.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`
    #[default]
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// `POST`
    Post,
}

/// One HTTP request and its expected response.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSpec {
    /// `http://…` or `https://…`, without user and password.
    pub url: String,
    /// The method; by default `GET`.
    #[serde(default)]
    pub method: Method,
    /// Request headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, TextOrSecret>,
    /// The expected status codes.
    #[serde(default = "ok_status")]
    pub status: Vec<u16>,
    /// Checks of the response headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<HeaderCheck>,
    /// Checks of the body as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<TextCheck>,
    /// Checks of the body as JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonCheck>,
    /// How many redirects to follow; by default none, and never to another host.
    #[serde(default)]
    pub redirects: u8,
    /// How many times it is sent, each over a connection of its own: behind a balancer each can reach another instance.
    #[serde(default = "one", deserialize_with = "one_or_more", skip_serializing_if = "is_one")]
    pub samples: u32,
    /// The TLS settings.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
    /// Where the request is sent from; by default this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Vantage>,
}

impl HttpSpec {
    /// Why its settings contradict each other, with the key that is wrong.
    #[must_use]
    pub(in crate::checklist) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        let is_remote = matches!(self.via, Some(Vantage::Exec(_)));
        if self.status.is_empty() {
            return Some(("status", "expected one or more status codes"));
        }
        let what = "a request through via.exec follows no redirects: expected no `redirects` beside it";
        (is_remote && self.redirects > 0).then_some(("redirects", what))
    }
}

/// A place that requests are sent from.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vantage {
    /// Through a proxy: `socks5h://…` (names are resolved there), `socks5://…`, `http://…`, `https://…`.
    Proxy(String),
    /// By `curl`, run through a command that forwards its input: `kubectl exec -i deploy/app --`.
    Exec(Vec<String>),
}

fn ok_status() -> Vec<u16> {
    vec![200]
}

/// A check of one response header. With only a name: it must exist.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderCheck {
    /// The header, in any case.
    pub name: String,
    /// The exact value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// A part of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// A directive within the value (`max-age` in `max-age=31536000; preload`), whose number is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directive: Option<String>,
    /// The minimum number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Decimal>,
    /// The maximum number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Decimal>,
    /// The number must be below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub less_than: Option<Decimal>,
    /// The minimum and the maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<Range>,
    /// Whether another value is a warning instead of a failure.
    #[serde(default, skip_serializing_if = "is_false")]
    pub warn: bool,
}

impl HeaderCheck {
    /// The bounds of its number.
    #[must_use]
    pub fn bounds(&self) -> Vec<Bound<'_>> {
        number::bounds(
            self.at_least.as_ref(),
            self.at_most.as_ref(),
            self.less_than.as_ref(),
            self.between.as_ref(),
        )
    }
}
