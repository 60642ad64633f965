//! The run before a run: whether its log is still there, and still what it was.

use std::path::PathBuf;

use super::entry::Predecessor;
use super::raw;

/// What has become of the log of the run before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// It is there, and ends where it did or goes on from there.
    Here(PathBuf),
    /// No log of that run is among these.
    Missing,
    /// There is one, but it does not hold the entry that it ended with then.
    Changed(PathBuf),
}

impl Before {
    /// Looks for the run among some logs. A log that cannot be read is as good as none.
    #[must_use]
    pub fn among(logs: &[PathBuf], run: &Predecessor) -> Self {
        let Some(path) = logs.iter().find(|path| raw::id(path).as_deref() == Some(&run.run)) else {
            return Self::Missing;
        };
        if raw::hash_at(path, run.seq) == Some(run.head) {
            Self::Here(path.clone())
        } else {
            Self::Changed(path.clone())
        }
    }

    /// What is wrong with it, in words.
    #[must_use]
    pub fn trouble(&self, run: &Predecessor) -> Option<String> {
        let short = run.run.get(..8).unwrap_or(&run.run);
        let ended = run.ended;
        match self {
            Self::Here(_) => None,
            Self::Missing => Some(format!("the log of the run before ({short}, {ended}) is not here")),
            Self::Changed(path) => Some(format!(
                "the log of the run before ({short}, {ended}) is not what it was then: {} has another entry {}, or none",
                path.display(),
                run.seq
            )),
        }
    }
}
