//! The table of hostile servers: each ends its probe by the deadline, with a message that names the problem. To print it:
//!
//!     cargo test --test main -- --exact hostile::each_hostile_server_costs_at_most_the_deadline --nocapture

mod apis;
mod http;
mod rabbitmq;
mod redis;
mod server;

use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use gonogo::engine;
use gonogo::probes::{self, ProbeContext};
use gonogo::process::Permit;
use gonogo::secret_store::SecretStore;
use gonogo_core::checklist::spec::ProbeSpec;
use gonogo_core::journal::chain::{Chain, LinkError};
use gonogo_core::journal::entry::{MACHINE, Probed};
use gonogo_core::outcome::{Class, Observation, Outcome};
use serde_json::{Value, json};

use crate::support::certs::Certs;
use crate::support::wait;
use server::{Behaviour, Server};

/// For servers that end their probe at the deadline; long enough for a handshake on a slow machine.
const SHORT: Duration = Duration::from_secs(3);
/// For servers that end their probe long before the deadline, even on a slow machine.
const LONG: Duration = Duration::from_secs(20);
/// How long after the deadline a probe counts as hanging.
const GRACE: Duration = Duration::from_secs(10);
/// How many probes run in parallel.
const PARALLEL: usize = 16;
/// How much peak memory may grow over the whole table, in KiB.
const MAX_GROWTH: u64 = 64 * 1024;
/// The environment variable of the password in the specs; it is set only in the process that runs the table.
const PASSWORD_VARIABLE: &str = "GONOGO_HOSTILE_PASSWORD";

/// A hostile server and the expected outcome of its probe.
struct Row {
    kind: &'static str,
    /// What the server does.
    description: &'static str,
    behaviour: Behaviour,
    /// The settings of the probe, for a server on this port.
    with: fn(u16) -> Value,
    deadline: Duration,
    class: Class,
    /// Texts that the outcome must contain.
    expected: &'static [&'static str],
}

impl Row {
    /// Returns the printed row, or what is wrong.
    async fn run(self) -> Result<String, String> {
        let server = Server::start(self.behaviour);
        let spec = json!({"kind": self.kind, "with": (self.with)(server.port())});
        let spec: ProbeSpec = serde_json::from_value(spec).expect(self.description);
        let deadline = self.deadline;
        // A separate task, as in the scheduler, so that a panic is reported.
        let probe = tokio::spawn(async move {
            tokio::time::timeout(
                deadline + GRACE,
                probes::run(
                    &spec,
                    deadline,
                    &SecretStore::new(Permit::for_tests()),
                    &ProbeContext::default(),
                ),
            )
            .await
        });
        let name = format!("{} · {}", self.kind, self.description);
        let outcome = probe.await.map_err(|panic| format!("{name}: {panic}"))?;
        let outcome = outcome.map_err(|_| format!("{name}: later than {deadline:?} and {GRACE:?}"))?;
        let described = describe(&outcome);
        append(&outcome).map_err(|why| format!("{name}: its result cannot be logged: {why}"))?;
        if outcome.class != self.class || outcome.class == Class::Pass {
            return Err(format!("{name}: expected {:?}: {described}", self.class));
        }
        if let Some(text) = self.expected.iter().find(|text| !described.contains(**text)) {
            return Err(format!("{name}: expected\n{text}\nin {described}"));
        }
        if server.was_redirect_followed() {
            return Err(format!("{name}: the probe followed a redirect to another server"));
        }
        let is_expected =
            |problem: &&Observation| self.expected.iter().any(|text| problem.seen.contains(text));
        let problem = outcome.problems().find(is_expected).or(outcome.problems().next()).expect("a problem");
        Ok(format!("{name} · {} · {}", class_name(self.class), problem.seen))
    }
}

/// Builds the log entry of the outcome.
fn append(outcome: &Outcome) -> Result<(), LinkError> {
    let outcome = outcome.clone();
    let (point, probe) = ("section.point".into(), "probe".into());
    let event = Probed { point, probe, attempt: 1, early: false, took_ms: 1, outcome };
    Chain::new("0".repeat(32)).build_entry(engine::clock::now(), MACHINE, event.into(), None).map(drop)
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Pass => "pass",
        Class::Fail => "fail",
        Class::Error => "error",
    }
}

fn describe(outcome: &Outcome) -> String {
    let mut lines = format!("{:?}\n", outcome.class);
    for observation in &outcome.observations {
        let Observation { what, expected, seen, .. } = observation;
        let _ = writeln!(lines, "{what} | {expected} | {seen}");
    }
    lines
}

/// The table runs in its own process, since other tests use memory and threads too.
#[test]
fn each_hostile_server_costs_at_most_the_deadline() {
    if std::env::var_os(PASSWORD_VARIABLE).is_some() {
        return run_table();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "hostile::each_hostile_server_costs_at_most_the_deadline", "--nocapture"]);
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"] {
        child.env_remove(proxy);
    }
    let output = child.env(PASSWORD_VARIABLE, "swordfish-42").output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stdout}{stderr}", output.status);
    assert!(!stderr.contains("panicked"), "{stderr}");
    stdout.lines().filter(|line| line.contains(" · ")).for_each(|line| println!("{line}"));
}

fn run_table() {
    // Generated once per process, before memory is measured.
    let _ = Certs::shared();
    let (memory, threads) = (peak_memory(), thread_count());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let lines = runtime.block_on(async {
        let rows = http::rows().into_iter().chain(apis::rows()).chain(redis::rows()).chain(rabbitmq::rows());
        stream::iter(rows).map(Row::run).buffered(PARALLEL).collect::<Vec<_>>().await
    });
    drop(runtime);
    lines.iter().flatten().for_each(|line| println!("{line}"));
    let wrong: Vec<_> = lines.iter().filter_map(|line| line.as_ref().err()).cloned().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lines.len() >= 120, "{} rows", lines.len());
    wait::until("all threads to end", || (thread_count() <= threads).then_some(()));
    let growth = peak_memory() - memory;
    println!("{} rows · peak memory grew by {growth} KiB", lines.len());
    assert!(growth < MAX_GROWTH, "peak memory grew by {growth} KiB");
}

/// The peak memory of this process, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim_end_matches("kB").trim().parse().unwrap()
}

fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}
