//! The status of a control point at a moment, in the words that every face shows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::actions::{ActionProgress, ActionState};
use super::judgement_cache::ActiveCache;
use super::point_state::{Confirmation, PointState, ProbeRun};
use super::state::RunState;
use crate::checklist::{ActionKey, Confirm, Point, PointId, Probe, ROLLBACK};
use crate::journal::entry::ActionExit;
use crate::outcome::{Class, Observation};
use crate::time::{Moment, Utc};

/// The status of a point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// A probe has no result yet.
    Pending,
    /// Every probe passed, and no confirmation is required.
    Passed,
    /// Like `Passed`, but a probe needed this many tries.
    PassedOnRetry(u32),
    /// A probe or an action failed.
    Failed,
    /// A probe could not check something.
    Error,
    /// A result is too old.
    Stale,
    /// Its probes passed; confirmations are missing.
    NeedsConfirmation {
        /// How many confirmations it has.
        confirmed: usize,
        /// How many it needs.
        required: usize,
    },
    /// Its probes passed, and the required people have confirmed.
    Confirmed,
    /// Waived until then.
    Waived(Utc),
    /// Not applicable to this run.
    NotApplicable,
    /// This action must run next.
    NeedsAction(String),
    /// This action is running.
    Running(String),
    /// The outcome of this action is unknown.
    Interrupted(String),
    /// It depends on this point, which is not done; or on the rollback ([`ROLLBACK`]), in or after which no action of the
    /// deployment starts.
    Blocked(PointId),
    /// The point, or a probe of it, is not due until this point is done.
    NotDue(PointId),
    /// The profile lacks these values.
    Unconfigured(Vec<String>),
    /// This step of the rollback has undone its actions.
    Reverted(String),
}

impl Status {
    /// Whether the point is passed or confirmed.
    #[must_use]
    pub const fn is_satisfied(&self) -> bool {
        matches!(self, Self::Passed | Self::PassedOnRetry(_) | Self::Confirmed)
    }

    /// Whether the point is done: passed, confirmed, waived, or not applicable.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.is_satisfied() || matches!(self, Self::Waived(_) | Self::NotApplicable)
    }

    /// Whether it makes the verdict NO-GO.
    #[must_use]
    pub const fn is_no_go(&self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Interrupted(_) | Self::Unconfigured(_))
    }

    /// Its symbol, on the screen and in reports for people.
    #[must_use]
    pub const fn symbol(&self) -> &'static str {
        match self {
            Self::Pending => "○",
            Self::Passed => "✔",
            Self::PassedOnRetry(2) => "✔²",
            Self::PassedOnRetry(3) => "✔³",
            Self::PassedOnRetry(_) => "✔⁺",
            Self::Failed => "✖",
            Self::Error => "⚠",
            Self::Stale => "◷",
            Self::NeedsConfirmation { .. } => "◐",
            Self::NeedsAction(_) => "▷",
            Self::Running(_) => "▶",
            Self::Interrupted(_) => "↯",
            Self::Confirmed => "●",
            Self::Waived(_) => "≈",
            Self::NotApplicable => "–",
            Self::Blocked(_) => "⊘",
            Self::NotDue(_) => "◌",
            Self::Unconfigured(_) => "∅",
            Self::Reverted(_) => "◁",
        }
    }

    /// The label that people read.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Pending => "pending".into(),
            Self::Passed => "passed".into(),
            Self::PassedOnRetry(tries) => format!("passed on try {tries}"),
            Self::Failed => "failed".into(),
            Self::Error => "error".into(),
            Self::Stale => "stale".into(),
            Self::NeedsConfirmation { confirmed: have, required: 2.. } => {
                format!("needs confirmation ({have}/2)")
            }
            Self::NeedsConfirmation { .. } => "needs confirmation".into(),
            Self::Confirmed => "confirmed".into(),
            Self::NeedsAction(_) => "needs action".into(),
            Self::Running(_) => "running".into(),
            Self::Interrupted(_) => "interrupted".into(),
            Self::Waived(_) => "waived".into(),
            Self::NotApplicable => "not applicable".into(),
            Self::Blocked(_) => "blocked".into(),
            Self::NotDue(_) => "not due".into(),
            Self::Unconfigured(_) => "unconfigured".into(),
            Self::Reverted(_) => "reverted".into(),
        }
    }
}

