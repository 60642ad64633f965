//! Checks the deployed list of allowed origins, parsed as the application parses it.

use reqwest::Url;

use gonogo_core::checklist::spec::OriginsSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;

pub(super) fn run(spec: &OriginsSpec) -> Outcome {
    let what = "ADVANCED_ALLOWED_ORIGINS";
    let Ok(listed) = serde_json::from_str::<Vec<String>>(&spec.value) else {
        let hint = if spec.value.contains(',') {
            "a comma-separated list, which stops the application at startup"
        } else {
            "not a JSON array"
        };
        let seen = format!("{hint}: {}", text::clip(&spec.value, 120));
        return Outcome::of(vec![Observation::new(what, "a JSON array of strings", seen, false)], "");
    };
    let seen = text::count(listed.len(), "origin");
    let mut observations = vec![Observation::new(what, "a JSON array of strings", seen, !listed.is_empty())];
    for origin in &listed {
        let problem = why_not_exact(origin);
        let seen = problem.unwrap_or("exact");
        observations.push(Observation::new(
            format!("origin {origin}"),
            "exact, https, not this host",
            seen,
            problem.is_none(),
        ));
    }
    let missing: Vec<&str> =
        spec.expected.iter().filter(|origin| !listed.contains(origin)).map(String::as_str).collect();
    let extra: Vec<&str> =
        listed.iter().filter(|origin| !spec.expected.contains(origin)).map(String::as_str).collect();
    let seen = match (missing.as_slice(), extra.as_slice()) {
        ([], []) => "the same".to_owned(),
        (missing, []) => format!("missing {}", missing.join(", ")),
        ([], extra) => format!("additional {}", extra.join(", ")),
        (missing, extra) => format!("missing {}; additional {}", missing.join(", "), extra.join(", ")),
    };
    let is_same = missing.is_empty() && extra.is_empty();
    observations.push(Observation::new("the list", spec.expected.join(", "), seen, is_same));
    Outcome::of(observations, "")
}

/// Why an origin is not exact; none if it is.
pub(super) fn why_not_exact(origin: &str) -> Option<&'static str> {
    if origin.contains('*') {
        return Some("a wildcard");
    }
    let Ok(url) = Url::parse(origin) else { return Some("not an origin such as https://host") };
    if url.scheme() != "https" {
        return Some("not https");
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_own = host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback() || address.is_unspecified());
    if is_own {
        return Some("this host");
    }
    // Compared by browsers letter by letter.
    (url.origin().ascii_serialization() != origin)
        .then_some("not only an origin: it has a path, a trailing slash, a default port or capital letters")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(value: &str) -> Vec<String> {
        let expected = vec!["https://a.example".to_owned(), "https://b.example".to_owned()];
        let outcome = run(&OriginsSpec { value: value.into(), expected });
        outcome.observations.into_iter().filter(|seen| seen.ok != Some(true)).map(|seen| seen.seen).collect()
    }

    #[test]
    fn the_exact_list_passes_in_any_order() {
        assert!(problems(r#"["https://b.example", "https://a.example"]"#).is_empty());
    }

    #[test]
    fn wrong_origins_are_reported() {
        assert_eq!(problems("https://a.example,https://b.example").len(), 1);
        assert!(problems("https://a.example,https://b.example")[0].starts_with("a comma-separated list"));
        assert_eq!(problems("[]")[1], "missing https://a.example, https://b.example");
        assert_eq!(
            problems(r#"["https://a.example", "https://c.example"]"#),
            ["missing https://b.example; additional https://c.example"]
        );
    }

    #[test]
    fn an_origin_is_exact_or_the_reason_is_reported() {
        let reasons = [
            "https://*.a.example",
            "http://a.example",
            "https://localhost:3000",
            "https://127.0.0.1",
            "https://a.example/",
            "https://A.example",
            "https://a.example:443",
            "null",
        ]
        .map(|origin| why_not_exact(origin).unwrap_or("exact"));
        assert_eq!(reasons[..4], ["a wildcard", "not https", "this host", "this host"]);
        assert!(reasons[4..7].iter().all(|reason| reason.starts_with("not only an origin")));
        assert_eq!(reasons[7], "not an origin such as https://host");
        assert_eq!(why_not_exact("https://a.example:8443"), None);
    }
}
