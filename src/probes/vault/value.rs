//! The value of a secret: judged and compared, never shown.

use hmac::{Hmac, Mac as _};
use reqwest::StatusCode;
use serde_json::Value;
use sha2::Sha256;

use super::super::api_client::ApiResponse;
use super::super::error::{ProbeError, ProbeResult};
use super::super::{FingerprintKey, ProbeContext};
use super::metadata::{self, CurrentVersion};
use super::troubled;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::VaultSpec;
use gonogo_core::outcome::{Observation, key};
use gonogo_core::secret::Secret;

const FINGERPRINT: &str = "fingerprint of the value";
pub(super) const TOKEN: &str = "the value and the application's token";
/// How much of a fingerprint is kept, in hex digits.
const FINGERPRINT_DIGITS: usize = 16;
/// How many names of fields are shown.
const MAX_NAMES: usize = 5;

/// What a value is compared with.
pub(super) struct ValueJudge<'a> {
    pub(super) spec: &'a VaultSpec,
    pub(super) secret_store: &'a SecretStore,
    pub(super) context: &'a ProbeContext,
    /// The token that the application accepts, if it is named.
    pub(super) token: Option<ProbeResult<Secret>>,
}

impl ValueJudge<'_> {
    pub(super) fn judge(&self, current: &CurrentVersion, data: ProbeResult<ApiResponse>) -> Vec<Observation> {
        let secret = match self.value(current, data) {
            Ok(secret) => secret,
            Err(seen) => return seen,
        };
        self.secret_store.register_lasting("Vault secret", &secret);
        let mut seen = vec![judge_default_token(self.spec, &secret)];
        seen.extend(self.token.as_ref().map(|token| judge_token(&secret, token)));
        seen.extend(self.context.fingerprint.as_ref().map(|key| {
            self.context.must_have_changed(FINGERPRINT, key::SECRET_FINGERPRINT, &fingerprint(key, &secret))
        }));
        seen
    }

    /// The value, or what is observed without it.
    fn value(
        &self,
        current: &CurrentVersion,
        data: ProbeResult<ApiResponse>,
    ) -> Result<Secret, Vec<Observation>> {
        let unknown =
            |why: ProbeError| vec![Observation::unknown(FINGERPRINT, "different from the last run's", why)];
        let reply =
            match data {
                Ok(reply) if reply.status == StatusCode::FORBIDDEN => {
                    let mut seen = vec![Observation::recorded(
                        FINGERPRINT,
                        "no permission to read the value: the version is compared",
                    )];
                    let path = format!("{}/data/{}", self.spec.mount, self.spec.path);
                    seen.extend(self.token.as_ref().map(|_| {
                        Observation::recorded(TOKEN, format!("not compared (needs read of {path})"))
                    }));
                    return Err(seen);
                }
                Ok(reply) if reply.status.is_success() => reply,
                Ok(reply) => return Err(unknown(troubled(&reply))),
                Err(why) => return Err(unknown(why)),
            };
        let answer = match reply.json() {
            Ok(answer) => answer,
            Err(why) => return Err(unknown(why)),
        };
        if let Some(other) = metadata::of_data(&reply).filter(|other| other.version != current.version) {
            let (is, read) = (current.version, other.version);
            return Err(unknown(ProbeError::new(format!(
                "version {is} is current, but version {read} was read"
            ))));
        }
        let text = match field(self.spec, &answer) {
            Ok(text) => text,
            Err(seen) => {
                return Err(vec![Observation::new(
                    "the value",
                    format!("in field `{}`", self.spec.field),
                    seen,
                    false,
                )]);
            }
        };
        Ok(Secret::new(text))
    }
}

/// A secret that was rotated in the store only, or in the profile only, is not the one in use.
fn judge_token(value: &Secret, token: &ProbeResult<Secret>) -> Observation {
    let expected = "the same";
    match token {
        Ok(token) if token.expose() == value.expose() => Observation::new(TOKEN, expected, "the same", true),
        Ok(_) => {
            let seen = "different: only one of them was rotated";
            Observation::new(TOKEN, expected, seen, false)
        }
        Err(why) => Observation::unknown(TOKEN, expected, why.clone()),
    }
}

/// The value of the field; of what is wrong with it only the names of fields are said.
fn field(spec: &VaultSpec, answer: &Value) -> Result<String, String> {
    let fields = answer.pointer("/data/data").and_then(Value::as_object);
    let value = fields.and_then(|fields| fields.get(&spec.field));
    match value {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        // As `vault kv put token=1234` does not, but JSON does.
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        Some(Value::String(_)) => Err(format!("the field `{}` is empty", spec.field)),
        Some(_) => Err(format!("the field `{}` is not a string", spec.field)),
        None => {
            let names: Vec<_> =
                fields.into_iter().flatten().map(|(name, _)| name.as_str()).take(MAX_NAMES).collect();
            let others = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Err(format!("the secret has no field `{}`; it has: {others}", spec.field))
        }
    }
}

/// The stack's default token is a value that everybody has.
fn judge_default_token(spec: &VaultSpec, secret: &Secret) -> Observation {
    let is_default = spec.never.iter().any(|never| never == secret.expose());
    let seen = if is_default { "the stack's default value" } else { "not a default value" };
    Observation::new("the value", "not a default value", seen, !is_default)
}

/// HMAC-SHA-256 of a secret under the environment's key, shortened: it distinguishes values, and without
/// the key nobody can test guesses against it.
fn fingerprint(key: &FingerprintKey, secret: &Secret) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.0.as_slice()) else { return String::new() };
    mac.update(secret.expose().as_bytes());
    base16ct::lower::encode_string(&mac.finalize().into_bytes()[..FINGERPRINT_DIGITS / 2])
}
