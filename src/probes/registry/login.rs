//! Logging in to a registry: anonymous, by password, or with a token that another server issues
//! (distribution specification, token authentication).

use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode, Url};

use super::is_trusted;
use crate::probes::api_client::{ApiClient, ApiResponse};
use crate::probes::deadline::Deadline;
use crate::probes::error::{ProbeError, ProbeResult};
use crate::probes::http_client;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::RegistrySpec;
use gonogo_core::outcome::Observation;
use gonogo_core::secret::Secret;

/// A registry, logged in to.
pub(super) struct RegistrySession {
    api: ApiClient,
    base: Url,
    authorization: Option<HeaderValue>,
    /// Notes for people about the login.
    pub(super) way: Vec<Observation>,
}

/// What a registry asks for (RFC 9110, 11.6.1).
struct Challenge {
    realm: String,
    service: Option<String>,
}

impl RegistrySession {
    pub(super) async fn open(
        spec: &RegistrySpec,
        deadline: &Deadline,
        secret_store: &SecretStore,
    ) -> ProbeResult<Self> {
        let api = ApiClient::new(&spec.api, deadline, secret_store).await?;
        let base = api.url("/", &[]);
        let password = match &spec.password {
            Some(reference) => {
                Some(deadline.limit(format!("reading {reference}"), secret_store.read(reference)).await??)
            }
            None => None,
        };
        let login = spec.username.as_deref().zip(password.as_ref());
        let mut session = Self { api, base, authorization: None, way: Vec::new() };
        let greeting = session.api.get("/v2/", &[]).await?;
        if greeting.status.is_success() {
            let what = "credentials";
            if login.is_some() {
                session.way.push(Observation::recorded(what, "given, but the registry asks for none"));
            }
            return Ok(session);
        }
        if greeting.status != StatusCode::UNAUTHORIZED {
            return Err(match greeting.status {
                StatusCode::NOT_FOUND => {
                    ProbeError::new(format!("there is no registry at {}", session.api.host_and_port()))
                }
                _ => greeting.error_of_status(),
            });
        }
        session.authorization = Some(session.answer(spec, &greeting, login, secret_store).await?);
        session.check(login).await?;
        Ok(session)
    }

    /// Answers the challenge.
    async fn answer(
        &self,
        spec: &RegistrySpec,
        greeting: &ApiResponse,
        login: Option<(&str, &Secret)>,
        secret_store: &SecretStore,
    ) -> ProbeResult<HeaderValue> {
        let challenge = greeting.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenge = challenge
            .ok_or_else(|| ProbeError::new("the registry refuses without saying what it asks for"))?;
        if challenge.to_ascii_lowercase().starts_with("basic") {
            let (user, password) = login.ok_or_else(login_required)?;
            return basic(user, password);
        }
        let bearer = Challenge::read(challenge).ok_or_else(|| {
            ProbeError::new("the registry asks for credentials in a way that is not known here")
        })?;
        let token = self.token(spec, &bearer, login).await?;
        secret_store.register("registry token", &token);
        header(&format!("Bearer {}", token.expose()))
    }

