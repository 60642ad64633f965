//! Compares rules, jobs, alerts and query results with the checks. Pure.

use serde_json::Value;

use super::{QueriedSeries, display_value};
use crate::probes::error::ProbeResult;
use gonogo_core::checklist::spec::{JobCheck, QueryCheck, RuleCheck};
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// How many of several things are named.
const MAX_NAMED: usize = 4;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn rules(checks: &[RuleCheck], groups: ProbeResult<Vec<Value>>) -> Vec<Observation> {
    let groups = match groups {
        Ok(groups) => groups,
        Err(why) => {
            let expected = checks.iter().map(RuleCheck::name).collect::<Vec<_>>().join(", ");
            return vec![Observation::unknown("rules", expected, why)];
        }
    };
    let rules: Vec<&Value> =
        groups.iter().filter_map(|group| group.get("rules")?.as_array()).flatten().collect();
    checks.iter().map(|rule| judge_rule(rule, &rules)).collect()
}

fn judge_rule(check: &RuleCheck, rules: &[&Value]) -> Observation {
    let what = format!("rule {}", check.name());
    let expected = match check.metric() {
        Some(metric) => format!("loaded, healthy, about {metric}"),
        None => "loaded and healthy".to_owned(),
    };
    let named: Vec<_> = rules.iter().filter(|rule| text(rule, "name") == check.name()).collect();
    let Some(worst) = named.iter().find(|rule| text(rule, "health") != "ok").or(named.first()) else {
        let near = text::nearest(check.name(), rules.iter().map(|rule| text(rule, "name")));
        let hint = near.map(|near| format!("; there is {near}")).unwrap_or_default();
        return Observation::new(what, expected, format!("no such rule among {}{hint}", rules.len()), false);
    };
    let health = text(worst, "health");
    match health {
        "ok" => {}
        // Loaded, and not evaluated yet.
        "unknown" => return Observation::unknown(what, expected, "not evaluated yet"),
        _ => {
            let seen = format!("its health is {health}: {}", text(worst, "lastError"));
            return Observation::new(what, expected, seen, false);
        }
    }
    let is_about_metric =
        check.metric().is_none_or(|metric| named.iter().all(|rule| names(text(rule, "query"), metric)));
    let seen = if is_about_metric {
        "healthy".to_owned()
    } else {
        format!("its expression is {}", text(worst, "query"))
    };
    Observation::new(what, expected, seen, is_about_metric)
}

/// Whether an expression names a metric, and not one whose name only contains it.
fn names(expr: &str, metric: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    expr.match_indices(metric).any(|(at, _)| {
        let before = expr[..at].chars().next_back();
        let after = expr[at + metric.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

pub(super) fn jobs(checks: &[JobCheck], targets: ProbeResult<Vec<Value>>) -> Vec<Observation> {
    let expected = |job: &JobCheck| format!("{} or more targets, all up", job.at_least);
    let targets = match targets {
        Ok(targets) => targets,
        Err(why) => {
            let unknown =
                |job| Observation::unknown(format!("job {}", job_name(job)), expected(job), why.clone());
            return checks.iter().map(unknown).collect();
        }
    };
    let judge = |job: &JobCheck| {
        let is_of =
            |target: &&Value| target.pointer("/labels/job").and_then(Value::as_str) == Some(&job.name);
        let job_targets: Vec<_> = targets.iter().filter(is_of).collect();
        let down = job_targets.iter().find(|target| text(target, "health") != "up");
        let enough = job_targets.len() as u64 >= job.at_least;
        let seen = match down {
            Some(target) => {
                let (place, health) = (text(target, "scrapeUrl"), text(target, "health"));
                format!("{place} is {health}: {}", text(target, "lastError"))
            }
            None => format!("{} up", text::count(job_targets.len(), "target")),
        };
        Observation::new(format!("job {}", job.name), expected(job), seen, enough && down.is_none())
    };
    checks.iter().map(judge).collect()
}

fn job_name(job: &JobCheck) -> &str {
    &job.name
}

pub(super) fn quiet(names: &[String], alerts: &ProbeResult<Vec<Value>>) -> Vec<Observation> {
    let judge = |name: &String| {
        let what = format!("alert {name}");
        let alerts = match alerts {
            Ok(alerts) => alerts,
            Err(why) => return Observation::unknown(what, "not firing", why.clone()),
        };
        let is_own =
            |alert: &&Value| alert.pointer("/labels/alertname").and_then(Value::as_str) == Some(name);
        let matching = alerts.iter().filter(is_own);
        let firing = matching.clone().find(|alert| text(alert, "state") == "firing");
        let seen = match (firing, matching.count()) {
            (Some(alert), _) => format!("firing since {}", text(alert, "activeAt")),
            (None, 0) => "not firing".to_owned(),
            (None, _) => "pending".to_owned(),
        };
        Observation::new(what, "not firing", seen, firing.is_none())
    };
    names.iter().map(judge).collect()
}

pub(super) fn query(check: &QueryCheck, result: ProbeResult<Vec<QueriedSeries>>) -> Observation {
    let expected = limits(check);
    let series = match result {
        Ok(series) => series,
        Err(why) => return Observation::unknown(&check.what, expected, why),
    };
    let values: Vec<f64> =
        series.iter().filter_map(|series| series.points.last().map(|(_, value)| *value)).collect();
    let is_within = |value: &f64| {
        check.at_least.as_ref().is_none_or(|least| *value >= least.value())
            && check.at_most.as_ref().is_none_or(|most| *value <= most.value())
    };
    let ok = !values.is_empty() && values.iter().all(is_within);
    let worst = values.iter().zip(&series).find(|(value, _)| !is_within(value));
    let seen = match worst {
        Some((value, series)) => format!("{} {}", display_value(*value), series.name).trim_end().to_owned(),
        None if values.is_empty() => "no series".to_owned(),
        None => {
            values.iter().take(MAX_NAMED).map(|value| display_value(*value)).collect::<Vec<_>>().join(", ")
        }
    };
    Observation::new(&check.what, expected, seen, ok).as_measured()
}

fn limits(check: &QueryCheck) -> String {
    match (&check.at_least, &check.at_most) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "one series or more".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_named_whole() {
        assert!(names("rate(events_total[5m]) > 1", "events_total"));
        assert!(!names("rate(board_events_total[5m]) > 1", "events_total"));
        assert!(!names("events_total:rate5m > 1", "events_total"));
    }
}
