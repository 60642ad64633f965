//! Reading of outputs and old entries. All of it can block on the disk, so it runs on the thread of the
//! `ReadWorker`.

pub mod excerpt;
pub mod log_search;
mod output_search;

use excerpt::{Excerpt, PageStep};
use gonogo_core::ansi;
use gonogo_core::journal::attachments::ActionOutputs;
use log_search::{LogSearch, LogSearchResult};

/// How much of the end of an output the detail shows.
const TAIL_BYTES: usize = 4096;

/// A read job.
pub enum ReadJob {
    /// Read the output of actions.
    Output {
        /// The outputs.
        outputs: ActionOutputs,
        /// The excerpt that the output view shows, and the steps to apply to it.
        excerpt: Option<(Excerpt, Vec<PageStep>)>,
        /// The position of the start entry of the running action.
        tail: Option<u64>,
        /// The available columns and rows.
        size: (usize, usize),
    },
    /// Search entries of the log of a review.
    LogSearch(LogSearch),
}

/// The result of a read job.
pub enum ReadResult {
    /// The output of actions.
    Output {
        /// The excerpt for the output view.
        excerpt: Option<Excerpt>,
        /// The last lines of the running action, with the position of its start entry.
        tail: Option<(u64, Vec<ansi::Line>)>,
    },
    /// A step of a search in the log.
    LogSearch(LogSearch, LogSearchResult),
}

impl ReadJob {
    /// Runs the job. It can block on the disk.
    pub fn run(self) -> ReadResult {
        let (outputs, excerpt, tail, size) = match self {
            Self::Output { outputs, excerpt, tail, size } => (outputs, excerpt, tail, size),
            Self::LogSearch(search) => return search.run(),
        };
        let excerpt = excerpt.map(|(mut excerpt, steps)| {
            excerpt.update(&outputs, steps, size);
            excerpt
        });
        let tail = tail.map(|started| {
            let length = outputs.length(started).unwrap_or(0);
            let from = length.saturating_sub(TAIL_BYTES as u64);
            (started, ansi::lines(&outputs.read(started, from, TAIL_BYTES).unwrap_or_default()))
        });
        ReadResult::Output { excerpt, tail }
    }
}
