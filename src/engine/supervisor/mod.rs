//! The supervisor of an action: a small process of its own that outlives the screen.
//!
//! It is this program under a hidden name, in a session of its own, so that neither a closed terminal nor a killed
//! gonogo ends what it runs. Between them stand three files beside the log, named after the entry that the action
//! began with:
//!
//! ```text
//!     LOG.marks/action-12.begun   made before the program starts, once and for all: who is at work. Locked while it is.
//!     LOG.d/action-12.out         what the program prints, secrets taken out
//!     LOG.d/action-12.end         how it ended; whole or not there
//! ```
//!
//! Locked: it is at work. Unlocked without `.end`: nobody can know. No `.begun`: it never began, where
//! [`crate::journal::marks`] allows that conclusion; else nobody can know.

mod files;
mod keep;
mod order;
mod work;

pub use files::{Begun, End, Files, Stands};
pub use order::Order;
pub use work::{BEGUN, Refused, run};
