//! Actions in a run: their state, and the rules for starting one.

use crate::checklist::{Action, ActionKey, NOTED_PLACEHOLDER, Point, Probe};
use crate::journal::entry::{ActionExit, ActionFinished, ActionOutput, ActionStarted, Entry, StopCause};
use crate::outcome::{Class, Observation, Sha256Hex};
use crate::time::Moment;

use super::command::Rejection;
use super::dependencies::dependents;
use super::point_state::PointState;
use super::rollback::noted_replicas;
use super::state::RunState;
use super::status::{Judgement, Status, valid_confirmations};

/// One run of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRun {
    /// The position of its start entry.
    pub seq: u64,
    /// The hash of the line before its start entry.
    pub prev: Sha256Hex,
    /// Which run of this action it is, from 1.
    pub attempt: u64,
    /// Whether it is a dry run.
    pub dry_run: bool,
    /// Who started it.
    pub by: String,
    /// When it started.
    pub at: Moment,
    /// The observations of the guards and checks before it.
    pub preflight: Vec<Observation>,
    /// Who requested its stop.
    pub stopped_by: Option<String>,
    /// How it ended, once it has.
    pub end: Option<ActionEnd>,
}

/// How a run of an action ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionEnd {
    /// The position of its end entry.
    pub seq: u64,
    /// When the end was logged.
    pub at: Moment,
    /// Its duration, in milliseconds.
    pub took_ms: u64,
    /// The exit.
    pub exit: ActionExit,
    /// Why gonogo ended it, if it did.
    pub cause: Option<StopCause>,
    /// Its output.
    pub output: Option<ActionOutput>,
}

impl ActionEnd {
    /// The exit in words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.cause {
            Some(cause) => format!("{cause}, {}", self.exit),
            None => self.exit.to_string(),
        }
    }
}

/// The state of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActionState {
    /// How often it was started, dry runs included.
    pub attempts: u64,
    /// Its newest run that is still valid; dry runs are not counted.
    pub latest: Option<ActionRun>,
    /// Whether a run of it no longer counts, because an action before it was run again.
    pub is_outdated: bool,
    /// Its newest dry run.
    pub latest_dry_run: Option<ActionRun>,
    /// How long its last run that succeeded took, in milliseconds; dry runs are not counted.
    pub last_took_ms: Option<u64>,
}

impl ActionState {
    /// The exit of its newest run, if that has ended.
    #[must_use]
    pub fn exit(&self) -> Option<&ActionExit> {
        Some(&self.latest.as_ref()?.end.as_ref()?.exit)
    }

    /// Its newest run, dry or not.
    #[must_use]
    pub fn newest_run(&self) -> Option<&ActionRun> {
        [&self.latest, &self.latest_dry_run].into_iter().flatten().max_by_key(|run| run.seq)
    }
}

