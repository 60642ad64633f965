//! A run on a real terminal, of the standard checklist or of a checklist with one point. No server listens.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gonogo_core::journal::keys;
use vt100::Screen;

use crate::measure::since;
use crate::sample::ALICE;
use crate::support::gonogo::Sandbox;
use crate::support::ports::free_port;
use crate::support::terminal::Terminal;
use crate::support::wait;

const SIZE: (u16, u16) = (200, 60);
const QUIET: Duration = Duration::from_secs(1);

/// A run that is open in a terminal.
pub struct OpenedRun {
    pub terminal: Terminal,
    /// The milliseconds to the first frame.
    pub took: f64,
    // Last, so that the program ends before its home is removed.
    sandbox: Sandbox,
}

impl OpenedRun {
    /// A new run of the standard checklist, in its own home.
    pub fn new() -> Self {
        Self::on(Sandbox::new().profile(&profile()), 6)
    }

    /// A new run of one point without a probe.
    pub fn small() -> Self {
        Self::on(Sandbox::new().profile(SMALL_PROFILE).checklist(SMALL), 1)
    }

    /// A new run in this home, whose screen has this many panels.
    pub fn on(sandbox: Sandbox, panels: usize) -> Self {
        keys::create(&sandbox.work().join("id"), ALICE, None).unwrap();
        let sandbox =
            sandbox.args(["run", "profile.toml", "--as", ALICE, "--key", "id"].into_iter().chain(TAGS));
        let started = Instant::now();
        let mut terminal = sandbox.terminal(SIZE.0, SIZE.1);
        terminal.wait_for("its panels", |screen| has_panels(screen, panels));
        let took = since(started);
        Self { terminal, took, sandbox }
    }

    /// Waits until the probes have run: the log does not grow for a while.
    pub fn wait_until_idle(&self) {
        let log = self.log();
        let (mut length, mut since) = (0, Instant::now());
        wait::until("the probes to end", || {
            let now = fs::metadata(&log).unwrap().len();
            if now != length {
                (length, since) = (now, Instant::now());
            }
            (since.elapsed() > QUIET).then_some(())
        });
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        let [log] = self.sandbox.logs("staging").try_into().expect("one log");
        log
    }

    /// A line of `/proc/<pid>/status`, in its unit.
    pub fn status(&self, name: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.terminal.pid())).unwrap();
        field(&status, name)
    }

    /// How often its threads have waited so far.
    pub fn waits(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.terminal.pid())).unwrap();
        // A thread may end while the list is read.
        let statuses = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok());
        statuses.map(|status| field(&status, "voluntary_ctxt_switches")).sum()
    }
}

const SMALL_PROFILE: &str = "environment = \"staging\"\nchecklist = \"checklist.toml\"\n";

const SMALL: &str = "name = \"small\"\n\
    [[section]]\nid = \"a\"\ntitle = \"A\"\n\
    [[section.point]]\nid = \"a.b\"\ntitle = \"t\"\nwhy = \"w\"\nconfirm = \"one\"\n";

const TAGS: [&str; 4] = ["--release", "v1.4.0", "--previous", "v1.3.2"];

/// A number in a `status` file of `/proc`.
fn field(status: &str, name: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// The bottom line is drawn last, so it is checked first: reading the whole screen takes time.
fn has_panels(screen: &Screen, count: usize) -> bool {
    let last = |column| screen.cell(SIZE.1 - 1, column).is_some_and(vt100::Cell::has_contents);
    (0..SIZE.0).any(last) && (1..=count).all(|panel| screen.contents().contains(&format!(" {panel} ")))
}

fn profile() -> String {
    let port = free_port();
    let url = |name: &str| format!("{name}.url = \"http://127.0.0.1:{port}\"\n");
    let urls: String = ["app", "prometheus", "grafana", "jaeger"].map(url).concat();
    format!("environment = \"staging\"\n[values]\n{urls}")
}
