//! The core of gonogo: the run, its signed log, and the checklist it follows.
//!
//! # What lives here
//!
//! | module | what it has |
//! |---|---|
//! | [`run`] | the state of a run, its rules, its verdict |
//! | [`journal`] | entries, chain, signatures, the file, verification |
//! | [`checklist`] | sections, control points, probe specs, profiles, the lock |
//! | [`outcome`] | the result of a probe |
//! | [`secret`] | references to secrets, and redaction |
//! | [`recorded_process`] | a process that a file names, which may have ended or be another one |
//! | [`files`] | files and directories that only this user can change |
//! | [`ansi`], [`error`], [`text`], [`time`] | the base |
//!
//! # What may not
//!
//! No runtime, no terminal, no network, and no program is started: `gonogo` does all that. Within this package each module
//! imports only from those below it; `tests/layers` holds the table.

pub mod ansi;
pub mod checklist;
pub mod error;
pub mod files;
pub mod journal;
pub mod outcome;
pub mod recorded_process;
pub mod run;
pub mod secret;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod time;
