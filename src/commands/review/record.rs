//! A log with an index of its entries and snapshots of the run's state, from which any other state is folded.

use std::io::Read as _;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use crate::journal::entry::{Entry, Torn};
use crate::journal::index;
use crate::journal::side;
use crate::journal::source::Source;
use crate::journal::store::StoreError;
use crate::report::Trust;
use crate::run::RunState;
use crate::text::{excerpt, line};
use crate::tui::review::{Mark, Record};

/// The minimum number of entries between two snapshots.
const APART: usize = 256;
/// The number of entries between two snapshots near the current position.
const STEP: usize = 32;
/// Interval of the progress reports while the log is read.
const TELL: Duration = Duration::from_millis(50);
/// How much of an attachment is shown, in bytes.
const SHOWN: usize = 64 * 1024;

/// A log for review.
pub(super) struct Log {
    source: Arc<Source>,
    known: RwLock<Known>,
    /// Snapshots near the last position: the next one is mostly close to it.
    near: RwLock<Vec<(usize, Arc<RunState>)>>,
    /// The trusted signers of its verification.
    trust: Trust,
}

/// The index of the entries.
#[derive(Default)]
struct Known {
    /// The offset of each entry, and the end of the last one.
    bytes: Vec<u64>,
    marks: Vec<Mark>,
    /// The run's state after some of the entries, by position.
    states: Vec<(usize, Arc<RunState>)>,
}

impl Log {
    /// Opens a log, and reads its first entry.
    pub(super) fn open(source: &Arc<Source>, trust: Trust) -> Result<Self, StoreError> {
        let mut known = Known::default();
        index::each(source, &mut |entry, from, to| {
            if let Some(state) = RunState::fold(std::slice::from_ref(&entry)) {
                known.bytes = vec![from, to];
                known.marks.push(Mark::of(&entry));
                known.states.push((0, Arc::new(state)));
            }
            ControlFlow::Break(())
        })?;
        let (known, near) = (RwLock::new(known), RwLock::default());
        Ok(Self { source: Arc::clone(source), known, near, trust })
    }

    /// The run as it was opened.
    pub(super) fn first(&self) -> Option<Arc<RunState>> {
        self.known().states.first().map(|(_, state)| Arc::clone(state))
    }

    /// Reads the rest, and calls `tell` for progress; with true at the end.
    pub(super) fn read(&self, tell: &mut dyn FnMut(bool)) -> Result<(), StoreError> {
        let Some(first) = self.first() else { return Ok(()) };
        let mut state = (*first).clone();
        // The longer the log, the farther apart the snapshots: their number stays bounded.
        let (mut since, mut told) = (0, Instant::now());
        let mut at = 0;
        index::each(&self.source, &mut |entry, _, to| {
            if entry.header.seq > 0 {
                state.apply(&entry);
                at += 1;
                since += 1;
                let mut known = self.write();
                known.bytes.push(to);
                known.marks.push(Mark::of(&entry));
                if since >= APART.max(at / APART) {
                    since = 0;
                    known.states.push((at, Arc::new(state.clone())));
                }
            }
            if told.elapsed() >= TELL {
                told = Instant::now();
                tell(false);
            }
            ControlFlow::Continue(())
        })?;
        self.write().states.push((at, Arc::new(state)));
        tell(true);
        Ok(())
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes(&self, at: usize) -> Option<Vec<u8>> {
        let (from, to) = {
            let known = self.known();
            (*known.bytes.get(at)?, *known.bytes.get(at + 1)?)
        };
        index::line(self.source.file(), from, to).ok()
    }

    /// The run after the entry at a position, folded from the nearest snapshot before it.
    fn fold(&self, at: usize) -> Option<Arc<RunState>> {
        let mut near = self.near.write().unwrap_or_else(PoisonError::into_inner);
        let kept = {
            let known = self.known();
            let after = known.states.partition_point(|(place, _)| *place <= at);
            known.states.get(after.checked_sub(1)?)?.clone()
        };
        if near.first().is_none_or(|(begin, _)| *begin != kept.0) {
            *near = vec![kept];
        }
        let after = near.partition_point(|(place, _)| *place <= at);
        let (place, nearest) = near.get(after.checked_sub(1)?)?.clone();
        if place == at {
            return Some(nearest);
        }
        let mut state = (*nearest).clone();
        for next in place + 1..=at {
            state.apply(&self.entry(next)?);
            if (next - place).is_multiple_of(STEP) && after == near.len() {
                near.push((next, Arc::new(state.clone())));
            }
        }
        Some(Arc::new(state))
    }
}

impl Record for Log {
    fn len(&self) -> usize {
        self.known().marks.len()
    }

    fn mark(&self, at: usize) -> Option<Mark> {
        self.known().marks.get(at).copied()
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        Entry::parse(&self.bytes(at)?).ok()
    }

    fn raw(&self, at: usize) -> Option<String> {
        String::from_utf8(self.bytes(at)?).ok()
    }

    fn state(&self, at: usize) -> Option<Arc<RunState>> {
        self.fold(at)
    }

    fn holds(&self, at: usize, text: &str) -> bool {
        self.bytes(at).is_some_and(|line| said(&line).contains(text))
    }

    fn trust(&self) -> Vec<String> {
        let files = self.trust.lines().into_iter().map(|(word, told)| format!("{word}: {told}"));
        files.chain(self.trust.ignored.iter().map(|ignored| line(ignored))).collect()
    }

    fn side(&self, torn: &Torn) -> Result<String, String> {
        let kept = side::check(self.source.log(), torn).map_err(|wrong| wrong.to_string())?;
        let mut content = Vec::new();
        // One byte more, so that the excerpt shows that it was cut.
        let read = kept.take(SHOWN as u64 + 1).read_to_end(&mut content);
        read.map_err(|error| error.to_string())?;
        Ok(excerpt(&content, SHOWN))
    }
}

/// The searchable text of a line, in lower case: without the previous hash and the signature.
fn said(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let end = text.find(",\"sig\":\"").unwrap_or(text.len());
    let begin = text.find(",\"by\":").unwrap_or(0);
    text.get(begin..end).unwrap_or_default().to_lowercase()
}
