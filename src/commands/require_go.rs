//! The requirements of `--require-go` for a sealed log, beyond its being valid.

use crate::cli::{RoleArg, VerifyArgs};
use gonogo_core::checklist::{Edition, Role, altered_points};
use gonogo_core::journal::entry::Decision;
use gonogo_core::journal::verify::{LogStatus, Verification};
use gonogo_core::run::RunState;
use gonogo_core::text::line;
use gonogo_core::time::{Utc, span};

/// The unmet requirements of a sealed log; empty without `--require-go`.
pub(super) fn unmet_requirements(
    arguments: &VerifyArgs,
    report: &Verification,
    state: Option<&RunState>,
    now: Utc,
) -> Vec<String> {
    let (Some(state), true, LogStatus::Sealed) = (state, arguments.require_go, &report.status) else {
        return Vec::new();
    };
    let checks = [
        check_decision(state),
        check_edition(arguments, state),
        check_probes(state),
        check_age(arguments, state, now),
    ];
    checks.into_iter().flatten().chain(check_seals(&arguments.seals, state)).collect()
}

fn check_decision(state: &RunState) -> Option<String> {
    match state.verdict.as_ref().map(|verdict| verdict.decision) {
        Some(Decision::Go) => None,
        Some(other) => Some(format!("the verdict is {other}, not GO")),
        None => Some("no verdict".into()),
    }
}

/// The name of a built-in checklist requires a released edition, unless the command line gives another.
fn check_edition(arguments: &VerifyArgs, state: &RunState) -> Option<String> {
    let edition = state.lock.edition();
    let name = line(&state.plan.checklist);
    match arguments.checklist_sha256 {
        Some(expected) if expected == edition => None,
        Some(expected) => Some(format!("checklist {name} has edition {edition}, not {expected}")),
        None if Edition::of(&state.plan.checklist, edition) == Edition::Unknown => Some(format!(
            "the checklist is named {name}, but edition {edition} was never released; to accept it, give --checklist-sha256"
        )),
        None => None,
    }
}

/// An edition covers who must confirm, not what is probed.
fn check_probes(state: &RunState) -> Option<String> {
    let altered = altered_points(&state.plan, state.lock.edition());
    let points: Vec<_> = altered.iter().map(|id| line(id)).collect();
    (!points.is_empty()).then(|| {
        format!(
            "the checklist is named {}, but these points are not probed as it requires: {}",
            line(&state.plan.checklist),
            points.join(", ")
        )
    })
}

fn check_age(arguments: &VerifyArgs, state: &RunState, now: Utc) -> Option<String> {
    let max_age = arguments.max_age?;
    let verdict = state.verdict.as_ref()?.at.wall;
    let age = u64::try_from(now.millis() - verdict.millis()).map(std::time::Duration::from_millis);
    match age {
        Err(_) => Some(format!("the verdict is of {}, in the future", verdict.readable())),
        Ok(age) if age > max_age => {
            Some(format!("the verdict is of {}, older than {}", verdict.readable(), span(max_age)))
        }
        Ok(_) => None,
    }
}

fn check_seals<'a>(required: &'a [RoleArg], state: &'a RunState) -> impl Iterator<Item = String> + 'a {
    let missing = |role: &Role| !state.seals.iter().any(|seal| seal.role == *role);
    required.iter().map(|role| Role::from(*role)).filter(missing).map(|role| format!("no seal by a {role}"))
}
