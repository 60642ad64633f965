//! Rules: loaded, healthy, about a metric; whether they fire, and whether their metric has series.

use std::time::Duration;

use serde::Deserialize;

use super::answer::{self, Answer};
use super::expression::names;
use super::series::instant;
use crate::probes::api_client::{ApiClient, ApiResponse};
use crate::probes::deadline::Deadline;
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::checklist::spec::RuleCheck;
use gonogo_core::outcome::{Observation, key};
use gonogo_core::text;
use gonogo_core::time::{Utc, span};

/// How long any rule may stay unevaluated, at least.
const MIN_IDLE: Duration = Duration::from_mins(5);
/// The path of the rules.
const RULES: &str = "/api/v1/rules";
/// What every program of `VictoriaMetrics` sends.
const VICTORIA_HEADER: &str = "x-server-hostname";
/// `VictoriaMetrics` answers with an empty list, since vmalert evaluates the rules
/// (<https://docs.victoriametrics.com/victoriametrics/vmalert/>).
const RULES_OF_VMALERT: &str =
    "VictoriaMetrics lists no rules: vmalert evaluates them; use its address, or -vmalert.proxyURL";

#[derive(Deserialize)]
struct RuleGroups {
    // Without a default: the field must be there.
    #[serde(deserialize_with = "Option::deserialize")]
    groups: Option<Vec<RuleGroup>>,
}

#[derive(Deserialize)]
struct RuleGroup {
    /// How often its rules are evaluated, in seconds.
    interval: Option<f64>,
    rules: Option<Vec<Rule>>,
}

impl RuleGroup {
    fn into_rules(self) -> impl Iterator<Item = Rule> {
        let interval = self.interval;
        self.rules.into_iter().flatten().map(move |rule| Rule { interval, ..rule })
    }
}

/// A rule. Grafana adds whether it is paused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rule {
    name: String,
    query: Option<String>,
    health: Option<String>,
    #[serde(rename = "lastError")]
    last_error: Option<String>,
    state: Option<String>,
    #[serde(rename = "isPaused")]
    is_paused: Option<bool>,
    /// `alerting` or `recording`.
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "lastEvaluation")]
    last_evaluation: Option<String>,
    /// That of its group.
    #[serde(skip)]
    interval: Option<f64>,
}

/// The rules that were found.
#[derive(Default)]
pub(super) struct RuleList {
    pub(super) rules: Vec<Rule>,
    /// Why there may be more.
    pub(super) partial: Option<ProbeError>,
}

impl RuleList {
    pub(super) fn has(&self, name: &str) -> bool {
        self.rules.iter().any(|rule| rule.name == name)
    }
}

/// The rules of these names, at least. Servers that do not know `rule_name[]` answer with all rules.
pub(super) async fn list<'a>(
    names: impl Iterator<Item = &'a str>,
    api: &ApiClient,
    deadline: &Deadline,
) -> ProbeResult<RuleList> {
    let names: Vec<&str> = names.collect();
    let query: Vec<_> = names.iter().map(|name| ("rule_name[]", *name)).collect();
    let reply = api.get_long(RULES, &query).await?;
    // Some servers refuse a parameter that they do not know.
    if reply.status.is_client_error() && !matches!(reply.status.as_u16(), 401 | 403) {
        return all(api, deadline).await;
    }
    let found = read(reply, api, deadline).await?;
    if names.iter().all(|name| found.has(name)) {
        return Ok(found);
    }
    // One is missing: the others show what is there instead.
    all(api, deadline).await.or_else(|why| {
        let why = ProbeError::new(format!("not all rules could be read: {why}"));
        Ok(RuleList { partial: found.partial.or(Some(why)), rules: found.rules })
    })
}

async fn all(api: &ApiClient, deadline: &Deadline) -> ProbeResult<RuleList> {
    read(api.get_long(RULES, &[]).await?, api, deadline).await
}

async fn read(reply: ApiResponse, api: &ApiClient, deadline: &Deadline) -> ProbeResult<RuleList> {
    let is_victoria = reply.headers.contains_key(VICTORIA_HEADER);
    let answer: Answer<RuleGroups> = answer::read_long(reply, api, deadline).await?;
    // Mimir and Cortex write an empty list as null.
    let groups = answer.data.groups.into_iter().flatten();
    let rules: Vec<_> = groups.flat_map(RuleGroup::into_rules).collect();
    let elsewhere = (is_victoria && rules.is_empty()).then(|| ProbeError::new(RULES_OF_VMALERT));
    Ok(RuleList { partial: answer.partial.or(elsewhere), rules })
}

