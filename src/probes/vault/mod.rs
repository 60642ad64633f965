//! The Vault probe (KV version 2): how young the current version of a secret is, and whether it is another than
//! the last run's. If its value may be read, only a fingerprint of it is recorded.

mod metadata;

use hmac::{Hmac, Mac as _};
use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use super::api_client::{ApiClient, ApiResponse};
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::{FingerprintKey, ProbeContext, curl};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{VaultAuth, VaultSpec};
use gonogo_core::outcome::{Observation, Outcome, key};
use gonogo_core::secret::Secret;
use metadata::CurrentVersion;

const FINGERPRINT: &str = "fingerprint of the value";
/// How much of a fingerprint is kept, in hex digits.
const FINGERPRINT_DIGITS: usize = 16;
/// How many names of fields are said.
const MAX_NAMES: usize = 5;

/// Vault, logged in to.
struct VaultSession {
    api: ApiClient,
    token: HeaderValue,
}

pub(super) async fn run(
    spec: &VaultSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Outcome {
    let path = format!("/v1/{}/metadata/{}", spec.mount, spec.path);
    let mut reproduce = curl::get(&spec.api, &path);
    if let VaultAuth::Token(token) = &spec.auth {
        reproduce = format!("{reproduce} -H 'X-Vault-Token: '{}", token.shell());
    }
    let what = format!("secret {}/{}", spec.mount, spec.path);
    let session = match log_in(spec, deadline, secret_store).await {
        Ok(session) => session,
        Err(why) => return Outcome::of(vec![Observation::unknown(what, "readable", why)], reproduce),
    };
    Outcome::of(query(spec, what, &session, secret_store, context).await, reproduce)
}

async fn query(
    spec: &VaultSpec,
    what: String,
    session: &VaultSession,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Vec<Observation> {
    let data_path = format!("/v1/{}/data/{}", spec.mount, spec.path);
    let reply = match session.get(&format!("/v1/{}/metadata/{}", spec.mount, spec.path)).await {
        Ok(reply) => reply,
        Err(why) => return vec![Observation::unknown(what, "readable", why)],
    };
    // A token may read the value, and with it the metadata of its version, but not the metadata of all.
    let mut data = None;
    let current = match reply.status {
        StatusCode::NOT_FOUND => {
            let seen = missing(spec, &reply, session.mount_version(&spec.mount).await.as_deref());
            return vec![Observation::new(what, "there", seen, false)];
        }
        StatusCode::FORBIDDEN => {
            let read = session.get(&data_path).await;
            let current = read.as_ref().ok().and_then(metadata::of_data);
            data = Some(read);
            current.map(Some).ok_or_else(|| troubled(&reply))
        }
        _ => metadata::current(&reply),
    };
    let current = match current {
        Ok(Some(current)) => current,
        Ok(None) => return vec![Observation::new(what, "there", "it has no version, only metadata", false)],
        Err(why) => return vec![Observation::unknown(what, "readable", why)],
    };
    let mut seen = current.judge(spec, context);
    if current.is_there() {
        let data = match data {
            Some(data) => data,
            None => session.get(&data_path).await,
        };
        seen.extend(value(spec, &current, data, secret_store, context));
    }
    seen
}

impl VaultSession {
    /// The version of the KV store at a mount, if the token may see it
    /// (<https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts>).
    async fn mount_version(&self, mount: &str) -> Option<String> {
        let answer = self.get(&format!("/v1/sys/internal/ui/mounts/{mount}")).await.ok()?.json().ok()?;
        let kind = answer.pointer("/data/type")?.as_str()?;
        let version = answer.pointer("/data/options/version").and_then(Value::as_str);
        // Without options it is a store of version 1.
        ["kv", "generic"].contains(&kind).then(|| version.unwrap_or("1").to_owned())
    }

    async fn get(&self, path: &str) -> ProbeResult<ApiResponse> {
        let request = self.api.request(Method::GET, self.api.url(path, &[]));
        self.api.send(request.header("X-Vault-Token", self.token.clone())).await
    }
}

async fn log_in(
    spec: &VaultSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<VaultSession> {
    let api = ApiClient::new(&spec.api, deadline, secret_store).await?;
    let reference = spec.auth.secret();
    let secret = deadline.limit(format!("reading {reference}"), secret_store.read(reference)).await??;
    let token = match &spec.auth {
        VaultAuth::Token(_) => secret,
        VaultAuth::Approle { role_id, .. } => {
            exchange(&api, "approle", &json!({"role_id": role_id, "secret_id": secret.expose()})).await?
        }
        VaultAuth::Kubernetes { role, .. } => {
            exchange(&api, "kubernetes", &json!({"role": role, "jwt": secret.expose()})).await?
        }
    };
    secret_store.register("Vault token", &token);
    let mut token = HeaderValue::from_str(token.expose())
        .map_err(|_| ProbeError::new("the token is none that HTTP can carry"))?;
    token.set_sensitive(true);
    Ok(VaultSession { api, token })
}

/// Logs in, and gives the token that Vault gives for it.
async fn exchange(api: &ApiClient, method: &str, body: &Value) -> ProbeResult<Secret> {
    let url = api.url(&format!("/v1/auth/{method}/login"), &[]);
    let reply = api.send(api.request(Method::POST, url).body(body.to_string())).await?;
    if reply.status == StatusCode::BAD_REQUEST || reply.status == StatusCode::FORBIDDEN {
        return Err(ProbeError::new(format!("login by {method} is refused: {}", errors(&reply))));
    }
    if !reply.status.is_success() {
        return Err(troubled(&reply));
    }
    let answer = reply.json()?;
    let token = answer.pointer("/auth/client_token").and_then(Value::as_str);
    token.map(|token| Secret::new(token.to_owned())).ok_or_else(|| ProbeError::new("Vault gives no token"))
}

/// Why Vault answers nothing that can be judged
/// (<https://developer.hashicorp.com/vault/api-docs#http-status-codes>).
fn troubled(reply: &ApiResponse) -> ProbeError {
    let is_own = reply.json_of_any_status().is_ok();
    match reply.status.as_u16() {
        503 if is_own => ProbeError::new("Vault is sealed, or in maintenance (503)"),
        403 => ProbeError::new(format!("the token may not see this, or is refused (403: {})", errors(reply))),
        429 => ProbeError::new(format!("Vault limits our requests (429: {})", errors(reply))),
        472 | 473 => ProbeError::new(format!(
            "a standby or a disaster recovery secondary answers ({}): use the address of the active node",
            reply.status.as_u16()
        )),
        307 => {
            let why = String::from(reply.error_of_status());
            ProbeError::new(format!("a standby answers, which does not forward requests: {why}"))
        }
        _ => reply.error_of_status(),
    }
}

/// `{"errors":["permission denied"]}`
fn errors(reply: &ApiResponse) -> String {
    let answer = reply.json_of_any_status().ok();
    let errors = answer.as_ref().and_then(|body| body.get("errors")?.as_array());
    let messages: Vec<_> = errors.into_iter().flatten().filter_map(Value::as_str).map(str::trim).collect();
    if messages.is_empty() { reply.status.as_u16().to_string() } else { messages.join("; ") }
}

/// Why there is no such secret, for people.
fn missing(spec: &VaultSpec, reply: &ApiResponse, version: Option<&str>) -> String {
    let (mount, path) = (&spec.mount, spec.path.trim_start_matches('/'));
    let below = path.strip_prefix(mount.as_str()).map_or(path, |below| below.trim_start_matches('/'));
    let below = below.strip_prefix("data/").or_else(|| below.strip_prefix("metadata/")).unwrap_or(below);
    let message = errors(reply);
    if message.contains("no handler for route") {
        return format!("there is no store at `{mount}`");
    }
    if version == Some("1") {
        return format!("the store at `{mount}` is KV version 1, which has no versions: enable version 2");
    }
    if below != path {
        return format!("there is no such secret; the path is that below the mount: perhaps `{below}`");
    }
    "there is no such secret, or no KV store of version 2".to_owned()
}

fn value(
    spec: &VaultSpec,
    current: &CurrentVersion,
    data: ProbeResult<ApiResponse>,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Vec<Observation> {
    let unknown =
        |why: ProbeError| vec![Observation::unknown(FINGERPRINT, "another than the last run's", why)];
    let reply = match data {
        Ok(reply) if reply.status == StatusCode::FORBIDDEN => {
            return vec![Observation::recorded(
                FINGERPRINT,
                "only metadata may be read here: the version is compared",
            )];
        }
        Ok(reply) if reply.status.is_success() => reply,
        Ok(reply) => return unknown(troubled(&reply)),
        Err(why) => return unknown(why),
    };
    let answer = match reply.json() {
        Ok(answer) => answer,
        Err(why) => return unknown(why),
    };
    if let Some(other) = metadata::of_data(&reply).filter(|other| other.version != current.version) {
        let (is, read) = (current.version, other.version);
        return unknown(ProbeError::new(format!("version {is} is current, but version {read} was read")));
    }
    let text = match field(spec, &answer) {
        Ok(text) => text,
        Err(seen) => {
            return vec![Observation::new("the value", format!("in field `{}`", spec.field), seen, false)];
        }
    };
    let secret = Secret::new(text);
    secret_store.register_lasting("Vault secret", &secret);
    let mut seen = vec![judge_default_token(spec, &secret)];
    seen.extend(context.fingerprint.as_ref().map(|key| {
        context.must_have_changed(FINGERPRINT, key::SECRET_FINGERPRINT, &fingerprint(key, &secret))
    }));
    seen
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
        Some(_) => Err(format!("the field `{}` is no text", spec.field)),
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
    let seen = if is_default { "the stack's default value" } else { "a value of its own" };
    Observation::new("the value", "not a default value", seen, !is_default)
}

/// HMAC-SHA-256 of a secret under the environment's key, shortened: it distinguishes values, and without
/// the key nobody can test guesses against it.
fn fingerprint(key: &FingerprintKey, secret: &Secret) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.0.as_slice()) else { return String::new() };
    mac.update(secret.expose().as_bytes());
    base16ct::lower::encode_string(&mac.finalize().into_bytes()[..FINGERPRINT_DIGITS / 2])
}
