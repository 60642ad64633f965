//! The status of a control point at a moment, in the words that every face shows.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::actions::{ActionState, Progress};
use super::kept::Working;
use super::known::{Confirmation, Look, PointState};
use super::state::RunState;
use crate::checklist::{ActionKey, Confirm, Point, PointId, Probe};
use crate::journal::entry::Ended;
use crate::outcome::Class;
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
    NeedsYou {
        /// How many confirmations it has.
        have: usize,
        /// How many it needs.
        need: usize,
    },
    /// Its probes passed, and the required people have confirmed.
    Settled,
    /// Waived until then.
    Waived(Utc),
    /// Not applicable to this run.
    NotApplicable,
    /// This action must run next.
    ToRun(String),
    /// This action is running.
    Running(String),
    /// The outcome of this action is unknown.
    Interrupted(String),
    /// It depends on this point, which is not done.
    Blocked(PointId),
    /// The point, or a probe of it, is not due until this point is done.
    NotDue(PointId),
    /// The profile lacks these values.
    Unconfigured(Vec<String>),
}

impl Status {
    /// Whether the point is passed or confirmed.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        matches!(self, Self::Passed | Self::PassedOnRetry(_) | Self::Settled)
    }

    /// Whether the point is done: passed, confirmed, waived, or not applicable.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.is_settled() || matches!(self, Self::Waived(_) | Self::NotApplicable)
    }

    /// Whether it makes the verdict NO-GO.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        matches!(self, Self::Failed | Self::Error | Self::Interrupted(_) | Self::Unconfigured(_))
    }

    /// The label that people read.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Pending => "pending".into(),
            Self::Passed => "passed".into(),
            Self::PassedOnRetry(tries) => format!("passed on try {tries}"),
            Self::Failed => "failed".into(),
            Self::Error => "error".into(),
            Self::Stale => "stale".into(),
            Self::NeedsYou { have, need: 2.. } => format!("needs confirmation ({have}/2)"),
            Self::NeedsYou { .. } => "needs confirmation".into(),
            Self::Settled => "confirmed".into(),
            Self::ToRun(_) => "needs action".into(),
            Self::Running(_) => "running".into(),
            Self::Interrupted(_) => "interrupted".into(),
            Self::Waived(_) => "waived".into(),
            Self::NotApplicable => "not applicable".into(),
            Self::Blocked(_) => "blocked".into(),
            Self::NotDue(_) => "not due".into(),
            Self::Unconfigured(_) => "unconfigured".into(),
        }
    }
}

/// A run judged at one moment. Each point is evaluated once, so reuse one judgement for several questions.
pub struct Judgement<'a> {
    /// The run.
    pub state: &'a RunState,
    /// The moment.
    pub now: &'a Moment,
    working: Working,
    /// The first point of a section that keeps the actions of later sections from starting.
    pub(super) open: RefCell<BTreeMap<String, Option<PointId>>>,
}