pub(super) async fn run(checks: &[RuleCheck], api: &ApiClient, deadline: &Deadline) -> Vec<Observation> {
    let list = match list(checks.iter().map(RuleCheck::name), api, deadline).await {
        Ok(list) => list,
        Err(why) => {
            let expected = checks.iter().map(RuleCheck::name).collect::<Vec<_>>().join(", ");
            return vec![Observation::unknown("rules", expected, why)];
        }
    };
    let mut seen = Vec::new();
    for check in checks {
        let judged = judge(check, &list);
        let is_good = judged[0].ok == Some(true);
        seen.extend(judged);
        if let (true, Some(metric)) = (is_good, check.metric()) {
            seen.extend(series_of(metric, instant(api, metric, None).await.map(|series| series.len())));
        }
    }
    seen
}

/// That a metric has no series: an alert on it cannot fire. A new release may bring them.
fn series_of(metric: &str, count: ProbeResult<usize>) -> Option<Observation> {
    let what = format!("series of {metric}");
    match count {
        Ok(0) => Some(Observation::recorded(what, "no series yet").as_measured()),
        Ok(_) => None,
        Err(why) => Some(Observation::recorded(what, format!("not checked: {why}")).as_measured()),
    }
}

/// Of a rule, and of its alerts.
fn judge(check: &RuleCheck, list: &RuleList) -> Vec<Observation> {
    let named: Vec<_> = list.rules.iter().filter(|rule| rule.name == check.name()).collect();
    let rule = judge_rule(check, &named, list);
    let active = ["firing", "pending"].into_iter().find(|state| named.iter().any(|rule| rule.is_in(state)));
    let active =
        active.map(|state| Observation::recorded(format!("alert {}", check.name()), state).as_measured());
    let now = Utc::from_millis(jiff::Timestamp::now().as_millisecond());
    let idle = named.iter().find_map(|rule| rule.idle_for(now));
    let idle = idle.map(|seen| {
        let what = format!("evaluation of rule {}", check.name());
        Observation::recorded(what, seen).as_measured().with_key(key::NOTICE)
    });
    std::iter::once(rule).chain(active).chain(idle).collect()
}

fn judge_rule(check: &RuleCheck, named: &[&Rule], list: &RuleList) -> Observation {
    let what = format!("rule {}", check.name());
    let expected = match check.metric() {
        Some(metric) => format!("loaded, healthy, uses {metric}"),
        None if check.is_alert() => "loaded, healthy, an alert".to_owned(),
        None => "loaded and healthy".to_owned(),
    };
    let is_unhealthy = |rule: &&&Rule| rule.fault().is_some();
    let Some(worst) = named.iter().find(is_unhealthy).or_else(|| named.first()) else {
        if let Some(why) = &list.partial {
            return Observation::unknown(what, expected, why.clone());
        }
        let near = text::nearest(check.name(), list.rules.iter().map(|rule| rule.name.as_str()));
        let hint = near.map(|near| format!("; similar name: {near}")).unwrap_or_default();
        let seen = format!("no such rule among {}{hint}", list.rules.len());
        return Observation::new(what, expected, seen, false);
    };
    match worst.fault() {
        Some(Ok(wrong)) => return Observation::new(what, expected, wrong, false),
        Some(Err(unknown)) => return Observation::unknown(what, expected, unknown),
        None => {}
    }
    let other = check.metric().and_then(|metric| {
        named.iter().find(|rule| !names(rule.query.as_deref().unwrap_or_default(), metric))
    });
    match (other, &list.partial) {
        (Some(rule), _) => {
            let seen = format!("its expression is {}", rule.query.as_deref().unwrap_or("not reported"));
            Observation::new(what, expected, seen, false)
        }
        (None, Some(why)) => Observation::unknown(what, expected, why.clone()),
        (None, None) => match named.iter().find_map(|rule| rule.no_alert(check)) {
            Some(seen) => Observation { what, expected, ..seen },
            None => Observation::new(what, expected, worst.healthy(), true),
        },
    }
}

