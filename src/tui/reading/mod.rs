//! What is read for the screen: outputs and old entries. It blocks for as long as the disk does, so none of it runs on
//! the screen's thread.

pub mod excerpt;
mod search;
pub mod seek;

use crate::ansi;
use crate::journal::attachments::ActionOutputs;
use excerpt::{Excerpt, PageStep};
use seek::{Seek, Sought};

/// How much of the end of an output a detail shows, in bytes.
const TAIL: usize = 4096;

/// What is to be read.
pub enum Job {
    /// Outputs of actions.
    Output {
        /// Where they are.
        outputs: ActionOutputs,
        /// What the pager shows, and where it goes from there.
        pager: Option<(Excerpt, Vec<PageStep>)>,
        /// The entry that the action at work began with.
        tail: Option<u64>,
        /// The columns and rows that there are.
        size: (usize, usize),
    },
    /// Entries of a log that is looked through.
    Seek(Seek),
}

/// What was read.
pub enum Read {
    /// Outputs.
    Output {
        /// What the pager shows.
        excerpt: Option<Excerpt>,
        /// The last lines of the action at work, by the entry that it began with.
        tail: Option<(u64, Vec<ansi::Line>)>,
    },
    /// A piece of the log.
    Sought(Seek, Sought),
}

impl Job {
    /// Reads. It blocks for as long as the disk does.
    pub fn run(self) -> Read {
        let (outputs, pager, tail, size) = match self {
            Self::Output { outputs, pager, tail, size } => (outputs, pager, tail, size),
            Self::Seek(seek) => return seek.run(),
        };
        let excerpt = pager.map(|(mut excerpt, steps)| {
            excerpt.go_on(&outputs, steps, size);
            excerpt
        });
        let tail = tail.map(|started| {
            let length = outputs.length(started).unwrap_or(0);
            let from = length.saturating_sub(TAIL as u64);
            (started, ansi::lines(&outputs.read(started, from, TAIL).unwrap_or_default()))
        });
        Read::Output { excerpt, tail }
    }
}
