//! The spec of the Vault probe.

use serde::{Deserialize, Serialize};

use super::{ApiSpec, SecretRef};

/// A secret in a KV store of version 2, by its metadata; its value is read only if that is allowed, and only its
/// fingerprint is stored.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultSpec {
    /// The Vault server.
    pub api: ApiSpec,
    /// The mount of the store.
    #[serde(default = "secret")]
    pub mount: String,
    /// The secret's path below the mount.
    pub path: String,
    /// The field with the value.
    #[serde(default = "value")]
    pub field: String,
    /// The login.
    pub auth: VaultAuth,
    /// The maximum age of the current version, in days.
    #[serde(default = "quarter")]
    pub max_age_days: u64,
    /// The token that the application accepts, which the value must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_as: Option<SecretRef>,
    /// Values that it must not have: the stack's defaults.
    #[serde(default = "defaults", skip_serializing_if = "Vec::is_empty")]
    pub never: Vec<String>,
}

fn defaults() -> Vec<String> {
    vec!["change-me-realtime".into()]
}

fn secret() -> String {
    "secret".into()
}

fn value() -> String {
    "value".into()
}

const fn quarter() -> u64 {
    90
}

/// A login to Vault.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum VaultAuth {
    /// With a token.
    Token(SecretRef),
    /// With an `AppRole`.
    Approle {
        /// Its role id.
        role_id: String,
        /// Its secret id.
        secret_id: SecretRef,
    },
    /// As a Kubernetes service account.
    Kubernetes {
        /// The role.
        role: String,
        /// The service account's token.
        jwt: SecretRef,
    },
}

impl VaultAuth {
    /// The secret of the login.
    #[must_use]
    pub const fn secret(&self) -> &SecretRef {
        match self {
            Self::Token(secret)
            | Self::Approle { secret_id: secret, .. }
            | Self::Kubernetes { jwt: secret, .. } => secret,
        }
    }
}
