//! Reports of a run: for a change ticket, a CI server, the next deployment.
//!
//! [`Document`] is built once, from the log's entries and the result of the verification; every format is written from
//! it. Its texts are safe for a terminal; each format escapes what is special in it.

mod actions;
mod chart;
pub mod compare;
pub mod debrief;
mod document;
pub mod dsse;
mod html;
mod markdown;
mod people;
pub mod plan;
mod points;
mod statement;
mod trust;

pub use self::document::{Basis, Document, open_sentence};
pub use self::html::html;
pub use self::markdown::markdown;
pub use self::statement::statement;
pub use self::trust::{Trust, TrustFile};
