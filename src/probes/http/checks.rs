//! Checks of an HTTP response.

use reqwest::header::HeaderMap;

use gonogo_core::checklist::spec::{HeaderCheck, HttpSpec, is_number};
use gonogo_core::outcome::Observation;

use super::super::content::ReadBody;
use super::super::deadline::Deadline;
use super::super::judging;
use super::{HttpAnswer, name};

/// All observations of one answer.
pub(super) async fn judge(spec: &HttpSpec, answer: HttpAnswer, deadline: &Deadline) -> Vec<Observation> {
    let mut seen = answer.way;
    seen.push(status(spec, answer.status.as_u16(), &answer.headers, &answer.body));
    let took = format!("{} ms", answer.took.as_millis());
    seen.push(Observation::recorded("response time", took).as_measured());
    seen.extend(spec.header.iter().map(|check| header(check, &answer.headers)));
    seen.extend(judging::judge("body", &spec.body, &spec.json, answer.body, deadline).await);
    seen
}

/// The status codes that are right, for people.
pub(super) fn expected_status(spec: &HttpSpec) -> String {
    spec.status.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ")
}

fn status(spec: &HttpSpec, status: u16, headers: &HeaderMap, body: &ReadBody) -> Observation {
    let ok = spec.status.contains(&status);
    let seen = match headers.get("location") {
        Some(location) if !ok && (300..400).contains(&status) => {
            format!("{status} to {}", String::from_utf8_lossy(location.as_bytes()))
        }
        _ if ok || body.bytes.is_empty() => status.to_string(),
        _ => format!("{status}: {}", body.excerpt()),
    };
    Observation::new(name(spec), expected_status(spec), seen, ok)
}

fn header(check: &HeaderCheck, headers: &HeaderMap) -> Observation {
    let (what, expected) = (format!("header {}", check.name), expected_header(check));
    let values = headers.get_all(&check.name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let values: Vec<_> = values.collect();
    if values.is_empty() {
        let seen = Observation::new(what, expected, "no such header", false);
        return if check.warn && check.bounds().is_empty() { seen.or_warning() } else { seen };
    }
    let value = values.join(", ");
    let ok = check.equals.as_ref().is_none_or(|whole| value == *whole)
        && check.contains.as_ref().is_none_or(|part| value.contains(part.as_str()))
        && directive(check, &value);
    let only_warns = check.warn && is_comparable(check, &value);
    let seen = Observation::new(what, expected, value, ok);
    if only_warns { seen.or_warning() } else { seen }
}

fn expected_header(check: &HeaderCheck) -> String {
    let equals = check.equals.as_ref().map(|whole| format!("`{whole}`"));
    let contains = check.contains.as_ref().map(|part| format!("contains `{part}`"));
    let bounds: Vec<_> = check.bounds().iter().map(ToString::to_string).collect();
    let bounds = (!bounds.is_empty()).then(|| bounds.join(", "));
    let directive = match (&check.directive, bounds) {
        (Some(name), Some(bounds)) => Some(format!("{name} {bounds}")),
        (Some(name), None) => Some(format!("directive {name}")),
        (None, bounds) => bounds,
    };
    let parts: Vec<_> = [equals, contains, directive].into_iter().flatten().collect();
    if parts.is_empty() { "present".into() } else { parts.join(", ") }
}

/// Whether the directive exists and its value is large enough; if it occurs several times, each must be.
fn directive(check: &HeaderCheck, value: &str) -> bool {
    let (values, bounds) = (compared_values(check, value), check.bounds());
    let enough =
        |value: Option<&str>| bounds.iter().all(|bound| value.is_some_and(|value| bound.holds(value)));
    !values.is_empty() && values.into_iter().all(enough)
}

/// Whether there is what the check compares: no number is neither below a limit nor above it.
fn is_comparable(check: &HeaderCheck, value: &str) -> bool {
    let values = compared_values(check, value);
    let has_number = |value: Option<&str>| value.is_some_and(is_number);
    check.bounds().is_empty() || !values.is_empty() && values.into_iter().all(has_number)
}

/// The values of the directive, or the whole value.
fn compared_values<'a>(check: &'a HeaderCheck, value: &'a str) -> Vec<Option<&'a str>> {
    match &check.directive {
        None => vec![Some(value.trim())],
        Some(name) => directive_values(name, value).collect(),
    }
}

/// The values of one directive (RFC 6797 for one: names in any case, values maybe in quotes).
fn directive_values<'a>(name: &'a str, value: &'a str) -> impl Iterator<Item = Option<&'a str>> {
    value.split([';', ',']).filter_map(move |directive| {
        let (key, value) = match directive.split_once('=') {
            Some((key, value)) => (key, Some(value.trim().trim_matches('"'))),
            None => (directive.split_whitespace().next().unwrap_or_default(), None),
        };
        key.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn max_age(value: &str) -> bool {
        let check = serde_json::json!({
            "name": "Strict-Transport-Security", "directive": "max-age", "at_least": 31_536_000,
        });
        let check: HeaderCheck = serde_json::from_value(check).unwrap();
        directive(&check, value)
    }

    #[test]
    fn a_directive_is_read_in_any_case_and_in_quotes() {
        assert!(max_age("includeSubDomains; Max-Age=31536000"));
        assert!(max_age("max-age=\"63072000\" ; preload"));
        for value in ["max-age=31535999", "max-age", "preload", "x-max-age=63072000", "max-age=1y", ""] {
            assert!(!max_age(value), "{value}");
        }
    }

    #[test]
    fn a_limit_of_a_warning_needs_a_number() {
        let judged = |value: Option<&str>, check: serde_json::Value| {
            let value = value.map(|value| ("x-queue".parse().unwrap(), value.parse().unwrap()));
            let seen = header(&serde_json::from_value(check).unwrap(), &value.into_iter().collect());
            (seen.seen.starts_with("warning: "), seen.ok)
        };
        let limit = || serde_json::json!({"name": "X-Queue", "at_most": 80, "warn": true});
        let present = || serde_json::json!({"name": "X-Queue", "warn": true});
        assert_eq!(judged(Some("85"), limit()), (true, Some(true)));
        assert_eq!(judged(Some("80"), limit()), (false, Some(true)));
        assert_eq!(judged(Some("many"), limit()), (false, Some(false)));
        assert_eq!(judged(None, limit()), (false, Some(false)));
        assert_eq!(judged(None, present()), (true, Some(true)));
    }

    #[test]
    fn of_two_directives_the_weaker_counts() {
        assert!(!max_age("max-age=63072000, max-age=0"));
    }
}
