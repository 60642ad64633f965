//! The list of allowed origins as it is deployed, read as the application reads it.

use reqwest::Url;

use gonogo_core::checklist::spec::OriginsSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;

pub(super) fn run(spec: &OriginsSpec) -> Outcome {
    let what = "ADVANCED_ALLOWED_ORIGINS";
    let Ok(listed) = serde_json::from_str::<Vec<String>>(&spec.value) else {
        let hint = if spec.value.contains(',') {
            "a comma list, which stops the application at start"
        } else {
            "no JSON array"
        };
        let seen = format!("{hint}: {}", text::clip(&spec.value, 120));
        return Outcome::of(vec![Observation::new(what, "a JSON array of texts", seen, false)], "");
    };
    let seen = text::count(listed.len(), "origin");
    let mut all = vec![Observation::new(what, "a JSON array of texts", seen, !listed.is_empty())];
    for origin in &listed {
        let wrong = why_not_exact(origin);
        let seen = wrong.unwrap_or("exact");
        all.push(Observation::new(
            format!("origin {origin}"),
            "exact, https, not this host",
            seen,
            wrong.is_none(),
        ));
    }
    let missing: Vec<&str> =
        spec.expected.iter().filter(|origin| !listed.contains(origin)).map(String::as_str).collect();
    let beyond: Vec<&str> =
        listed.iter().filter(|origin| !spec.expected.contains(origin)).map(String::as_str).collect();
    let seen = match (missing.as_slice(), beyond.as_slice()) {
        ([], []) => "the same".to_owned(),
        (missing, []) => format!("without {}", missing.join(", ")),
        ([], beyond) => format!("beside them {}", beyond.join(", ")),
        (missing, beyond) => format!("without {}; beside them {}", missing.join(", "), beyond.join(", ")),
    };
    let same = missing.is_empty() && beyond.is_empty();
    all.push(Observation::new("the list", spec.expected.join(", "), seen, same));
    Outcome::of(all, "")
}

/// What keeps an origin from being exact, if anything does.
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
        .then_some("more than an origin: a path, a slash at the end, a default port or capitals")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &str) -> Vec<String> {
        let expected = vec!["https://a.example".to_owned(), "https://b.example".to_owned()];
        let outcome = run(&OriginsSpec { value: value.into(), expected });
        outcome.observations.into_iter().filter(|seen| seen.ok != Some(true)).map(|seen| seen.seen).collect()
    }

    #[test]
    fn the_exact_list_passes_in_any_order() {
        assert!(told(r#"["https://b.example", "https://a.example"]"#).is_empty());
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(told("https://a.example,https://b.example").len(), 1);
        assert!(told("https://a.example,https://b.example")[0].starts_with("a comma list"));
        assert_eq!(told("[]")[1], "without https://a.example, https://b.example");
        assert_eq!(
            told(r#"["https://a.example", "https://c.example"]"#),
            ["without https://b.example; beside them https://c.example"]
        );
    }

    #[test]
    fn an_origin_is_exact_or_told_why_not() {
        let told = [
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
        assert_eq!(told[..4], ["a wildcard", "not https", "this host", "this host"]);
        assert!(told[4..7].iter().all(|told| told.starts_with("more than")));
        assert_eq!(told[7], "not an origin such as https://host");
        assert_eq!(why_not_exact("https://a.example:8443"), None);
    }
}
