//! The security headers: on record as they are, strict enough, and compared with the last sealed run.

use reqwest::header::HeaderMap;

use super::api_client::ApiClient;
use super::deadline::Deadline;
use super::http::directive_values;
use super::{ProbeContext, curl};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::HeadersSpec;
use gonogo_core::outcome::{Observation, Outcome, key};

const HSTS: &str = "Strict-Transport-Security";
const CSP: &str = "Content-Security-Policy";
const PERMISSIONS: &str = "Permissions-Policy";

pub(super) async fn run(
    spec: &HeadersSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    context: &ProbeContext,
) -> Outcome {
    let reproduce = format!("{} -I", curl::get(&spec.api, &spec.path));
    let request = async {
        let api = ApiClient::new(&spec.api, deadline, secret_store).await?;
        api.get(&spec.path, &[]).await
    };
    let reply = match request.await {
        Ok(reply) => reply,
        Err(why) => {
            return Outcome::of(vec![Observation::unknown("security headers", "an answer", why)], reproduce);
        }
    };
    if !reply.status.is_success() {
        // The headers of an error page say nothing about the application's own responses.
        let seen = reply.error_of_status();
        return Outcome::of(vec![Observation::unknown("security headers", "a good answer", seen)], reproduce);
    }
    let mut seen =
        vec![hsts(spec, &reply.headers), present(CSP, &reply.headers), present(PERMISSIONS, &reply.headers)];
    seen.extend(weak(&reply.headers));
    let drift: Vec<_> = seen.iter().filter_map(|now| drift(now, context)).collect();
    seen.extend(drift);
    Outcome::of(seen, reproduce)
}

fn value(name: &str, headers: &HeaderMap) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn hsts(spec: &HeadersSpec, headers: &HeaderMap) -> Observation {
    let (what, expected) = (format!("header {HSTS}"), format!("max-age {} or more", spec.hsts_min_age));
    let Some(value) = value(HSTS, headers) else {
        return Observation::new(what, expected, "no such header", false).with_key(key::header(HSTS));
    };
    let ages: Vec<Option<u64>> =
        directive_values("max-age", &value).map(|age| age.and_then(|age| age.parse().ok())).collect();
    let ok = !ages.is_empty() && ages.iter().all(|age| age.is_some_and(|age| age >= spec.hsts_min_age));
    Observation::new(what, expected, value, ok).with_key(key::header(HSTS))
}

fn present(name: &str, headers: &HeaderMap) -> Observation {
    let value = value(name, headers);
    let is_present = value.as_deref().is_some_and(|value| !value.trim().is_empty());
    Observation::new(
        format!("header {name}"),
        "present",
        value.unwrap_or_else(|| "no such header".into()),
        is_present,
    )
    .with_key(key::header(name))
}

/// The weak parts of the content security policy, for the reviewer: reported, not judged.
fn weak(headers: &HeaderMap) -> Option<Observation> {
    let policy = value(CSP, headers)?;
    let mut weak = Vec::new();
    for directive in policy.split([';', ',']) {
        let mut words = directive.split_whitespace();
        let Some(name) = words.next() else { continue };
        let sources: Vec<&str> = words.filter(|word| is_weak(name, word)).collect();
        if !sources.is_empty() {
            weak.push(format!("{name} {}", sources.join(" ")));
        }
    }
    if !policy.contains("default-src") {
        weak.push("no default-src".into());
    }
    let seen = if weak.is_empty() { "none".to_owned() } else { weak.join("; ") };
    Some(Observation::recorded("weak parts of the policy", seen))
}

fn is_weak(directive: &str, source: &str) -> bool {
    let is_source = directive.ends_with("-src");
    is_source
        && matches!(
            source,
            "'unsafe-inline'" | "'unsafe-eval'" | "'unsafe-hashes'" | "*" | "http:" | "https:" | "data:"
        )
        && !(source == "data:" && matches!(directive, "img-src" | "font-src" | "media-src"))
}

/// The differences from the last sealed run.
fn drift(now: &Observation, context: &ProbeContext) -> Option<Observation> {
    let before = context.previous_observation(now.key.as_deref()?)?;
    let changed = before.seen != now.seen;
    let seen = format!("changed since the last sealed run, which saw: {}", before.seen);
    changed.then(|| Observation::recorded(now.what.replacen("header", "drift of", 1), seen))
}
