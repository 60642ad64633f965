//! Output without a screen: probe results for people and for programs.

mod case;
mod human;
mod json;
mod junit;
mod notices;
mod selection;
mod tap;

pub use human::human;
pub use json::json;
pub use junit::{LogCase, junit};
pub use selection::{LeftOut, Selection, SkippedPoint};
pub use tap::tap;

use gonogo_core::error::Exit;
use gonogo_core::run::{Judgement, Status};

/// Whether nothing was checked: every point is skipped, or not applicable by the profile.
fn is_nothing_checked(judgement: &Judgement) -> bool {
    let mut points = judgement.state.plan.points();
    points.all(|point| judgement.status(&point.id) == Status::NotApplicable)
}

/// The exit code of `check`: success only if every point is done. A point that needs a person is not done. Nothing checked is
/// an error.
#[must_use]
pub fn exit_code(judgement: &Judgement) -> Exit {
    let points = judgement.state.plan.points();
    let open: Vec<Status> =
        points.map(|point| judgement.status(&point.id)).filter(|status| !status.is_done()).collect();
    if is_nothing_checked(judgement) {
        Exit::ProbeError
    } else if open.is_empty() {
        Exit::Success
    } else if open.iter().all(|status| *status == Status::Error) {
        Exit::ProbeError
    } else {
        Exit::NoGo
    }
}
