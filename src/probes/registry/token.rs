//! Tokens of a registry's token server: by GET, as the distribution specification has it, or by POST, as `OAuth2` has
//! it (<https://distribution.github.io/distribution/spec/auth/token/>, …/oauth/).

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::challenge::Challenge;
use super::login::{Login, LoginError, basic, login_refused};
use super::{is_trusted, refusal};
use crate::probes::api_client::{ApiClient, ApiResponse};
use crate::probes::error::{ProbeError, ProbeResult};
use crate::probes::http_client::host_and_port;
use gonogo_core::secret::Secret;

/// The user's name that says that the password is a refresh token (docker-credential-helpers).
const REFRESH_TOKEN_USER: &str = "<token>";
/// How tokens are asked for in `OAuth2`.
const CLIENT: &str = "gonogo";

/// A token server, and what it is asked for.
pub(super) struct TokenServer<'a> {
    api: &'a ApiClient,
    realm: Url,
    service: Option<&'a str>,
    login: Option<&'a Login>,
}

impl<'a> TokenServer<'a> {
    /// The server that a challenge names.
    pub(super) fn of(
        api: &'a ApiClient,
        base: &Url,
        challenge: &'a Challenge,
        login: Option<&'a Login>,
    ) -> ProbeResult<Self> {
        let realm = challenge.get("realm").unwrap_or_default();
        let realm = base
            .join(realm)
            .ok()
            .filter(|url| !realm.is_empty() && url.has_host())
            .ok_or_else(|| ProbeError::new("the registry's token server is not a valid address"))?;
        if !is_trusted(base, &realm) {
            return Err(ProbeError::new(format!(
                "the registry's token server is {}, another host without TLS: not used",
                host_and_port(&realm)
            )));
        }
        Ok(Self { api, realm, service: challenge.get("service"), login })
    }

    /// A token for a scope. A refusal of the scope is distinguished from one of the credentials.
    pub(super) async fn token(&self, scope: &str) -> Result<Secret, LoginError> {
        let reply = self.ask(Some(scope)).await?;
        if !is_refusal(&reply) {
            return Ok(self.read(&reply)?);
        }
        // As `docker login` does: without a scope, only the credentials are judged.
        let is_known = match self.login {
            Some(_) => !is_refusal(&self.ask(None).await?),
            None => false,
        };
        if is_known {
            return Err(LoginError::Denied(refusal(&reply.body, reply.status)));
        }
        Err(login_refused(self.login, &self.place()).into())
    }

    fn place(&self) -> String {
        host_and_port(&self.realm)
    }

    async fn ask(&self, scope: Option<&str>) -> ProbeResult<ApiResponse> {
        let is_refresh = self.login.is_some_and(|login| login.user == REFRESH_TOKEN_USER);
        if is_refresh {
            return self.post(scope).await;
        }
        let reply = self.get(scope).await?;
        let is_of_post = matches!(reply.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
        if is_of_post && self.login.is_some() { self.post(scope).await } else { Ok(reply) }
    }

    async fn get(&self, scope: Option<&str>) -> ProbeResult<ApiResponse> {
        let mut url = self.realm.clone();
        let account = self.login.map(|login| login.user.as_str());
        let query = [("scope", scope), ("service", self.service), ("account", account)];
        url.query_pairs_mut().extend_pairs(query.iter().filter_map(|(key, value)| Some((key, (*value)?))));
        let mut request = self.api.request(Method::GET, url);
        if let Some(login) = self.login {
            request = request.header(AUTHORIZATION, basic(login)?);
        }
        self.api.send(request).await
    }

    async fn post(&self, scope: Option<&str>) -> ProbeResult<ApiResponse> {
        let Some(login) = self.login else { return Err(ProbeError::new("no credentials")) };
        let (user, password) = (Some(login.user.as_str()), Some(login.password.expose()));
        let is_refresh = login.user == REFRESH_TOKEN_USER;
        let (kind, user, password, token) = if is_refresh {
            ("refresh_token", None, None, password)
        } else {
            ("password", user, password, None)
        };
        let form = [
            ("grant_type", Some(kind)),
            ("service", self.service),
            ("client_id", Some(CLIENT)),
            ("scope", scope),
            ("username", user),
            ("password", password),
            ("refresh_token", token),
        ];
        let body = zeroize::Zeroizing::new(form_of(&form));
        let request = self.api.request(Method::POST, self.realm.clone());
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.api.send(request.body(body.as_bytes().to_vec())).await
    }

    /// `token` and `access_token` mean the same; one of them may be empty.
    fn read(&self, reply: &ApiResponse) -> ProbeResult<Secret> {
        let place = self.place();
        let explain = |why: ProbeError| ProbeError::new(format!("the token server {place}: {why}"));
        let answer = reply.json().map_err(explain)?;
        let field = |name| answer.get(name).and_then(Value::as_str).filter(|token: &&str| !token.is_empty());
        let token = field("token").or_else(|| field("access_token"));
        token
            .map(|token| Secret::new(token.to_owned()))
            .ok_or_else(|| ProbeError::new(format!("the token server {place} returned no token")))
    }
}

/// Token servers refuse by 401 or 403, that of `OAuth2` by 400 (RFC 6749, 5.2).
fn is_refusal(reply: &ApiResponse) -> bool {
    let code = reply.json_of_any_status().ok();
    let code = code.as_ref().and_then(|body| body.get("error")?.as_str());
    let is_grant =
        code.is_some_and(|code| ["invalid_grant", "invalid_scope", "access_denied"].contains(&code));
    matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || (reply.status == StatusCode::BAD_REQUEST && is_grant)
}

fn form_of(fields: &[(&str, Option<&str>)]) -> String {
    let pairs = fields
        .iter()
        .filter_map(|(key, value)| Some(format!("{key}={}", crate::probes::http_client::segment((*value)?))));
    pairs.collect::<Vec<_>>().join("&")
}
