//! JSON paths (RFC 9535) over a body, or over what a program prints. Pure.

use serde_json::Value;

use gonogo_core::checklist::spec::{JsonCheck, Scalar, is_number};
use gonogo_core::outcome::Observation;
use gonogo_core::text;

use super::content::{self, ReadBody, Unreadable};
use super::deadline::Deadline;
use super::error::ProbeError;

/// How many of several nodes are shown.
const MAX_SHOWN_NODES: usize = 4;
/// The longest text of one node, in bytes.
const MAX_NODE_TEXT: usize = 120;
/// The longest text of the errors that an answer reports, in bytes.
const MAX_ERRORS: usize = 240;

/// One observation for each check.
pub(super) fn judge(checks: &[JsonCheck], body: &ReadBody, until: &Deadline) -> Vec<Observation> {
    if checks.is_empty() {
        return Vec::new();
    }
    let parsed = content::json(&body.bytes);
    let judge = |check: &JsonCheck| match until.check("judging JSON") {
        Ok(()) => judge_one(check, parsed.as_ref(), body),
        Err(late) => Observation::unknown(name(check), expected(check), ProbeError::from(late)),
    };
    checks.iter().map(judge).collect()
}

/// One observation for each check that was not made.
pub(super) fn not_checked(checks: &[JsonCheck], why: &ProbeError) -> Vec<Observation> {
    checks.iter().map(|check| Observation::unknown(name(check), expected(check), why.clone())).collect()
}

fn name(check: &JsonCheck) -> String {
    format!("JSON {}", check.path.as_str())
}

fn judge_one(check: &JsonCheck, parsed: Result<&Value, &Unreadable>, body: &ReadBody) -> Observation {
    let (what, expected) = (name(check), expected(check));
    if let Some(why) = &body.cut {
        return Observation::unknown(what, expected, why.clone());
    }
    let json = match parsed {
        Ok(json) => json,
        Err(Unreadable::Foreign) => {
            let is_empty = body.bytes.is_empty();
            let seen = if is_empty {
                "empty, which is not JSON".into()
            } else {
                format!("not JSON: {}", body.excerpt())
            };
            return Observation::new(what, expected, seen, false);
        }
        Err(why) => return Observation::unknown(what, expected, why.to_string()),
    };
    let nodes = check.path.find(json);
    if let Some(why) = nodes.iter().filter(|_| check.errors).find_map(|node| reported_errors(node)) {
        // Such an answer does not tell what it was asked, or only a part of it.
        return Observation::unknown(what, expected, format!("the query failed: {why}"));
    }
    if check.has_only_errors() {
        return Observation::new(what, expected, "none", true);
    }
    let described = describe_nodes(&nodes, matches!(check.equals, None | Some(Scalar::Text(_))));
    let seen = Observation::new(what, expected, described, matches(check, &nodes));
    let seen = if check.warn && is_comparable(check, &nodes) { seen.or_warning() } else { seen };
    // A value that must only exist, or be large enough, differs from attempt to attempt.
    if check.equals.is_none() { seen.as_measured() } else { seen }
}

/// The texts of the errors that an answer reports beside its data, as those of Jaeger and GraphQL do: a list of objects with
/// `msg` or `message`, mostly. None if there are none.
pub(super) fn reported_errors(errors: &Value) -> Option<String> {
    let text = match errors {
        Value::Null | Value::Bool(false) => return None,
        Value::String(text) => text.clone(),
        Value::Array(errors) => errors.iter().filter_map(reported_errors).collect::<Vec<_>>().join("; "),
        Value::Object(error) if error.is_empty() => return None,
        Value::Object(error) => {
            let text = ["msg", "message", "error"].iter().find_map(|key| error.get(*key)?.as_str());
            text.map_or_else(|| errors.to_string(), str::to_owned)
        }
        number if number.as_f64() == Some(0.0) => return None,
        other => other.to_string(),
    };
    (!text.is_empty()).then(|| text::clip(&text, MAX_ERRORS))
}

fn expected(check: &JsonCheck) -> String {
    let errors = check.errors.then(|| "no errors".to_owned());
    let equals = check.equals.iter().map(ToString::to_string);
    let bounds = check.bounds();
    let parts: Vec<_> =
        errors.into_iter().chain(equals).chain(bounds.iter().map(ToString::to_string)).collect();
    if parts.is_empty() { "one value".into() } else { parts.join(", ") }
}

/// Whether the nodes match the check: exactly one if it has only a path, else at least one, and all of them match. Null
/// is a value: Jaeger without spans answers with `"data": null`.
fn matches(check: &JsonCheck, nodes: &[&Value]) -> bool {
    let bounds = check.bounds();
    let is_path_only = check.equals.is_none() && bounds.is_empty();
    let each = |node: &&Value| {
        check.equals.as_ref().is_none_or(|value| equals(node, value))
            && bounds.iter().all(|bound| number(node).is_some_and(|number| bound.holds(&number)))
    };
    if is_path_only { nodes.len() == 1 } else { !nodes.is_empty() && nodes.iter().all(each) }
}

