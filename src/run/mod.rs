//! The rules of a run: its state, what may happen in it, and what it comes to. All of it pure.

mod command;
mod decide;
mod live;
mod next;
mod replay;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod verdict;

pub use command::{Act, Command, Refusal};
pub use decide::{MAX_WORDS, decide, evidence, may_enrol};
pub use live::{Live, Request, Running, Update};
pub use next::{Wanted, possible, wanted};
pub use replay::Replay;
pub use state::{
    Confirmation, Exemption, Look, Note, PointState, ProbeState, RunState, Seal, StandingVerdict, Waiver,
};
pub use status::{Judgement, Status, counting};
pub use verdict::{judge, why};
