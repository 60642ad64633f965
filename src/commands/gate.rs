//! What `--require-go` asks of a sealed log beyond its being valid.

use crate::checklist::{Edition, Role, altered_points};
use crate::cli::{RoleArg, VerifyArgs};
use crate::journal::entry::Decision;
use crate::journal::verify::{Answer, Report};
use crate::run::RunState;
use crate::text::line;
use crate::time::{Utc, span};

/// Why a sealed log does not pass; nothing where it does, or where nothing is asked.
pub(super) fn refusals(
    arguments: &VerifyArgs,
    report: &Report,
    state: Option<&RunState>,
    now: Utc,
) -> Vec<String> {
    let (Some(state), true, Answer::Sealed) = (state, arguments.require_go, &report.answer) else {
        return Vec::new();
    };
    let checks = [decision(state), checklist(arguments, state), probes(state), age(arguments, state, now)];
    checks.into_iter().flatten().chain(seals(&arguments.seals, state)).collect()
}

fn decision(state: &RunState) -> Option<String> {
    match state.verdict.as_ref().map(|verdict| verdict.decision) {
        Some(Decision::Go) => None,
        Some(other) => Some(format!("the verdict is {other}, not GO")),
        None => Some("there is no verdict".into()),
    }
}

/// A name that comes with gonogo stands for an edition that was released, unless another is asked for.
fn checklist(arguments: &VerifyArgs, state: &RunState) -> Option<String> {
    let edition = state.lock.edition();
    let name = line(&state.plan.checklist);
    match arguments.checklist_sha256 {
        Some(wanted) if wanted == edition => None,
        Some(wanted) => Some(format!("the checklist {name} is of edition {edition}, not {wanted}")),
        None if Edition::of(&state.plan.checklist, edition) == Edition::Unknown => Some(format!(
            "the checklist calls itself {name}, but edition {edition} is none that was released; if it is meant, name it: --checklist-sha256"
        )),
        None => None,
    }
}

/// An edition says who must agree, not what is probed.
fn probes(state: &RunState) -> Option<String> {
    let altered = altered_points(&state.plan, state.lock.edition());
    let points: Vec<_> = altered.iter().map(|id| line(id)).collect();
    (!points.is_empty()).then(|| {
        format!(
            "the checklist calls itself {}, but these points are not probed as it asks: {}",
            line(&state.plan.checklist),
            points.join(", ")
        )
    })
}

fn age(arguments: &VerifyArgs, state: &RunState, now: Utc) -> Option<String> {
    let most = arguments.max_age?;
    let verdict = state.verdict.as_ref()?.at.wall;
    let age = u64::try_from(now.millis() - verdict.millis()).map(std::time::Duration::from_millis);
    match age {
        Err(_) => Some(format!("the verdict is of {}, which is to come", verdict.readable())),
        Ok(age) if age > most => {
            Some(format!("the verdict is of {}, older than {}", verdict.readable(), span(most)))
        }
        Ok(_) => None,
    }
}

fn seals<'a>(wanted: &'a [RoleArg], state: &'a RunState) -> impl Iterator<Item = String> + 'a {
    let missing = |role: &Role| !state.seals.iter().any(|seal| seal.role == *role);
    wanted
        .iter()
        .map(|role| Role::from(*role))
        .filter(missing)
        .map(|role| format!("there is no seal by a {role}"))
}
