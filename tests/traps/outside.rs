//! A directory beside the sandbox's work that no trap may reach: what is in it stays as it was, and is not read.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Stands in its files, and must not stand in what a command prints.
pub const CANARY: &str = "outside-canary";

/// Names, modes, times and contents.
type Seen = BTreeMap<PathBuf, (u32, i64, i64, Vec<u8>)>;

pub struct Outside {
    root: PathBuf,
    seen: Seen,
}

impl Outside {
    /// Makes it in a directory, with a file and a directory of its own.
    pub fn make(within: &Path) -> Self {
        let root = within.join("outside");
        fs::create_dir_all(root.join("dir")).unwrap();
        for name in ["canary", "dir/inner"] {
            fs::write(root.join(name), format!("{CANARY}\n")).unwrap();
        }
        let mut outside = Self { root, seen: Seen::new() };
        outside.arm();
        outside
    }

    /// From now on it has to stay as it is.
    pub fn arm(&mut self) {
        // The second one sees the times that the first one has set.
        self.look();
        self.seen = self.look();
    }

    /// What has been read or written in it, if anything.
    pub fn changed(&self) -> Option<String> {
        let now = self.look();
        let gone = self.seen.keys().find(|path| !now.contains_key(*path));
        let other = now.iter().find(|(path, seen)| self.seen.get(*path) != Some(seen));
        let path = gone.or(other.map(|(path, _)| path))?;
        let kind = |seen: Option<&(u32, i64, i64, Vec<u8>)>| {
            seen.map(|(mode, read, written, bytes)| format!("{mode:o}, {read}, {written}, {}", bytes.len()))
        };
        Some(format!(
            "{} was read or written (mode, read at, written at, bytes): {:?} is {:?}",
            path.display(),
            kind(self.seen.get(path)),
            kind(now.get(path))
        ))
    }

    fn look(&self) -> Seen {
        let mut seen = Seen::new();
        look_into(&self.root, &mut seen);
        seen
    }
}

fn look_into(path: &Path, seen: &mut Seen) {
    let about = fs::symlink_metadata(path).unwrap();
    let content = if about.is_file() { content(path, &about) } else { (0, Vec::new()) };
    let (read, bytes) = content;
    let written = about.mtime_nsec() + about.mtime() * 1_000_000_000;
    seen.insert(path.to_owned(), (about.mode(), read, written, bytes));
    if about.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            look_into(&entry.unwrap().path(), seen);
        }
    }
}

/// When a file was last read, and what is in it. After this, the time is one that the next reading changes, where the
/// file system keeps such times. One that has names elsewhere may be read there.
fn content(path: &Path, about: &Metadata) -> (i64, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    if about.nlink() > 1 {
        return (0, bytes);
    }
    let times = FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH);
    File::open(path).unwrap().set_times(times).unwrap();
    (about.atime(), bytes)
}
