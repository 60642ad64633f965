//! A git checkout for the tests of the git probe.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A checkout with one commit, tagged v1.
#[must_use]
pub struct Checkout(TempDir);

impl Checkout {
    #[track_caller]
    pub fn new() -> Self {
        let checkout = Self(tempfile::tempdir().unwrap());
        checkout.git(&["init", "-q", "-b", "main"]);
        checkout.commit("one");
        checkout.git(&["tag", "-a", "-m", "first", "v1"]);
        checkout
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"];
        let mut git = Command::new("git");
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").arg("-C").arg(self.path()).args(identity).args(arguments);
        let output = git.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[track_caller]
    pub fn commit(&self, text: &str) -> String {
        fs::write(self.path().join("file"), text).unwrap();
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", text]);
        self.git(&["rev-parse", "HEAD"])
    }
}