#[cfg(test)]
thread_local! {
    /// How often a point was evaluated on this thread.
    pub(super) static WORKED_OUT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl RunState {
    /// Judges the run at `now`.
    #[must_use]
    pub fn judge<'a>(&'a self, now: &'a Moment) -> Judgement<'a> {
        Judgement { state: self, now, working: self.kept.at(&self.plan, now), open: RefCell::default() }
    }

    /// How many people it takes to waive a point or to mark it not applicable.
    #[must_use]
    pub fn people_to_set_aside(&self, point: &Point) -> usize {
        if point.mandatory && !self.plan.solo { 2 } else { 1 }
    }

    /// How many valid confirmations a point has, up to those that it needs.
    #[must_use]
    pub fn confirmed_by(&self, point: &Point, state: &PointState) -> usize {
        let counts = || counting(state);
        if self.plan.solo && point.confirm == Confirm::Two {
            return if counts().any(|act| act.reason.is_some()) { 2 } else { 0 };
        }
        self.people(counts().map(|act| act.by.as_str())).min(point.confirm.people())
    }
}

impl Judgement<'_> {
    /// How long the statuses so far are valid if nothing is logged.
    #[must_use]
    pub fn holds(&self) -> Duration {
        self.working.holds()
    }

    /// The status of a point. A point that is not in the plan stays pending.
    #[must_use]
    pub fn status(&self, id: &str) -> Status {
        match self.stands(id) {
            Status::ToRun(action) => {
                let locked = self.state.plan.point(id).and_then(|point| self.locked_by(point));
                locked.map_or(Status::ToRun(action), Status::Blocked)
            }
            status => status,
        }
    }

    /// The status before the blocking of actions, which depends on the status of other points, and those may depend on
    /// this one.
    pub(super) fn stands(&self, id: &str) -> Status {
        if let Some(known) = self.working.get(id) {
            return known;
        }
        // No recursion: points can form a chain of thousands.
        let mut way: Vec<_> = self.enter(id).into_iter().collect();
        while let Some((id, waits_for)) = way.last_mut() {
            let id = *id;
            if let Some(unknown) = waits_for.find_map(|other| self.enter(other)) {
                way.push(unknown);
                continue;
            }
            let status = self.work_out(id);
            self.working.add(self.state, id, status);
            way.pop();
        }
        self.working.get(id).unwrap_or(Status::Pending)
    }

    /// A point whose status is unknown, and the points that it waits for. It counts as pending until it is known:
    /// points in a circle would wait for ever (no checklist that loads has one; a forged log may).
    fn enter<'s>(&'s self, id: &'s str) -> Option<(&'s str, impl Iterator<Item = &'s str>)> {
        self.working.enter(id).then(|| (id, self.state.plan.point(id).into_iter().flat_map(Point::waits_for)))
    }

    fn work_out(&self, id: &str) -> Status {
        #[cfg(test)]
        WORKED_OUT.set(WORKED_OUT.get() + 1);
        let (Some(point), Some(state)) = (self.state.plan.point(id), self.state.points.get(id)) else {
            return Status::Pending;
        };
        self.set_aside(point, state)
            .or_else(|| self.held_back(point))
            .or_else(|| self.acting(point))
            .or_else(|| trouble(point, state))
            .or_else(|| self.blocked_by(point).map(Status::Blocked))
            .or_else(|| self.to_act(point))
            .unwrap_or_else(|| self.progress(point, state))
    }

    /// Whether a point is done.
    #[must_use]
    pub fn is_closed(&self, id: &str) -> bool {
        self.stands(id).is_closed()
    }

    /// How many points are done.
    #[must_use]
    pub fn closed(&self) -> usize {
        self.state.plan.points().filter(|point| self.is_closed(&point.id)).count()
    }

    /// Not applicable or waived.
    fn set_aside(&self, point: &Point, state: &PointState) -> Option<Status> {
        let needed = self.state.people_to_set_aside(point);
        let exempted = self.state.people(state.exemptions.iter().map(|act| act.by.as_str()));
        if self.state.is_exempt_by_plan(point) || exempted >= needed {
            return Some(Status::NotApplicable);
        }
        let valid = || state.waivers.iter().filter(|waiver| waiver.until > self.now.wall);
        let waived = self.state.people(valid().map(|act| act.by.as_str()));
        let until = valid().map(|waiver| waiver.until).min();
        let waived = until.filter(|_| waived >= needed).map(Status::Waived);
        let waits = self.state.waits_for_exemption(point);
        waived.or_else(|| waits.then_some(Status::NeedsYou { have: 1, need: 2 }))
    }

    /// An action is running or has failed.
    fn acting(&self, point: &Point) -> Option<Status> {
        match self.state.progress(point) {
            Progress::Running(action) => Some(Status::Running(action)),
            Progress::Failed(_) => Some(Status::Failed),
            _ => None,
        }
    }

    /// An action must run, or its outcome is unknown.
    fn to_act(&self, point: &Point) -> Option<Status> {
        match self.state.progress(point) {
            Progress::Next(action) => Some(Status::ToRun(action)),
            Progress::Interrupted(action) if self.has_looked(point, &action) => {
                Some(Status::NeedsYou { have: 0, need: 1 })
            }
            Progress::Interrupted(action) => Some(Status::Interrupted(action)),
            Progress::Looking => Some(Status::Pending),
            Progress::Running(_) | Progress::Failed(_) | Progress::Done => None,
        }
    }

    /// Whether the probes of an action have passed; true if it has none.
    fn has_looked(&self, point: &Point, action: &str) -> bool {
        let looks = point.probes.iter().filter(|probe| probe.of.as_deref() == Some(action));
        let state = self.state.points.get(&point.id);
        looks.into_iter().all(|probe| {
            let look = state.and_then(|state| latest(state, probe));
            look.is_some_and(|look| look.outcome.class == Class::Pass)
        })
    }

    /// Whether a point is due: the point that it waits for is done, or the release was rolled back and this point
    /// verifies that.
    #[must_use]
    pub fn is_point_due(&self, point: &Point) -> bool {
        let judges = || self.state.plan.section_of(&point.id).is_some_and(|section| section.judges_rollback);
        point.due.as_ref().is_none_or(|due| self.is_closed(due))
            || (self.state.rolled_back.is_some() && judges())
    }

    /// Unconfigured, or not due.
    fn held_back(&self, point: &Point) -> Option<Status> {
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
        point.after.iter().find(|id| !self.is_closed(id)).cloned()
    }

    /// Whether a probe is due: the point that it waits for is done.
    #[must_use]
    pub fn is_due(&self, probe: &Probe) -> bool {
        probe.due.as_ref().is_none_or(|due| self.is_closed(due))
    }

    fn progress(&self, point: &Point, state: &PointState) -> Status {
        let due = || point.probes.iter().filter(|probe| self.is_due(probe));
        if due().any(|probe| latest(state, probe).is_none()) {
            return Status::Pending;
        }
        if due().any(|probe| self.is_stale(point, probe)) {
            return Status::Stale;
        }
        let (have, need) = (self.state.confirmed_by(point, state), point.confirm.people());
        if have < need {
            return Status::NeedsYou { have, need };
        }
        if let Some(later) = point.probes.iter().find(|probe| !self.is_due(probe)) {
            return Status::NotDue(later.due.clone().unwrap_or_default());
        }
        let vouched = point.actions.iter().any(|action| {
            let known = self.state.action(&ActionKey::new(&point.id, &action.id));
            matches!(known.and_then(ActionState::ended), Some(Ended::Unknown(_)))
        });
        // If the outcome of an action is unknown, a person's confirmation decides.
        if vouched { Status::Settled } else { passed(point, state) }
    }

    /// Whether a probe's newest result is too old.
    #[must_use]
    pub fn is_stale(&self, point: &Point, probe: &Probe) -> bool {
        if self.state.is_frozen(point) {
            return false;
        }
        let state = self.state.points.get(&point.id);
        let look = state.and_then(|state| latest(state, probe));
        look.is_some_and(|look| self.now.since(&look.at) > point.freshness())
    }
}

