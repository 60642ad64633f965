use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

use rustix::fs::{CWD, FileType, mknodat};

use super::*;

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A directory with everything that an attacker can put into one.
    fn prepared(&self) -> Directory {
        let directory = Directory::create_own(&self.at("d")).unwrap();
        let own = self.at("own");
        fs::write(&own, "mine").unwrap();
        symlink(&own, self.at("d/link")).unwrap();
        symlink(self.at("nowhere"), self.at("d/dangling")).unwrap();
        fs::hard_link(&own, self.at("d/hard")).unwrap();
        mknodat(CWD, self.at("d/fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        fs::create_dir(self.at("d/directory")).unwrap();
        directory
    }
}

const TRAPS: [&str; 5] = ["link", "dangling", "hard", "fifo", "directory"];

#[test]
fn only_a_regular_file_in_the_directory_is_read() {
    let home = Home::new();
    let directory = home.prepared();
    // A naive reader is fooled.
    assert_eq!(fs::read_to_string(home.at("d/link")).unwrap(), "mine");
    for name in TRAPS {
        let why = directory.read_bytes(name, 100).unwrap_err().to_string();
        assert!(why.contains("expected a regular file"), "{name}: {why}");
    }
    directory.create("plain").unwrap().write_all(b"12345").unwrap();
    assert_eq!(directory.read_bytes("plain", 5).unwrap(), b"12345");
    assert!(directory.read_bytes("plain", 4).is_err());
    assert_eq!(directory.read("none").unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn only_own_files_are_overwritten() {
    let home = Home::new();
    let directory = home.prepared();
    for name in TRAPS {
        assert_eq!(directory.create(name).unwrap_err().kind(), io::ErrorKind::AlreadyExists, "{name}");
        assert!(directory.update(name).is_err() && directory.append(name).is_err(), "{name}");
    }
    assert_eq!(fs::read_to_string(home.at("own")).unwrap(), "mine");
    assert!(!home.at("nowhere").exists());
    directory.update("lock").unwrap();
    fs::set_permissions(home.at("d/lock"), Permissions::from_mode(0o622)).unwrap();
    assert!(directory.update("lock").unwrap_err().to_string().contains("others can read or write it"));
}

#[test]
fn a_replaced_file_replaces_a_link_and_not_its_target() {
    let home = Home::new();
    let directory = home.prepared();
    symlink(home.at("own"), home.at("d/link.draft")).unwrap();
    directory.replace("link", b"new").unwrap();
    assert_eq!(directory.read_bytes("link", 10).unwrap(), b"new");
    assert_eq!(fs::read_to_string(home.at("own")).unwrap(), "mine");
    assert_eq!(fs::metadata(home.at("d/link")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_directory_is_not_a_link_and_is_private_if_it_is_written_to() {
    let home = Home::new();
    drop(home.prepared());
    symlink(home.at("d"), home.at("linked")).unwrap();
    let why = |opened: io::Result<Directory>| opened.unwrap_err().to_string();
    assert!(why(Directory::open(&home.at("linked"))).contains("it is a symbolic link"));
    assert!(why(Directory::create_own(&home.at("linked"))).contains("it is a symbolic link"));
    assert!(why(Directory::open(&home.at("own"))).contains("expected a directory"));
    assert!(why(Directory::create_own(&home.at("own"))).contains("expected a directory"));
    assert_eq!(Directory::open(&home.at("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    fs::set_permissions(home.at("d"), Permissions::from_mode(0o750)).unwrap();
    assert!(Directory::open(&home.at("d")).is_ok());
    assert!(why(Directory::open_own(&home.at("d"))).contains("other users can enter it"));
    assert!(Directory::containing(&home.at("linked/file")).is_ok(), "its user has named it");
}

#[test]
fn names_do_not_lead_out_of_the_directory() {
    let home = Home::new();
    let directory = home.prepared();
    for name in ["", ".", "..", "../own", "/etc/passwd", "a/b", "a/"] {
        assert!(directory.read(name).is_err() && directory.create(name).is_err(), "{name:?}");
        assert!(directory.rename("fifo", name).is_err() && directory.link("fifo", name).is_err(), "{name:?}");
    }
    assert_eq!(directory.names().unwrap().len(), TRAPS.len());
}
