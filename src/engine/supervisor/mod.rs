//! The supervisor of an action: a small separate process that outlives the screen.
//!
//! It is this program under a hidden command, in its own session, so that neither a closed terminal nor a killed
//! gonogo ends the action. Three files next to the log connect them, named after the action's start entry:
//!
//! ```text
//!     LOG.marks/action-12.begun   written once, before the program starts: who runs it; locked while it runs
//!     LOG.d/action-12.out         the output of the program, redacted
//!     LOG.d/action-12.end         the exit record; complete or missing
//! ```
//!
//! Locked: the action is running. Unlocked without `.end`: the outcome is unknown. No `.begun`: the action never
//! started, if [`gonogo_core::journal::marks`] allows that conclusion; otherwise the outcome is unknown.

mod files;
mod launch_spec;
mod output_sink;
mod supervise;

pub use files::{ExitRecord, StartMarker, SupervisorFiles, SupervisorState};
pub use launch_spec::LaunchSpec;
pub use supervise::{LaunchError, STARTED, run};