    async fn token(
        &self,
        spec: &RegistrySpec,
        challenge: &Challenge,
        login: Option<(&str, &Secret)>,
    ) -> ProbeResult<Secret> {
        let mut realm = Url::parse(&challenge.realm)
            .map_err(|_| ProbeError::new("the registry names a token server that is no address"))?;
        if !is_trusted(&self.base, &realm) {
            return Err(ProbeError::new(format!(
                "the registry sends for tokens to {}, another host without TLS: not followed",
                http_client::host_and_port(&realm)
            )));
        }
        let actions = if spec.push { "pull,push" } else { "pull" };
        realm.query_pairs_mut().append_pair("scope", &format!("repository:{}:{actions}", spec.repository));
        if let Some(service) = &challenge.service {
            realm.query_pairs_mut().append_pair("service", service);
        }
        let place = http_client::host_and_port(&realm);
        let mut request = self.api.request(Method::GET, realm);
        if let Some((user, password)) = login {
            request = request.header(AUTHORIZATION, basic(user, password)?);
        }
        let reply = self.api.send(request).await?;
        if matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(login_refused(login, &place));
        }
        let answer = reply.json()?;
        let token =
            answer.get("token").or_else(|| answer.get("access_token")).and_then(|token| token.as_str());
        token
            .map(|token| Secret::new(token.to_owned()))
            .ok_or_else(|| ProbeError::new(format!("the token server {place} gives no token")))
    }

    /// Wrong passwords are reported once, and not as a missing image.
    async fn check(&self, login: Option<(&str, &Secret)>) -> ProbeResult<()> {
        let reply = self.send(Method::GET, "/v2/", &[]).await?;
        let is_bearer =
            self.authorization.as_ref().is_some_and(|value| value.as_bytes().starts_with(b"Bearer"));
        // A token for one repository may not allow the registry's base endpoint.
        if reply.status == StatusCode::UNAUTHORIZED && !is_bearer {
            return Err(login_refused(login, &self.api.host_and_port()));
        }
        Ok(())
    }

    /// Where a server says that something is; only on its own host.
    pub(super) fn join(&self, location: &str) -> ProbeResult<Url> {
        let to = self
            .base
            .join(location)
            .map_err(|_| ProbeError::new("the registry names a place that is no address"))?;
        if to.origin() == self.base.origin() {
            Ok(to)
        } else {
            Err(ProbeError::new("another host: not followed"))
        }
    }

    pub(super) async fn send(&self, method: Method, path: &str, accept: &[&str]) -> ProbeResult<ApiResponse> {
        self.send_to(method, self.api.url(path, &[]), accept).await
    }

    pub(super) async fn send_to(&self, method: Method, to: Url, accept: &[&str]) -> ProbeResult<ApiResponse> {
        let mut request = self.api.request(method, to);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if !accept.is_empty() {
            request = request.header("Accept", accept.join(", "));
        }
        self.api.send(request).await
    }

    /// Fetches from where a registry keeps its blobs, without credentials: the caller checks the digest.
    pub(super) async fn fetch(&self, location: &str) -> ProbeResult<ApiResponse> {
        let to = self
            .base
            .join(location)
            .map_err(|_| ProbeError::new("the registry names a place that is no address"))?;
        if !is_trusted(&self.base, &to) {
            return Err(ProbeError::new(format!(
                "its blobs are at {}, another host without TLS: not followed",
                http_client::host_and_port(&to)
            )));
        }
        self.api.send(self.api.request(Method::GET, to)).await
    }
}

fn login_required() -> ProbeError {
    ProbeError::new("the registry asks for credentials and got none")
}

fn login_refused(login: Option<(&str, &Secret)>, place: &str) -> ProbeError {
    match login {
        Some((user, _)) => ProbeError::new(format!("credentials refused for user `{user}` at {place}")),
        None => login_required(),
    }
}

fn basic(user: &str, password: &Secret) -> ProbeResult<HeaderValue> {
    use base64::Engine as _;
    let credentials = zeroize::Zeroizing::new(format!("{user}:{}", password.expose()));
    header(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials.as_bytes())))
}

fn header(value: &str) -> ProbeResult<HeaderValue> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| ProbeError::new("the credentials are none that HTTP can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Challenge {
    /// `Bearer realm="…",service="…",scope="…"`.
    fn read(text: &str) -> Option<Self> {
        let (scheme, mut rest) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        while let Some((key, value)) = rest.split_once("=\"") {
            let (value, after) = value.split_once('"')?;
            match key.trim_matches([',', ' ']).to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value.to_owned()),
                "service" => service = Some(value.to_owned()),
                _ => {}
            }
            rest = after;
        }
        Some(Self { realm: realm?, service })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_with_commas_in_its_values() {
        let text =
            r#"Bearer realm="https://auth.example/token",service="reg",scope="repository:a:pull,push""#;
        let challenge = Challenge::read(text).unwrap();
        assert_eq!(
            (challenge.realm.as_str(), challenge.service.as_deref()),
            ("https://auth.example/token", Some("reg"))
        );
        assert!(Challenge::read("Digest realm=\"x\"").is_none());
    }
}
