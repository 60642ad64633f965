//! Operators' SSH keys, made by the real `ssh-keygen`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a test needs installed; for `need!`.
pub const KEYGEN: &str = "ssh-keygen";

/// An ed25519 key pair on disk.
#[must_use]
pub struct SshKey {
    /// The private key's file; the public one stands beside it, with `.pub`.
    pub path: PathBuf,
    /// The public key as one line, comment included.
    pub public: String,
}

impl SshKey {
    /// Makes a key in `dir`; an empty passphrase is none.
    #[track_caller]
    pub fn make(dir: &Path, name: &str, passphrase: &str) -> Self {
        let path = dir.join(name);
        let mut keygen = Command::new(KEYGEN);
        // One round: a test's key needs no slow guard.
        keygen.args(["-q", "-t", "ed25519", "-a", "1", "-C", name, "-N", passphrase, "-f"]).arg(&path);
        let output = keygen.output().expect("ssh-keygen");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let public = fs::read_to_string(path.with_extension("pub")).unwrap().trim_end().to_owned();
        Self { path, public }
    }

    /// A line of an `allowed_signers` file; `options` such as `namespaces="…"`, or empty.
    pub fn allowed(&self, principal: &str, options: &str) -> String {
        let (kind_and_blob, _comment) = self.public.rsplit_once(' ').unwrap();
        let between = if options.is_empty() { " ".to_owned() } else { format!(" {options} ") };
        format!("{principal}{between}{kind_and_blob}\n")
    }
}
