//! A registry, logged in to: anonymously, by password, or with a token. A registry may ask at any request, not only at
//! its base address (distribution specification, authentication).

use std::sync::{Mutex, PoisonError};

use reqwest::header::{AUTHORIZATION, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode, Url};

use super::challenge::{Challenge, challenges};
use super::is_trusted;
use super::token::TokenServer;
use crate::probes::api_client::{ApiClient, ApiResponse};
use crate::probes::deadline::Deadline;
use crate::probes::error::{ProbeError, ProbeResult};
use crate::probes::http_client;
use crate::probes::secrets::read_secret;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{ApiSpec, RegistrySpec};
use gonogo_core::secret::Secret;

/// How often a registry may send on.
const MAX_REDIRECTS: usize = 4;
/// The names of Docker Hub, and the address of its API.
const DOCKER_HUB: [&str; 3] = ["docker.io", "www.docker.io", "hub.docker.com"];
const DOCKER_HUB_API: &str = "https://registry-1.docker.io";
/// What a presigned address has in its query. Its server takes no other credentials.
const SIGNATURES: [&str; 4] = ["X-Amz-Signature=", "Signature=", "sig=", "X-Goog-Signature="];

/// The account.
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Secret,
}

/// Why there is no session.
pub(super) enum LoginError {
    /// The account is known, and may not do this: the registry's words.
    Denied(String),
    /// It could not be tried.
    Failed(ProbeError),
}

impl From<ProbeError> for LoginError {
    fn from(error: ProbeError) -> Self {
        Self::Failed(error)
    }
}

impl From<LoginError> for ProbeError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Denied(why) => Self::new(format!("permission denied: {why}")),
            LoginError::Failed(why) => why,
        }
    }
}

/// A registry, logged in to.
pub(super) struct RegistrySession<'a> {
    api: ApiClient,
    base: Url,
    login: Option<Login>,
    /// What a token is asked for.
    scope: String,
    access: Mutex<Access>,
    secret_store: &'a SecretStore,
}

/// What requests carry.
#[derive(Clone, Default)]
struct Access {
    header: Option<HeaderValue>,
    /// The scope of the token.
    scope: Option<String>,
}

impl<'a> RegistrySession<'a> {
    pub(super) async fn open(
        spec: &RegistrySpec,
        deadline: &Deadline,
        secret_store: &'a SecretStore,
    ) -> Result<Self, LoginError> {
        let api = ApiClient::new(&api_of(spec), deadline, secret_store).await?;
        let login = login_of(spec, deadline, secret_store).await?;
        let actions = if spec.push { "pull,push" } else { "pull" };
        let scope = format!("repository:{}:{actions}", spec.repository);
        let base = api.url("/", &[]);
        let session = Self { api, base, login, scope, access: Mutex::default(), secret_store };
        session.greet().await?;
        Ok(session)
    }

    async fn greet(&self) -> Result<(), LoginError> {
        let path = self.api.url("/v2/", &[]);
        let greeting = self.follow(path.clone(), &[]).await?;
        match greeting.status {
            status if status.is_success() => Ok(()),
            StatusCode::UNAUTHORIZED => {
                self.log_in(&greeting, &self.scope).await?;
                self.check(path).await
            }
            StatusCode::NOT_FOUND => Err(no_registry(&self.api.host_and_port(), path.path()).into()),
            _ => Err(greeting.error_of_status().into()),
        }
    }

    /// Wrong passwords are reported once, and not as a missing image. A token has been judged by its server.
    async fn check(&self, path: Url) -> Result<(), LoginError> {
        if self.access().scope.is_some() {
            return Ok(());
        }
        let reply = self.send_once(Method::GET, path, &[]).await?;
        if reply.status == StatusCode::UNAUTHORIZED {
            return Err(self.refused().into());
        }
        Ok(())
    }

    fn refused(&self) -> ProbeError {
        login_refused(self.login.as_ref(), &self.api.host_and_port())
    }

    pub(super) fn secret_store(&self) -> &SecretStore {
        self.secret_store
    }

    /// Whether the registry has been used without credentials, although some are given.
    pub(super) fn ignores_login(&self) -> bool {
        self.login.is_some() && self.access().header.is_none()
    }

