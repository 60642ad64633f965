//! The rollback in a run: how far it is, what it has reverted, what it has noted.

use super::actions::ActionState;
use super::state::RunState;
use crate::checklist::{Action, ActionKey, Point, ROLLBACK};
use crate::journal::entry::ActionExit;
use crate::outcome::Observation;
use crate::outcome::key::NOTED_REPLICAS;

/// The step of the rollback after which the consumers are paused.
const PAUSE_STEP: &str = "pause";
/// The step of the rollback after which they are not any more.
const RESUME_STEP: &str = "resume";

impl RunState {
    /// Whether the release is being rolled back: nothing of the deployment starts any more.
    #[must_use]
    pub fn is_rolling_back(&self) -> bool {
        self.plan.rolls_back || self.has_rollback_begun()
    }

    /// Whether a rollback step has run.
    #[must_use]
    pub fn has_rollback_begun(&self) -> bool {
        self.actions.iter().any(|(key, state)| key.is_rollback() && state.latest.is_some())
    }

    /// Why the environment's name must be typed to start an action, if it must: always in production, before the first
    /// step of a rollback in a run that has deployed nothing that it reverts, and for a step whose turn it is not.
    #[must_use]
    pub fn reason_to_type_environment(&self, key: &ActionKey) -> Option<&'static str> {
        if self.plan.production {
            return Some("this is production");
        }
        if !key.is_rollback() {
            return None;
        }
        if !self.is_rolling_back() && !self.has_deployed() {
            return Some(
                "nothing that the rollback reverts was deployed in this run, and it changes a release that may be healthy",
            );
        }
        let is_early = self.undone_steps_before(key).next().is_some();
        is_early.then_some("earlier steps of the rollback are not done, and this one relies on them")
    }

    /// Whether an action was started, other than as a dry run, that a step of the rollback reverts; any action of the
    /// deployment if the plan does not say what its steps revert.
    #[must_use]
    pub fn has_deployed(&self) -> bool {
        let steps = self.plan.rollback.iter().filter(|step| step.program.is_some());
        let reverted: Vec<_> = steps.flat_map(|step| &step.reverts).collect();
        let counts = |key: &ActionKey| reverted.is_empty() || reverted.contains(&&key.point);
        let mut started = self.actions.iter().filter(|(_, state)| state.latest.is_some());
        started.any(|(key, _)| !key.is_rollback() && counts(key))
    }

    /// The steps of the rollback that come before one and have not ended successfully. Optional steps that the profile
    /// lacks do not count.
    pub fn undone_steps_before(&self, key: &ActionKey) -> impl Iterator<Item = &Action> {
        let position = self.plan.rollback.iter().position(|step| key.is_rollback() && step.id == key.action);
        let before = self.plan.rollback.iter().take(position.unwrap_or_default());
        let is_done = |step: &Action| self.rollback_steps_done().any(|done| done.id == step.id);
        before.filter(|step| step.is_required()).filter(move |step| !is_done(step))
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

    /// Whether the rollback has paused the consumers and not resumed them.
    #[must_use]
    pub fn are_consumers_paused(&self) -> bool {
        let is_done = |id: &str| self.rollback_steps_done().any(|step| step.id == id);
        is_done(PAUSE_STEP) && !is_done(RESUME_STEP)
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
