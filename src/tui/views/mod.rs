//! Views: layers that fill the screen.

pub(in crate::tui) mod checklist;
pub mod long_question;
pub(in crate::tui) mod output;
pub mod review;
pub(in crate::tui) mod rollback;
pub mod start;