impl Rule {
    fn health(&self) -> String {
        self.health.as_deref().unwrap_or_default().to_lowercase()
    }

    fn is_in(&self, state: &str) -> bool {
        self.state.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(state))
    }

    /// Why it is no alert, if it must be one: a rule that records a series never fires.
    fn no_alert(&self, check: &RuleCheck) -> Option<Observation> {
        let kind = self.kind.as_deref().unwrap_or_default();
        if !check.is_alert() || kind.eq_ignore_ascii_case("alerting") {
            return None;
        }
        Some(match kind {
            "" => Observation::unknown("", "", "its type is not reported"),
            kind => Observation::new("", "", format!("a {kind} rule: it never alerts"), false),
        })
    }

    /// That it has not been evaluated for many intervals of its group.
    fn idle_for(&self, now: Utc) -> Option<String> {
        let at = Utc::parse(self.last_evaluation.as_deref()?).ok()?;
        let allowed = Duration::from_secs_f64(self.interval.unwrap_or(60.0).clamp(0.0, 1e6) * 10.0);
        let idle = now.since(at);
        (idle > allowed.max(MIN_IDLE)).then(|| format!("the last one was {} ago", span(idle)))
    }

    /// What is wrong with it, or why that cannot be said.
    fn fault(&self) -> Option<Result<String, String>> {
        if self.is_paused == Some(true) {
            return Some(Ok("paused: not evaluated".to_owned()));
        }
        match self.health().as_str() {
            // Grafana: evaluated, and the query gave nothing.
            "ok" | "nodata" => None,
            "" => Some(Err("its health is not reported".to_owned())),
            "unknown" => Some(Err("not evaluated yet".to_owned())),
            health => Some(Ok(format!(
                "its health is {health}: {}",
                self.last_error.as_deref().unwrap_or_default()
            ))),
        }
    }

    fn healthy(&self) -> &'static str {
        let is_recording = self.kind.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("recording"));
        match self.health().as_str() {
            "nodata" => "healthy; its query returns no data",
            _ if is_recording => "healthy (it records a series, and never alerts)",
            _ => "healthy",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use gonogo_core::outcome::Outcome;

    fn list(rules: Value) -> RuleList {
        RuleList { rules: serde_json::from_value(rules).unwrap(), partial: None }
    }

    fn check(check: Value) -> RuleCheck {
        serde_json::from_value(check).unwrap()
    }

    #[test]
    fn a_rule_is_healthy_or_why_not() {
        let rule = |more: Value| {
            let mut rule =
                json!({"name": "Backlog", "query": "depth > 9", "health": "ok", "state": "inactive"});
            for (key, value) in more.as_object().unwrap() {
                rule[key] = value.clone();
            }
            rule
        };
        let cases = [
            (json!([rule(json!({}))]), Some(true), "healthy"),
            (json!([rule(json!({"health": "nodata"}))]), Some(true), "its query returns no data"),
            (
                json!([rule(json!({"health": "err", "lastError": "many-to-many"}))]),
                Some(false),
                "err: many-to-many",
            ),
            (json!([rule(json!({"health": "error"}))]), Some(false), "its health is error"),
            (json!([rule(json!({"isPaused": true}))]), Some(false), "paused"),
            (json!([rule(json!({"isPaused": false}))]), Some(true), "healthy"),
            (json!([rule(json!({"health": "unknown"}))]), None, "not evaluated yet"),
            (json!([rule(json!({"health": null}))]), None, "its health is not reported"),
            (json!([rule(json!({})), rule(json!({"health": "err"}))]), Some(false), "its health is err"),
            (json!([rule(json!({"query": "other > 9"}))]), Some(false), "its expression is other > 9"),
            (json!([]), Some(false), "no such rule among 0"),
            (json!([rule(json!({"name": "Backlogs"}))]), Some(false), "similar name: Backlogs"),
        ];
        for (rules, ok, seen) in cases {
            let judged = judge(&check(json!({"name": "Backlog", "metric": "depth"})), &list(rules.clone()));
            assert_eq!((judged.len(), judged[0].ok), (1, ok), "{rules}: {judged:?}");
            assert!(judged[0].seen.contains(seen), "{judged:?}");
        }
    }

    #[test]
    fn where_an_alert_is_needed_a_recording_rule_is_none() {
        let alert = check(json!({"name": "Slow", "alert": true}));
        for (kind, ok, seen) in [
            (json!("alerting"), Some(true), "healthy"),
            (json!("recording"), Some(false), "a recording rule: it never alerts"),
            (json!(null), None, "its type is not reported"),
        ] {
            let rules = list(json!([{"name": "Slow", "health": "ok", "type": kind}]));
            let judged = judge(&alert, &rules).remove(0);
            assert_eq!((judged.ok, judged.seen.as_str()), (ok, seen));
            assert_eq!(judged.expected, "loaded, healthy, an alert");
        }
        let any = judge(
            &check(json!("Slow")),
            &list(json!([{"name": "Slow", "health": "ok", "type": "recording"}])),
        );
        assert_eq!(
            (any[0].ok, any[0].seen.as_str()),
            (Some(true), "healthy (it records a series, and never alerts)")
        );
    }

    #[test]
    fn a_rule_that_is_no_longer_evaluated_is_a_notice() {
        let now = Utc::parse("2026-06-01T12:00:00Z").unwrap();
        for (last, interval, is_idle) in [
            ("2026-06-01T11:56:00Z", 15.0, false),
            ("2026-06-01T11:54:00Z", 15.0, true),
            ("2026-06-01T11:54:00Z", 60.0, false),
            ("2026-06-01T11:49:00Z", 60.0, true),
            ("0001-01-01T00:00:00Z", 60.0, true),
            ("2026-06-01T12:30:00Z", 60.0, false),
        ] {
            let rule =
                Rule { last_evaluation: Some(last.into()), interval: Some(interval), ..Rule::default() };
            assert_eq!(rule.idle_for(now).is_some(), is_idle, "{last} {interval}");
        }
        let rules = list(json!([{"name": "Slow", "health": "ok", "lastEvaluation": "2020-01-01T00:00:00Z"}]));
        let judged = judge(&check(json!("Slow")), &rules);
        assert!(judged[1].has_key(key::NOTICE) && judged[1].seen.ends_with("ago"), "{judged:?}");
    }

    #[test]
    fn an_alert_that_fires_is_reported() {
        for state in ["firing", "pending"] {
            let rules = list(json!([{"name": "Backlog", "health": "ok", "state": state}]));
            let judged = judge(&check(json!("Backlog")), &rules);
            assert_eq!((judged[0].ok, judged[1].seen.as_str()), (Some(true), state));
            assert_eq!((judged[1].expected.as_str(), judged[1].ok), ("recorded", Some(true)));
        }
    }

    #[test]
    fn in_a_part_of_the_rules_only_what_is_wrong_is_certain() {
        let partial = || Some(ProbeError::new("partial response"));
        let cases = [
            (json!([]), None),
            (json!([{"name": "Backlog", "health": "ok"}]), None),
            (json!([{"name": "Backlog", "health": "err"}]), Some(false)),
        ];
        for (rules, ok) in cases {
            let list = RuleList { partial: partial(), ..list(rules.clone()) };
            assert_eq!(judge(&check(json!("Backlog")), &list)[0].ok, ok, "{rules}");
        }
    }

    #[test]
    fn a_metric_without_series_is_reported() {
        let none = series_of("depth", Ok(0)).unwrap();
        assert_eq!((none.expected.as_str(), none.seen.as_str()), ("recorded", "no series yet"));
        assert!(series_of("depth", Ok(2)).is_none());
        assert!(
            series_of("depth", Err(ProbeError::new("no answer"))).unwrap().seen.starts_with("not checked")
        );
    }

    #[test]
    fn an_altered_rule_is_never_healthy_for_nothing() {
        let json = json!([{"name": "Backlog", "query": "depth > 9", "health": "ok", "state": "inactive"}]);
        let wanted = check(json!("Backlog"));
        GoodDocument { json, carriers: &["/0", "/0/name", "/0/health"], maps: &[] }.check(|body| {
            let seen =
                serde_json::from_slice(body).map(|rules| judge(&wanted, &RuleList { rules, partial: None }));
            Outcome::of(seen.unwrap_or_default(), "").class
        });
    }
}