/// The progress of a point's actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionProgress {
    /// This action is next.
    Next(String),
    /// This action is running.
    Running(String),
    /// This action failed.
    Failed(String),
    /// The outcome of this action is unknown.
    Interrupted(String),
    /// Probes still have to verify the actions that have run.
    Verifying,
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
    pub fn running_action(&self) -> Option<(&ActionKey, &ActionRun)> {
        let newest = self.actions.iter().filter_map(|(key, state)| Some((key, state.newest_run()?)));
        newest.filter(|(_, run)| run.end.is_none()).max_by_key(|(_, run)| run.seq)
    }

    /// Whether a point's results are final, because an action that depends on them has run.
    #[must_use]
    pub fn is_frozen(&self, point: &Point) -> bool {
        point.frozen_after.as_ref().is_some_and(|by| {
            let of_point = self.actions.range(ActionKey::new(by, "")..);
            of_point.take_while(|(key, _)| key.point == *by).any(|(_, state)| state.latest.is_some())
        })
    }

    /// Whether the action that a probe verifies has run.
    #[must_use]
    pub fn has_action_result(&self, point: &Point, probe: &Probe) -> bool {
        let Some(action) = &probe.after_action else { return true };
        let state = self.action(&ActionKey::new(&point.id, action));
        state.and_then(ActionState::exit).is_some_and(|exit| !exit.is_failure())
    }

    /// The progress of a point's actions.
    #[must_use]
    pub fn actions_progress(&self, point: &Point) -> ActionProgress {
        let Some(point_state) = self.points.get(&point.id) else { return ActionProgress::Done };
        for action in &point.actions {
            if let Some(progress) = self.action_progress(point, point_state, action) {
                return progress;
            }
        }
        ActionProgress::Done
    }

    /// The progress of one action; none if it has succeeded and its probes have passed.
    fn action_progress(
        &self,
        point: &Point,
        point_state: &PointState,
        action: &Action,
    ) -> Option<ActionProgress> {
        let id = || action.id.clone();
        let latest =
            self.action(&ActionKey::new(&point.id, &action.id)).and_then(|state| state.latest.as_ref());
        let Some(action_run) = latest else {
            return (!action.optional).then(|| ActionProgress::Next(id()));
        };
        let Some(finished) = &action_run.end else { return Some(ActionProgress::Running(id())) };
        if finished.exit.is_failure() {
            return Some(ActionProgress::Failed(id()));
        }
        let verifying = point.probes.iter().filter(|probe| probe.after_action.as_deref() == Some(&action.id));
        let latest_result =
            |probe: &Probe| point_state.probes.get(&probe.id).and_then(|probe| probe.latest.as_ref());
        let have_passed = verifying
            .into_iter()
            .all(|probe| latest_result(probe).is_some_and(|run| run.outcome.class == Class::Pass));
        match (finished.exit.is_success(), have_passed) {
            (true, true) => None,
            (true, false) => Some(ActionProgress::Verifying),
            (false, _) if valid_confirmations(point_state).any(|act| act.seq > finished.seq) => None,
            (false, _) => Some(ActionProgress::Interrupted(id())),
        }
    }

    /// Applies the start of an action. Results of an earlier run of it become invalid.
    pub(super) fn apply_action_started(&mut self, entry: &Entry, event: &ActionStarted) {
        let action_run = ActionRun {
            seq: entry.header.seq,
            prev: entry.header.prev,
            attempt: event.attempt,
            dry_run: event.dry_run,
            by: entry.header.by.clone(),
            at: entry.header.at.clone(),
            preflight: event.preflight.clone(),
            stopped_by: None,
            end: None,
        };
        if !event.dry_run {
            self.invalidate_dependents(&event.action);
            if event.action.is_rollback() {
                self.noted_replicas = noted_replicas(&event.preflight).or(self.noted_replicas);
            }
        }
        let state = self.actions.entry(event.action.clone()).or_default();
        state.attempts = event.attempt;
        if event.dry_run {
            state.latest_dry_run = Some(action_run);
        } else {
            (state.latest, state.is_outdated) = (Some(action_run), false);
        }
    }

    /// Re-running an action invalidates the later actions of its point, all actions that depend on the point, and
    /// their probe results.
    fn invalidate_dependents(&mut self, key: &ActionKey) {
        let plan = std::sync::Arc::clone(&self.plan);
        let beside = plan.sibling_actions(key);
        let from = beside.iter().position(|action| action.id == key.action).unwrap_or(beside.len());
        let later: Vec<String> = beside[from..].iter().map(|action| action.id.clone()).collect();
        self.reset_actions(&key.point, &later);
        for other in dependents(&plan, &key.point) {
            let ids: Vec<String> = other.actions.iter().map(|action| action.id.clone()).collect();
            self.reset_actions(&other.id, &ids);
        }
    }

    fn reset_actions(&mut self, point: &str, actions: &[String]) {
        for action in actions {
            if let Some(state) = self.actions.get_mut(&ActionKey::new(point, action)) {
                state.is_outdated |= state.latest.take().is_some();
            }
        }
        let plan = std::sync::Arc::clone(&self.plan);
        let (Some(point), Some(point_state)) = (plan.point(point), self.points.get_mut(point)) else {
            return;
        };
        let verifying = point
            .probes
            .iter()
            .filter(|probe| probe.after_action.as_ref().is_some_and(|of| actions.contains(of)));
        for probe in verifying {
            if let Some(state) = point_state.probes.get_mut(&probe.id) {
                state.latest = None;
            }
        }
    }

    pub(super) fn apply_action_finished(&mut self, entry: &Entry, event: &ActionFinished) {
        self.outputs.extend(event.output.clone().map(|output| (entry.header.seq, output)));
        if let Some(action_run) = self.action_run_mut(&event.action, event.started) {
            action_run.end = Some(ActionEnd {
                seq: entry.header.seq,
                at: entry.header.at.clone(),
                took_ms: event.took_ms,
                exit: event.exit.clone(),
                cause: event.cause,
                output: event.output.clone(),
            });
            let is_measured = !action_run.dry_run && event.exit.is_success() && event.took_ms > 0;
            if let Some(state) = self.actions.get_mut(&event.action).filter(|_| is_measured) {
                state.last_took_ms = Some(event.took_ms);
            }
        }
    }

    pub(super) fn apply_action_stopped(&mut self, entry: &Entry, key: &ActionKey, started: u64) {
        if let Some(action_run) = self.action_run_mut(key, started) {
            action_run.stopped_by = Some(entry.header.by.clone());
        }
    }

    fn action_run_mut(&mut self, key: &ActionKey, started: u64) -> Option<&mut ActionRun> {
        let state = self.actions.get_mut(key)?;
        [&mut state.latest, &mut state.latest_dry_run].into_iter().flatten().find(|run| run.seq == started)
    }
}

/// A request to start an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRequest {
    /// The action.
    pub action: ActionKey,
    /// Which run of it is meant, from 1. A run that has already started is not started twice.
    pub attempt: u64,
    /// Whether it is a dry run.
    pub dry_run: bool,
    /// The environment's name as the person typed it.
    pub typed_environment: Option<String>,
    /// The observations of the guards and checks.
    pub preflight: Vec<Observation>,
    /// Why a reviewer begins the rollback.
    pub reason: Option<String>,
}

