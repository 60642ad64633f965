//! The Vault probe (KV version 2): how young the current version of a secret is, and whether it is another than
//! the last run's. If its value may be read, only a fingerprint of it is recorded.

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
use gonogo_core::time::Utc;

const FINGERPRINT: &str = "fingerprint of the value";
/// How much of a fingerprint is kept, in hex digits.
const FINGERPRINT_DIGITS: usize = 16;

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
    let mut seen = match session.get(&path).await {
        Ok(reply) => metadata(spec, what, &reply, context),
        Err(why) => vec![Observation::unknown(what, "readable", why)],
    };
    if seen.iter().all(|seen| seen.ok == Some(true)) {
        let data = session.get(&format!("/v1/{}/data/{}", spec.mount, spec.path)).await;
        seen.extend(value(spec, data, secret_store, context));
    }
    Outcome::of(seen, reproduce)
}

impl VaultSession {
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

/// Why Vault answers nothing that can be judged.
fn troubled(reply: &ApiResponse) -> ProbeError {
    match reply.status.as_u16() {
        503 => ProbeError::new("Vault is sealed, or in maintenance (503)"),
        403 => ProbeError::new(format!("the token may not see this, or is refused (403: {})", errors(reply))),
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

fn metadata(spec: &VaultSpec, what: String, reply: &ApiResponse, context: &ProbeContext) -> Vec<Observation> {
    if reply.status == StatusCode::NOT_FOUND {
        return vec![Observation::new(
            what,
            "there",
            "there is no such secret, or no KV store of version 2",
            false,
        )];
    }
    if !reply.status.is_success() {
        return vec![Observation::unknown(what, "readable", troubled(reply))];
    }
    let read = reply.json();
    let current = read.as_ref().ok().and_then(|answer| {
        let version = answer.pointer("/data/current_version")?.as_u64()?;
        let metadata = answer.pointer(&format!("/data/versions/{version}"))?;
        Some((version, metadata))
    });
    let Some((version, metadata)) = current else {
        let why =
            read.err().unwrap_or_else(|| ProbeError::new("the answer is in no form that Vault documents"));
        return vec![Observation::unknown(what, "readable", why)];
    };
    vec![judge_status(metadata), fresh(version, metadata, context), age(spec, metadata)]
}

fn judge_status(metadata: &Value) -> Observation {
    let deleted = metadata.get("deletion_time").and_then(Value::as_str).unwrap_or_default();
    let destroyed = metadata.get("destroyed").and_then(Value::as_bool) == Some(true);
    let seen = match (destroyed, deleted) {
        (true, _) => "destroyed".to_owned(),
        (false, "") => "there".to_owned(),
        (false, at) => format!("deleted, {at}"),
    };
    let ok = seen == "there";
    Observation::new("the current version's value", "there", seen, ok)
}

fn fresh(version: u64, metadata: &Value, context: &ProbeContext) -> Observation {
    let created = metadata.get("created_time").and_then(Value::as_str).unwrap_or("an unknown time");
    let seen = format!("{version}, of {created}");
    context.must_have_changed("current version", key::SECRET_VERSION, &seen)
}

fn age(spec: &VaultSpec, metadata: &Value) -> Observation {
    let (what, expected) = ("age", format!("at most {} days", spec.max_age_days));
    let created = metadata.get("created_time").and_then(Value::as_str);
    let Some(created) = created.and_then(|text| Utc::parse(text).ok()) else {
        return Observation::unknown(what, expected, "Vault does not say when it was made");
    };
    let now = Utc::from_millis(jiff::Timestamp::now().as_millisecond());
    let days = now.since(created).as_secs() / 86_400;
    Observation::new(
        what,
        expected,
        format!("{days} day{}", if days == 1 { "" } else { "s" }),
        days <= spec.max_age_days,
    )
    .as_measured()
}

fn value(
    spec: &VaultSpec,
    data: ProbeResult<ApiResponse>,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Vec<Observation> {
    let reply = match data {
        Ok(reply) if reply.status == StatusCode::FORBIDDEN => {
            return vec![Observation::recorded(
                FINGERPRINT,
                "only metadata may be read here: the version is compared",
            )];
        }
        Ok(reply) => reply,
        Err(why) => return vec![Observation::unknown(FINGERPRINT, "another than the last run's", why)],
    };
    let answer = match reply.json() {
        Ok(answer) => answer,
        Err(why) => return vec![Observation::unknown(FINGERPRINT, "another than the last run's", why)],
    };
    let text = answer.pointer("/data/data").and_then(|fields| fields.get(&spec.field)?.as_str());
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        let seen = format!("the secret has no field `{}`", spec.field);
        return vec![Observation::new("the value", format!("in field `{}`", spec.field), seen, false)];
    };
    let secret = Secret::new(text.to_owned());
    secret_store.register_lasting("Vault secret", &secret);
    let mut seen = vec![judge_default_token(spec, &secret)];
    seen.extend(context.fingerprint.as_ref().map(|key| {
        context.must_have_changed(FINGERPRINT, key::SECRET_FINGERPRINT, &fingerprint(key, &secret))
    }));
    seen
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
