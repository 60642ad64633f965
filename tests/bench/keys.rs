//! Operators' SSH keys, made by the real `ssh-keygen`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a test needs installed; for `need!`.
pub const KEYGEN: &str = "ssh-keygen";

/// OpenSSH's security keys in software, for tests.
pub const SK_PROVIDER: &str = "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so";

/// A key pair on disk; the private half of a security key is in the provider.
#[must_use]
pub struct SshKey {
    /// The private key's file; the public one stands beside it, with `.pub`.
    pub path: PathBuf,
    /// The public key as one line, comment included.
    pub public: String,
}

impl SshKey {
    /// Makes an ed25519 key in `dir`; an empty passphrase is none.
    #[track_caller]
    pub fn make(dir: &Path, name: &str, passphrase: &str) -> Self {
        Self::of_kind(dir, name, passphrase, &["ed25519"])
    }

    /// Makes a key of another kind: `ecdsa -b 384`, `ed25519-sk -O no-touch-required`.
    #[track_caller]
    pub fn of_kind(dir: &Path, name: &str, passphrase: &str, kind: &[&str]) -> Self {
        let path = dir.join(name);
        let mut keygen = Command::new(KEYGEN);
        keygen.env("SSH_SK_PROVIDER", SK_PROVIDER).args(["-q", "-t"]).args(kind);
        // One round: a test's key needs no slow guard.
        keygen.args(["-a", "1", "-C", name, "-N", passphrase, "-f"]).arg(&path);
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