/// Checks whether an action may start.
///
/// # Errors
/// Why it may not.
pub(super) fn check_start(judgement: &Judgement, start: &StartRequest) -> Result<(), Rejection> {
    let (state, key) = (judgement.state, &start.action);
    let action = state.plan.action(key).ok_or_else(|| Rejection::UnknownAction(key.clone()))?;
    let locked = |why: String| Err(Rejection::ActionLocked { action: key.clone(), why });
    if let Some((other, action_run)) = state.running_action() {
        return locked(format!(
            "{other} is running since log #{}; actions run one at a time",
            action_run.seq
        ));
    }
    if state.action(key).map_or(0, |action_state| action_state.attempts) + 1 != start.attempt {
        return locked("it was started after you opened it".into());
    }
    let Some(program) = &action.program else {
        return locked(format!("the profile lacks {}", action.missing.join(", ")));
    };
    if program.argv(start.dry_run).is_empty() {
        return Err(Rejection::NoDryRun(key.clone()));
    }
    let argv = program.argv_with_noted(start.dry_run, state.noted_replicas);
    if argv.iter().any(|word| word.contains(NOTED_PLACEHOLDER)) {
        return locked(
            "no number of replicas is noted: its step notes it when it pauses them. Write the number into \
             rollback.resume_command, or skip the step"
                .into(),
        );
    }
    if !start.dry_run {
        check_turn(judgement, key)?;
        let reason = state.reason_to_type_environment(key);
        if let Some(why) =
            reason.filter(|_| start.typed_environment.as_ref() != Some(&state.plan.environment))
        {
            return locked(format!("{why}: you must type {} to start it", state.plan.environment));
        }
    }
    match start.preflight.iter().find(|seen| seen.ok != Some(true)) {
        Some(Observation { what, seen, ok: None, .. }) => locked(format!("{what}: {seen}")),
        Some(Observation { what, expected, seen, .. }) => {
            locked(format!("{what}: expected {expected}, found {seen}"))
        }
        None => check_preflight(state, action, start),
    }
}

/// Checks that every guard and check has a result.
fn check_preflight(state: &RunState, action: &Action, start: &StartRequest) -> Result<(), Rejection> {
    let mut checks = state.plan.checks_before(Some(action), start.dry_run);
    match checks.find(|(key, _)| !start.preflight.iter().any(|seen| seen.has_key(key))) {
        Some((_, check)) => {
            Err(Rejection::PreflightIncomplete { action: start.action.clone(), title: check.title.clone() })
        }
        None => Ok(()),
    }
}

/// Checks whether it is an action's turn, as far as the run is concerned.
pub(super) fn check_turn(judgement: &Judgement, key: &ActionKey) -> Result<(), Rejection> {
    let state = judgement.state;
    let locked = |why: String| Err(Rejection::ActionLocked { action: key.clone(), why });
    if let Some(back) = &state.rolled_back {
        return locked(format!("the release was rolled back (log #{})", back.seq));
    }
    if key.is_rollback() {
        // Rollback steps may be skipped, failed ones too: not every failure needs all of them.
        return Ok(());
    }
    if state.is_rolling_back() {
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
    if state.is_exemption_pending(point) {
        return locked(format!(
            "the plan makes {} not applicable; a {} must sign that",
            point.id,
            state.other_role()
        ));
    }
    let status = judgement.status(&point.id);
    if matches!(status, Status::NotApplicable | Status::Unconfigured(_) | Status::NotDue(_)) {
        return locked(format!("{} is {}", point.id, status.label()));
    }
    if let Some(by) = judgement.actions_blocked_by(point) {
        let status = judgement.status(&by);
        return locked(format!("{by} ({}) must be done first", status.label()));
    }
    let before = point.actions.iter().take_while(|action| action.id != key.action);
    let point_state = state.point(&point.id);
    let open = before.into_iter().find_map(|action| state.action_progress(point, point_state?, action));
    match open {
        None => Ok(()),
        Some(ActionProgress::Next(first)) => locked(format!("{first} must run first")),
        Some(ActionProgress::Failed(first)) => locked(format!("{first} failed; run it again first")),
        Some(ActionProgress::Interrupted(first)) => {
            locked(format!("the outcome of {first} is unknown; run it again, or confirm the point"))
        }
        Some(_) => locked(unverified_reason(point, point_state)),
    }
}

fn unverified_reason(point: &Point, point_state: Option<&PointState>) -> String {
    let latest = |probe: &Probe| point_state?.probes.get(&probe.id)?.latest.as_ref();
    let bad = point
        .probes
        .iter()
        .filter(|probe| probe.after_action.is_some())
        .find(|probe| latest(probe).is_some_and(|run| run.outcome.class != Class::Pass));
    match bad {
        Some(probe) => format!("a check of the previous action did not pass: {}", probe.title),
        None => "the previous action is still being checked".into(),
    }
}
