//! The operators who have signed run logs on this host, in this state directory, with their keys.

use std::io::{self, Read as _, Write as _};

use super::store::{LogStore, StoreError, make_directory};
use crate::files::directory::Directory;

/// The most bytes of the file that are read.
const MAX_FILE: u64 = 4 << 20;
/// The name of the file.
pub(super) const FILE: &str = "enrolled";

impl LogStore {
    /// Whether an operator with this name has signed here with this key (`ssh-ed25519 AAAA…`).
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn has_enrolled(&self, principal: &str, key: &str) -> Result<bool, StoreError> {
        let mut text = String::new();
        let file = Directory::containing(&self.enrolled).and_then(|state| state.read(FILE));
        match file.and_then(|file| file.take(MAX_FILE).read_to_string(&mut text)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            read => read.map_err(|source| StoreError::new(&self.enrolled, source))?,
        };
        let expected = format!("{principal} {key}");
        Ok(text.lines().any(|line| line == expected))
    }

    /// Remembers an operator.
    ///
    /// # Errors
    /// The system error.
    pub fn remember_enrolled(&self, principal: &str, key: &str) -> Result<(), StoreError> {
        if self.has_enrolled(principal, key)? {
            return Ok(());
        }
        let failed = |source| StoreError::new(&self.enrolled, source);
        if let Some(directory) = self.enrolled.parent() {
            make_directory(directory)?;
        }
        let file = Directory::containing(&self.enrolled).and_then(|state| state.append(FILE));
        // A single write, so that two programs cannot mix their lines.
        file.and_then(|mut file| file.write_all(format!("{principal} {key}\n").as_bytes())).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_known_with_their_own_key_only() {
        let home = tempfile::tempdir().unwrap();
        let store = LogStore::new(&home.path().join("state"), None);
        assert!(!store.has_enrolled("a@x", "ssh-ed25519 AAAA").unwrap());
        store.remember_enrolled("a@x", "ssh-ed25519 AAAA").unwrap();
        store.remember_enrolled("a@x", "ssh-ed25519 AAAA").unwrap();
        assert!(store.has_enrolled("a@x", "ssh-ed25519 AAAA").unwrap());
        assert!(!store.has_enrolled("a@x", "ssh-ed25519 BBBB").unwrap());
        assert!(!store.has_enrolled("b@x", "ssh-ed25519 AAAA").unwrap());
        assert_eq!(std::fs::read_to_string(home.path().join("state/enrolled")).unwrap().lines().count(), 1);
    }
}
