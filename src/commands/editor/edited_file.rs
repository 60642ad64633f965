//! The file of a text for the editor. What a person wrote into it is removed only after it was taken.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use gonogo_core::files::directory::{Directory, temporary};
use gonogo_core::files::{PRIVATE, create_new, read_regular};

/// The prefix of the directories' names.
const PREFIX: &str = "text-";

/// A private file in a directory of its own, where an editor has room for others. Removed on drop.
#[derive(Debug)]
pub(super) struct EditedFile {
    directory: TempDir,
    path: PathBuf,
    content: Vec<u8>,
}

impl EditedFile {
    /// Writes a text to a new file below a directory, which is created if it is missing.
    ///
    /// # Errors
    /// When the directory is not private, or the file cannot be written.
    pub(super) fn create(within: &Path, text: &str) -> Result<Self> {
        Directory::create_own(within)?;
        let directory = temporary(PREFIX, within)?;
        let path = directory.path().join("text.txt");
        let content = format!("{text}\n").into_bytes();
        create_new(&path, PRIVATE)?.write_all(&content)?;
        Ok(Self { directory, path, content })
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps what the editor wrote, if it wrote anything: returns the file, or the directory if other files are in it,
    /// such as the one in which an editor saves a text when it is ended.
    pub(super) fn keep(self) -> Option<PathBuf> {
        let files = files_in(self.directory.path());
        let is_changed =
            read_regular(&self.path, self.content.len() as u64).ok().as_ref() != Some(&self.content);
        let kept = match files.as_slice() {
            [only] if *only != self.path => only.clone(),
            [_] if is_changed => self.path.clone(),
            [] | [_] => return None,
            _ => self.directory.path().to_owned(),
        };
        for file in files {
            // Its directory is private all the same.
            let _ = fs::set_permissions(file, Permissions::from_mode(PRIVATE));
        }
        let _ = self.directory.keep();
        Some(kept)
    }
}

/// The regular files in a directory.
fn files_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an editor does with a file.
    type Edit = fn(&Path);

    #[test]
    fn what_an_editor_wrote_is_kept_in_private() {
        let home = tempfile::tempdir().unwrap();
        let within = home.path().join("edited");
        // What it did, and whether something of it is kept.
        let cases: [(&str, Edit, bool); 6] = [
            ("it wrote nothing", |_| (), false),
            ("it removed the file", |path| fs::remove_file(path).unwrap(), false),
            (
                "it replaced the file by a directory",
                |path| {
                    fs::remove_file(path).unwrap();
                    fs::create_dir(path).unwrap();
                },
                false,
            ),
            ("binary", |path| fs::write(path, [0xff; 10]).unwrap(), true),
            (
                "a new file with another mode",
                |path| {
                    fs::remove_file(path).unwrap();
                    fs::write(path, "so").unwrap();
                },
                true,
            ),
            (
                "nano when it is ended",
                |path| fs::write(path.with_extension("txt.save"), "so far, so good").unwrap(),
                true,
            ),
        ];
        for (case, edit, is_kept) in cases {
            let file = EditedFile::create(&within, "so far").unwrap();
            let directory = file.directory.path().to_owned();
            edit(file.path());
            let kept = file.keep();
            assert_eq!(kept.is_some(), is_kept, "{case}");
            assert_eq!(directory.exists(), is_kept, "{case}");
            for path in kept.into_iter().filter(|path| path.is_file()) {
                assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, PRIVATE, "{case}");
            }
        }
        let file = EditedFile::create(&within, "so far").unwrap();
        let path = file.path().to_owned();
        fs::write(&path, "taken").unwrap();
        drop(file);
        assert!(!path.exists(), "it was taken");
    }
}
