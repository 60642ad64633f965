//! `--replan`: the plan as the files have it now takes the place of an open run's, at once or once two have signed.

use anyhow::{Result, bail};

use super::identity::ask;
use crate::checklist::{Plan, PlanChange, loosenings};
use crate::run::{Act, RunState};
use crate::text::line;

/// What a person asks of the run with `--replan`; nothing where the plan is the same. Where the new plan is looser,
/// says what of it is, and asks for a reason if one seal closes the run.
///
/// # Errors
/// When a plan is proposed already, or nobody gives a reason.
pub(super) fn replan(state: &RunState, plan: Plan) -> Result<Option<Act>> {
    if *state.plan == plan {
        return Ok(None);
    }
    if let Some(pending) = &state.proposal {
        bail!(
            "a new plan is proposed already, log #{} by {}; leave out --replan, and accept or withdraw it with !",
            pending.seq,
            line(&pending.by)
        );
    }
    if let Err(why) = state.lock.check(&plan) {
        bail!(
            "{why}. A run keeps to the checklist that it was opened with: seal this one, and open a new run for the other"
        );
    }
    let changes = loosenings(&state.plan, &plan);
    let plan = Box::new(plan);
    if changes.is_empty() {
        return Ok(Some(Act::Replan { plan, proposal: None, reason: None }));
    }
    note!("The new plan is looser than the plan of this run:");
    changes.iter().for_each(print);
    if state.takes_two() {
        if ask("It takes force when the other role accepts it. Propose it? y to propose: ")? != "y" {
            bail!("nothing was proposed; the run keeps its plan without --replan");
        }
        return Ok(Some(Act::ProposeReplan(plan)));
    }
    match ask("Why may it be looser? A reason for the run log, or Enter to leave the plan as it is: ")? {
        reason if reason.is_empty() => bail!("no reason was given; the run keeps its plan without --replan"),
        reason => Ok(Some(Act::Replan { plan, proposal: None, reason: Some(reason) })),
    }
}

fn print(change: &PlanChange) {
    note!("  {}", line(&change.what));
    for (sign, value) in [('-', &change.old), ('+', &change.new)] {
        if let Some(value) = value {
            note!("    {sign} {}", line(value));
        }
    }
}
