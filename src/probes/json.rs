//! JSON paths (RFC 9535) over a body, or over what a program prints. Pure.

use serde_json::Value;

use gonogo_core::checklist::spec::{JsonCheck, Scalar};
use gonogo_core::outcome::Observation;
use gonogo_core::text;

use super::content::{self, ReadBody, Unreadable};
use super::deadline::Deadline;
use super::error::ProbeError;

/// How many of several nodes are shown.
const MAX_SHOWN_NODES: usize = 4;
/// The longest text of one node, in bytes.
const MAX_NODE_TEXT: usize = 120;

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
            return Observation::new(what, expected, format!("not JSON: {}", body.excerpt()), false);
        }
        Err(why) => return Observation::unknown(what, expected, why.to_string()),
    };
    let nodes = check.path.find(json);
    let seen = Observation::new(what, expected, describe_nodes(&nodes), matches(check, &nodes));
    // A value that must only exist, or be large enough, differs from attempt to attempt.
    if check.equals.is_none() { seen.as_measured() } else { seen }
}

fn expected(check: &JsonCheck) -> String {
    match (&check.equals, check.at_least) {
        (Some(value), Some(least)) => format!("{value}, at least {least}"),
        (Some(value), None) => value.to_string(),
        (None, Some(least)) => format!("at least {least}"),
        (None, None) => "one value".into(),
    }
}

/// Whether the nodes match the check: exactly one if it has only a path, else at least one, and all of them match.
fn matches(check: &JsonCheck, nodes: &[&Value]) -> bool {
    let is_path_only = check.equals.is_none() && check.at_least.is_none();
    let each = |node: &&Value| {
        check.equals.as_ref().is_none_or(|value| equals(node, value))
            && check.at_least.is_none_or(|least| is_at_least(node, least))
    };
    if is_path_only { nodes.len() == 1 } else { !nodes.is_empty() && nodes.iter().all(each) }
}

fn equals(node: &Value, value: &Scalar) -> bool {
    match value {
        Scalar::Bool(value) => node.as_bool() == Some(*value),
        Scalar::Text(value) => node.as_str() == Some(value),
        Scalar::Integer(value) => is_at_least(node, *value) && !is_above(node, *value),
    }
}

fn is_at_least(node: &Value, least: i64) -> bool {
    node.as_i64().map_or_else(|| node.as_f64().is_some_and(|v| v >= float(least)), |v| v >= least)
}

fn is_above(node: &Value, most: i64) -> bool {
    node.as_i64().map_or_else(|| node.as_f64().is_some_and(|v| v > float(most)), |v| v > most)
}

#[expect(clippy::cast_precision_loss, reason = "compared with a float only, which holds no more digits")]
fn float(value: i64) -> f64 {
    value as f64
}

fn describe_nodes(nodes: &[&Value]) -> String {
    let describe = |node: &&Value| match node {
        Value::String(text) => text::clip(text, MAX_NODE_TEXT),
        node => text::clip(&node.to_string(), MAX_NODE_TEXT),
    };
    let first = || nodes.iter().take(MAX_SHOWN_NODES).map(describe).collect::<Vec<_>>().join(", ");
    match nodes {
        [] => "nothing there".into(),
        [node] => describe(node),
        nodes if nodes.len() > MAX_SHOWN_NODES => format!("{} values: {}, …", nodes.len(), first()),
        nodes => format!("{} values: {}", nodes.len(), first()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use gonogo_core::checklist::spec::JsonPath;

    fn judge_body(
        path: &str,
        equals: Option<Scalar>,
        at_least: Option<i64>,
        body: &str,
    ) -> (String, Option<bool>) {
        let body = ReadBody { bytes: body.into(), cut: None };
        let check = JsonCheck { path: JsonPath::new(path).unwrap(), equals, at_least };
        let seen = judge(&[check], &body, &Deadline::after(Duration::MAX)).remove(0);
        (seen.seen, seen.ok)
    }

    #[test]
    fn a_value_is_compared_by_type() {
        let is_true = || Some(Scalar::Bool(true));
        assert_eq!(judge_body("$.up", is_true(), None, r#"{"up":true}"#), ("true".into(), Some(true)));
        assert_eq!(judge_body("$.up", is_true(), None, r#"{"up":"true"}"#).1, Some(false));
        assert_eq!(judge_body("$.n", Some(Scalar::Integer(1)), None, r#"{"n":1.0}"#).1, Some(true));
        assert_eq!(judge_body("$.n", Some(Scalar::Integer(1)), None, r#"{"n":1.5}"#).1, Some(false));
        assert_eq!(judge_body("$.n", None, Some(3), r#"{"n":2.9}"#), ("2.9".into(), Some(false)));
    }

    #[test]
    fn no_node_and_several_nodes_are_reported() {
        let body = r#"{"r":[{"h":"ok"},{"h":"err"}]}"#;
        let ok = || Some(Scalar::Text("ok".into()));
        assert_eq!(judge_body("$.r[*].h", ok(), None, body), ("2 values: ok, err".into(), Some(false)));
        assert_eq!(judge_body("$.r[0].h", ok(), None, body).1, Some(true));
        assert_eq!(judge_body("$.r[*].h", None, None, body).1, Some(false));
        assert_eq!(judge_body("$.none", ok(), None, body), ("nothing there".into(), Some(false)));
    }

    #[test]
    fn a_body_that_is_not_json_fails() {
        assert_eq!(judge_body("$.up", None, None, "<html>"), ("not JSON: <html>".into(), Some(false)));
    }
}
