//! Actions under load: how long a supervisor takes to save 200 MB of output, against `cat > file` of the same; its memory;
//! and the time from a key to the screen while an action prints, against an idle screen.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gonogo::engine::supervisor::{LaunchSpec, SupervisorFiles};
use gonogo::process::Permit;
use gonogo::secret_store::SecretStore;
use gonogo_core::files::directory::make_path;
use gonogo_core::journal::marks;
use gonogo_core::secret::Secret;
use vt100::Screen;
use zeroize::Zeroizing;

use crate::measure::{Measured, alternate, median, since, size};
use crate::scenario::{Scenario, run_action, select_deploy_point};
use crate::support::gonogo::GONOGO;
use crate::support::terminal::{Key, Terminal};

const ROUNDS: usize = 5;
const PRESSES: usize = 200;
/// The size of the output, in MB.
const OUTPUT: usize = 200;
/// The number of secrets that are searched for, each in all of its encodings.
const SECRETS: usize = 10;

pub fn bench() {
    throughput();
    key_latency();
}

fn throughput() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("big");
    lines(&input);
    let needles = needles();
    let (mut peak, mut turn) = (0.0_f64, 0);
    let ours = || {
        turn += 1;
        let (took, memory) = supervised(dir.path(), &input, turn, needles.clone());
        peak = peak.max(memory);
        took
    };
    let theirs = || {
        let started = Instant::now();
        let script = "cat \"$1\" | cat > \"$2\" && sync \"$2\"";
        let to = dir.path().join("copy");
        let ran = Command::new("sh").args(["-c", script, "sh"]).arg(&input).arg(&to).status();
        assert!(ran.unwrap().success());
        since(started)
    };
    let (ours, theirs) = alternate(ROUNDS, ours, theirs);
    let report = |name: &str, subject, reference, unit| {
        Measured { name, subject, reference, unit, aim: "" }.report();
    };
    let name = &format!("{} MB of output", size(OUTPUT, 2));
    report(name, ours, Some(theirs), "ms");
    report("supervisor, peak memory", peak, None, "MB");
}

/// The size of the output, in bytes.
fn output() -> usize {
    size(OUTPUT, 2) * 1_000_000
}

/// Lines as a build prints them.
fn lines(to: &Path) {
    let mut file = File::create(to).unwrap();
    let mut block = String::new();
    for number in 0..20_000 {
        block.push_str("\x1b[32m[12/34]\x1b[0m Compiling a rather ordinary crate, number ");
        block.push_str(&number.to_string());
        block.push_str(", with nothing secret in it\n");
    }
    let (mut written, all) = (0, output());
    while written < all {
        let part = &block.as_bytes()[..block.len().min(all - written)];
        file.write_all(part).unwrap();
        written += part.len();
    }
    file.sync_all().unwrap();
}

fn needles() -> Vec<(String, Zeroizing<String>)> {
    let secret_store = SecretStore::new(Permit::for_tests());
    for number in 0..SECRETS {
        secret_store.register("env S", &Secret::new(format!("s3cr3t/{number}+of=the&house-{number}")));
    }
    secret_store.redactor().needles().to_vec()
}

/// Runs a supervisor over all of it: its time in milliseconds, and its peak memory in MB.
fn supervised(dir: &Path, input: &Path, turn: u64, needles: Vec<(String, Zeroizing<String>)>) -> (f64, f64) {
    make_path(&marks::directory(&dir.join("log.jsonl"))).unwrap();
    let spec = LaunchSpec {
        files: SupervisorFiles::of(&dir.join("log.jsonl"), turn),
        argv: vec!["cat".into(), input.display().to_string()],
        cwd: None,
        env: BTreeMap::new(),
        deadline_ms: 60_000,
        grace_ms: 1000,
        needles,
    };
    let started = Instant::now();
    let mut supervisor =
        Command::new(GONOGO).arg("supervise").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    supervisor.stdin.take().unwrap().write_all(&serde_json::to_vec(&spec).unwrap()).unwrap();
    let status = format!("/proc/{}/status", supervisor.id());
    let mut peak = 0.0;
    let ended = loop {
        if let Some(ended) = supervisor.try_wait().unwrap() {
            break ended;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak = line.and_then(|kb| kb.trim().parse::<f64>().ok()).map_or(peak, |kb| kb / 1024.0);
        std::thread::sleep(Duration::from_millis(1));
    };
    let took = since(started);
    assert!(ended.success());
    assert_eq!(spec.files.output_path().metadata().unwrap().len(), output() as u64);
    fs::remove_file(spec.files.output_path()).unwrap();
    (took, peak)
}

fn key_latency() {
    let mut scenario = Scenario::new();
    lines(&scenario.sandbox.work().join("big"));
    scenario.script("build", "while [ -e ran ] && [ ! -e go ]; do head -c 2000000 big; done");
    let mut terminal = scenario.open_with(&[], 200, 60);
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    let idle = press_keys(&mut terminal);
    run_action(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("ordinary crate");
    let busy = press_keys(&mut terminal);
    scenario.let_steps_end();
    scenario.wait_for("action-finished", 1);
    let report = |name, subject, reference| {
        Measured { name, subject, reference: Some(reference), unit: "ms", aim: "" }.report();
    };
    report("key to screen, median", median(busy.clone()), median(idle.clone()));
    report("key to screen, p99", worst(busy), worst(idle));
}

/// The time of each key until its effect is on the screen, in milliseconds.
fn press_keys(terminal: &mut Terminal) -> Vec<f64> {
    let marked_line = |screen: &Screen| screen.contents().lines().position(|line| line.contains('▌'));
    let mut took = Vec::new();
    for turn in 0..size(PRESSES, 4) {
        let before = marked_line(&terminal.screen());
        let started = Instant::now();
        terminal.press(if turn % 2 == 0 { Key::Down } else { Key::Up });
        terminal.wait_for("the mark to move", |screen| {
            marked_line(screen).is_some() && marked_line(screen) != before
        });
        took.push(since(started));
    }
    took
}

fn worst(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() * 99 / 100]
}
