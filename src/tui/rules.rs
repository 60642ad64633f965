//! Which acts and keys the rules allow now.

use crate::tui::context::Context;
use crate::tui::keymap::Intent;
use crate::tui::reproduce::has_command;
use gonogo_core::checklist::{Action, ActionKey, Point, ROLLBACK};
use gonogo_core::run::{
    Act, ActionEnd, Command, PointState, Rejection, Status, decide, evidence, explain, runnable,
};
use gonogo_core::text;
use gonogo_core::time::Utc;

/// A reason that the rules accept, to find out what else they reject.
pub const PLACEHOLDER_REASON: &str = "?";

/// Why there is no rollback.
pub const NO_ROLLBACK: &str =
    "this plan has no rollback: no previous release, or no rollback steps in the profile";

impl Context<'_> {
    /// Why the rules reject an act now, if they do.
    pub fn rejection(&self, act: Act) -> Option<Rejection> {
        let command = Command::new(self.session.operator.principal.clone(), act);
        decide(&self.run.state, command, &self.run.now).err()
    }

    /// Why no probe of a point can run now.
    pub fn why_not_probed(&self, id: &str) -> Option<String> {
        let point = self.plan().point(id)?;
        if let Some(closed) = self.closed_reason() {
            return Some(closed);
        }
        if point.probes.is_empty() {
            return Some(format!("{id} has no probe; it is for people to say"));
        }
        let is_runnable = |probe| runnable(&self.judgement, point, probe).is_some();
        if point.probes.iter().any(is_runnable) {
            return None;
        }
        let why = match self.status(point) {
            Status::NotDue(due) => format!("not due (after {due})"),
            status => explain(&self.judgement, id, &status),
        };
        Some(format!("{id} cannot be probed now: {why}"))
    }

    /// What is wrong with the preparation of the rollback: the points of its section that failed or could not be checked.
    pub fn rollback_problems(&self) -> Vec<String> {
        let section = self.plan().sections.iter().find(|section| section.id == ROLLBACK);
        let statuses =
            section.into_iter().flat_map(|section| &section.points).map(|point| (point, self.status(point)));
        let bad = statuses.filter(|(_, status)| status.is_no_go());
        let problem = |(point, status): (&Point, Status)| {
            format!("{} {}: {}", point.id, status.label(), explain(&self.judgement, &point.id, &status))
        };
        bad.map(problem).collect()
    }

    /// The steps of the rollback that have not succeeded, by their titles, and why not.
    pub fn undone_rollback_steps(&self) -> Vec<(String, String)> {
        let state = &self.run.state;
        let is_done = |step: &Action| state.rollback_steps_done().any(|done| done.id == step.id);
        let undone = self.plan().rollback.iter().filter(|step| !is_done(step));
        let why = |step: &Action| {
            let progress = state.action(&ActionKey::new(ROLLBACK, &step.id));
            match progress.and_then(|progress| progress.latest.as_ref()) {
                None if progress.is_some_and(|progress| progress.is_outdated) => {
                    "it ran, but a step before it ran after that".to_owned()
                }
                Some(run) => run.end.as_ref().map_or_else(|| "it is running".to_owned(), ActionEnd::describe),
                None if step.program.is_none() => format!("the profile lacks {}", step.missing.join(", ")),
                None => "it was not run".to_owned(),
            }
        };
        undone.map(|step| (text::line(&step.title), text::line(&why(step)))).collect()
    }

    /// Whether an intent would have an effect now, on a point if it needs one.
    pub fn is_available(&self, intent: Intent, point: Option<&Point>) -> bool {
        if self.is_read_only() && intent.changes_run() {
            return false;
        }
        let point = point.and_then(|point| Some((point, self.run.state.point(&point.id)?)));
        match point {
            Some((point, state)) if intent.needs_point() => self.is_available_on(intent, point, state),
            None if intent.needs_point() => false,
            _ => match intent {
                Intent::Rollback => point.is_none() || !self.plan().rollback.is_empty(),
                Intent::StopAction => point.is_none() || self.run.state.running_action().is_some(),
                Intent::RerunNeeded => point.is_none() || !self.run.state.is_closing(),
                _ => true,
            },
        }
    }

    fn is_available_on(&self, intent: Intent, point: &Point, state: &PointState) -> bool {
        let allowed = |act| matches!(self.rejection(act), None | Some(Rejection::ReasonNeeded(_)));
        let id = point.id.clone();
        let (reason, until) = (PLACEHOLDER_REASON.to_owned(), Utc::from_millis(i64::MAX));
        match intent {
            Intent::Confirm => {
                allowed(Act::Confirm { point: id, evidence: evidence(point, state), reason: None })
            }
            Intent::Waive => allowed(Act::Waive { point: id, reason, until }),
            Intent::Exempt => allowed(Act::Exempt { point: id, reason }),
            Intent::Note => allowed(Act::Note { point: Some(id), text: reason }),
            Intent::Retract => allowed(Act::Retract { point: id, target: None }),
            Intent::RunProbes => self.why_not_probed(&id).is_none(),
            Intent::RunAction => !point.actions.is_empty(),
            Intent::Output => self.run.state.actions.keys().any(|key| key.point == id),
            Intent::CopyCommand => has_command(point, state),
            _ => true,
        }
    }
}
