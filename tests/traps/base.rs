//! A run that was left open, with a torn line that was set aside: what the traps beside a log are laid around.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::gonogo::Sandbox;
use crate::bench::keys::SshKey;
use crate::runs::world::ALICE;

use super::scene::{Scene, drive};

const CHECKLIST: &str = r#"
name = "own"
[[section]]
id = "s"
title = "S"
[[section.point]]
id = "s.ship"
title = "Ship it"
why = "W"
confirm = "one"
[[section.point.action]]
id = "go"
title = "Go"
with = { argv = ["echo", "shipped"] }
"#;

const PROFILE: &str = "environment = \"staging\"\nchecklist = \"checklist.toml\"\n";

pub struct Base {
    sandbox: Sandbox,
    key: SshKey,
    /// The file name of its log.
    name: String,
    /// How many entries its log has.
    entries: usize,
}

impl Base {
    pub fn new() -> Self {
        let sandbox = Sandbox::new().checklist(CHECKLIST).profile(PROFILE);
        let key = sandbox.key("alice");
        let signers = key.allowed(ALICE, "");
        let sandbox = sandbox.file("signers", &signers);
        let mut base = Self { sandbox, key, name: String::new(), entries: 0 };
        base.open(&["--release", "v2", "--previous", "v1"]);
        let [log] = base.sandbox.logs("staging").try_into().expect("one log");
        fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(b"torn").unwrap();
        base.open(&[]);
        log.file_name().unwrap().to_str().unwrap().clone_into(&mut base.name);
        base.entries = fs::read_to_string(&log).unwrap().lines().count();
        assert!(base.kept_beside(&log).is_file(), "the torn line was not set aside");
        base
    }

    /// Opens the run, or continues it, and leaves it.
    fn open(&mut self, more: &[&str]) {
        let (key, digest) = (self.key.path.display().to_string(), self.sandbox.digest("profile.toml"));
        let words = ["run", "profile.toml", "--as", ALICE, "--key", &key, "--trust", &digest];
        let sandbox = std::mem::replace(&mut self.sandbox, Sandbox::new());
        self.sandbox = sandbox.args([&words[..], more].concat());
        drive(self.sandbox.terminal(130, 40), &[], &|screen| screen.contains("log saved")).unwrap();
    }

    /// The attachment that a log of this name names.
    pub fn kept_beside(&self, log: &Path) -> PathBuf {
        let kept = log.with_file_name(format!("{}.d", self.name));
        kept.join(torn_name("torn"))
    }

    /// Lays it where `gonogo run` finds it, and where somebody names it; scripts find the log as `$KEPT` and
    /// `$NAMED`, and the state directory as `$STATE`.
    pub fn lay(&self, scene: &mut Scene) {
        let (work, state) = (scene.sandbox.work(), scene.sandbox.state());
        copy(&self.sandbox.state().join("gonogo"), &state);
        for name in ["profile.toml", "checklist.toml", "signers", "alice", "alice.pub"] {
            copy(&self.sandbox.work().join(name), &work);
        }
        scene.key.public.clone_from(&self.key.public);
        let kept = self.log(scene);
        copy(&kept, &work);
        copy(&kept.with_file_name(format!("{}.d", self.name)), &work);
        fs::copy(&kept, work.join("honest.jsonl")).unwrap();
        let named = work.join(&self.name);
        let state = state.join("gonogo").into_os_string();
        let torn = kept.with_file_name(format!("{}.d/{}", self.name, torn_name("again")));
        let out = kept.with_file_name(format!("{}.d/action-{}.out", self.name, self.entries + 1));
        let attached = self.kept_beside(&named);
        let variables = [
            ("ATTACHED", attached),
            ("KEPT", kept),
            ("NAMED", named),
            ("STATE", state.into()),
            ("TORN", torn),
            ("OUT", out),
        ];
        scene.change(|sandbox| {
            variables
                .into_iter()
                .fold(sandbox, |sandbox, (name, path)| sandbox.env(name, path.into_os_string()))
        });
    }

    /// Where `gonogo run` finds it.
    pub fn log(&self, scene: &Scene) -> PathBuf {
        scene.sandbox.state().join("gonogo/runs/staging").join(&self.name)
    }

    /// Where somebody names it.
    pub fn named(&self, scene: &Scene) -> PathBuf {
        scene.sandbox.work().join(&self.name)
    }
}

/// What a torn line is called that was set aside.
fn torn_name(line: &str) -> String {
    format!("torn-{}", gonogo_core::outcome::Sha256Hex::of(line.as_bytes()))
}

/// With modes and times.
pub fn copy(from: &Path, into: &Path) {
    assert!(Command::new("cp").arg("-a").args([from, into]).status().unwrap().success());
}
