//! Which origins a running application lets in: those that it should, and none that only look like them.

use reqwest::{Method, Url};

use super::api::{Api, Reply};
use super::blind::Fact;
use super::curl;
use super::deadline::Deadline;
use crate::checklist::spec::Cors;
use crate::outcome::{Observation, Outcome};
use crate::secret::Keeper;

/// An origin that nobody lets in on purpose (RFC 2606 keeps the name).
const FOREIGN: &str = "https://gonogo-foreign.example";

pub(super) async fn look(spec: &Cors, deadline: &Deadline, keeper: &Keeper) -> Outcome {
    let first = spec.origins.first().map_or(FOREIGN, String::as_str);
    let reproduce = format!("{} -i -H 'Origin: {first}'", curl::get(&spec.api, &spec.path));
    let api = match Api::new(&spec.api, deadline, keeper).await {
        Ok(api) => api,
        Err(why) => return Outcome::of(vec![Observation::unseen("CORS", "an answer", why)], reproduce),
    };
    let mut seen = Vec::new();
    for origin in &spec.origins {
        seen.push(let_in(origin, ask(&api, &spec.path, origin).await));
    }
    for (what, origin) in strangers(&spec.origins) {
        seen.push(kept_out(what, &origin, ask(&api, &spec.path, &origin).await));
    }
    Outcome::of(seen, reproduce)
}

async fn ask(api: &Api, path: &str, origin: &str) -> Fact<Reply> {
    api.send(api.request(Method::GET, api.url(path, &[])).header("Origin", origin)).await
}

/// Origins that must stay out: a foreign one, the one of a page without any, and look-alikes of the good ones,
/// for servers that compare only the begin or the end.
fn strangers(origins: &[String]) -> Vec<(&'static str, String)> {
    let mut all = vec![("foreign origin", FOREIGN.to_owned()), ("origin", "null".to_owned())];
    for origin in origins {
        let Some(host) = Url::parse(origin).ok().and_then(|url| url.host_str().map(str::to_owned)) else {
            continue;
        };
        all.push((
            "look-alike that begins like a good one",
            format!("https://{host}.gonogo-foreign.example"),
        ));
        all.push(("look-alike that ends like a good one", format!("https://gonogo-foreign{host}")));
    }
    all
}

/// The origin that the answer lets in.
fn allowed(reply: &Reply) -> Option<String> {
    let value = reply.headers.get("access-control-allow-origin")?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn let_in(origin: &str, reply: Fact<Reply>) -> Observation {
    let (what, expected) = (format!("origin {origin}"), "let in by name");
    match reply {
        Ok(reply) => match allowed(&reply) {
            Some(allowed) if allowed == origin => Observation::new(what, expected, "let in by name", true),
            Some(allowed) => Observation::new(what, expected, format!("the answer lets in {allowed}"), false),
            None if reply.status.is_success() => Observation::new(what, expected, "not let in", false),
            None => Observation::unseen(what, expected, reply.refusal()),
        },
        Err(why) => Observation::unseen(what, expected, why),
    }
}

fn kept_out(what: &str, origin: &str, reply: Fact<Reply>) -> Observation {
    let what = format!("{what} {origin}");
    match reply {
        Ok(reply) => {
            let allowed = allowed(&reply);
            let out = allowed.as_deref().is_none_or(|allowed| allowed != origin && allowed != "*");
            // A server in trouble, or one that limits us, keeps everybody out.
            if out && (reply.status.is_server_error() || reply.status.as_u16() == 429) {
                return Observation::unseen(what, "kept out", reply.refusal());
            }
            let seen = match (out, allowed) {
                (true, _) => "kept out".to_owned(),
                (false, allowed) => format!("let in: {}", allowed.unwrap_or_default()),
            };
            Observation::new(what, "kept out", seen, out)
        }
        Err(why) => Observation::unseen(what, "kept out", why),
    }
}
