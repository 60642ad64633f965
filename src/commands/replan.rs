//! `--replan`: replaces the plan of an open run by the one of the current files, at once or when two people have signed.

use anyhow::{Result, bail};

use super::identity::ask;
use gonogo_core::checklist::{Plan, PlanChange, loosenings};
use gonogo_core::run::{Act, RunState};
use gonogo_core::text::line;

/// The act for `--replan`; none if the plan is the same. If the new plan is looser, prints the changes, and asks for a
/// reason if one seal closes the run.
///
/// # Errors
/// When a plan is already proposed, or no reason is given.
pub(super) fn replan(state: &RunState, plan: Plan) -> Result<Option<Act>> {
    if *state.plan == plan {
        return Ok(None);
    }
    if let Some(pending) = &state.proposal {
        bail!(
            "a new plan is already proposed (log #{}, by {}); leave out --replan, and accept or withdraw it with !",
            pending.seq,
            line(&pending.by)
        );
    }
    if let Err(why) = state.lock.check(&plan) {
        bail!(
            "{why}. A run keeps the checklist that it was opened with: seal this run, and open a new one for the other checklist"
        );
    }
    let changes = loosenings(&state.plan, &plan);
    let plan = Box::new(plan);
    if changes.is_empty() {
        return Ok(Some(Act::Replan { plan, proposal: None, reason: None }));
    }
    note!("The new plan is looser than the plan of this run:");
    changes.iter().for_each(print_change);
    if state.needs_two_roles() {
        if ask("It becomes effective when the other role accepts it. y to propose: ")? != "y" {
            bail!("not proposed; the run keeps its plan");
        }
        return Ok(Some(Act::ProposeReplan(plan)));
    }
    match ask("Reason for the looser plan (recorded in the run log), or Enter to keep the plan: ")? {
        reason if reason.is_empty() => bail!("no reason given; the run keeps its plan"),
        reason => Ok(Some(Act::Replan { plan, proposal: None, reason: Some(reason) })),
    }
}

fn print_change(change: &PlanChange) {
    note!("  {}", line(&change.what));
    for (sign, value) in [('-', &change.old), ('+', &change.new)] {
        if let Some(value) = value {
            note!("    {sign} {}", line(value));
        }
    }
}
