//! A small deployment whose steps are scripts. Each records that it ran, and waits if its script does.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::gonogo::{Output, Sandbox};
use crate::support::keys::SshKey;
use crate::support::terminal::{Key, Terminal};
use crate::support::wait;

pub const ANN: &str = "ann@deck.example";

/// Prints numbered lines until the file `go` exists; ends with the scenario.
pub const COUNTING_SCRIPT: &str = "n=0; while [ -e ran ] && [ ! -e go ]; do n=$((n+1)); echo \"line $n\"; sleep 0.02; done; echo \"last $n\"";

const CHECKLIST: &str = r#"
name = "small"
[[section]]
id = "prep"
title = "Before"
[[section.point]]
id = "prep.ready"
title = "All is ready"
why = "What is needed is there."
[[section.point.probe]]
id = "file"
title = "The file is there"
kind = "command"
with = { argv = ["cat", "ready"] }

[[section]]
id = "deploy"
title = "Deploy"
actions_after = ["prep"]
[[section.point]]
id = "deploy.ship"
title = "Shipped"
why = "It is there."
[[section.point.action]]
id = "build"
title = "Build it"
with = { argv = ["sh", "build.sh"], dry_run = ["sh", "-c", "echo would build"], "env?" = "{{ build.env }}" }
[[section.point.action]]
id = "push"
title = "Push it"
with = { argv = ["sh", "push.sh"] }
[[section.point.probe]]
id = "there"
title = "It is there"
kind = "command"
after_action = "push"
with = { argv = ["cat", "pushed"] }
[[section.point]]
id = "deploy.roll"
title = "Rolled out"
why = "It runs."
after = ["deploy.ship"]
[[section.point.action]]
id = "roll"
title = "Roll it out"
with = { argv = ["sh", "roll.sh"] }
[[section.point.probe]]
id = "runs"
title = "It runs"
kind = "command"
after_action = "roll"
with = { argv = ["cat", "rolled"] }

[[section]]
id = "verify"
title = "Verify"
verifies_rollback = true
[[section.point]]
id = "verify.up"
title = "It is up"
why = "It answers."
due = "deploy.roll"
[[section.point.probe]]
id = "up"
title = "It answers"
kind = "command"
with = { argv = ["cat", "ready"] }

[[rollback]]
id = "pause"
title = "Pause the consumers"
with = { argv = ["sh", "pause.sh"] }
[[rollback]]
id = "old"
title = "Put the old image back"
with = { argv = ["sh", "old.sh"] }
"#;

/// A directory of scripts, a key, a profile.
pub struct Scenario {
    pub sandbox: Sandbox,
    pub key: SshKey,
    more: String,
}

impl Scenario {
    /// Every step succeeds.
    pub fn new() -> Self {
        Self::with("")
    }

    /// The same, with more lines in the profile.
    pub fn with(more: &str) -> Self {
        let sandbox = Sandbox::new().checklist(CHECKLIST).file("ready", "yes\n").file("ran", "");
        let key = sandbox.key("ann");
        let scenario = Self { sandbox, key, more: more.to_owned() };
        for (name, creates) in
            [("build", "built"), ("push", "pushed"), ("roll", "rolled"), ("pause", "paused"), ("old", "old")]
        {
            scenario.script(name, &format!("echo doing {name}; echo yes > {creates}"));
        }
        scenario.write_profile("");
        scenario
    }

    /// Writes the profile, with these lines before its tables.
    pub fn write_profile(&self, head: &str) {
        let profile = format!(
            "environment = \"staging\"\nchecklist = \"checklist.toml\"\n{head}\n{}\n[[contact]]\nrole = \"SRE\"\nname = \"On call\"\nchannel = \"pager 4711\"\n",
            self.more
        );
        fs::write(self.sandbox.work().join("profile.toml"), profile).unwrap();
    }

    /// Sets the commands of a step, after the line that records its run.
    pub fn script(&self, name: &str, commands: &str) {
        let text = format!("echo {name} >> ran\n{commands}\n");
        fs::write(self.sandbox.work().join(format!("{name}.sh")), text).unwrap();
    }

    /// Lets the steps that print numbered lines end.
    pub fn let_steps_end(&self) {
        fs::write(self.sandbox.work().join("go"), "").unwrap();
    }

