//! The rules of a run: its state, what may happen in it, its status and verdict. All of it is pure.

mod actions;
mod causes;
mod changes;
mod command;
mod decide;
mod dependencies;
mod diagnosis;
mod due_probes;
mod enrolments;
mod in_flight;
mod judgement_cache;
mod point_state;
mod replan;
mod replay;
mod rollback;
mod state;
mod status;
mod status_meanings;
#[cfg(test)]
mod tests;
mod unseen_names;
mod verdict;

pub use actions::{ActionEnd, ActionProgress, ActionRun, ActionState, StartRequest};
pub use causes::{SharedCause, cause, missing_value, shared_causes};
pub use changes::{RunChange, changes};
pub use command::{Act, Command, Rejection};
pub use decide::{MAX_TEXT, decide, evidence};
pub use diagnosis::diagnose;
pub use due_probes::{DueProbe, due_probes, runnable};
pub use in_flight::{
    InFlight, NumberedRequest, Request, RequestId, Response, RunSnapshot, RunningProbe, Update,
};
pub use point_state::{
    Abandonment, Confirmation, CurrentVerdict, Exemption, Note, OwnEntry, PointState, ProbeRun, ProbeState,
    Rollback, Seal, Waiver,
};
pub use replan::{LoosenedPlan, Proposal};
pub use replay::Replay;
pub use state::RunState;
pub use status::{Judgement, Status, required_confirm, valid_confirmations};
pub use unseen_names::unseen_names;
pub use verdict::{explain, judge, tally};