/// A run judged at one moment. Each point is evaluated once, so reuse one judgement for several questions.
pub struct Judgement<'a> {
    /// The run.
    pub state: &'a RunState,
    /// The moment.
    pub now: &'a Moment,
    cache: ActiveCache,
    /// The first point of a section that keeps the actions of later sections from starting.
    pub(super) first_open: RefCell<BTreeMap<String, Option<PointId>>>,
}

#[cfg(test)]
thread_local! {
    /// How often a point was evaluated on this thread.
    pub(super) static EVALUATIONS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl RunState {
    /// Judges the run at `now`. A run with a seal, or an abandoned one, is judged at the moment of that act: no later
    /// result is logged, and what was sealed does not become stale.
    #[must_use]
    pub fn judge<'a>(&'a self, now: &'a Moment) -> Judgement<'a> {
        let now = self.closing_at().unwrap_or(now);
        Judgement {
            state: self,
            now,
            cache: self.cache.start_judgement(&self.plan, now),
            first_open: RefCell::default(),
        }
    }

    /// How many people it takes to waive a point or to mark it not applicable.
    #[must_use]
    pub fn people_to_waive(&self, point: &Point) -> usize {
        if point.mandatory && !self.plan.solo { 2 } else { 1 }
    }

    /// How many valid confirmations a point has, up to those that it needs.
    #[must_use]
    pub fn confirmations(&self, point: &Point, state: &PointState) -> usize {
        let counts = || valid_confirmations(state);
        if self.plan.solo && point.confirm == Confirm::Two {
            return if counts().any(|act| act.reason.is_some()) { 2 } else { 0 };
        }
        let needed = required_confirm(point, state).people();
        self.count_people(counts().map(|act| act.by.as_str())).min(needed)
    }
}

impl Judgement<'_> {
    /// How long the statuses so far are valid if nothing is logged.
    #[must_use]
    pub fn valid_for(&self) -> Duration {
        self.cache.valid_for()
    }

    /// The status of a point. A point that is not in the plan stays pending.
    #[must_use]
    pub fn status(&self, id: &str) -> Status {
        match self.status_before_blocking(id) {
            // Nothing of the deployment starts any more, neither during the rollback nor after it.
            Status::NeedsAction(_) if self.state.is_rolling_back() => Status::Blocked(ROLLBACK.into()),
            Status::NeedsAction(action) => {
                let locked = self.state.plan.point(id).and_then(|point| self.actions_blocked_by(point));
                locked.map_or(Status::NeedsAction(action), Status::Blocked)
            }
            status => status,
        }
    }

    /// The status before the blocking of actions, which depends on the status of other points, and those may depend on
    /// this one.
    pub(super) fn status_before_blocking(&self, id: &str) -> Status {
        if let Some(cached) = self.cache.get(id) {
            return cached;
        }
        // No recursion: points can form a chain of thousands.
        let mut pending: Vec<_> = self.start_evaluation(id).into_iter().collect();
        while let Some((id, waits_for)) = pending.last_mut() {
            let id = *id;
            if let Some(unknown) = waits_for.find_map(|other| self.start_evaluation(other)) {
                pending.push(unknown);
                continue;
            }
            let status = self.evaluate(id);
            self.cache.add(self.state, id, status);
            pending.pop();
        }
        self.cache.get(id).unwrap_or(Status::Pending)
    }

    /// A point whose status is unknown, and the points that it waits for. It counts as pending until it is known:
    /// points in a circle would wait for ever (no checklist that loads has one; a forged log may).
    fn start_evaluation<'s>(&'s self, id: &'s str) -> Option<(&'s str, impl Iterator<Item = &'s str>)> {
        self.cache
            .mark_pending(id)
            .then(|| (id, self.state.plan.point(id).into_iter().flat_map(Point::prerequisites)))
    }

    fn evaluate(&self, id: &str) -> Status {
        #[cfg(test)]
        EVALUATIONS.set(EVALUATIONS.get() + 1);
        let (Some(point), Some(state)) = (self.state.plan.point(id), self.state.points.get(id)) else {
            return Status::Pending;
        };
        self.waived_status(point, state)
            .or_else(|| self.state.reverted_by(point).map(|step| Status::Reverted(step.id.clone())))
            .or_else(|| self.not_ready_status(point))
            .or_else(|| self.running_action_status(point))
            .or_else(|| problem_status(point, state))
            .or_else(|| self.blocked_by(point).map(Status::Blocked))
            .or_else(|| self.next_action_status(point))
            .unwrap_or_else(|| self.results_status(point, state))
    }

    /// Whether a point is done.
    #[must_use]
    pub fn is_done(&self, id: &str) -> bool {
        self.status_before_blocking(id).is_done()
    }

    /// How many points are done.
    #[must_use]
    pub fn done_count(&self) -> usize {
        self.state.plan.points().filter(|point| self.is_done(&point.id)).count()
    }

    /// Not applicable or waived.
    fn waived_status(&self, point: &Point, state: &PointState) -> Option<Status> {
        let needed = self.state.people_to_waive(point);
        let exempted = self.state.count_people(state.exemptions.iter().map(|act| act.by.as_str()));
        if self.state.is_exempt_by_plan(point) || exempted >= needed {
            return Some(Status::NotApplicable);
        }
        let valid = || state.waivers.iter().filter(|waiver| waiver.until > self.now.wall);
        let waived = self.state.count_people(valid().map(|act| act.by.as_str()));
        let until = valid().map(|waiver| waiver.until).min();
        let waived = until.filter(|_| waived >= needed).map(Status::Waived);
        let waits = self.state.is_exemption_pending(point);
        waived.or_else(|| waits.then_some(Status::NeedsConfirmation { confirmed: 1, required: 2 }))
    }

    /// An action is running or has failed.
    fn running_action_status(&self, point: &Point) -> Option<Status> {
        match self.state.actions_progress(point) {
            ActionProgress::Running(action) => Some(Status::Running(action)),
            ActionProgress::Failed(_) => Some(Status::Failed),
            _ => None,
        }
    }

    /// An action must run, or its outcome is unknown.
    fn next_action_status(&self, point: &Point) -> Option<Status> {
        match self.state.actions_progress(point) {
            ActionProgress::Next(action) => Some(Status::NeedsAction(action)),
            ActionProgress::Interrupted(action) if self.is_verified(point, &action) => {
                Some(Status::NeedsConfirmation { confirmed: 0, required: 1 })
            }
            ActionProgress::Interrupted(action) => Some(Status::Interrupted(action)),
            ActionProgress::Verifying => Some(Status::Pending),
            ActionProgress::Running(_) | ActionProgress::Failed(_) | ActionProgress::Done => None,
        }
    }

    /// Whether the probes of an action have passed; true if it has none.
    fn is_verified(&self, point: &Point, action: &str) -> bool {
        let verifying = point.probes.iter().filter(|probe| probe.after_action.as_deref() == Some(action));
        let state = self.state.points.get(&point.id);
        verifying.into_iter().all(|probe| {
            let run = state.and_then(|state| latest_run(state, probe));
            run.is_some_and(|run| run.outcome.class == Class::Pass)
        })
    }

    /// Whether a point is due: the point that it waits for is done, or the release was rolled back and this point
    /// verifies that.
    #[must_use]
    pub fn is_point_due(&self, point: &Point) -> bool {
        point.due.as_ref().is_none_or(|due| self.is_done(due))
            || (self.state.rolled_back.is_some() && self.state.plan.verifies_rollback(point))
    }

    /// Unconfigured, or not due.
    fn not_ready_status(&self, point: &Point) -> Option<Status> {
        let missing = point.missing();
        if !missing.is_empty() {
            return Some(Status::Unconfigured(missing.into_iter().map(str::to_owned).collect()));
        }
        let due = point.due.as_ref()?;
        (!self.is_point_due(point)).then(|| Status::NotDue(due.clone()))
    }

    /// The first point that it depends on that is not done.
    #[must_use]
    pub fn blocked_by(&self, point: &Point) -> Option<PointId> {
        point.after.iter().find(|id| !self.is_done(id)).cloned()
    }

    /// Whether a probe is due: the point that it waits for is done.
    #[must_use]
    pub fn is_due(&self, probe: &Probe) -> bool {
        probe.due.as_ref().is_none_or(|due| self.is_done(due))
    }

    fn results_status(&self, point: &Point, state: &PointState) -> Status {
        let due = || point.probes.iter().filter(|probe| self.is_due(probe));
        if due().any(|probe| latest_run(state, probe).is_none()) {
            return Status::Pending;
        }
        if due().any(|probe| self.is_stale(point, probe)) {
            return Status::Stale;
        }
        let need = required_confirm(point, state).people();
        let have = self.state.confirmations(point, state);
        if have < need {
            return Status::NeedsConfirmation { confirmed: have, required: need };
        }
        if let Some(later) = point.probes.iter().find(|probe| !self.is_due(probe)) {
            return Status::NotDue(later.due.clone().unwrap_or_default());
        }
        let is_outcome_unknown = point.actions.iter().any(|action| {
            let action_state = self.state.action(&ActionKey::new(&point.id, &action.id));
            matches!(action_state.and_then(ActionState::exit), Some(ActionExit::Unknown(_)))
        });
        // If the outcome of an action is unknown, a person's confirmation decides.
        if is_outcome_unknown { Status::Confirmed } else { passed_status(point, state) }
    }

    /// Whether a probe's newest result is too old.
    #[must_use]
    pub fn is_stale(&self, point: &Point, probe: &Probe) -> bool {
        if self.state.is_frozen(point) {
            return false;
        }
        let state = self.state.points.get(&point.id);
        let run = state.and_then(|state| latest_run(state, probe));
        run.is_some_and(|run| self.now.since(&run.at) > point.freshness())
    }
}

