//! What the probes of an application's edge are asked to look at: origins, CORS, security headers; and contacts.

use serde::{Deserialize, Serialize};

use super::{Api, SecretRef};
use crate::checklist::Contact;

/// The list of origins as it is deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origins {
    /// The value of the setting: a JSON array.
    pub value: String,
    /// The origins that it must list, and no others.
    pub expected: Vec<String>,
}

/// Which origins a running application lets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Where the application is.
    pub api: Api,
    /// The path that is asked.
    #[serde(default = "health")]
    pub path: String,
    /// The origins that it must let in; a foreign one, `null` and look-alikes of these must stay out.
    pub origins: Vec<String>,
}

fn health() -> String {
    "/healthz".into()
}

/// The security headers of an application's answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Headers {
    /// Where the application is.
    pub api: Api,
    /// The path that is asked.
    #[serde(default = "health")]
    pub path: String,
    /// The least `max-age` of `Strict-Transport-Security`, in seconds.
    pub hsts_min_age: u64,
}

/// The people to call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contacts {
    /// The roles that somebody must have.
    pub roles: Vec<String>,
    /// The contacts of the profile.
    pub contacts: Vec<Contact>,
}

/// Which realtime tokens a running application takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Where the application is.
    pub api: Api,
    /// The token that it must take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<SecretRef>,
    /// The one before it, which it must refuse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<SecretRef>,
    /// The one that is in everybody's hands, which it must refuse.
    #[serde(default = "default_token")]
    pub default: String,
    /// A board that a WebSocket is opened to.
    #[serde(default = "board")]
    pub board: String,
}

fn default_token() -> String {
    "change-me-realtime".into()
}

fn board() -> String {
    "gonogo".into()
}
