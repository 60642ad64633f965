//! Actions in a run: their state, and the rules for starting one.

use crate::checklist::{Action, ActionKey, Point, Probe};
use crate::journal::entry::{ActionFinished, ActionStarted, Cause, Ended, Entry, Output};
use crate::outcome::{Class, Observation, Sha256Hex};
use crate::time::Moment;

use super::command::Refusal;
use super::known::PointState;
use super::order::resting_on;
use super::state::RunState;
use super::status::{Judgement, Status, counting};

/// One run of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The position of its start entry.
    pub seq: u64,
    /// The hash of the line before its start entry.
    pub prev: Sha256Hex,
    /// Which run of this action it is, from 1.
    pub nth: u64,
    /// Whether it is a dry run.
    pub dry: bool,
    /// Who started it.
    pub by: String,
    /// When it started.
    pub at: Moment,
    /// The observations of the guards and checks before it.
    pub checked: Vec<Observation>,
    /// Who requested its stop.
    pub stopped: Option<String>,
    /// How it ended, once it has.
    pub finished: Option<Finished>,
}

/// How a run of an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The position of its end entry.
    pub seq: u64,
    /// When the end was logged.
    pub at: Moment,
    /// Its duration, in milliseconds.
    pub took_ms: u64,
    /// The exit.
    pub ended: Ended,
    /// Why gonogo ended it, if it did.
    pub cause: Option<Cause>,
    /// Its output.
    pub output: Option<Output>,
}

impl Finished {
    /// The exit in words.
    #[must_use]
    pub fn told(&self) -> String {
        match self.cause {
            Some(cause) => format!("{cause}, {}", self.ended),
            None => self.ended.to_string(),
        }
    }
}

/// The state of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionState {
    /// How often it was started, dry runs included.
    pub times: u64,
    /// Its newest run that is still valid; dry runs are not counted.
    pub latest: Option<Deed>,
    /// Its newest dry run.
    pub dry: Option<Deed>,
}

impl ActionState {
    /// The exit of its newest run, if that has ended.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        Some(&self.latest.as_ref()?.finished.as_ref()?.ended)
    }

    /// Its newest run, dry or not.
    #[must_use]
    pub fn newest(&self) -> Option<&Deed> {
        [&self.latest, &self.dry].into_iter().flatten().max_by_key(|deed| deed.seq)
    }
}

/// The progress of a point's actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// This action is next.
    Next(String),
    /// This action is running.
    Running(String),
    /// This action failed.
    Failed(String),
    /// The outcome of this action is unknown.
    Interrupted(String),
    /// Probes still have to verify the actions that have run.
    Looking,
    /// All are done, or confirmed by a person.
    Done,
}

impl RunState {
    /// The state of an action.
    #[must_use]
    pub fn action(&self, key: &ActionKey) -> Option<&ActionState> {
        self.actions.get(key)
    }

    /// The running action, if there is one.
    #[must_use]
    pub fn under_way(&self) -> Option<(&ActionKey, &Deed)> {
        let newest = self.actions.iter().filter_map(|(key, state)| Some((key, state.newest()?)));
        newest.filter(|(_, deed)| deed.finished.is_none()).max_by_key(|(_, deed)| deed.seq)
    }

    /// Whether a rollback step has run.
    #[must_use]
    pub fn is_going_back(&self) -> bool {
        self.actions.iter().any(|(key, state)| key.is_way_back() && state.latest.is_some())
    }

    /// Whether a point's results are final, because an action that depends on them has run.
    #[must_use]
    pub fn is_frozen(&self, point: &Point) -> bool {
        point.frozen_by.as_ref().is_some_and(|by| {
            let of_point = self.actions.range(ActionKey::new(by, "")..);
            of_point.take_while(|(key, _)| key.point == *by).any(|(_, state)| state.latest.is_some())
        })
    }

    /// Whether the action that a probe verifies has run.
    #[must_use]
    pub fn has_result(&self, point: &Point, probe: &Probe) -> bool {
        let Some(action) = &probe.of else { return true };
        let state = self.action(&ActionKey::new(&point.id, action));
        state.and_then(ActionState::ended).is_some_and(|ended| !ended.is_bad())
    }

    /// The progress of a point's actions.
    #[must_use]
    pub fn progress(&self, point: &Point) -> Progress {
        let Some(known) = self.points.get(&point.id) else { return Progress::Done };
        for action in &point.actions {
            if let Some(progress) = self.progress_of(point, known, action) {
                return progress;
            }
        }
        Progress::Done
    }

