//! A small deployment to run a checklist against: one web server, one operator with a key.

use std::path::PathBuf;

use crate::support::gonogo::{Output, Sandbox};
use crate::support::keys::SshKey;
use crate::support::terminal::{Key, Terminal};
use crate::support::wait;
use crate::support::web::{Reply, Web};

pub const ALICE: &str = "alice@deck.example";
pub const READY: &str = r#"{"status":"ready","event_pipeline_ready":true}"#;
pub const STARTING: &str = r#"{"status":"starting","event_pipeline_ready":false}"#;

pub const CHECKLIST: &str = r#"
name = "small"

[[section]]
id = "service"
title = "Service"

[[section.point]]
id = "service.ready"
title = "Pipeline is ready"
why = "The body counts, not the status."
mandatory = true
probe = [{ id = "readyz", title = "/readyz", kind = "http", with = { url = "{{ app.url }}/readyz", json = [{ path = "$.event_pipeline_ready", equals = true }] } }]

[[section.point]]
id = "service.headers"
title = "Headers on record"
why = "For the compliance review."
confirm = "one"
probe = [{ id = "headers", title = "security headers", kind = "http", with = { url = "{{ app.url }}/healthz", header = [{ name = "Strict-Transport-Security", directive = "max-age", at_least = 31536000 }] } }]

[[section]]
id = "people"
title = "People"

[[section.point]]
id = "people.duty"
title = "Support is on duty"
why = "They answer the phone tonight."
confirm = "one"
"#;

/// A web server, a sandbox with profile, checklist and key.
pub struct World {
    pub web: Web,
    pub sandbox: Sandbox,
    pub key: SshKey,
}

impl World {
    pub fn new() -> Self {
        let web = Web::start();
        web.route("/readyz", Reply::ok(READY));
        let hsts = "max-age=63072000; includeSubDomains; preload";
        web.route("/healthz", Reply::ok(r#"{"status":"ok"}"#).header("Strict-Transport-Security", hsts));
        let profile = format!(
            "environment = \"staging\"\nchecklist = \"checklist.toml\"\n[values]\napp.url = \"{}\"\n",
            web.url("")
        );
        let sandbox = Sandbox::new().checklist(CHECKLIST).profile(&profile);
        let key = sandbox.key("alice");
        Self { web, sandbox, key }
    }

    /// `gonogo run` on a terminal of this size.
    #[track_caller]
    pub fn open(&mut self, columns: u16, rows: u16) -> Terminal {
        self.open_with(&["--release", "v1.4.0", "--previous", "v1.3.0"], columns, rows)
    }

    #[track_caller]
    pub fn open_with(&mut self, more: &[&str], columns: u16, rows: u16) -> Terminal {
        let key = self.key.path.display().to_string();
        let mut args = vec!["run", "profile.toml", "--as", ALICE, "--key", &key];
        args.extend(more);
        self.set_args(&args);
        self.sandbox.terminal(columns, rows)
    }

    /// A world with a sealed run: probe results, a confirmation, a note, a verdict and a seal.
    #[track_caller]
    pub fn sealed(note: &str) -> Self {
        let mut world = Self::new();
        let mut terminal = world.open(130, 40);
        terminal.wait_for_text("1/3");
        world.wait_for_probes();
        select(&mut terminal, '2', 0);
        confirm(&mut terminal, "people.duty");
        terminal.send("n").wait_for_text("The note:");
        terminal.send(note).answer("\r").wait_for_text("noted");
        seal(&mut terminal, "PENDING");
        quit_with(terminal, 1);
        world
    }

    /// A world with an open run whose probes have results; gonogo has quit.
    pub fn with_open_run() -> Self {
        let mut world = Self::new();
        let mut terminal = world.open(130, 40);
        terminal.wait_for_text("1/3");
        world.wait_for_probes();
        quit(terminal);
        world
    }

    /// Waits until both probes have results: the log has its first entry and two more.
    #[track_caller]
    pub fn wait_for_probes(&self) {
        wait::until("both probe results", || (self.entries().len() >= 3).then_some(()));
    }

    /// The log of the only run.
    #[track_caller]
    pub fn log(&self) -> PathBuf {
        let [log] = self.sandbox.logs("staging").try_into().expect("one log");
        log
    }

    /// `gonogo verify` of a file, with the operator as trusted signer.
    #[track_caller]
    pub fn verify(&mut self, log: &std::path::Path, more: &[&str]) -> Output {
        let signers = self.sandbox.allowed_signers(&[(ALICE, &self.key)]);
        let (log, signers) = (log.display().to_string(), signers.display().to_string());
        let mut args = vec!["verify", &log, "--signers", &signers];
        args.extend(more);
        self.set_args(&args);
        self.sandbox.run()
    }

    pub fn set_args(&mut self, args: &[&str]) {
        let sandbox = std::mem::replace(&mut self.sandbox, Sandbox::new());
        self.sandbox = sandbox.args(args.iter().map(ToString::to_string));
    }

    /// The complete lines of the log as JSON.
    #[track_caller]
    pub fn entries(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.log()).unwrap();
        let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// Quits an open run with `q` and waits for the end.
#[track_caller]
pub fn quit(terminal: Terminal) {
    quit_with(terminal, 5);
}

/// Quits with `q`, and expects this exit code.
#[track_caller]
pub fn quit_with(mut terminal: Terminal, code: u32) {
    terminal.send("q");
    let _ = terminal.wait_exit().code(code).left_clean();
}

/// Records the verdict and seals the run.
#[track_caller]
pub fn seal(terminal: &mut Terminal, verdict: &str) {
    terminal.open_verdict();
    terminal.wait_for_text(verdict);
    terminal.answer("y").wait_for_text("s seal");
    terminal.answer("s").wait_for_text("A seal is your signature");
    terminal.answer("y").wait_for_text("SEALED");
}

/// Confirms the selected point with its dialog.
#[track_caller]
pub fn confirm(terminal: &mut Terminal, point: &str) {
    terminal.wait_for_text("press space to confirm");
    terminal.send(" ").wait_for_text("y confirm");
    terminal.answer("y").wait_for_text(&format!("confirmed {point}"));
}

/// Selects the nth point of a section.
pub fn select(terminal: &mut Terminal, section: char, down: usize) {
    terminal.press(Key::Char(section)).press(Key::Char('g'));
    for _ in 0..down {
        terminal.press(Key::Down);
    }
}
