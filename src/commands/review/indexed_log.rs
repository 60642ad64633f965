//! A log with an index of its entries and snapshots of the run's state, from which any other state is folded.

use std::io::Read as _;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use crate::report::TrustSources;
use crate::tui::review::{EntryMark, ReviewLog};
use gonogo_core::journal::attachments;
use gonogo_core::journal::entry::{Entry, TornTail};
use gonogo_core::journal::index;
use gonogo_core::journal::log_file::LogFile;
use gonogo_core::journal::store::StoreError;
use gonogo_core::run::RunState;
use gonogo_core::text::{excerpt, line};

/// The minimum number of entries between two snapshots.
const MIN_SNAPSHOT_DISTANCE: usize = 256;
/// The number of entries between two snapshots near the current position.
const NEAR_SNAPSHOT_DISTANCE: usize = 32;
/// Interval of the progress reports while the log is read.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);
/// How much of an attachment is shown, in bytes.
const MAX_SHOWN: usize = 64 * 1024;

/// A log for review.
pub(super) struct IndexedLog {
    source: Arc<LogFile>,
    index: RwLock<EntryIndex>,
    /// Snapshots near the last position: the next one is mostly close to it.
    near: RwLock<Vec<(usize, Arc<RunState>)>>,
    /// The trusted signers of its verification.
    trust: TrustSources,
}

/// The index of the entries.
#[derive(Default)]
struct EntryIndex {
    /// The offset of each entry, and the end of the last one.
    offsets: Vec<u64>,
    marks: Vec<EntryMark>,
    /// The run's state after some of the entries, by position.
    snapshots: Vec<(usize, Arc<RunState>)>,
}

impl IndexedLog {
    /// Opens a log, and reads its first entry.
    pub(super) fn open(source: &Arc<LogFile>, trust: TrustSources) -> Result<Self, StoreError> {
        let mut index = EntryIndex::default();
        index::for_each_entry(source, &mut |entry, from, to| {
            if let Some(state) = RunState::fold(std::slice::from_ref(&entry)) {
                index.offsets = vec![from, to];
                index.marks.push(EntryMark::of(&entry));
                index.snapshots.push((0, Arc::new(state)));
            }
            ControlFlow::Break(())
        })?;
        let (index, near) = (RwLock::new(index), RwLock::default());
        Ok(Self { source: Arc::clone(source), index, near, trust })
    }

    /// The run as it was opened.
    pub(super) fn first(&self) -> Option<Arc<RunState>> {
        self.index().snapshots.first().map(|(_, state)| Arc::clone(state))
    }

    /// Reads the rest, and calls `on_progress` meanwhile; with true at the end.
    pub(super) fn read(&self, on_progress: &mut dyn FnMut(bool)) -> Result<(), StoreError> {
        let Some(first) = self.first() else { return Ok(()) };
        let mut state = (*first).clone();
        // The longer the log, the farther apart the snapshots: their number stays bounded.
        let (mut since_snapshot, mut last_report) = (0, Instant::now());
        let mut at = 0;
        index::for_each_entry(&self.source, &mut |entry, _, to| {
            if entry.header.seq > 0 {
                state.apply(&entry);
                at += 1;
                since_snapshot += 1;
                let mut index = self.index_mut();
                index.offsets.push(to);
                index.marks.push(EntryMark::of(&entry));
                if since_snapshot >= MIN_SNAPSHOT_DISTANCE.max(at / MIN_SNAPSHOT_DISTANCE) {
                    since_snapshot = 0;
                    index.snapshots.push((at, Arc::new(state.clone())));
                }
            }
            if last_report.elapsed() >= PROGRESS_INTERVAL {
                last_report = Instant::now();
                on_progress(false);
            }
            ControlFlow::Continue(())
        })?;
        self.index_mut().snapshots.push((at, Arc::new(state)));
        on_progress(true);
        Ok(())
    }

    fn index(&self) -> RwLockReadGuard<'_, EntryIndex> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, EntryIndex> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn line_bytes(&self, at: usize) -> Option<Vec<u8>> {
        let (from, to) = {
            let index = self.index();
            (*index.offsets.get(at)?, *index.offsets.get(at + 1)?)
        };
        index::read_line(self.source.file(), from, to).ok()
    }

    /// The run after the entry at a position, folded from the nearest snapshot before it.
    fn fold(&self, at: usize) -> Option<Arc<RunState>> {
        let mut near = self.near.write().unwrap_or_else(PoisonError::into_inner);
        let snapshot = {
            let index = self.index();
            let next = index.snapshots.partition_point(|(place, _)| *place <= at);
            index.snapshots.get(next.checked_sub(1)?)?.clone()
        };
        if near.first().is_none_or(|(begin, _)| *begin != snapshot.0) {
            *near = vec![snapshot];
        }
        let after = near.partition_point(|(place, _)| *place <= at);
        let (place, nearest) = near.get(after.checked_sub(1)?)?.clone();
        if place == at {
            return Some(nearest);
        }
        let mut state = (*nearest).clone();
        for next in place + 1..=at {
            state.apply(&self.entry(next)?);
            if (next - place).is_multiple_of(NEAR_SNAPSHOT_DISTANCE) && after == near.len() {
                near.push((next, Arc::new(state.clone())));
            }
        }
        Some(Arc::new(state))
    }
}

impl ReviewLog for IndexedLog {
    fn len(&self) -> usize {
        self.index().marks.len()
    }

    fn mark(&self, at: usize) -> Option<EntryMark> {
        self.index().marks.get(at).copied()
    }

    fn entry(&self, at: usize) -> Option<Entry> {
        Entry::parse(&self.line_bytes(at)?).ok()
    }

    fn raw_line(&self, at: usize) -> Option<String> {
        String::from_utf8(self.line_bytes(at)?).ok()
    }

    fn state_after(&self, at: usize) -> Option<Arc<RunState>> {
        self.fold(at)
    }

    fn contains(&self, at: usize, text: &str) -> bool {
        self.line_bytes(at).is_some_and(|line| searchable_text(&line).contains(text))
    }

    fn trust_sources(&self) -> Vec<String> {
        let files = self.trust.lines().into_iter().map(|(word, value)| format!("{word}: {value}"));
        files.chain(self.trust.warnings.iter().map(|ignored| line(ignored))).collect()
    }

    fn attachment(&self, torn: &TornTail) -> Result<String, String> {
        let file = attachments::check(self.source.log(), torn).map_err(|error| error.to_string())?;
        let mut content = Vec::new();
        // One byte more, so that the excerpt shows that it was cut.
        let read = file.take(MAX_SHOWN as u64 + 1).read_to_end(&mut content);
        read.map_err(|error| error.to_string())?;
        Ok(excerpt(&content, MAX_SHOWN))
    }
}

/// The searchable text of a line, in lower case: without the previous hash and the signature.
fn searchable_text(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let end = text.find(",\"sig\":\"").unwrap_or(text.len());
    let begin = text.find(",\"by\":").unwrap_or(0);
    text.get(begin..end).unwrap_or_default().to_lowercase()
}