    /// The progress of one action; none if it has succeeded and its probes have passed.
    fn progress_of(&self, point: &Point, known: &PointState, action: &Action) -> Option<Progress> {
        let id = || action.id.clone();
        let latest =
            self.action(&ActionKey::new(&point.id, &action.id)).and_then(|state| state.latest.as_ref());
        let Some(deed) = latest else {
            return (!action.optional).then(|| Progress::Next(id()));
        };
        let Some(finished) = &deed.finished else { return Some(Progress::Running(id())) };
        if finished.ended.is_bad() {
            return Some(Progress::Failed(id()));
        }
        let looks = point.probes.iter().filter(|probe| probe.of.as_deref() == Some(&action.id));
        let seen = |probe: &Probe| known.probes.get(&probe.id).and_then(|probe| probe.latest.as_ref());
        let is_seen =
            looks.into_iter().all(|probe| seen(probe).is_some_and(|look| look.outcome.class == Class::Pass));
        match (finished.ended.is_good(), is_seen) {
            (true, true) => None,
            (true, false) => Some(Progress::Looking),
            (false, _) if counting(known).any(|act| act.seq > finished.seq) => None,
            (false, _) => Some(Progress::Interrupted(id())),
        }
    }

    /// Applies the start of an action. Results of an earlier run of it become invalid.
    pub(super) fn action_started(&mut self, entry: &Entry, event: &ActionStarted) {
        let deed = Deed {
            seq: entry.header.seq,
            prev: entry.header.prev,
            nth: event.nth,
            dry: event.dry,
            by: entry.header.by.clone(),
            at: entry.header.at.clone(),
            checked: event.checked.clone(),
            stopped: None,
            finished: None,
        };
        if !event.dry {
            self.undo_after(&event.action);
        }
        let state = self.actions.entry(event.action.clone()).or_default();
        state.times = event.nth;
        *(if event.dry { &mut state.dry } else { &mut state.latest }) = Some(deed);
    }

    /// Re-running an action invalidates the later actions of its point, all actions that depend on the point, and
    /// their probe results.
    fn undo_after(&mut self, key: &ActionKey) {
        let plan = std::sync::Arc::clone(&self.plan);
        let beside = plan.actions_beside(key);
        let from = beside.iter().position(|action| action.id == key.action).unwrap_or(beside.len());
        let later: Vec<String> = beside[from..].iter().map(|action| action.id.clone()).collect();
        self.forget_actions(&key.point, &later);
        for other in resting_on(&plan, &key.point) {
            let all: Vec<String> = other.actions.iter().map(|action| action.id.clone()).collect();
            self.forget_actions(&other.id, &all);
        }
    }

    fn forget_actions(&mut self, point: &str, actions: &[String]) {
        for action in actions {
            if let Some(state) = self.actions.get_mut(&ActionKey::new(point, action)) {
                state.latest = None;
            }
        }
        let plan = std::sync::Arc::clone(&self.plan);
        let (Some(point), Some(known)) = (plan.point(point), self.points.get_mut(point)) else { return };
        let looks =
            point.probes.iter().filter(|probe| probe.of.as_ref().is_some_and(|of| actions.contains(of)));
        for probe in looks {
            if let Some(state) = known.probes.get_mut(&probe.id) {
                state.latest = None;
            }
        }
    }

    pub(super) fn action_finished(&mut self, entry: &Entry, event: &ActionFinished) {
        self.outputs.extend(event.output.clone().map(|output| (entry.header.seq, output)));
        if let Some(deed) = self.deed(&event.action, event.started) {
            deed.finished = Some(Finished {
                seq: entry.header.seq,
                at: entry.header.at.clone(),
                took_ms: event.took_ms,
                ended: event.ended.clone(),
                cause: event.cause,
                output: event.output.clone(),
            });
        }
    }

    pub(super) fn action_stopped(&mut self, entry: &Entry, key: &ActionKey, started: u64) {
        if let Some(deed) = self.deed(key, started) {
            deed.stopped = Some(entry.header.by.clone());
        }
    }

    fn deed(&mut self, key: &ActionKey, started: u64) -> Option<&mut Deed> {
        let state = self.actions.get_mut(key)?;
        [&mut state.latest, &mut state.dry].into_iter().flatten().find(|deed| deed.seq == started)
    }
}

/// A request to start an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The action.
    pub action: ActionKey,
    /// Which run of it is meant, from 1. A run that has already started is not started twice.
    pub nth: u64,
    /// Whether it is a dry run.
    pub dry: bool,
    /// The environment's name as the person typed it.
    pub typed: Option<String>,
    /// The observations of the guards and checks.
    pub checked: Vec<Observation>,
}

