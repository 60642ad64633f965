//! The security headers: on record as they are, strict enough, and compared with the last sealed run.

use futures_util::future::join_all;
use reqwest::header::HeaderMap;

use super::api_client::ApiClient;
use super::deadline::Deadline;
use super::{ProbeContext, curl, samples};
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
    let answers = (0..spec.samples).map(|_| sample(spec, deadline, secret_store));
    let mut seen = samples::merge(join_all(answers).await);
    let drift: Vec<_> = seen.iter().filter_map(|now| drift(now, context)).collect();
    seen.extend(drift);
    Outcome::of(seen, format!("{} -I", curl::get(&spec.api, &spec.path)))
}

/// The headers of one response, over a connection of its own.
async fn sample(spec: &HeadersSpec, deadline: &Deadline, secret_store: &SecretStore) -> Vec<Observation> {
    let what = "security headers";
    let request = async {
        let api = ApiClient::new(&spec.api, deadline, secret_store).await?;
        api.get(&spec.path, &[]).await
    };
    let headers = match request.await {
        Ok(reply) if reply.status.is_success() => reply.headers,
        // The headers of an error page say nothing about the application's own responses.
        Ok(reply) => return vec![Observation::unknown(what, "2xx", reply.error_of_status())],
        Err(why) => return vec![Observation::unknown(what, "a response", why)],
    };
    let mut seen = vec![hsts(spec, &headers), present(CSP, &headers), present(PERMISSIONS, &headers)];
    seen.extend(weak(&headers));
    seen
}

fn value(name: &str, headers: &HeaderMap) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Of several such headers a browser processes the first one only (RFC 6797, 8.1).
fn hsts(spec: &HeadersSpec, headers: &HeaderMap) -> Observation {
    let (what, expected) = (format!("header {HSTS}"), format!("max-age {} or more", spec.hsts_min_age));
    let first = headers.get(HSTS).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let (seen, ok) = match (first, value(HSTS, headers)) {
        (Some(first), Some(all)) => match max_age(&first) {
            Ok(age) => (all, age >= spec.hsts_min_age),
            Err(why) => (format!("{all} ({why}: browsers ignore it)"), false),
        },
        _ => ("no such header".into(), false),
    };
    Observation::new(what, expected, seen, ok).with_key(key::header(HSTS))
}

/// The max-age of a header. A directive must not appear twice (RFC 6797, 6.1).
fn max_age(header: &str) -> Result<u64, &'static str> {
    let directives = header.split(';').map(|directive| directive.split_once('=').unwrap_or((directive, "")));
    let names: Vec<_> = directives.clone().map(|(name, _)| name.trim().to_ascii_lowercase()).collect();
    let is_twice =
        |name: &&String| !name.is_empty() && names.iter().filter(|other| other == name).count() > 1;
    if names.iter().any(|name| is_twice(&name)) {
        return Err("a directive appears twice");
    }
    let mut ages = directives.filter(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"));
    let age = ages.next().ok_or("no max-age")?.1;
    age.trim().trim_matches('"').parse().map_err(|_| "its max-age is not a number")
}

fn present(name: &str, headers: &HeaderMap) -> Observation {
    let value = value(name, headers).filter(|value| !value.trim().is_empty());
    let fault = match &value {
        Some(value) if name == PERMISSIONS && !is_dictionary(value) => {
            Some(format!("{value} (not valid {PERMISSIONS} syntax: browsers ignore it)"))
        }
        Some(_) => None,
        None => Some(absent(name, headers)),
    };
    let (ok, seen) = (fault.is_none(), fault.or(value).unwrap_or_default());
    Observation::new(format!("header {name}"), "present", seen, ok).with_key(key::header(name))
}

/// Whether a value is a dictionary of structured fields, such as `camera=(), geolocation=(self)` (RFC 9651, 3.2). The older
/// Feature-Policy had no `=`: `camera 'none'; geolocation 'self'`.
fn is_dictionary(value: &str) -> bool {
    let is_member = |member: &str| {
        let name = member.split_once('=').map_or("", |(name, _)| name.trim());
        let is_key = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte);
        !name.is_empty() && name.bytes().all(is_key)
    };
    value.split(',').map(str::trim).all(is_member)
}

/// What is there in place of a header that is not, and has no effect.
fn absent(name: &str, headers: &HeaderMap) -> String {
    let instead = match name {
        CSP if headers.contains_key("content-security-policy-report-only") => {
            " (only Content-Security-Policy-Report-Only, which enforces nothing)"
        }
        PERMISSIONS if headers.contains_key("feature-policy") => {
            " (only Feature-Policy, which browsers no longer read)"
        }
        _ => "",
    };
    format!("no such header{instead}")
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
    let seen = format!("changed since the last sealed run (was: {})", before.seen);
    changed.then(|| Observation::recorded(now.what.replacen("header", "drift of", 1), seen))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(pair).collect()
    }

    #[test]
    fn hsts_is_judged_as_a_browser_reads_it() {
        let spec: HeadersSpec =
            serde_json::from_value(serde_json::json!({"api": {"url": "http://h"}, "hsts_min_age": 100}))
                .unwrap();
        for (values, ok) in [
            (&["max-age=100; includeSubDomains"][..], true),
            (&["MAX-AGE=\"100\""], true),
            (&["max-age=99"], false),
            (&["max-age=0"], false),
            (&["includeSubDomains"], false),
            (&["max-age=100; max-age=200"], false),
            (&["max-age=100, max-age=100"], false),
            (&["max-age=1e9"], false),
            (&["max-age=100", "max-age=1"], true),
            (&["max-age=1", "max-age=100"], false),
            (&[], false),
        ] {
            let lines: Vec<_> = values.iter().map(|value| (HSTS, *value)).collect();
            let mut map = HeaderMap::new();
            for (_, value) in lines {
                map.append(HSTS, HeaderValue::from_static(value));
            }
            assert_eq!(hsts(&spec, &map).ok, Some(ok), "{values:?}");
        }
    }

    #[test]
    fn a_header_that_browsers_ignore_is_not_there() {
        let seen = |name, lines: &[(&str, &str)]| {
            let observation = present(name, &headers(lines));
            (observation.ok == Some(true), observation.seen)
        };
        assert!(seen(PERMISSIONS, &[(PERMISSIONS, "camera=(), geolocation=(self \"https://a.example\")")]).0);
        assert!(seen(PERMISSIONS, &[(PERMISSIONS, "camera=*")]).0);
        for old in ["camera 'none'; microphone 'none'", "camera", "Camera=()", "camera=(), microphone 'none'"]
        {
            assert!(!seen(PERMISSIONS, &[(PERMISSIONS, old)]).0, "{old}");
        }
        let (ok, message) = seen(PERMISSIONS, &[("feature-policy", "camera 'none'")]);
        assert!(!ok && message.contains("Feature-Policy"), "{message}");
        let (ok, message) = seen(CSP, &[("content-security-policy-report-only", "default-src 'self'")]);
        assert!(!ok && message.contains("enforces nothing"), "{message}");
        assert!(!seen(CSP, &[(CSP, " ")]).0);
    }
}
