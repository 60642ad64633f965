//! Refusals, states of checks, and what was not searched.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::probes::ci::judge;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let header = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    pairs.iter().map(header).collect()
}

#[test]
fn a_rate_limit_is_told_from_a_refusal() {
    let reached = |status: u16, pairs: &[(&'static str, &'static str)], reason: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        rate_limit::reached(status, &headers(pairs), reason).map(|error| error.to_string())
    };
    let (left, reset) = (("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1790000000"));
    let rows: [(&str, Option<String>, Option<&str>); 8] = [
        ("none left", reached(403, &[left, reset], "m"), Some("retry after 2026-09-21T14:13:20Z (403: m)")),
        ("a second limit", reached(403, &[("retry-after", "60")], "m"), Some("retry after 60 s (403: m)")),
        ("by its text", reached(403, &[], "API rate limit exceeded"), Some("reset time not reported")),
        (
            "too many",
            reached(429, &[("ratelimit-reset", "1790000000")], "m"),
            Some("retry after 2026-09-21T14:13:20Z (429"),
        ),
        (
            "a date",
            reached(429, &[("retry-after", "Mon, 21 Sep 2026 14:13:20 GMT")], ""),
            Some("retry after Mon, 21 Sep 2026"),
        ),
        ("a permission", reached(403, &[("x-ratelimit-remaining", "4999")], "not accessible"), None),
        ("not there", reached(404, &[left], "m"), None),
        ("a good answer that uses up the limit", reached(200, &[left], "m"), None),
    ];
    for (why, message, expected) in rows {
        let is_expected = match (&message, expected) {
            (Some(message), Some(part)) => {
                message.starts_with("rate limit exceeded; ") && message.contains(part)
            }
            (message, expected) => message.is_none() && expected.is_none(),
        };
        assert!(is_expected, "{why}: {message:?}");
    }
}

#[test]
fn a_check_that_is_missing_is_unknown_where_not_all_was_searched() {
    let named = |name: &str, word: &str| check(name.into(), word);
    let seen = |gaps: &[&str], checks: Vec<CiCheck>| {
        let gaps = gaps.iter().map(|gap| (*gap).to_owned()).collect();
        judge::judge(&["suite".into()], &CommitChecks { checks, gaps })[0].clone()
    };
    let lint = || vec![named("lint", "success")];
    assert_eq!(seen(&[], lint()).ok, Some(false));
    let unknown = seen(&["check runs: 403"], lint());
    assert_eq!(unknown.ok, None);
    assert_eq!(unknown.seen, "no check of that name; listed: lint; not searched: check runs: 403");
    assert_eq!(seen(&["check runs: 403"], vec![named("suite", "success")]).ok, Some(true));
    for word in ["action_required", "stale", "timed_out", "startup_failure", "of_tomorrow", "canceled"] {
        assert_eq!(seen(&[], vec![named("suite", word)]).ok, Some(false), "{word}");
    }
}
