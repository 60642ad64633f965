//! The second operator of a rehearsal: agrees with what the first one does, a moment later, and says that they are
//! played.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::checklist::{Confirm, Role};
use crate::run::{Act, Command, NumberedRequest, Request, RunSnapshot, RunState, counting};

/// How long they think.
const MOMENT: Duration = Duration::from_millis(900);

/// Acts as `principal` until the run is over or nobody tells of it any more.
pub(super) async fn play(
    principal: String,
    mut told: watch::Receiver<RunSnapshot>,
    requests: mpsc::Sender<NumberedRequest>,
) {
    loop {
        let now = Arc::clone(&told.borrow_and_update().state);
        if let Some(act) = wish(&now, &principal) {
            tokio::time::sleep(MOMENT).await;
            // What was wished for may have gone by now.
            let still = wish(&told.borrow().state, &principal).filter(|other| *other == act);
            if let Some(act) = still {
                let request = Request::Aside(Box::new(Command::new(principal.clone(), act)));
                if requests.send(NumberedRequest::unanswered(request)).await.is_err() {
                    return;
                }
            }
        }
        if told.changed().await.is_err() {
            return;
        }
    }
}

/// What they would do next: what another has done and what takes two.
fn wish(state: &RunState, me: &str) -> Option<Act> {
    if state.abandoned.is_some() {
        return None;
    }
    if !state.seals.is_empty() {
        return (state.missing_seals() == [Role::Reviewer]).then_some(Act::Seal);
    }
    state.plan.points().find_map(|point| {
        let known = state.point(&point.id)?;
        let (point_id, is_other) = (|| point.id.clone(), |by: &str| by != me);
        let mine = counting(known).any(|act| act.by == me);
        let theirs = counting(known).find(|act| is_other(&act.by));
        if let (Confirm::Two, false, Some(act)) = (point.confirm, mine, theirs) {
            return Some(Act::Confirm { point: point_id(), of: act.of.clone(), reason: None });
        }
        if state.people_to_set_aside(point) < 2 {
            return None;
        }
        let waived = known.waivers.iter().find(|act| is_other(&act.by));
        if let Some(waiver) = waived.filter(|_| known.waivers.iter().all(|act| is_other(&act.by))) {
            let reason = format!("as {} says: {}", waiver.by, waiver.reason);
            return Some(Act::Waive { point: point_id(), reason, until: waiver.until });
        }
        let exempted = known.exemptions.iter().find(|act| is_other(&act.by));
        let exemption = exempted.filter(|_| known.exemptions.iter().all(|act| is_other(&act.by)))?;
        let reason = format!("as {} says: {}", exemption.by, exemption.reason);
        Some(Act::Exempt { point: point_id(), reason })
    })
}
