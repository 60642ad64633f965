//! Actions in a run: what is known of them, and when one may begin.

use crate::checklist::{Action, ActionKey, Point, Probe};
use crate::journal::entry::{ActionFinished, ActionStarted, Cause, Ended, Entry, Output};
use crate::outcome::{Class, Observation, Sha256Hex};
use crate::time::Moment;

use super::command::Refusal;
use super::known::PointState;
use super::order::resting_on;
use super::state::RunState;
use super::status::{Judgement, Status, counting};

/// One running of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The position of its begin.
    pub seq: u64,
    /// The hash of the line before that.
    pub prev: Sha256Hex,
    /// Which running of this action it is, from 1.
    pub nth: u64,
    /// Whether it was only tried.
    pub dry: bool,
    /// Who let it run.
    pub by: String,
    /// When it began.
    pub at: Moment,
    /// What guards and checks saw before.
    pub checked: Vec<Observation>,
    /// Who asked to stop it.
    pub stopped: Option<String>,
    /// How it ended, if it has.
    pub finished: Option<Finished>,
}

/// How a running ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The position of its end.
    pub seq: u64,
    /// When that was put on record.
    pub at: Moment,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// In which way.
    pub ended: Ended,
    /// Why it was ended from outside.
    pub cause: Option<Cause>,
    /// What it printed.
    pub output: Option<Output>,
}

impl Finished {
    /// How it ended, in words.
    #[must_use]
    pub fn told(&self) -> String {
        match self.cause {
            Some(cause) => format!("{cause}, {}", self.ended),
            None => self.ended.to_string(),
        }
    }
}

/// What is known of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionState {
    /// How often it was begun, tries included.
    pub times: u64,
    /// Its newest running that counts.
    pub latest: Option<Deed>,
    /// Its newest try.
    pub dry: Option<Deed>,
}

impl ActionState {
    /// How its newest running ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        Some(&self.latest.as_ref()?.finished.as_ref()?.ended)
    }

    /// Its newest begin, try or not.
    #[must_use]
    pub fn newest(&self) -> Option<&Deed> {
        [&self.latest, &self.dry].into_iter().flatten().max_by_key(|deed| deed.seq)
    }
}

/// What a point's actions have come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// This one is to be run next.
    Next(String),
    /// This one is at work.
    Running(String),
    /// This one went wrong.
    Failed(String),
    /// Nobody knows how this one ended.
    Interrupted(String),
    /// What the actions so far have done is looked at.
    Looking,
    /// All have gone well, or are answered for.
    Done,
}

impl RunState {
    /// What is known of an action.
    #[must_use]
    pub fn action(&self, key: &ActionKey) -> Option<&ActionState> {
        self.actions.get(key)
    }

    /// The action that is at work, if one is.
    #[must_use]
    pub fn under_way(&self) -> Option<(&ActionKey, &Deed)> {
        let newest = self.actions.iter().filter_map(|(key, state)| Some((key, state.newest()?)));
        newest.filter(|(_, deed)| deed.finished.is_none()).max_by_key(|(_, deed)| deed.seq)
    }

    /// Whether a step of the way back was taken.
    #[must_use]
    pub fn is_going_back(&self) -> bool {
        self.actions.iter().any(|(key, state)| key.is_way_back() && state.latest.is_some())
    }

    /// Whether a point is as it was: an action has built on it.
    #[must_use]
    pub fn is_frozen(&self, point: &Point) -> bool {
        point.frozen_by.as_ref().is_some_and(|by| {
            let of_point = self.actions.range(ActionKey::new(by, "")..);
            of_point.take_while(|(key, _)| key.point == *by).any(|(_, state)| state.latest.is_some())
        })
    }

    /// Whether the result that a probe looks at is there.
    #[must_use]
    pub fn has_result(&self, point: &Point, probe: &Probe) -> bool {
        let Some(action) = &probe.of else { return true };
        let state = self.action(&ActionKey::new(&point.id, action));
        state.and_then(ActionState::ended).is_some_and(|ended| !ended.is_bad())
    }

    /// How the actions of a point stand.
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

    /// How one action stands, unless it is done and what it did was seen.
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

    /// Takes in that an action begins. What rests on an earlier running of it counts no more.
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

    /// What was done on the ground that an action lays anew is to be done anew.
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

/// What is asked for when an action is to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Which.
    pub action: ActionKey,
    /// Which running of it the person means, from 1: one that has begun already is not begun twice.
    pub nth: u64,
    /// Whether it is only tried.
    pub dry: bool,
    /// The environment's name as it was typed.
    pub typed: Option<String>,
    /// What guards and checks have seen.
    pub checked: Vec<Observation>,
}

/// Whether an action may begin.
///
/// # Errors
/// What is in the way.
pub(super) fn may_start(judgement: &Judgement, start: &Start) -> Result<(), Refusal> {
    let (state, key) = (judgement.state, &start.action);
    let action = state.plan.action(key).ok_or_else(|| Refusal::NoSuchAction(key.clone()))?;
    let locked = |why: String| Err(Refusal::ActionLocked { action: key.clone(), why });
    if let Some((other, deed)) = state.under_way() {
        return locked(format!("{other} is at work since entry {}; one at a time", deed.seq));
    }
    if state.action(key).map_or(0, |known| known.times) + 1 != start.nth {
        return locked("it has been begun since you looked".into());
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
            return locked(format!("in production it begins when you type {}", state.plan.environment));
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

/// Whether every guard and check has looked.
fn is_checked(state: &RunState, action: &Action, start: &Start) -> Result<(), Refusal> {
    let mut checks = state.plan.checks_before(Some(action), start.dry);
    match checks.find(|(key, _)| !start.checked.iter().any(|seen| seen.is(key))) {
        Some((_, check)) => {
            Err(Refusal::NotChecked { action: start.action.clone(), title: check.title.clone() })
        }
        None => Ok(()),
    }
}

/// Whether it is an action's turn, as far as the run is concerned.
pub(super) fn may_act(judgement: &Judgement, key: &ActionKey) -> Result<(), Refusal> {
    let state = judgement.state;
    let locked = |why: String| Err(Refusal::ActionLocked { action: key.clone(), why });
    if let Some(back) = &state.rolled_back {
        return locked(format!("the release was rolled back, entry {}", back.seq));
    }
    if key.is_way_back() {
        // Steps may be passed over, those that failed too: not every failure needs all of them.
        return Ok(());
    }
    if state.is_going_back() {
        return locked("the release is being rolled back".into());
    }
    if let Some(proposal) = &state.proposal {
        return locked(format!(
            "a new plan is proposed, log #{}; accept or withdraw it first (!)",
            proposal.seq
        ));
    }
    let Some(point) = state.plan.point(&key.point) else { return locked("there is no such point".into()) };
    if state.waits_for_exemption(point) {
        return locked(format!(
            "{} is not applicable by the plan, once a {} signs it",
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
        return locked(format!("{by} is {}; it must be closed first", status.word()));
    }
    let before = point.actions.iter().take_while(|action| action.id != key.action);
    let known = state.point(&point.id);
    let open = before.into_iter().find_map(|action| state.progress_of(point, known?, action));
    match open {
        None => Ok(()),
        Some(Progress::Next(first)) => locked(format!("{first} comes first")),
        Some(Progress::Failed(first)) => locked(format!("{first} went wrong; run it again first")),
        Some(Progress::Interrupted(first)) => {
            locked(format!("nobody knows how {first} ended; run it again, or confirm the point"))
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
        Some(probe) => format!("what came before did not go well: {}", probe.title),
        None => "what came before it is still being looked at".into(),
    }
}
