//! The Vault probe (KV version 2): how young the current version of a secret is, and whether it is another than
//! the last run's. If its value may be read, only a fingerprint of it is recorded.

mod metadata;
mod reproduce;
mod value;

use reqwest::header::HeaderValue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::ProbeContext;
use super::api_client::{ApiClient, ApiResponse};
use super::checked_by::{self, CheckedBy};
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::secrets::read_secret;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{VaultAuth, VaultSpec};
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::secret::Secret;
use value::ValueJudge;

/// The part of an address of the metadata of a secret.
const METADATA: &str = "metadata";

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
    let what = format!("secret {}/{}", spec.mount, spec.path);
    let failed =
        |why, command| Outcome::of(vec![Observation::unknown(what.clone(), "readable", why)], command);
    let secret = match read_secret(spec.auth.secret(), deadline, secret_store).await {
        Ok(secret) => secret,
        Err(why) => return failed(why, spec.auth.secret().shell_check()),
    };
    let session = match log_in(spec, secret, deadline, secret_store).await {
        Ok(session) => session,
        Err(why) => return failed(why, reproduce::login(spec)),
    };
    let token = match &spec.same_as {
        Some(reference) => Some(read_secret(reference, deadline, secret_store).await),
        None => None,
    };
    let values = ValueJudge { spec, secret_store, context, token };
    checked_by::outcome(query(spec, what, &session, &values).await)
}

/// The path of a secret's metadata, or of its data.
fn path_of(spec: &VaultSpec, part: &str) -> String {
    format!("/v1/{}/{part}/{}", spec.mount, spec.path)
}

async fn query(
    spec: &VaultSpec,
    what: String,
    session: &VaultSession,
    values: &ValueJudge<'_>,
) -> Vec<CheckedBy> {
    let of_metadata = |seen| CheckedBy { command: reproduce::metadata(spec), seen };
    let data_path = path_of(spec, "data");
    let reply = match session.get(&path_of(spec, METADATA)).await {
        Ok(reply) => reply,
        Err(why) => return vec![of_metadata(vec![Observation::unknown(what, "readable", why)])],
    };
    // A token may read the value, and with it the metadata of its version, but not the metadata of all.
    let mut data = None;
    let current = match reply.status {
        StatusCode::NOT_FOUND => {
            let seen = missing(spec, &reply, session.mount_version(&spec.mount).await.as_deref());
            return vec![of_metadata(vec![Observation::new(what, "present", seen, false)])];
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
        Ok(None) => {
            let seen = Observation::new(what, "present", "no version, only metadata", false);
            return vec![of_metadata(vec![seen])];
        }
        Err(why) => return vec![of_metadata(vec![Observation::unknown(what, "readable", why)])],
    };
    let mut checks = vec![of_metadata(current.judge(spec, values.context))];
    if current.is_there() {
        let data = match data {
            Some(data) => data,
            None => session.get(&data_path).await,
        };
        let seen = values.judge(&current, data).into_iter();
        checks
            .extend(seen.map(|seen| CheckedBy { command: reproduce::value(spec, &seen), seen: vec![seen] }));
    }
    checks
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
    secret: Secret,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<VaultSession> {
    let api = ApiClient::new(&spec.api, deadline, secret_store).await?;
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
        .map_err(|_| ProbeError::new("the token is not a valid HTTP header value"))?;
    token.set_sensitive(true);
    Ok(VaultSession { api, token })
}

/// Logs in, and gives the token that Vault gives for it.
async fn exchange(api: &ApiClient, method: &str, body: &Value) -> ProbeResult<Secret> {
    let url = api.url(&format!("/v1/auth/{method}/login"), &[]);
    let reply = api.send(api.request(Method::POST, url).body(body.to_string())).await?;
    if reply.status == StatusCode::BAD_REQUEST || reply.status == StatusCode::FORBIDDEN {
        return Err(ProbeError::new(format!("login by {method} refused: {}", errors(&reply))));
    }
    if !reply.status.is_success() {
        return Err(troubled(&reply));
    }
    let answer = reply.json()?;
    let token = answer.pointer("/auth/client_token").and_then(Value::as_str);
    token.map(|token| Secret::new(token.to_owned())).ok_or_else(|| ProbeError::new("Vault returned no token"))
}

/// Why Vault answers nothing that can be judged
/// (<https://developer.hashicorp.com/vault/api-docs#http-status-codes>).
fn troubled(reply: &ApiResponse) -> ProbeError {
    let is_own = reply.json_of_any_status().is_ok();
    match reply.status.as_u16() {
        503 if is_own => ProbeError::new("Vault is sealed, or in maintenance (503)"),
        403 => {
            ProbeError::new(format!("permission denied, or the token is not valid (403: {})", errors(reply)))
        }
        429 => ProbeError::new(format!("Vault's rate limit is exceeded (429: {})", errors(reply))),
        472 | 473 => ProbeError::new(format!(
            "a standby or disaster recovery secondary responded ({}): use the address of the active node",
            reply.status.as_u16()
        )),
        307 => {
            let why = String::from(reply.error_of_status());
            ProbeError::new(format!("a standby node responded, which does not forward requests: {why}"))
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
        return format!("no secrets engine at `{mount}`");
    }
    if version == Some("1") {
        return format!(
            "the secrets engine at `{mount}` is KV version 1, which keeps no versions: enable version 2"
        );
    }
    if below != path {
        return format!("no such secret; the path is relative to the mount: perhaps `{below}`");
    }
    "no such secret, or no KV secrets engine of version 2".to_owned()
}
