//! Which origins a running application allows: those that it should, and none of some invented ones. Whether it allows
//! others, no request can show.

use futures_util::future::join_all;
use reqwest::{Method, Url};

use super::api_client::{ApiClient, ApiResponse};
use super::checked_by::{self, CheckedBy};
use super::curl;
use super::deadline::Deadline;
use super::error::ProbeResult;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{ApiSpec, CorsSpec};
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;

/// An origin that no application allows on purpose (the name is reserved by RFC 2606).
const FOREIGN: &str = "https://gonogo-foreign.example";

pub(super) async fn run(spec: &CorsSpec, deadline: &Deadline, secret_store: &SecretStore) -> Outcome {
    let public = spec.api.elsewhere(spec.public_url.as_deref());
    let public =
        public.map(|url| (ApiSpec { url: url.to_owned(), ..spec.api.clone() }, format!(" at {url}")));
    let places: Vec<_> = [(spec.api.clone(), String::new())].into_iter().chain(public).collect();
    let checks = places.iter().map(|(api, place)| judge_at(spec, api, place, deadline, secret_store));
    checked_by::outcome(join_all(checks).await.into_iter().flatten().collect())
}

/// Every origin once, at one address.
async fn judge_at(
    spec: &CorsSpec,
    at: &ApiSpec,
    place: &str,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> Vec<CheckedBy> {
    let check = |origin: &str, seen: Observation| {
        let header = text::shell_word(&format!("Origin: {origin}"));
        CheckedBy { command: format!("{} -i -H {header}", curl::get(at, &spec.path)), seen: vec![seen] }
    };
    let mut checks = Vec::new();
    for origin in &spec.origins {
        let reply = get_from(at, &spec.path, origin, deadline, secret_store).await;
        checks.push(check(origin, judge_allowed(&format!("{origin}{place}"), origin, reply)));
    }
    for (what, origin) in foreign_origins(&spec.origins) {
        let reply = get_from(at, &spec.path, &origin, deadline, secret_store).await;
        checks.push(check(&origin, judge_rejected(&format!("{what} {origin}{place}"), &origin, reply)));
    }
    checks
}

/// The response to a GET with this origin, as a browser sends it: over a connection of its own, since a balancer may have
/// several instances behind it.
async fn get_from(
    at: &ApiSpec,
    path: &str,
    origin: &str,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<ApiResponse> {
    let api = ApiClient::new(at, deadline, secret_store).await?;
    api.send_within_rate(api.request(Method::GET, api.url(path, &[])).header("Origin", origin)).await
}

/// Origins that must be rejected: a foreign one, the `null` origin, and look-alikes of the allowed ones,
/// for servers that compare only a prefix or a suffix.
fn foreign_origins(origins: &[String]) -> Vec<(&'static str, String)> {
    let mut foreign = vec![("foreign origin", FOREIGN.to_owned()), ("origin", "null".to_owned())];
    for origin in origins {
        let Some(host) = Url::parse(origin).ok().and_then(|url| url.host_str().map(str::to_owned)) else {
            continue;
        };
        foreign.push((
            "origin that starts with an allowed one",
            format!("https://{host}.gonogo-foreign.example"),
        ));
        foreign.push(("origin that ends with an allowed one", format!("https://gonogo-foreign{host}")));
    }
    foreign
}

/// The origin that the response allows.
fn allowed_origin(reply: &ApiResponse) -> Option<String> {
    let value = reply.headers.get("access-control-allow-origin")?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn judge_allowed(what: &str, origin: &str, reply: ProbeResult<ApiResponse>) -> Observation {
    let (what, expected) = (format!("origin {what}"), "allowed by name");
    match reply {
        Ok(reply) => match allowed_origin(&reply) {
            Some(allowed) if allowed == origin => Observation::new(what, expected, "allowed by name", true),
            Some(allowed) => {
                Observation::new(what, expected, format!("the response allows {allowed}"), false)
            }
            None if reply.status.is_success() => Observation::new(what, expected, "not allowed", false),
            None => Observation::unknown(what, expected, reply.error_of_status()),
        },
        Err(why) => Observation::unknown(what, expected, why),
    }
}

fn judge_rejected(what: &str, origin: &str, reply: ProbeResult<ApiResponse>) -> Observation {
    match reply {
        Ok(reply) => {
            let allowed = allowed_origin(&reply);
            let is_rejected = allowed.as_deref().is_none_or(|allowed| allowed != origin && allowed != "*");
            // A server that fails or limits the rate rejects every origin.
            if is_rejected && (reply.status.is_server_error() || reply.status.as_u16() == 429) {
                return Observation::unknown(what, "rejected", reply.error_of_status());
            }
            let seen = match (is_rejected, allowed) {
                (true, _) => "rejected".to_owned(),
                (false, allowed) => format!("allowed: {}", allowed.unwrap_or_default()),
            };
            Observation::new(what, "rejected", seen, is_rejected)
        }
        Err(why) => Observation::unknown(what, "rejected", why),
    }
}
