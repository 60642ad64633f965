//! The second operator of a rehearsal: confirms what the first one confirms, a moment later, under a name that says
//! that it is simulated.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use gonogo_core::checklist::{Confirm, Role};
use gonogo_core::run::{Act, Command, NumberedRequest, Request, RunSnapshot, RunState, valid_confirmations};

/// The delay after the first operator's act.
const DELAY: Duration = Duration::from_millis(900);

/// The simulated reviewer, by the principal that it signs as.
pub(super) struct SimulatedReviewer(pub(super) String);

impl SimulatedReviewer {
    /// The principal.
    pub(super) fn principal(&self) -> &str {
        &self.0
    }

    /// Acts until the run is over, or the engine has stopped.
    pub(super) async fn run(
        self,
        mut states: watch::Receiver<RunSnapshot>,
        requests: mpsc::Sender<NumberedRequest>,
    ) {
        loop {
            let now = Arc::clone(&states.borrow_and_update().state);
            if let Some(act) = next_act(&now, &self.0) {
                tokio::time::sleep(DELAY).await;
                // The run may have moved on meanwhile.
                let confirmed_act = next_act(&states.borrow().state, &self.0).filter(|other| *other == act);
                if let Some(act) = confirmed_act {
                    let request = Request::ActWithoutReply(Box::new(Command::new(self.0.clone(), act)));
                    if requests.send(NumberedRequest::without_reply(request)).await.is_err() {
                        return;
                    }
                }
            }
            if states.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Its next act: what another operator has done and two people must do.
fn next_act(state: &RunState, me: &str) -> Option<Act> {
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
