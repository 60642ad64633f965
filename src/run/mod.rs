//! The rules of a run: its state, what may happen in it, its status and verdict. All of it is pure.

mod actions;
mod command;
mod decide;
mod enrolments;
mod kept;
mod known;
mod live;
mod next;
mod order;
mod replan;
mod replay;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod verdict;

pub use actions::{ActionState, Deed, Finished, Progress, Start};
pub use command::{Act, Command, Refusal};
pub use decide::{MAX_WORDS, decide, evidence};
pub use known::{
    Abandoned, Confirmation, Exemption, Look, Note, PointState, ProbeState, RolledBack, Seal,
    StandingVerdict, Waiver,
};
pub use live::{Live, NumberedRequest, Request, RequestId, Response, RunSnapshot, Running, Update};
pub use next::{Wanted, possible, wanted};
pub use replan::{Loosened, Proposal};
pub use replay::Replay;
pub use state::RunState;
pub use status::{Judgement, Status, counting};
pub use verdict::{judge, standing, why};
