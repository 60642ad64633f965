//! Reports of a run: for a change ticket, a CI server, the next deployment.
//!
//! [`Document`] is built once, from the log's entries and the result of the verification; every format is written from
//! it. Its texts are safe for a terminal; each format escapes its special characters.

mod actions;
mod chart;
pub mod comparison;
pub mod debrief;
mod document;
pub mod dsse;
mod evidence_comparison;
mod html;
mod markdown;
mod participants;
pub mod plan;
mod points;
mod statement;
mod trust_sources;

pub use self::document::{Document, DocumentInput, describe_open_log};
pub use self::html::html;
pub use self::markdown::markdown;
pub use self::statement::statement;
pub use self::trust_sources::{TrustFile, TrustSources};
