//! Compares the findings of a scan with the limits. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::{ScanFinding, ScanReport, accepted};
use gonogo_core::checklist::spec::{ScanException, ScanSpec, Severity};
use gonogo_core::outcome::{Observation, key};
use gonogo_core::text;

/// How many findings are named.
const MAX_NAMED: usize = 20;

/// How far in the future a report may be, in hours: a clock that shows local time is at most 14 hours ahead.
const MAX_AHEAD: i64 = 24;

pub(super) fn judge(spec: &ScanSpec, report: &ScanReport, now: Timestamp, today: Date) -> Vec<Observation> {
    let mut seen = vec![age(spec, report, now), scanned(report)];
    seen.extend(report.gaps.iter().map(|gap| Observation::unknown("the scan", "complete", gap.as_str())));
    seen.push(Observation::recorded("findings", counts(&report.findings)));
    if !report.set_aside.is_empty() {
        let suppressed = Observation::recorded("suppressed by the scanner", list(&report.set_aside));
        seen.push(suppressed.with_key(key::NOTICE));
    }
    seen.extend(spec.exceptions.iter().map(|exception| excepted(exception, report, today)));
    seen.extend(unrated(spec, report, today));
    seen.extend(judge_findings(spec, report, today));
    seen
}

fn age(spec: &ScanSpec, report: &ScanReport, now: Timestamp) -> Observation {
    let expected = format!("at most {} hours", spec.max_age_hours);
    let Some(made) = report.made else {
        return Observation::unknown("age", expected, "the report has no creation time");
    };
    let age = now.duration_since(made).as_hours();
    if age < -MAX_AHEAD {
        let message = format!("created at {made}, in the future: check the clocks");
        return Observation::unknown("age", expected, message);
    }
    let hours = u64::try_from(age).unwrap_or(0);
    let source = if report.is_file_time { ", by the file's time: the report has none" } else { "" };
    let seen = text::count(usize::try_from(hours).unwrap_or(usize::MAX), "hour");
    Observation::new("age", expected, format!("{seen}{source}"), hours <= spec.max_age_hours).as_measured()
}

/// A scanner that scanned nothing found nothing.
fn scanned(report: &ScanReport) -> Observation {
    if report.scanned.is_empty() {
        return Observation::unknown("scan target", "at least one", "the report names none");
    }
    Observation::recorded("scan target", report.scanned.join(", "))
}

/// The first of a list, and how many more there are.
fn list(items: &[String]) -> String {
    let first = items.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = items.len().saturating_sub(MAX_NAMED);
    if more > 0 { format!("{first} and {more} more") } else { first }
}

fn counts(findings: &[ScanFinding]) -> String {
    let mut by_severity: BTreeMap<Option<Severity>, usize> = BTreeMap::new();
    for finding in findings {
        *by_severity.entry(finding.severity).or_default() += 1;
    }
    let word = |severity: &Option<Severity>| {
        severity.map_or_else(|| "of unknown severity".to_owned(), |severity| severity.to_string())
    };
    let parts: Vec<_> =
        by_severity.iter().rev().map(|(severity, count)| format!("{count} {}", word(severity))).collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}

fn excepted(exception: &ScanException, report: &ScanReport, today: Date) -> Observation {
    let ScanException { id, reason, until } = exception;
    let what = format!("exception {id}");
    if reason.trim().is_empty() {
        return Observation::new(what, "a reason", "none", false);
    }
    let is_found = report.findings.iter().any(|finding| accepted::names(exception, finding));
    let seen = match (is_found, until.0 < today) {
        (true, true) => format!("expired on {}: {reason}", until.0),
        (true, false) => format!("accepted until {}: {reason}", until.0),
        (false, _) => "no finding of that id".to_owned(),
    };
    Observation::new(what, "not expired", seen, !is_found || until.0 >= today)
}

/// A finding without a severity can be of any, so it must be accepted by its id.
fn unrated(spec: &ScanSpec, report: &ScanReport, today: Date) -> Option<Observation> {
    let unrated = report.findings.iter().filter(|finding| finding.severity.is_none());
    let left: BTreeSet<_> = unrated
        .filter(|finding| !accepted::is_accepted(spec, finding, today))
        .map(|finding| format!("{} ({})", finding.id, finding.at))
        .collect();
    let left: Vec<_> = left.into_iter().collect();
    let expected = "none, or an exception for each";
    (!left.is_empty()).then(|| Observation::unknown("findings of unknown severity", expected, list(&left)))
}

/// Each id once, the worst first.
fn judge_findings(spec: &ScanSpec, report: &ScanReport, today: Date) -> Vec<Observation> {
    let mut by_id: BTreeMap<(std::cmp::Reverse<Severity>, &str), Vec<&str>> = BTreeMap::new();
    for finding in &report.findings {
        match finding.severity {
            Some(severity) if severity >= spec.fail_at && !accepted::is_accepted(spec, finding, today) => {
                by_id.entry((std::cmp::Reverse(severity), &finding.id)).or_default().push(&finding.at);
            }
            _ => {}
        }
    }
    let expected = format!("none of {} or higher", spec.fail_at);
    let describe = |((severity, id), places): (&(std::cmp::Reverse<Severity>, &str), &Vec<&str>)| {
        let more = if places.len() > 1 { format!(", and {} more", places.len() - 1) } else { String::new() };
        Observation::new(format!("{} {id}", severity.0), &expected, format!("{}{more}", places[0]), false)
    };
    let mut seen: Vec<_> = by_id.iter().take(MAX_NAMED).map(describe).collect();
    if by_id.len() > MAX_NAMED {
        let rest = text::count(by_id.len() - MAX_NAMED, "finding");
        seen.push(Observation::new("further findings", &expected, format!("{rest} more"), false));
    }
    if by_id.is_empty() {
        seen.push(Observation::new("findings at or above the limit", expected, "none", true));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_counts_on_its_last_day_and_not_on_the_next() {
        let report = r#"{"ArtifactName":"app","CreatedAt":"2026-09-20T10:00:00Z","Results":[{"Target":"app","Vulnerabilities":[
            {"VulnerabilityID":"CVE-1","PkgName":"p","InstalledVersion":"1","Severity":"HIGH"}]}]}"#;
        let report = super::super::read::report(report.as_bytes()).unwrap();
        let spec = serde_json::json!({
            "report": "r.json", "exceptions": [{"id": "CVE-1", "reason": "not reachable", "until": "2026-09-20"}],
        });
        let spec: ScanSpec = serde_json::from_value(spec).unwrap();
        let on = |day: &str| {
            let seen = judge(&spec, &report, report.made.unwrap(), day.parse().unwrap());
            seen.into_iter().filter(|seen| seen.ok == Some(false)).map(|seen| seen.what).collect::<Vec<_>>()
        };
        assert!(on("2026-09-20").is_empty(), "{:?}", on("2026-09-20"));
        assert_eq!(on("2026-09-21"), ["exception CVE-1", "high CVE-1"]);
    }
}
