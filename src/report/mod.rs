//! A run as a document: for the change ticket, for a CI server, for the next deployment.
//!
//! [`Document`] is made once, from the log's entries and what verification found; every format is written from
//! it. Nothing foreign in it can harm a terminal; each format escapes what could harm its own readers.

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