/// Whether there is what the check compares: a value that is absent, or no number, is neither below a limit nor above it.
fn is_comparable(check: &JsonCheck, nodes: &[&Value]) -> bool {
    let is_path_only = check.equals.is_none() && check.bounds().is_empty();
    let has_number = |node: &&Value| number(node).is_some_and(|number| is_number(&number));
    is_path_only || !nodes.is_empty() && (check.bounds().is_empty() || nodes.iter().all(has_number))
}

/// A number, also one that is written as a text.
fn number(node: &Value) -> Option<String> {
    match node {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn equals(node: &Value, value: &Scalar) -> bool {
    match value {
        Scalar::Bool(value) => node.as_bool() == Some(*value),
        Scalar::Text(value) => node.as_str() == Some(value),
        Scalar::Integer(value) => node
            .as_i64()
            .map_or_else(|| node.as_f64().is_some_and(|node| is_whole(node, *value)), |node| node == *value),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "a float equals a whole number, or it does not"
)]
fn is_whole(node: f64, value: i64) -> bool {
    node == value as f64
}

/// The nodes; texts are without quotes if `plain`, since no other kind of value is expected.
fn describe_nodes(nodes: &[&Value], plain: bool) -> String {
    let describe = |node: &&Value| match node {
        Value::String(text) if plain => text::clip(text, MAX_NODE_TEXT),
        node => text::clip(&node.to_string(), MAX_NODE_TEXT),
    };
    let first = || nodes.iter().take(MAX_SHOWN_NODES).map(describe).collect::<Vec<_>>().join(", ");
    match nodes {
        [] => "no value".into(),
        [node] => describe(node),
        nodes if nodes.len() > MAX_SHOWN_NODES => format!("{} values: {}, …", nodes.len(), first()),
        nodes => format!("{} values: {}", nodes.len(), first()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use gonogo_core::checklist::spec::{JsonPath, ProbeSpec};
    use gonogo_core::checklist::{Checklist, Profile, Promotion, SourceFile, resolve};
    use gonogo_core::outcome::{Class, Outcome};

    fn judge_check(check: &JsonCheck, body: &str) -> (String, Option<bool>) {
        let body = ReadBody { bytes: body.into(), cut: None };
        let seen = judge(std::slice::from_ref(check), &body, &Deadline::after(Duration::MAX)).remove(0);
        (seen.seen, seen.ok)
    }

    fn judge_body(path: &str, equals: Option<Scalar>, more: &str, body: &str) -> (String, Option<bool>) {
        let mut check: JsonCheck = serde_json::from_str(&format!("{{\"path\": \"$\"{more}}}")).unwrap();
        (check.path, check.equals) = (JsonPath::new(path).unwrap(), equals);
        judge_check(&check, body)
    }

    #[test]
    fn a_number_is_compared_with_bounds() {
        for (bounds, body, ok) in [
            (r#", "at_least": 3"#, r#"{"n":2.9}"#, false),
            (r#", "at_most": 0.5"#, r#"{"n":0.5}"#, true),
            (r#", "less_than": 0.5"#, r#"{"n":0.5}"#, false),
            (r#", "between": [1, 5]"#, r#"{"n":"4.5"}"#, true),
            (r#", "between": [1, 5]"#, r#"{"n":"many"}"#, false),
            (r#", "at_most": 5"#, r#"{"n":null}"#, false),
            (r#", "at_least": 1, "less_than": 3"#, r#"{"n":2}"#, true),
            (r#", "at_least": 1"#, "{}", false),
        ] {
            assert_eq!(judge_body("$.n", None, bounds, body).1, Some(ok), "{bounds} {body}");
        }
    }

    #[test]
    fn a_limit_of_a_warning_needs_a_value() {
        for (more, body, warns, ok) in [
            (r#", "at_most": 80, "warn": true"#, r#"{"n":85}"#, true, true),
            (r#", "at_most": 80, "warn": true"#, r#"{"n":80}"#, false, true),
            (r#", "at_most": 80, "warn": true"#, r#"{"n":"many"}"#, false, false),
            (r#", "at_most": 80, "warn": true"#, "{}", false, false),
            (r#", "at_most": 80, "warn": true"#, "<html>", false, false),
            (r#", "warn": true"#, "{}", true, true),
        ] {
            let (seen, is_ok) = judge_body("$.n", None, more, body);
            assert_eq!((seen.starts_with("warning: "), is_ok), (warns, Some(ok)), "{body}: {seen}");
        }
    }

    #[test]
    fn a_value_is_compared_by_type() {
        let is_true = || Some(Scalar::Bool(true));
        assert_eq!(judge_body("$.up", is_true(), "", r#"{"up":true}"#), ("true".into(), Some(true)));
        let text = judge_body("$.up", is_true(), "", r#"{"up":"true"}"#);
        assert_eq!(text, ("\"true\"".into(), Some(false)), "a text is no truth value");
        assert_eq!(judge_body("$.up", None, "", r#"{"up":null}"#), ("null".into(), Some(true)));
        assert_eq!(judge_body("$.up", None, "", r#"{"up":"", "up": 1}"#).1, None, "two that contradict");
        assert_eq!(judge_body("$.n", Some(Scalar::Integer(1)), "", r#"{"n":1.0}"#).1, Some(true));
        assert_eq!(judge_body("$.n", Some(Scalar::Integer(1)), "", r#"{"n":1.5}"#).1, Some(false));
    }

    #[test]
    fn no_node_and_several_nodes_are_reported() {
        let body = r#"{"r":[{"h":"ok"},{"h":"err"}]}"#;
        let ok = || Some(Scalar::Text("ok".into()));
        assert_eq!(judge_body("$.r[*].h", ok(), "", body), ("2 values: ok, err".into(), Some(false)));
        assert_eq!(judge_body("$.r[0].h", ok(), "", body).1, Some(true));
        assert_eq!(judge_body("$.r[*].h", None, "", body).1, Some(false));
        assert_eq!(judge_body("$.none", ok(), "", body), ("no value".into(), Some(false)));
    }

    #[test]
    fn errors_beside_the_data_make_an_answer_unknown() {
        for (body, seen, ok) in [
            (r#"{"data": ["a"]}"#, "none", Some(true)),
            (r#"{"data": null, "errors": null}"#, "none", Some(true)),
            (r#"{"data": null, "errors": []}"#, "none", Some(true)),
            (r#"{"errors": false}"#, "none", Some(true)),
            (r#"{"errors": 0}"#, "none", Some(true)),
            (r#"{"errors": {}}"#, "none", Some(true)),
            (r#"{"errors": [null, ""]}"#, "none", Some(true)),
            (
                r#"{"data": null, "errors": [{"code": 500, "msg": "no storage"}]}"#,
                "the query failed: no storage",
                None,
            ),
            (r#"{"errors": [{"message": "a"}, {"msg": "b"}]}"#, "the query failed: a; b", None),
            (r#"{"errors": ["timed out"]}"#, "the query failed: timed out", None),
            (r#"{"errors": "timed out"}"#, "the query failed: timed out", None),
            (r#"{"errors": [{"code": 500}]}"#, r#"the query failed: {"code":500}"#, None),
            (r#"{"errors": true}"#, "the query failed: true", None),
            (r#"{"errors": 2}"#, "the query failed: 2", None),
        ] {
            assert_eq!(
                judge_body("$.errors", None, r#", "errors": true"#, body),
                (seen.into(), ok),
                "{body}"
            );
        }
        let not_json = judge_body("$.errors", None, r#", "errors": true"#, "<html>");
        assert_eq!(not_json.1, Some(false));
    }

    /// The answers of Jaeger to the query of the standard checklist, over a vantage or not.
    #[test]
    fn jaeger_answers_if_it_reports_no_error() {
        let profile = include_str!("../../config/production.toml");
        let profile = Profile::parse(SourceFile::new("production.toml", profile)).unwrap();
        let plan = resolve(&Checklist::standard().unwrap(), &profile, &Promotion::default()).unwrap();
        let point = plan.point("infra.observability").unwrap();
        let probe = point.probes.iter().find(|probe| probe.id == "jaeger").unwrap();
        let Some(ProbeSpec::Http(spec)) = &probe.spec else { panic!("{probe:?}") };
        for (body, class) in [
            (r#"{"data": ["shop"], "total": 1, "errors": null}"#, Class::Pass),
            (r#"{"data": null, "total": 0, "errors": null}"#, Class::Pass),
            (r#"{"data": null, "errors": [{"code": 500, "msg": "no storage"}]}"#, Class::Error),
            (r#"{"data": ["shop"], "errors": [{"msg": "one shard is missing"}]}"#, Class::Error),
            (r#"{"errors": null}"#, Class::Fail),
        ] {
            let read = ReadBody { bytes: body.into(), cut: None };
            let seen = judge(&spec.json, &read, &Deadline::after(Duration::MAX));
            assert_eq!(Outcome::of(seen, "").class, class, "{body}");
        }
    }

    #[test]
    fn a_body_that_is_not_json_fails() {
        assert_eq!(judge_body("$.up", None, "", "<html>"), ("not JSON: <html>".into(), Some(false)));
        assert_eq!(judge_body("$.up", None, "", ""), ("empty, which is not JSON".into(), Some(false)));
    }
}
