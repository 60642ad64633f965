//! The previous run: whether its log still exists and is unchanged.

use std::path::PathBuf;

use super::entry::Predecessor;
use super::raw;

/// The state of the previous run's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PredecessorLog {
    /// It exists, and ends as it did then or continues from there.
    Found(PathBuf),
    /// None of these logs is of that run.
    Missing,
    /// It exists, but does not have the entry that it ended with then.
    Changed(PathBuf),
}

impl PredecessorLog {
    /// Finds the previous run among some logs. An unreadable log counts as missing.
    #[must_use]
    pub fn find(logs: &[PathBuf], run: &Predecessor) -> Self {
        let Some(path) = logs.iter().find(|path| raw::read_run_id(path).as_deref() == Some(&run.run)) else {
            return Self::Missing;
        };
        if raw::hash_at(path, run.seq) == Some(run.head) {
            Self::Found(path.clone())
        } else {
            Self::Changed(path.clone())
        }
    }

    /// The problem in words, if there is one.
    #[must_use]
    pub fn problem(&self, run: &Predecessor) -> Option<String> {
        let short = run.run.get(..8).unwrap_or(&run.run);
        let state = run.state;
        match self {
            Self::Found(_) => None,
            Self::Missing => Some(format!("the log of the previous run ({short}, {state}) is missing")),
            Self::Changed(path) => Some(format!(
                "the log of the previous run ({short}, {state}) has changed: {} has a different entry {}, or none",
                path.display(),
                run.seq
            )),
        }
    }
}
