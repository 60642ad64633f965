//! The face without a screen: what was seen, for people and for programs.

mod facts;
mod human;
mod json;
mod junit;
mod selection;
mod tap;

pub use human::human;
pub use json::json;
pub use junit::{LogCase, junit};
pub use selection::Selection;
pub use tap::tap;

use crate::error::Exit;
use crate::run::{Judgement, Status};

/// How a look without a run ends: good only if every point is closed. A person's part that is open counts
/// as not good.
#[must_use]
pub fn exit(judgement: &Judgement) -> Exit {
    let points = judgement.state.plan.points();
    let open: Vec<Status> =
        points.map(|point| judgement.status(&point.id)).filter(|status| !status.is_closed()).collect();
    if open.is_empty() {
        Exit::Good
    } else if open.iter().all(|status| *status == Status::Error) {
        Exit::CouldNotLook
    } else {
        Exit::NoGo
    }
}
