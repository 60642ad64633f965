//! Reports of runs: every format, read by the usual parsers; two runs compared; a log in a bundle.

mod bundle;
mod dsse;
mod formats;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::runs::world::{ALICE, World, confirm, quit_with, seal, select};
use crate::support::gonogo::Output;
use crate::support::terminal::Key;
use crate::support::web::Reply;

/// A note that tries to inject markup into a report.
const MARKUP: &str = "# x | <script>alert(1)</script> <img src=x> [a](http://b.example) *b* ```";

/// Two sealed runs of one environment. In the second one, a header has another value and a point was waived.
struct ComparedRuns {
    world: World,
    old: PathBuf,
    new: PathBuf,
    signers: PathBuf,
}

impl ComparedRuns {
    #[track_caller]
    fn new() -> Self {
        let mut world = World::new();
        let mut terminal = world.open(130, 40);
        terminal.wait_for_text("1/3");
        select(&mut terminal, '1', 1);
        confirm(&mut terminal, "service.headers");
        select(&mut terminal, '2', 0);
        confirm(&mut terminal, "people.duty");
        terminal.send("n").wait_for_text("The note:");
        terminal.send(MARKUP).answer("\r").wait_for_text("noted");
        seal(&mut terminal, "GO");
        quit_with(terminal, 0);
        let old = world.log();

        world.web.route("/healthz", Reply::ok("{}").header("Strict-Transport-Security", "max-age=31536000"));
        let mut terminal = world.open_with(&["--release", "v1.5.0", "--previous", "v1.4.0"], 130, 40);
        terminal.wait_for_text("1/3");
        select(&mut terminal, '1', 1);
        terminal.wait_for_text("press space to confirm");
        select(&mut terminal, '2', 0);
        terminal.send("w").wait_for_text("Why is it waived?");
        terminal.send("asleep").press(Key::Enter).press(Key::Enter).wait_for_text("waive as");
        terminal.answer("y").wait_for_text("waived people.duty");
        seal(&mut terminal, "PENDING");
        quit_with(terminal, 1);
        let logs = world.sandbox.logs("staging");
        let new = logs.into_iter().find(|log| *log != old).unwrap();
        let signers = world.sandbox.allowed_signers(&[(ALICE, &world.key)]);
        Self { world, old, new, signers }
    }

    /// `gonogo` with these arguments, and the trusted signers.
    #[track_caller]
    fn gonogo(&mut self, args: &[&str]) -> Output {
        let signers = self.signers.display().to_string();
        let mut all = args.to_vec();
        all.extend(["--signers", &signers]);
        self.world.set_args(&all);
        self.world.sandbox.run()
    }

    #[track_caller]
    fn report(&mut self, log: &Path, format: &str) -> Output {
        self.gonogo(&["report", &log.display().to_string(), "--format", format])
    }

    fn work(&self, name: &str) -> PathBuf {
        self.world.sandbox.work().join(name)
    }
}

/// Writes the log with a changed note, which makes it invalid from that line on.
fn tampered(log: &Path, to: &Path) {
    let text = fs::read_to_string(log).unwrap();
    let changed = text.replace("alert(1)", "alert(2)");
    assert_ne!(text, changed);
    fs::write(to, changed).unwrap();
}

/// Runs a Python program in the virtual environment of the tests; returns what it prints.
#[track_caller]
pub fn python(program: &str, args: &[&str]) -> String {
    let path = std::env::var_os("PATH").unwrap();
    let venv = std::env::split_paths(&path).find(|dir| dir.join("poetry").is_file()).unwrap();
    let mut python = Command::new(venv.join("python"));
    let output = python.arg("-c").arg(program).args(args).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