/// The valid confirmations of a point: nothing that they depend on has changed.
pub fn valid_confirmations(point: &PointState) -> impl Iterator<Item = &Confirmation> {
    point.confirmations.iter().filter(|act| is_valid(act, point))
}

/// How many people must confirm a point: as the plan says, and one at least for what a probe left to people.
#[must_use]
pub fn required_confirm(point: &Point, state: &PointState) -> Confirm {
    let is_left = first_left(point, state).is_some();
    if is_left { point.confirm.max(Confirm::One) } else { point.confirm }
}

/// The first observation of a point that its probes left to people.
pub(super) fn first_left<'a>(point: &'a Point, state: &'a PointState) -> Option<&'a Observation> {
    latest_runs(point, state).find_map(|run| run.outcome.left_to_people().next())
}

/// A failure comes before an error.
fn problem_status(point: &Point, state: &PointState) -> Option<Status> {
    let any = |class| latest_runs(point, state).any(|run| run.outcome.class == class);
    if any(Class::Fail) {
        return Some(Status::Failed);
    }
    any(Class::Error).then_some(Status::Error)
}

fn passed_status(point: &Point, state: &PointState) -> Status {
    if required_confirm(point, state) != Confirm::None {
        return Status::Confirmed;
    }
    match latest_runs(point, state).map(|run| run.outcome.tries).max() {
        Some(tries @ 2..) => Status::PassedOnRetry(tries),
        _ => Status::Passed,
    }
}

fn latest_runs<'a>(point: &'a Point, state: &'a PointState) -> impl Iterator<Item = &'a ProbeRun> {
    point.probes.iter().filter_map(|probe| latest_run(state, probe))
}

fn latest_run<'a>(state: &'a PointState, probe: &Probe) -> Option<&'a ProbeRun> {
    state.probes.get(&probe.id)?.latest.as_ref()
}

/// A confirmation is valid while every result that it depends on has the same evidence.
fn is_valid(act: &Confirmation, state: &PointState) -> bool {
    act.evidence.iter().all(|evidence| {
        let latest = state.probes.get(&evidence.probe).and_then(|probe| probe.latest.as_ref());
        latest.is_some_and(|run| run.seq == evidence.seq || run.outcome.evidence_hash() == evidence.hash)
    })
}
