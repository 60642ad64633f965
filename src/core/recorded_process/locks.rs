//! Which process has locked a file (`flock(2)`), as `/proc/locks` shows to everybody (`proc_locks(5)`).

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

/// A file, as `/proc/locks` names it.
#[derive(Debug, PartialEq, Eq)]
struct FileId {
    /// The device of its file system, which can differ from that of `stat(2)` (btrfs).
    device: (u32, u32),
    inode: u64,
}

/// The process that has the only lock of the file at a path, if that process is visible.
///
/// # Errors
/// When the system does not say.
pub(super) fn holder(path: &Path) -> io::Result<Option<i32>> {
    let place = file_id(path)?;
    let locks = fs::read_to_string("/proc/locks")?;
    let holders = locks.lines().filter_map(lock).filter(|(_, locked)| *locked == place);
    // A process in another namespace has no id here.
    Ok(holders.map(|(holder, _)| holder).find(|holder| *holder > 0))
}

/// The process and the file of an exclusive lock, if a line describes one: `1: FLOCK  ADVISORY  WRITE 77 fe:00:4711 0
/// EOF`. A process that waits for a lock has an arrow before it.
fn lock(line: &str) -> Option<(i32, FileId)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, "WRITE", pid, place, ..] = words[..] else { return None };
    let [major, minor, inode] = place.split(':').collect::<Vec<_>>()[..] else { return None };
    let number = |hexadecimal| u32::from_str_radix(hexadecimal, 16).ok();
    let place = FileId { device: (number(major)?, number(minor)?), inode: inode.parse().ok()? };
    Some((pid.parse().ok()?, place))
}

fn file_id(path: &Path) -> io::Result<FileId> {
    // Opened only for its location: not for reading, and no link is followed.
    let file = open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let fd_info = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()))?;
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let unknown_device = || io::Error::other("/proc does not say which file system it is on");
    let device =
        field(&fd_info, "mnt_id:").and_then(|mount| device_of(mount, &mounts)).ok_or_else(unknown_device)?;
    let inode = match field(&fd_info, "ino:").and_then(|inode| inode.parse().ok()) {
        Some(inode) => inode,
        // Before Linux 5.14.
        None => inode_of(&file)?,
    };
    Ok(FileId { device, inode })
}

fn inode_of(file: &OwnedFd) -> io::Result<u64> {
    Ok(rustix::fs::fstat(file)?.st_ino)
}

fn field<'a>(fd_info: &'a str, name: &str) -> Option<&'a str> {
    fd_info.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// The device of a mount, by its number (`36 35 98:0 /mnt1 /mnt2 …`).
fn device_of(mount: &str, mounts: &str) -> Option<(u32, u32)> {
    let words = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let found = words.into_iter().find(|words| words.first() == Some(&mount))?;
    let (major, minor) = found.get(2)?.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_lock_is_found_by_its_file_and_its_process() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let own = i32::try_from(std::process::id()).ok();
        let [log, other] = ["log", "other"].map(|name| File::create(at(name)).unwrap());
        assert_eq!(holder(&at("log")).unwrap(), None);
        log.lock().unwrap();
        assert_eq!(holder(&at("log")).unwrap(), own);
        assert_eq!(holder(&at("other")).unwrap(), None);
        // One of several locks is no proof, nor is a link to the file.
        other.lock_shared().unwrap();
        assert_eq!(holder(&at("other")).unwrap(), None);
        std::os::unix::fs::symlink(at("log"), at("link")).unwrap();
        assert_eq!(holder(&at("link")).unwrap(), None);
        drop(log);
        assert_eq!(holder(&at("log")).unwrap(), None);
        assert!(holder(&at("none")).is_err());
    }

    #[test]
    fn a_line_about_another_lock_is_ignored() {
        let place = || FileId { device: (254, 0), inode: 4711 };
        assert_eq!(lock("1: FLOCK  ADVISORY  WRITE 77 fe:00:4711 0 EOF"), Some((77, place())));
        for line in [
            "",
            "1: -> FLOCK  ADVISORY  WRITE 77 fe:00:4711 0 EOF",
            "2: FLOCK  ADVISORY  READ 77 fe:00:4711 0 EOF",
            "3: POSIX  ADVISORY  WRITE 77 fe:00:4711 0 EOF",
            "4: OFDLCK ADVISORY  WRITE -1 fe:00:4711 0 EOF",
            "5: FLOCK  ADVISORY  WRITE 77 <none>:0 0 EOF",
        ] {
            assert_eq!(lock(line), None, "{line}");
        }
        assert_eq!(device_of("35", "35 1 0:33 / / rw\n36 35 98:1 / /home rw"), Some((0, 33)));
        assert_eq!(device_of("3", "35 1 0:33 / / rw"), None);
    }
}
