//! Delivers a notification of a run: to a program on its standard input, or to an address by POST.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};

use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::http_client::{HttpClient, ProxyUse};
use super::process::{Program, run_with_input};
use super::secrets::read_secret;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::Notify;
use gonogo_core::checklist::spec::Tls;

/// Delivers a text of JSON once. Secrets are redacted from the error.
///
/// # Errors
/// Why it was not delivered.
pub async fn deliver(
    notify: &Notify,
    json: &str,
    timeout: Duration,
    secret_store: &SecretStore,
) -> Result<(), String> {
    let deadline = Deadline::after(timeout);
    let delivered = match &notify.url {
        Some(url) => post(url, notify, json, &deadline, secret_store).await,
        None => pipe(&notify.command, json, &deadline, secret_store).await,
    };
    delivered.map_err(|error| {
        let mut redactions = BTreeMap::new();
        secret_store.redactor().redact(&error.to_string(), &mut redactions)
    })
}

async fn post(
    url: &str,
    notify: &Notify,
    json: &str,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<()> {
    let url = Url::parse(url).map_err(|error| ProbeError::new(format!("not an address: {error}")))?;
    let client = HttpClient::new(&Tls::default(), ProxyUse::Environment, deadline)?;
    let mut request =
        client.request(Method::POST, url).header(CONTENT_TYPE, "application/json").body(json.to_owned());
    if let Some(secret) = &notify.secret {
        let secret = read_secret(secret, deadline, secret_store).await?;
        let mut value = HeaderValue::from_str(&format!("Bearer {}", secret.expose()))
            .map_err(|_| ProbeError::new("the secret is not a valid HTTP header value"))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let status = client.send(request).await?.status();
    if status.is_success() {
        return Ok(());
    }
    // Not the body: it can repeat what was sent.
    Err(ProbeError::new(format!("HTTP {}", status.as_u16())))
}

async fn pipe(
    argv: &[String],
    json: &str,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<()> {
    let program = Program { argv, cwd: None, env: BTreeMap::new() };
    let result = run_with_input(program, json.as_bytes(), secret_store.permit(), deadline).await?;
    if result.status.success() {
        return Ok(());
    }
    let last =
        if result.stderr.bytes.is_empty() { String::new() } else { format!(": {}", result.stderr.excerpt()) };
    Err(ProbeError::new(format!("{}{last}", result.status)))
}