/// Checks whether an action may start.
///
/// # Errors
/// Why it may not.
pub(super) fn may_start(judgement: &Judgement, start: &Start) -> Result<(), Refusal> {
    let (state, key) = (judgement.state, &start.action);
    let action = state.plan.action(key).ok_or_else(|| Refusal::NoSuchAction(key.clone()))?;
    let locked = |why: String| Err(Refusal::ActionLocked { action: key.clone(), why });
    if let Some((other, deed)) = state.under_way() {
        return locked(format!("{other} is running since log #{}; actions run one at a time", deed.seq));
    }
    if state.action(key).map_or(0, |known| known.times) + 1 != start.nth {
        return locked("it was started after you opened it".into());
    }
    let Some(program) = &action.program else {
        return locked(format!("the profile lacks {}", action.missing.join(", ")));
    };
    if program.argv(start.dry).is_empty() {
        return locked("it has no dry run".into());
    }
    if !start.dry {
        may_act(judgement, key)?;
        if state.plan.production && start.typed.as_ref() != Some(&state.plan.environment) {
            return locked(format!("in production you must type {} to start it", state.plan.environment));
        }
    }
    match start.checked.iter().find(|seen| seen.ok != Some(true)) {
        Some(Observation { what, seen, ok: None, .. }) => locked(format!("{what}: {seen}")),
        Some(Observation { what, expected, seen, .. }) => {
            locked(format!("{what}: expected {expected}, found {seen}"))
        }
        None => is_checked(state, action, start),
    }
}

/// Checks that every guard and check has a result.
fn is_checked(state: &RunState, action: &Action, start: &Start) -> Result<(), Refusal> {
    let mut checks = state.plan.checks_before(Some(action), start.dry);
    match checks.find(|(key, _)| !start.checked.iter().any(|seen| seen.is(key))) {
        Some((_, check)) => {
            Err(Refusal::NotChecked { action: start.action.clone(), title: check.title.clone() })
        }
        None => Ok(()),
    }
}

/// Checks whether it is an action's turn, as far as the run is concerned.
pub(super) fn may_act(judgement: &Judgement, key: &ActionKey) -> Result<(), Refusal> {
    let state = judgement.state;
    let locked = |why: String| Err(Refusal::ActionLocked { action: key.clone(), why });
    if let Some(back) = &state.rolled_back {
        return locked(format!("the release was rolled back (log #{})", back.seq));
    }
    if key.is_way_back() {
        // Rollback steps may be skipped, failed ones too: not every failure needs all of them.
        return Ok(());
    }
    if state.is_going_back() {
        return locked("the release is being rolled back".into());
    }
    if let Some(proposal) = &state.proposal {
        return locked(format!(
            "a new plan is proposed (log #{}); accept or withdraw it first (!)",
            proposal.seq
        ));
    }
    let Some(point) = state.plan.point(&key.point) else {
        return locked("the plan has no such point".into());
    };
    if state.waits_for_exemption(point) {
        return locked(format!(
            "the plan makes {} not applicable; a {} must sign that",
            point.id,
            state.other_role()
        ));
    }
    let status = judgement.status(&point.id);
    if matches!(status, Status::NotApplicable | Status::Unconfigured(_) | Status::NotDue(_)) {
        return locked(format!("{} is {}", point.id, status.word()));
    }
    if let Some(by) = judgement.locked_by(point) {
        let status = judgement.status(&by);
        return locked(format!("{by} is {}; it must be done first", status.word()));
    }
    let before = point.actions.iter().take_while(|action| action.id != key.action);
    let known = state.point(&point.id);
    let open = before.into_iter().find_map(|action| state.progress_of(point, known?, action));
    match open {
        None => Ok(()),
        Some(Progress::Next(first)) => locked(format!("{first} must run first")),
        Some(Progress::Failed(first)) => locked(format!("{first} failed; run it again first")),
        Some(Progress::Interrupted(first)) => {
            locked(format!("the outcome of {first} is unknown; run it again, or confirm the point"))
        }
        Some(_) => locked(looked_at(point, known)),
    }
}

fn looked_at(point: &Point, known: Option<&PointState>) -> String {
    let latest = |probe: &Probe| known?.probes.get(&probe.id)?.latest.as_ref();
    let bad = point
        .probes
        .iter()
        .filter(|probe| probe.of.is_some())
        .find(|probe| latest(probe).is_some_and(|look| look.outcome.class != Class::Pass));
    match bad {
        Some(probe) => format!("a check of the previous action did not pass: {}", probe.title),
        None => "the previous action is still being checked".into(),
    }
}