    /// Which steps have run, in order.
    pub fn ran(&self) -> Vec<String> {
        let text = fs::read_to_string(self.sandbox.work().join("ran")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    pub fn open(&mut self) -> Terminal {
        self.open_with(&[], 120, 40)
    }

    /// The same, with a key in this agent.
    #[track_caller]
    pub fn open_with_agent(&mut self, socket: &Path, public: &str) -> Terminal {
        let sandbox = std::mem::replace(&mut self.sandbox, Sandbox::new());
        self.sandbox = sandbox.env("SSH_AUTH_SOCK", socket);
        self.open_as(public, &[], 120, 40)
    }

    #[track_caller]
    pub fn open_with(&mut self, more: &[&str], columns: u16, rows: u16) -> Terminal {
        let key = self.key.path.display().to_string();
        self.open_as(&key, more, columns, rows)
    }

    #[track_caller]
    fn open_as(&mut self, key: &str, more: &[&str], columns: u16, rows: u16) -> Terminal {
        let digest = self.sandbox.digest("profile.toml");
        let mut args = vec![
            "run",
            "profile.toml",
            "--release",
            "v2",
            "--previous",
            "v1",
            "--trust",
            &digest,
            "--as",
            ANN,
            "--key",
            key,
        ];
        args.extend(more);
        self.set_args(&args);
        self.sandbox.terminal(columns, rows)
    }

    pub fn set_args(&mut self, args: &[&str]) {
        let sandbox = std::mem::replace(&mut self.sandbox, Sandbox::new());
        self.sandbox = sandbox.args(args.iter().map(ToString::to_string));
    }

    /// The log of the only run.
    #[track_caller]
    pub fn log(&self) -> PathBuf {
        let [log] = self.sandbox.logs("staging").try_into().expect("one log");
        log
    }

    #[track_caller]
    pub fn entries(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.log()).unwrap();
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The entries of a kind.
    #[track_caller]
    pub fn of_kind(&self, kind: &str) -> Vec<Value> {
        self.entries().into_iter().filter(|entry| entry["kind"] == kind).collect()
    }

    /// Waits until the log has this many entries of a kind.
    #[track_caller]
    pub fn wait_for(&self, kind: &str, count: usize) -> Vec<Value> {
        wait::until(&format!("{count} entries of kind {kind}"), || {
            let found = self.of_kind(kind);
            (found.len() >= count).then_some(found)
        })
    }

    /// The output of an action, by its `action-finished` entry.
    #[track_caller]
    pub fn output(&self, finished: &Value) -> String {
        let file = finished["output"]["file"].as_str().expect("an output");
        fs::read_to_string(self.log().with_file_name(file)).unwrap()
    }

    /// `gonogo verify`.
    #[track_caller]
    pub fn verify(&mut self) -> Output {
        let signers = self.sandbox.allowed_signers(&[(ANN, &self.key)]);
        let (log, signers) = (self.log().display().to_string(), signers.display().to_string());
        self.set_args(&["verify", &log, "--signers", &signers]);
        self.sandbox.run()
    }
}

/// Runs the next action of the selected point, and confirms the dialog.
#[track_caller]
pub fn run_action(terminal: &mut Terminal, action: &str) {
    terminal.send("a").wait_for_text(&format!("run {action}"));
    terminal.answer("y").wait_gone(&format!("run {action}"));
}

/// The same, and waits until the screen shows that it succeeded.
#[track_caller]
pub fn run_successfully(terminal: &mut Terminal, action: &str) {
    run_action(terminal, action);
    terminal.wait_for_text(&format!("{action}: exit code 0"));
}

/// Selects the nth point of the deploy section.
#[track_caller]
pub fn select_deploy_point(terminal: &mut Terminal, down: usize) {
    terminal.press(Key::Char('2')).press(Key::Char('g'));
    for _ in 0..down {
        terminal.press(Key::Down);
    }
}

/// Every numbered line is there once, in order, up to the last.
#[track_caller]
pub fn assert_complete(output: &str) {
    let lines: Vec<&str> = output.lines().collect();
    let (last, counted) = lines.split_last().expect("some output");
    assert_eq!(*last, format!("last {}", counted.len()));
    for (number, line) in (1..).zip(counted) {
        assert_eq!(*line, format!("line {number}"));
    }
}
