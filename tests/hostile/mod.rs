//! The table of hostile servers: what each costs its probe, and what is told of it. To read the table:
//!
//!     cargo test --test main -- --exact hostile::each_costs_its_deadline_and_nothing_more --nocapture

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

use crate::bench::certs::Certs;
use crate::bench::wait;
use server::{Serve, Server};

/// For a server that is to be given up at the deadline; what comes before (a handshake) takes no such time, however
/// slow the machine.
const SHORT: Duration = Duration::from_secs(3);
/// For a server that is to be given up long before the deadline, however slow the machine.
const LONG: Duration = Duration::from_secs(20);
/// A bound against hanging, beyond the deadline.
const GRACE: Duration = Duration::from_secs(10);
/// How many look at once.
const AT_ONCE: usize = 16;
/// How much the peak of memory may grow over the whole table, in KiB.
const GROWTH: u64 = 64 * 1024;
/// Holds the password of the rows, and marks the process that walks the table.
const WALKER: &str = "GONOGO_HOSTILE_PASSWORD";

/// One hostile server, and what a look at it comes to.
struct Row {
    kind: &'static str,
    /// What the server does.
    server: &'static str,
    serve: Serve,
    /// What is asked, of a server on this port.
    with: fn(u16) -> Value,
    deadline: Duration,
    class: Class,
    /// Words that must be told.
    told: &'static [&'static str],
}

impl Row {
    /// The row as it is printed, or what is not as it should be.
    async fn walk(self) -> Result<String, String> {
        let server = Server::start(self.serve);
        let spec = json!({"kind": self.kind, "with": (self.with)(server.port())});
        let spec: ProbeSpec = serde_json::from_value(spec).expect(self.server);
        let deadline = self.deadline;
        // A task of its own, as in the scheduler: a panic is seen as one.
        let look = tokio::spawn(async move {
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
        let name = format!("{} · {}", self.kind, self.server);
        let outcome = look.await.map_err(|panic| format!("{name}: {panic}"))?;
        let outcome = outcome.map_err(|_| format!("{name}: later than {deadline:?} and {GRACE:?}"))?;
        let told = told(&outcome);
        append(&outcome).map_err(|why| format!("{name}: its result cannot be logged: {why}"))?;
        if outcome.class != self.class || outcome.class == Class::Pass {
            return Err(format!("{name}: expected {:?}: {told}", self.class));
        }
        if let Some(words) = self.told.iter().find(|words| !told.contains(**words)) {
            return Err(format!("{name}: expected\n{words}\nin {told}"));
        }
        if server.has_strayed() {
            return Err(format!("{name}: the probe went elsewhere"));
        }
        let is_meant = |seen: &&Observation| self.told.iter().any(|words| seen.seen.contains(words));
        let trouble = outcome.problems().find(is_meant).or(outcome.problems().next()).expect("a trouble");
        Ok(format!("{name} · {} · {}", class(self.class), trouble.seen))
    }
}

/// Makes the entry that a run would log.
fn append(outcome: &Outcome) -> Result<(), LinkError> {
    let outcome = outcome.clone();
    let (point, probe) = ("section.point".into(), "probe".into());
    let event = Probed { point, probe, attempt: 1, early: false, took_ms: 1, outcome };
    Chain::new("0".repeat(32)).build_entry(engine::clock::now(), MACHINE, event.into(), None).map(drop)
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Pass => "pass",
        Class::Fail => "fail",
        Class::Error => "error",
    }
}

fn told(outcome: &Outcome) -> String {
    let mut lines = format!("{:?}\n", outcome.class);
    for seen in &outcome.observations {
        let _ = writeln!(lines, "{} | {} | {}", seen.what, seen.expected, seen.seen);
    }
    lines
}

/// Other tests of this process take memory and threads too, so the table is walked in one of its own.
#[test]
fn each_costs_its_deadline_and_nothing_more() {
    if std::env::var_os(WALKER).is_some() {
        return walk();
    }
    let mut walker = Command::new(std::env::current_exe().unwrap());
    walker.args(["--exact", "hostile::each_costs_its_deadline_and_nothing_more", "--nocapture"]);
    for proxy in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"] {
        walker.env_remove(proxy);
    }
    let output = walker.env(WALKER, "swordfish-42").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{said}{errors}", output.status);
    assert!(!errors.contains("panicked"), "{errors}");
    said.lines().filter(|line| line.contains(" · ")).for_each(|line| println!("{line}"));
}

fn walk() {
    // What is made once per process counts for none of the rows.
    let _ = Certs::shared();
    let (memory, threads) = (peak(), threads());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let lines = runtime.block_on(async {
        let rows = http::rows().into_iter().chain(apis::rows()).chain(redis::rows()).chain(rabbitmq::rows());
        stream::iter(rows).map(Row::walk).buffered(AT_ONCE).collect::<Vec<_>>().await
    });
    drop(runtime);
    lines.iter().flatten().for_each(|line| println!("{line}"));
    let wrong: Vec<_> = lines.iter().filter_map(|line| line.as_ref().err()).cloned().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(lines.len() >= 120, "{} rows", lines.len());
    wait::until("all threads to end", || (self::threads() <= threads).then_some(()));
    let growth = peak() - memory;
    println!("{} rows · peak of memory grew by {growth} KiB", lines.len());
    assert!(growth < GROWTH, "the peak of memory grew by {growth} KiB");
}

/// The most memory that this process has held at any time, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim_end_matches("kB").trim().parse().unwrap()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}
