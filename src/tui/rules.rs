//! What the rules say about what could be done here.

use crate::checklist::Point;
use crate::run::{Act, Command, PointState, Rejection, decide, evidence, runnable};
use crate::time::Utc;
use crate::tui::context::Context;
use crate::tui::keymap::Intent;
use crate::tui::reproduce::has_command;

/// Words that pass the rules, to ask them what else is in the way.
pub const SOME: &str = "?";

impl Context<'_> {
    /// What the rules say against an act now.
    pub fn refusal(&self, act: Act) -> Option<Rejection> {
        let command = Command::new(self.session.me.principal.clone(), act);
        decide(&self.run.state, command, &self.run.now).err()
    }

    /// Why no probe of a point can look now.
    pub fn not_probed(&self, id: &str) -> Option<String> {
        let point = self.plan().point(id)?;
        if let Some(sealed) = self.sealed() {
            return Some(sealed);
        }
        if point.probes.is_empty() {
            return Some(format!("{id} has no probe; it is for people to say"));
        }
        let can = |probe| runnable(&self.judgement, point, probe).is_some();
        if point.probes.iter().any(can) {
            return None;
        }
        let why = crate::run::explain(&self.judgement, id, &self.status(point));
        Some(format!("{id} cannot be probed now: {why}"))
    }

    /// Whether a key would do anything now about a point, as far as can be told without asking further.
    pub fn works(&self, intent: Intent, point: Option<&Point>) -> bool {
        if self.read_only() && intent.changes() {
            return false;
        }
        let point = point.and_then(|point| Some((point, self.run.state.point(&point.id)?)));
        match point {
            Some((point, state)) if intent.is_about_a_point() => self.works_on(intent, point, state),
            None if intent.is_about_a_point() => false,
            _ => match intent {
                Intent::WayBack => point.is_none() || !self.plan().rollback.is_empty(),
                Intent::Stop => point.is_none() || self.run.state.running_action().is_some(),
                Intent::ProbeTroubled => point.is_none() || !self.run.state.is_closing(),
                _ => true,
            },
        }
    }

    fn works_on(&self, intent: Intent, point: &Point, state: &PointState) -> bool {
        let allowed = |act| matches!(self.refusal(act), None | Some(Rejection::ReasonNeeded(_)));
        let id = point.id.clone();
        let (reason, until) = (SOME.to_owned(), Utc::from_millis(i64::MAX));
        match intent {
            Intent::Confirm => {
                allowed(Act::Confirm { point: id, evidence: evidence(point, state), reason: None })
            }
            Intent::Waive => allowed(Act::Waive { point: id, reason, until }),
            Intent::Exempt => allowed(Act::Exempt { point: id, reason }),
            Intent::Note => allowed(Act::Note { point: Some(id), text: reason }),
            Intent::Retract => allowed(Act::Retract { point: id }),
            Intent::Probe => self.not_probed(&id).is_none(),
            Intent::Action => !point.actions.is_empty(),
            Intent::Output => self.run.state.actions.keys().any(|key| key.point == id),
            Intent::Copy => has_command(point, state),
            _ => true,
        }
    }
}