    /// Answers the challenges of a reply: that for a token first, by password where that fails or is not asked for.
    async fn log_in(&self, reply: &ApiResponse, scope: &str) -> Result<(), LoginError> {
        let challenges = challenges(&reply.headers);
        let asks = |scheme| challenges.iter().find(|challenge| challenge.is(scheme));
        if let Some(challenge) = asks("bearer") {
            match self.token(challenge, scope).await {
                Ok(header) => {
                    self.set(Access { header: Some(header), scope: Some(scope.to_owned()) });
                    return Ok(());
                }
                Err(error) if asks("basic").is_none() || self.login.is_none() => return Err(error),
                Err(_) => {}
            }
        } else if !challenges.is_empty() && asks("basic").is_none() {
            return Err(ProbeError::new(
                "the registry requires an authentication scheme that is not supported",
            )
            .into());
        }
        let login = self.login.as_ref().ok_or_else(login_required)?;
        self.set(Access { header: Some(basic(login)?), scope: None });
        Ok(())
    }

    async fn token(&self, challenge: &Challenge, scope: &str) -> Result<HeaderValue, LoginError> {
        let server = TokenServer::of(&self.api, &self.base, challenge, self.login.as_ref())?;
        let token = server.token(scope).await?;
        self.secret_store.register("registry token", &token);
        Ok(header(&format!("Bearer {}", token.expose()))?)
    }

    fn access(&self) -> Access {
        self.access.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, access: Access) {
        *self.access.lock().unwrap_or_else(PoisonError::into_inner) = access;
    }

    /// Where a server says that something is; only on its own host.
    pub(super) fn join(&self, location: &str) -> ProbeResult<Url> {
        let to = address(&self.base, location)?;
        if to.origin() == self.base.origin() {
            Ok(to)
        } else {
            Err(ProbeError::new(format!("redirected to {}, another host: not followed", place(&to))))
        }
    }

    pub(super) async fn send(&self, method: Method, path: &str, accept: &[&str]) -> ProbeResult<ApiResponse> {
        self.send_to(method, self.api.url(path, &[]), accept).await
    }

    /// Sends a request, once more with what the registry asks for, if it has not been asked for that yet.
    pub(super) async fn send_to(&self, method: Method, to: Url, accept: &[&str]) -> ProbeResult<ApiResponse> {
        let reply = self.send_once(method.clone(), to.clone(), accept).await?;
        if reply.status != StatusCode::UNAUTHORIZED || to.origin() != self.base.origin() {
            return Ok(reply);
        }
        let Some(scope) = self.further_scope(&reply) else { return Ok(reply) };
        match self.log_in(&reply, &scope).await {
            Ok(()) => {}
            // In the registry's words.
            Err(LoginError::Denied(_)) => return Ok(reply),
            Err(LoginError::Failed(why)) => return Err(why),
        }
        let reply = self.send_once(method, to, accept).await?;
        let is_refused = reply.status == StatusCode::UNAUTHORIZED && self.access().scope.is_none();
        if is_refused { Err(self.refused()) } else { Ok(reply) }
    }

    /// The scope that a registry asks for, if no credentials for it have been sent.
    fn further_scope(&self, reply: &ApiResponse) -> Option<String> {
        let (access, challenges) = (self.access(), challenges(&reply.headers));
        let bearer = challenges.iter().find(|challenge| challenge.is("bearer"));
        let scope = bearer.and_then(|challenge| challenge.get("scope"));
        let scope = scope.filter(|scope| scope.starts_with("repository:")).unwrap_or(&self.scope);
        let is_new = access.header.is_none() || (bearer.is_some() && access.scope.as_deref() != Some(scope));
        is_new.then(|| scope.to_owned())
    }

    async fn send_once(&self, method: Method, to: Url, accept: &[&str]) -> ProbeResult<ApiResponse> {
        let is_presigned = to.query().is_some_and(|query| SIGNATURES.iter().any(|part| query.contains(part)));
        let is_own = to.origin() == self.base.origin() && !is_presigned;
        let mut request = self.api.request(method, to);
        if let Some(authorization) = self.access().header.filter(|_| is_own) {
            request = request.header(AUTHORIZATION, authorization);
        }
        if !accept.is_empty() {
            request = request.header("Accept", accept.join(", "));
        }
        self.api.send(request).await
    }

