//! Who asks a registry: nobody, somebody by password, or somebody with a token that another server gives
//! (distribution specification, token authentication).

use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode, Url};

use super::is_trusted;
use crate::checklist::spec::Registry;
use crate::outcome::Observation;
use crate::probe::api::{Api, Reply};
use crate::probe::blind::{Blind, Fact};
use crate::probe::deadline::Deadline;
use crate::probe::web;
use crate::secret::{Keeper, Secret};

/// A registry that knows who asks.
pub(super) struct Session {
    api: Api,
    base: Url,
    authorization: Option<HeaderValue>,
    /// What people should know of how it was logged in.
    pub(super) way: Vec<Observation>,
}

/// What a registry asks for (RFC 9110, 11.6.1).
struct Challenge {
    realm: String,
    service: Option<String>,
}

impl Session {
    pub(super) async fn open(spec: &Registry, deadline: &Deadline, keeper: &Keeper) -> Fact<Self> {
        let api = Api::new(&spec.api, deadline, keeper).await?;
        let base = api.url("/", &[]);
        let password = match &spec.password {
            Some(reference) => {
                Some(deadline.of(format!("reading {reference}"), keeper.read(reference)).await??)
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
                    Blind::new(format!("there is no registry at {}", session.api.place()))
                }
                _ => greeting.refusal(),
            });
        }
        session.authorization = Some(session.answer(spec, &greeting, login, keeper).await?);
        session.check(login).await?;
        Ok(session)
    }

    /// Answers the challenge.
    async fn answer(
        &self,
        spec: &Registry,
        greeting: &Reply,
        login: Option<(&str, &Secret)>,
        keeper: &Keeper,
    ) -> Fact<HeaderValue> {
        let challenge = greeting.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenge =
            challenge.ok_or_else(|| Blind::new("the registry refuses without saying what it asks for"))?;
        if challenge.to_ascii_lowercase().starts_with("basic") {
            let (user, password) = login.ok_or_else(nobody)?;
            return basic(user, password);
        }
        let bearer = Challenge::read(challenge)
            .ok_or_else(|| Blind::new("the registry asks for credentials in a way that is not known here"))?;
        let token = self.token(spec, &bearer, login).await?;
        keeper.keep("registry token", &token);
        header(&format!("Bearer {}", token.expose()))
    }

    async fn token(
        &self,
        spec: &Registry,
        challenge: &Challenge,
        login: Option<(&str, &Secret)>,
    ) -> Fact<Secret> {
        let mut realm = Url::parse(&challenge.realm)
            .map_err(|_| Blind::new("the registry names a token server that is no address"))?;
        if !is_trusted(&self.base, &realm) {
            return Err(Blind::new(format!(
                "the registry sends for tokens to {}, another host without TLS: not followed",
                web::place(&realm)
            )));
        }
        let actions = if spec.push { "pull,push" } else { "pull" };
        realm.query_pairs_mut().append_pair("scope", &format!("repository:{}:{actions}", spec.repository));
        if let Some(service) = &challenge.service {
            realm.query_pairs_mut().append_pair("service", service);
        }
        let place = web::place(&realm);
        let mut request = self.api.request(Method::GET, realm);
        if let Some((user, password)) = login {
            request = request.header(AUTHORIZATION, basic(user, password)?);
        }
        let reply = self.api.send(request).await?;
        if matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(refused(login, &place));
        }
        let answer = reply.json()?;
        let token =
            answer.get("token").or_else(|| answer.get("access_token")).and_then(|token| token.as_str());
        token
            .map(|token| Secret::new(token.to_owned()))
            .ok_or_else(|| Blind::new(format!("the token server {place} gives no token")))
    }

    /// Wrong passwords are told once, and not as an image that is not there.
    async fn check(&self, login: Option<(&str, &Secret)>) -> Fact<()> {
        let reply = self.send(Method::GET, "/v2/", &[]).await?;
        let bearer = self.authorization.as_ref().is_some_and(|value| value.as_bytes().starts_with(b"Bearer"));
        // A token for one repository need not open the registry's front door.
        if reply.status == StatusCode::UNAUTHORIZED && !bearer {
            return Err(refused(login, &self.api.place()));
        }
        Ok(())
    }

    /// Where a server says that something is; only on its own host.
    pub(super) fn join(&self, location: &str) -> Fact<Url> {
        let to = self
            .base
            .join(location)
            .map_err(|_| Blind::new("the registry names a place that is no address"))?;
        if to.origin() == self.base.origin() { Ok(to) } else { Err(Blind::new("another host: not followed")) }
    }

    pub(super) async fn send(&self, method: Method, path: &str, accept: &[&str]) -> Fact<Reply> {
        self.send_to(method, self.api.url(path, &[]), accept).await
    }

    pub(super) async fn send_to(&self, method: Method, to: Url, accept: &[&str]) -> Fact<Reply> {
        let mut request = self.api.request(method, to);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if !accept.is_empty() {
            request = request.header("Accept", accept.join(", "));
        }
        self.api.send(request).await
    }

    /// Fetches from where a registry keeps its blobs, without credentials: what comes is held to its digest.
    pub(super) async fn fetch(&self, location: &str) -> Fact<Reply> {
        let to = self
            .base
            .join(location)
            .map_err(|_| Blind::new("the registry names a place that is no address"))?;
        if !is_trusted(&self.base, &to) {
            return Err(Blind::new(format!(
                "its blobs are at {}, another host without TLS: not followed",
                web::place(&to)
            )));
        }
        self.api.send(self.api.request(Method::GET, to)).await
    }
}

fn nobody() -> Blind {
    Blind::new("the registry asks for credentials and got none")
}

fn refused(login: Option<(&str, &Secret)>, place: &str) -> Blind {
    match login {
        Some((user, _)) => Blind::new(format!("credentials refused for user `{user}` at {place}")),
        None => nobody(),
    }
}

fn basic(user: &str, password: &Secret) -> Fact<HeaderValue> {
    use base64::Engine as _;
    let both = zeroize::Zeroizing::new(format!("{user}:{}", password.expose()));
    header(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(both.as_bytes())))
}

fn header(value: &str) -> Fact<HeaderValue> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Blind::new("the credentials are none that HTTP can carry"))?;
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
