//! The specs of probes of an application's edge: origins, CORS, security headers, tokens; and of contacts.

use serde::{Deserialize, Serialize};

use super::{ApiSpec, SecretRef, is_one, one, one_or_more};
use crate::checklist::Contact;

/// The deployed list of allowed origins.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginsSpec {
    /// The value of the setting: a JSON array.
    pub value: String,
    /// The expected origins. Invented others must be rejected.
    pub expected: Vec<String>,
}

/// The origins that a running application allows.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsSpec {
    /// Where the application is.
    pub api: ApiSpec,
    /// Where browsers reach the application, if that is elsewhere: the same is checked there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// The path of the requests.
    #[serde(default = "health")]
    pub path: String,
    /// The origins that it must allow; it must reject others, `null` and look-alikes.
    pub origins: Vec<String>,
}

fn health() -> String {
    "/healthz".into()
}

/// The security headers of an application's responses.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadersSpec {
    /// Where the application is.
    pub api: ApiSpec,
    /// The path of the requests.
    #[serde(default = "health")]
    pub path: String,
    /// The minimum `max-age` of `Strict-Transport-Security`, in seconds.
    pub hsts_min_age: u64,
    /// How many responses are checked, each over a connection of its own.
    #[serde(default = "one", deserialize_with = "one_or_more", skip_serializing_if = "is_one")]
    pub samples: u32,
}

/// The contacts.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactsSpec {
    /// The roles that need a contact.
    pub roles: Vec<String>,
    /// The contacts of the profile.
    pub contacts: Vec<Contact>,
}

/// The realtime tokens that a running application accepts.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSpec {
    /// Where the application is.
    pub api: ApiSpec,
    /// The token that it must accept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<SecretRef>,
    /// The previous token, which it must reject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<SecretRef>,
    /// The publicly known default token, which it must reject.
    #[serde(default = "default_token")]
    pub default: String,
    /// How many times the current token is tried by each carrier, each over connections of its own.
    #[serde(default = "one", deserialize_with = "one_or_more", skip_serializing_if = "is_one")]
    pub samples: u32,
    /// How many times a token that must be rejected is tried by each carrier at the WebSocket, each over a connection of
    /// its own; at the event stream, whose rate is limited most, once.
    #[serde(default = "one", deserialize_with = "one_or_more", skip_serializing_if = "is_one")]
    pub refusals: u32,
    /// The board of the WebSocket.
    #[serde(default = "board")]
    pub board: String,
    /// Where browsers reach the application, if that is elsewhere: they can send the token in the query only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
}

fn default_token() -> String {
    "change-me-realtime".into()
}

fn board() -> String {
    "gonogo".into()
}
