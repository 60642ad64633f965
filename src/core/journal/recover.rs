//! Recovery after a crash: the last entry may not have been acknowledged, and there may be a torn tail.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::attachments;
use super::disk::OpenJournalError;
use super::entry::{Entry, TornTail};
use super::read::{EntryReader, LogLines};
use super::store::{LogStore, StoreError};
use crate::files::directory::Directory;
use crate::outcome::Sha256Hex;

/// The content of a log: entries, and bytes after them that are not an entry.
pub(super) struct LogContent {
    pub(super) entries: Vec<Entry>,
    /// The offset of the end of the last entry.
    pub(super) length: u64,
    pub(super) rest: Vec<u8>,
}

pub(super) fn read_all(mut file: &File, path: &Path) -> Result<LogContent, OpenJournalError> {
    let failed = |source| OpenJournalError::Store(StoreError::new(path, source));
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let mut reader = EntryReader::default();
    let mut content = LogContent { entries: Vec::new(), length: 0, rest: Vec::new() };
    for line in LogLines::new(BufReader::new(file)) {
        let line = line.map_err(failed)?;
        let end = line.position.byte + line.bytes.len() as u64 + u64::from(line.is_terminated);
        match reader.read(&line.bytes) {
            Ok(entry) if line.is_terminated => {
                content.entries.push(entry);
                content.length = end;
            }
            // A last line that is not an entry was never acknowledged; any other invalid line is damage.
            Err(why) if line.is_too_long || end < size || why.is_of_another_version() => {
                return Err(OpenJournalError::Line { path: path.to_owned(), at: line.position, why });
            }
            _ => {
                file.seek(SeekFrom::Start(content.length)).map_err(failed)?;
                file.take(size - content.length).read_to_end(&mut content.rest).map_err(failed)?;
                break;
            }
        }
    }
    Ok(content)
}

/// The log must have the head that this host remembers, at its position. Returns the position of the last entry if
/// this host does not remember it: it was written, but perhaps not acknowledged. There can be only one such entry,
/// because each entry waits for the previous one.
pub(super) fn check_head(
    store: &LogStore,
    path: &Path,
    last: &Entry,
    content: &LogContent,
) -> Result<Option<u64>, OpenJournalError> {
    let went_back = |why: String| Err(OpenJournalError::HeadMismatch(path.to_owned(), why));
    let Some(head) = store.head(&last.header.run)? else { return Ok(Some(last.header.seq)) };
    if head.seq > last.header.seq {
        return went_back(format!(
            "it ends at seq {}, but this host wrote seq {}",
            last.header.seq, head.seq
        ));
    }
    let at_head = usize::try_from(head.seq).ok().and_then(|seq| content.entries.get(seq));
    if at_head.is_none_or(|entry| entry.hash != head.hash) {
        return went_back(format!("seq {} is not the entry that this host wrote", head.seq));
    }
    Ok((head.seq < last.header.seq).then_some(last.header.seq))
}

/// Saves the bytes next to the log, durably.
pub(super) fn keep_torn(log: &Path, rest: &[u8]) -> Result<TornTail, StoreError> {
    let sha256 = Sha256Hex::of(rest);
    let name = format!("torn-{sha256}");
    let path = attachments::directory(log);
    let directory = Directory::create_own(&path).map_err(|source| StoreError::new(&path, source))?;
    let written = write_torn(&directory, &name, rest).and_then(|()| Directory::containing(log)?.sync());
    written.map_err(|source| StoreError::new(&path.join(&name), source))?;
    Ok(TornTail { bytes: rest.len() as u64, sha256, file: attachments::attachment_name(log, &name) })
}

fn write_torn(directory: &Directory, name: &str, rest: &[u8]) -> io::Result<()> {
    match directory.create(name) {
        // Left by a crash before the log was truncated, perhaps incomplete. Anything but a regular file is refused.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            directory.read(name)?;
            directory.replace(name, rest)
        }
        file => {
            let mut file = file?;
            file.write_all(rest)?;
            file.sync_all()?;
            directory.sync()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_torn_tail_is_never_written_through_a_link() {
        let home = tempfile::tempdir().unwrap();
        let (log, own) = (home.path().join("run.jsonl"), home.path().join("own"));
        fs::write(&own, "mine").unwrap();
        let name = format!("torn-{}", Sha256Hex::of(b"rest"));
        let beside = attachments::directory(&log);
        drop(Directory::create_own(&beside).unwrap());
        symlink(&own, beside.join(&name)).unwrap();
        let why = keep_torn(&log, b"rest").unwrap_err().to_string();
        assert!(why.contains(&name) && why.contains("it is a symbolic link"), "{why}");
        // Nor if the whole directory is a link.
        fs::rename(&beside, home.path().join("elsewhere")).unwrap();
        symlink(home.path().join("elsewhere"), &beside).unwrap();
        let why = keep_torn(&log, b"rest").unwrap_err().to_string();
        assert!(why.contains("it is a symbolic link; expected a directory"), "{why}");
        assert_eq!(fs::read_to_string(&own).unwrap(), "mine");
        fs::remove_file(&beside).unwrap();
        let torn = keep_torn(&log, b"rest").unwrap();
        assert_eq!(torn.file, format!("run.jsonl.d/{name}"));
        // Half of it, left by a crash, is replaced.
        fs::write(beside.join(&name), "re").unwrap();
        keep_torn(&log, b"rest").unwrap();
        assert_eq!(fs::read(beside.join(&name)).unwrap(), b"rest");
    }
}
