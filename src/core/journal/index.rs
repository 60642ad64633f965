//! The index of a log: the offset of each entry and one fact of each, so that any entry can be read without the whole
//! log in memory.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::entry::Entry;
use super::log_file::LogFile;
use super::parallel_reader;
use super::read::{EntryReader, LogLines};
use super::store::StoreError;

use crate::files::open_regular_no_follow;

/// Reads the entries of a log on all cores, as far as they form a chain (verification checks more). Calls `take` with
/// each entry, the offset of its line and the offset of the line's end, until `take` breaks.
///
/// # Errors
/// When the file cannot be read.
pub fn for_each_entry(
    log: &LogFile,
    take: &mut dyn FnMut(Entry, u64, u64) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let failed = |source| StoreError::new(log.log(), source);
    let mut reader = EntryReader::default();
    let begin =
        || |line: &super::read::LogLine| Entry::parse(if line.is_terminated { &line.bytes } else { b"" });
    let done = parallel_reader::for_each_line(LogLines::new(log.reader()), &begin, &mut |line, entry| {
        let Ok(Ok(entry)) = entry.map(|entry| reader.check(entry)) else { return ControlFlow::Break(()) };
        let from = line.position.byte;
        take(entry, from, from + line.bytes.len() as u64 + 1)
    });
    done.map_err(failed)
}

/// The bytes of a line, without its LF.
///
/// # Errors
/// When they cannot be read.
pub fn read_line(log: &File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from + 1)).map_err(io::Error::other)?];
    log.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// The first line of a log, and the lines in its last `tail` bytes; whole lines only, without their LF.
///
/// # Errors
/// When the file cannot be read.
pub fn first_and_last_lines(path: &Path, tail: u64) -> Result<(Vec<u8>, Vec<Vec<u8>>), StoreError> {
    let failed = |source| StoreError::new(path, source);
    let mut file = open_regular_no_follow(path).map_err(failed)?;
    let first = match LogLines::new(BufReader::new(&file)).next().transpose().map_err(failed)? {
        Some(line) if line.is_terminated => line.bytes,
        _ => Vec::new(),
    };
    let size = file.metadata().map_err(failed)?.len();
    let from = size.saturating_sub(tail);
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(tail).read_to_end(&mut bytes).map_err(failed)?;
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    // Text after the last LF is no line, and the first line may have started before.
    lines.pop();
    if from > 0 && !lines.is_empty() {
        lines.remove(0);
    }
    Ok((first, lines))
}