    /// Gets something, also from where the registry keeps it: elsewhere without credentials. Blobs have digests.
    pub(super) async fn get(&self, path: &str, accept: &[&str]) -> ProbeResult<ApiResponse> {
        let mut to = self.api.url(path, &[]);
        for _ in 0..MAX_REDIRECTS {
            let reply = self.send_to(Method::GET, to.clone(), accept).await?;
            let Some(location) = redirection(&reply) else { return Ok(reply) };
            to = address(&to, location)?;
            if !is_trusted(&self.base, &to) {
                return Err(ProbeError::new(format!(
                    "redirected to {}, another host without TLS: not followed",
                    place(&to)
                )));
            }
        }
        Err(ProbeError::new(format!("redirected more than {MAX_REDIRECTS} times: not followed")))
    }

    /// Gets something of the registry's own host.
    async fn follow(&self, mut to: Url, accept: &[&str]) -> ProbeResult<ApiResponse> {
        for _ in 0..MAX_REDIRECTS {
            let reply = self.send_once(Method::GET, to.clone(), accept).await?;
            let next = redirection(&reply).map(|location| address(&to, location)).transpose()?;
            match next.filter(|next| next.origin() == self.base.origin()) {
                Some(next) => to = next,
                None => return Ok(reply),
            }
        }
        Err(ProbeError::new(format!("redirected more than {MAX_REDIRECTS} times: not followed")))
    }
}

fn address(at: &Url, location: &str) -> ProbeResult<Url> {
    at.join(location).map_err(|_| ProbeError::new("the registry's redirect is not a valid address"))
}

/// A registry's API is at the root of its host (distribution specification, endpoints), except behind some proxies.
fn no_registry(place: &str, path: &str) -> ProbeError {
    let why = format!("no registry at {place}: no {path} endpoint");
    match path.trim_end_matches("v2/").trim_matches('/') {
        "" => ProbeError::new(why),
        prefix => ProbeError::new(format!(
            "{why}; if {prefix} is the begin of the images' names, it belongs to the repository, not to the address"
        )),
    }
}

fn redirection(reply: &ApiResponse) -> Option<&str> {
    let location = reply.headers.get(LOCATION).filter(|_| reply.status.is_redirection());
    location.and_then(|to| to.to_str().ok())
}

fn place(url: &Url) -> String {
    http_client::host_and_port(url)
}

/// The registry's API: that of Docker Hub is at another address than its images are named by.
fn api_of(spec: &RegistrySpec) -> ApiSpec {
    let host = spec.api.url.split_once("://").map_or("", |(_, rest)| rest.trim_end_matches('/'));
    let is_hub = DOCKER_HUB.contains(&host);
    let url = if is_hub { DOCKER_HUB_API.to_owned() } else { spec.api.url.clone() };
    ApiSpec { url, ..spec.api.clone() }
}

async fn login_of(
    spec: &RegistrySpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<Option<Login>> {
    let Some(reference) = &spec.password else { return Ok(None) };
    let password = read_secret(reference, deadline, secret_store).await?;
    Ok(spec.username.clone().map(|user| Login { user, password }))
}

fn login_required() -> ProbeError {
    ProbeError::new("the registry requires credentials, but none are configured")
}

pub(super) fn login_refused(login: Option<&Login>, place: &str) -> ProbeError {
    match login {
        Some(login) => ProbeError::new(format!("credentials refused for user `{}` at {place}", login.user)),
        None => login_required(),
    }
}

pub(super) fn basic(login: &Login) -> ProbeResult<HeaderValue> {
    use base64::Engine as _;
    let credentials = zeroize::Zeroizing::new(format!("{}:{}", login.user, login.password.expose()));
    header(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(credentials.as_bytes())))
}

fn header(value: &str) -> ProbeResult<HeaderValue> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| ProbeError::new("the credentials are not a valid HTTP header value"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_api_of_docker_hub_is_not_where_its_images_are_named() {
        for (url, api) in [
            ("https://docker.io", "https://registry-1.docker.io"),
            ("https://docker.io/", "https://registry-1.docker.io"),
            ("https://registry-1.docker.io", "https://registry-1.docker.io"),
            ("https://registry.example.com/", "https://registry.example.com/"),
        ] {
            let spec = json!({"api": {"url": url}, "repository": "team/app"});
            assert_eq!(api_of(&serde_json::from_value(spec).unwrap()).url, api);
        }
    }
}
