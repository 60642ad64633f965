//! Compares the results of CI checks with the required ones. Pure.

use super::forge::CommitChecks;
use super::{CiCheck, CiState};
use gonogo_core::outcome::Observation;

/// How many checks are named.
const MAX_NAMED: usize = 8;

/// Each required check by itself; the others are recorded.
pub(super) fn judge(required: &[String], commit: &CommitChecks) -> Vec<Observation> {
    let CommitChecks { checks, gaps } = commit;
    let mut seen: Vec<_> = required.iter().map(|name| judge_check(name, checks, gaps)).collect();
    if required.is_empty() {
        let message = "no check configured; which check runs the suite?";
        seen.push(Observation::unknown("checks of the suite", "one or more", message));
    }
    let others: Vec<_> = checks.iter().filter(|check| !required.contains(&check.name)).collect();
    if !others.is_empty() {
        seen.push(Observation::recorded("other checks", names(&others, true)));
    }
    seen.extend(gaps.iter().map(|gap| Observation::recorded("not searched", gap.as_str())));
    seen
}

/// A check may have run more than once: the worst result counts. One that is not there may be where nothing was searched.
fn judge_check(name: &str, checks: &[CiCheck], gaps: &[String]) -> Observation {
    let (what, expected) = (format!("check {name}"), "success");
    let worst = checks.iter().filter(|check| check.name == name).max_by_key(|check| check.state);
    let Some(worst) = worst else {
        let checks: Vec<_> = checks.iter().collect();
        let listed = if checks.is_empty() { "none".to_owned() } else { names(&checks, false) };
        let seen = format!("no check of that name; listed: {listed}");
        if !gaps.is_empty() {
            let message = format!("{seen}; not searched: {}", gaps.join(", "));
            return Observation::unknown(what, expected, message);
        }
        return Observation::new(what, expected, seen, false);
    };
    let seen = match worst.state {
        CiState::Passed | CiState::Failed => worst.detail.clone(),
        CiState::Skipped => format!("{}: not run", worst.detail),
        CiState::Running => format!("{}: in progress", worst.detail),
    };
    Observation::new(what, expected, seen, worst.state == CiState::Passed)
}

fn names(checks: &[&CiCheck], with_state: bool) -> String {
    let name = |check: &&CiCheck| {
        if with_state { format!("{} ({})", check.name, check.detail) } else { check.name.clone() }
    };
    let first = checks.iter().take(MAX_NAMED).map(name).collect::<Vec<_>>().join(", ");
    let more = checks.len().saturating_sub(MAX_NAMED);
    if more > 0 { format!("{first} and {more} more") } else { first }
}
