//! Which origins a running application allows: those that it should, and none of some invented ones. Whether it allows
//! others, no request can show.

use reqwest::{Method, Url};

use super::api_client::{ApiClient, ApiResponse};
use super::curl;
use super::deadline::Deadline;
use super::error::ProbeResult;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{ApiSpec, CorsSpec};
use gonogo_core::outcome::{Observation, Outcome};

/// An origin that no application allows on purpose (the name is reserved by RFC 2606).
const FOREIGN: &str = "https://gonogo-foreign.example";

pub(super) async fn run(spec: &CorsSpec, deadline: &Deadline, secret_store: &SecretStore) -> Outcome {
    let first = spec.origins.first().map_or(FOREIGN, String::as_str);
    let reproduce = format!("{} -i -H 'Origin: {first}'", curl::get(&spec.api, &spec.path));
    let api = match ApiClient::new(&spec.api, deadline, secret_store).await {
        Ok(api) => api,
        Err(why) => return Outcome::of(vec![Observation::unknown("CORS", "a response", why)], reproduce),
    };
    let direct = judge_all(spec, &api, "");
    let public = judge_elsewhere(spec, deadline, secret_store);
    let (direct, public) = tokio::join!(direct, public);
    Outcome::of(direct.into_iter().chain(public).collect(), reproduce)
}

async fn judge_elsewhere(
    spec: &CorsSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> Vec<Observation> {
    let Some(url) = spec.api.elsewhere(spec.public_url.as_deref()) else { return Vec::new() };
    let public = ApiSpec { url: url.to_owned(), ..spec.api.clone() };
    match ApiClient::new(&public, deadline, secret_store).await {
        Ok(api) => judge_all(spec, &api, &format!(" at {url}")).await,
        Err(why) => vec![Observation::unknown(format!("CORS at {url}"), "a response", why)],
    }
}

/// Every origin once, at one address.
async fn judge_all(spec: &CorsSpec, api: &ApiClient, place: &str) -> Vec<Observation> {
    let mut seen = Vec::new();
    for origin in &spec.origins {
        let reply = get_from(api, &spec.path, origin).await;
        seen.push(judge_allowed(&format!("{origin}{place}"), origin, reply));
    }
    for (what, origin) in foreign_origins(&spec.origins) {
        let reply = get_from(api, &spec.path, &origin).await;
        seen.push(judge_rejected(&format!("{what} {origin}{place}"), &origin, reply));
    }
    seen
}

/// The response to a GET with this origin, as a browser sends it.
async fn get_from(api: &ApiClient, path: &str, origin: &str) -> ProbeResult<ApiResponse> {
    api.send(api.request(Method::GET, api.url(path, &[])).header("Origin", origin)).await
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
