//! The rollback in a run: how far it is, what it has reverted, what it has noted.

use super::actions::ActionState;
use super::state::RunState;
use crate::checklist::{Action, ActionKey, Point, ROLLBACK};
use crate::journal::entry::ActionExit;
use crate::outcome::Observation;
use crate::outcome::key::NOTED_REPLICAS;

impl RunState {
    /// Whether a rollback step has run.
    #[must_use]
    pub fn is_rolling_back(&self) -> bool {
        self.actions.iter().any(|(key, state)| key.is_rollback() && state.latest.is_some())
    }

    /// Why the environment's name must be typed to start an action, if it must: always in production, and before the first
    /// step of a rollback in a run that has deployed nothing.
    #[must_use]
    pub fn reason_to_type_environment(&self, key: &ActionKey) -> Option<&'static str> {
        let is_surprising = key.is_rollback() && !self.is_rolling_back() && !self.has_deployed();
        match (self.plan.production, is_surprising) {
            (true, _) => Some("this is production"),
            (false, true) => {
                Some("nothing was deployed in this run, and a rollback changes a release that may be healthy")
            }
            (false, false) => None,
        }
    }

    /// Whether an action of the deployment was started, other than as a dry run.
    #[must_use]
    pub fn has_deployed(&self) -> bool {
        self.actions.iter().any(|(key, state)| !key.is_rollback() && state.latest.is_some())
    }

    /// The last step of the rollback that was started and reverts an action of a point.
    #[must_use]
    pub fn reverted_by(&self, point: &Point) -> Option<&Action> {
        let started = |key: &ActionKey| self.action(key)?.latest.as_ref().map(|run| run.seq);
        let actions = point.actions.iter();
        let deployed = actions.filter_map(|action| started(&ActionKey::new(&point.id, &action.id))).min()?;
        let steps = self.plan.rollback.iter().filter(|step| step.reverts.contains(&point.id));
        let mut reverted =
            steps.filter(|step| started(&ActionKey::new(ROLLBACK, &step.id)).is_some_and(|at| at > deployed));
        reverted.next_back()
    }

    /// The steps of the rollback that have ended successfully, in their order.
    pub fn rollback_steps_done(&self) -> impl Iterator<Item = &Action> {
        self.plan.rollback.iter().filter(|step| {
            let state = self.action(&ActionKey::new(ROLLBACK, &step.id));
            state.and_then(ActionState::exit).is_some_and(ActionExit::is_success)
        })
    }
}

/// The number of replicas among the observations before a step of the rollback. Their names begin with the check's title.
pub(super) fn noted_replicas(preflight: &[Observation]) -> Option<u32> {
    let noted = preflight.iter().find(|seen| {
        seen.what.strip_suffix(NOTED_REPLICAS).is_some_and(|title| title.is_empty() || title.ends_with(": "))
    });
    noted?.seen.parse().ok()
}