/// The valid confirmations of a point: nothing that they depend on has changed.
pub fn counting(point: &PointState) -> impl Iterator<Item = &Confirmation> {
    point.confirmations.iter().filter(|act| still_counts(act, point))
}

/// A failure comes before an error.
fn trouble(point: &Point, state: &PointState) -> Option<Status> {
    let any = |class| looks(point, state).any(|look| look.outcome.class == class);
    if any(Class::Fail) {
        return Some(Status::Failed);
    }
    any(Class::Error).then_some(Status::Error)
}

fn passed(point: &Point, state: &PointState) -> Status {
    if point.confirm != Confirm::None {
        return Status::Settled;
    }
    match looks(point, state).map(|look| look.outcome.tries).max() {
        Some(tries @ 2..) => Status::PassedOnRetry(tries),
        _ => Status::Passed,
    }
}

fn looks<'a>(point: &'a Point, state: &'a PointState) -> impl Iterator<Item = &'a Look> {
    point.probes.iter().filter_map(|probe| latest(state, probe))
}

fn latest<'a>(state: &'a PointState, probe: &Probe) -> Option<&'a Look> {
    state.probes.get(&probe.id)?.latest.as_ref()
}

/// A confirmation is valid while every result that it depends on has the same evidence.
fn still_counts(act: &Confirmation, state: &PointState) -> bool {
    act.of.iter().all(|evidence| {
        let now = state.probes.get(&evidence.probe).and_then(|probe| probe.latest.as_ref());
        now.is_some_and(|look| look.seq == evidence.seq || look.outcome.evidence_hash() == evidence.hash)
    })
}
