//! The simulated operators of a rehearsal, under names that say so. The reviewer confirms what another operator confirms,
//! a moment later. The driver, if there is one, deploys the release, and leaves the rest to people.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::engine::clock;
use gonogo_core::checklist::{ActionKey, Confirm, Role};
use gonogo_core::run::{
    Act, Command, Judgement, NumberedRequest, Request, RunSnapshot, RunState, StartRequest, Status, evidence,
    valid_confirmations,
};

/// The delay before each act.
const DELAY: Duration = Duration::from_millis(900);

/// The simulated operators, by the principals that they sign as.
pub(super) struct SimulatedOperators {
    /// The reviewer.
    pub(super) reviewer: String,
    /// The driver, who deploys the release.
    pub(super) driver: Option<String>,
}

/// What an operator does next, if anything.
type NextRequest = fn(&RunState, &str) -> Option<NextStep>;

/// The next thing that a simulated operator does.
#[derive(PartialEq, Eq)]
enum NextStep {
    Act(Act),
    Start(ActionKey, u64),
}

impl SimulatedOperators {
    /// The reviewer's principal.
    pub(super) fn reviewer(&self) -> &str {
        &self.reviewer
    }

    /// Acts until the run is over, or the engine has stopped.
    pub(super) async fn run(
        self,
        states: watch::Receiver<RunSnapshot>,
        requests: mpsc::Sender<NumberedRequest>,
    ) {
        let driver = async {
            if let Some(driver) = self.driver {
                operate(driver, driver_step, states.clone(), requests.clone()).await;
            }
        };
        tokio::join!(operate(self.reviewer, reviewer_step, states.clone(), requests.clone()), driver);
    }
}

/// Acts as one operator.
async fn operate(
    me: String,
    next: NextRequest,
    mut states: watch::Receiver<RunSnapshot>,
    requests: mpsc::Sender<NumberedRequest>,
) {
    loop {
        let now = Arc::clone(&states.borrow_and_update().state);
        if let Some(step) = next(&now, &me) {
            tokio::time::sleep(DELAY).await;
            // The run may have moved on meanwhile.
            let still_next = next(&states.borrow().state, &me).filter(|other| *other == step);
            if let Some(step) = still_next {
                let request = NumberedRequest::without_reply(request(&states.borrow().state, &me, step));
                if requests.send(request).await.is_err() {
                    return;
                }
            }
        }
        if states.changed().await.is_err() {
            return;
        }
    }
}

fn request(state: &RunState, me: &str, step: NextStep) -> Request {
    match step {
        NextStep::Act(act) => Request::ActWithoutReply(Box::new(Command::new(me, act))),
        NextStep::Start(action, attempt) => {
            let start = StartRequest {
                action,
                attempt,
                dry_run: false,
                typed_environment: Some(state.plan.environment.clone()),
                preflight: Vec::new(),
                reason: None,
            };
            Request::RunAction { by: me.to_owned(), start: Box::new(start) }
        }
    }
}

/// The driver's next step: a confirmation or an action, one at a time, until every action point is done. Nothing while
/// something has failed: that is for people.
fn driver_step(state: &RunState, me: &str) -> Option<NextStep> {
    let now = clock::now();
    let judgement = state.judge(&now);
    let is_running = state.running_action().is_some() || state.is_rolling_back() || state.is_closing();
    let mut to_deploy = state.plan.points().filter(|point| !point.actions.is_empty());
    let next = to_deploy.find(|point| !judgement.is_done(&point.id)).filter(|_| !is_running)?;
    if let Some(confirmation) = own_confirmation(&judgement, me) {
        return Some(NextStep::Act(confirmation));
    }
    match judgement.status(&next.id) {
        Status::NeedsAction(id) => {
            let action = ActionKey::new(&next.id, &id);
            // A failed start is not repeated.
            let attempts = state.action(&action).map_or(0, |state| state.attempts);
            (attempts == 0).then_some(NextStep::Start(action, 1))
        }
        _ => None,
    }
}

/// A confirmation that this operator can give.
fn own_confirmation(judgement: &Judgement, me: &str) -> Option<Act> {
    judgement.state.plan.points().find_map(|point| {
        let point_state = judgement.state.point(&point.id)?;
        let is_needed = matches!(judgement.status(&point.id), Status::NeedsConfirmation { .. });
        let has_confirmed = valid_confirmations(point_state).any(|act| act.by == me);
        (is_needed && !has_confirmed).then(|| Act::Confirm {
            point: point.id.clone(),
            evidence: evidence(point, point_state),
            reason: None,
        })
    })
}

/// The reviewer's next step.
fn reviewer_step(state: &RunState, me: &str) -> Option<NextStep> {
    reviewer_act(state, me).map(NextStep::Act)
}

/// What another operator has done and two people must do.
fn reviewer_act(state: &RunState, me: &str) -> Option<Act> {
    if state.abandoned.is_some() {
        return None;
    }
    if !state.seals.is_empty() {
        return (state.missing_seals() == [Role::Reviewer]).then_some(Act::Seal);
    }
    state.plan.points().find_map(|point| {
        let point_state = state.point(&point.id)?;
        let (point_id, is_other) = (|| point.id.clone(), |by: &str| by != me);
        let has_confirmed = valid_confirmations(point_state).any(|act| act.by == me);
        let other_confirmation = valid_confirmations(point_state).find(|act| is_other(&act.by));
        if let (Confirm::Two, false, Some(act)) = (point.confirm, has_confirmed, other_confirmation) {
            return Some(Act::Confirm { point: point_id(), evidence: act.evidence.clone(), reason: None });
        }
        if state.people_to_waive(point) < 2 {
            return None;
        }
        let waived = point_state.waivers.iter().find(|act| is_other(&act.by));
        if let Some(waiver) = waived.filter(|_| point_state.waivers.iter().all(|act| is_other(&act.by))) {
            let reason = format!("as {} says: {}", waiver.by, waiver.reason);
            return Some(Act::Waive { point: point_id(), reason, until: waiver.until });
        }
        let exempted = point_state.exemptions.iter().find(|act| is_other(&act.by));
        let exemption = exempted.filter(|_| point_state.exemptions.iter().all(|act| is_other(&act.by)))?;
        let reason = format!("as {} says: {}", exemption.by, exemption.reason);
        Some(Act::Exempt { point: point_id(), reason })
    })
}
