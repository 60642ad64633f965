//! A complete deployment in a rehearsal, with the keyboard only.

use std::fs;
use std::path::PathBuf;

use crate::support::gonogo::Sandbox;
use crate::support::need;
use crate::support::served_rehearsal::ServedRehearsal;
use crate::support::terminal::{Key, Terminal};
use crate::support::wait;

/// A sandbox without programs in `PATH`.
pub fn sandbox_without_path() -> Sandbox {
    Sandbox::new().env("PATH", "/nowhere")
}

/// A point: the key of its section, its position in it, and its id.
pub type PointPosition = (char, usize, &'static str);

/// Points to confirm before anything is deployed.
pub const CONFIRM_BEFORE: [PointPosition; 5] = [
    ('1', 0, "validate.ci-suite"),
    ('1', 2, "validate.iac-change-set"),
    ('1', 3, "validate.slo-alerts"),
    ('6', 1, "rollback.pause-consumers"),
    ('6', 2, "rollback.contacts"),
];
pub const DEPLOY_STEPS: [(PointPosition, &[&str]); 4] = [
    (('4', 0, "deploy.image-build-scan"), &["build", "scan"]),
    (('4', 1, "deploy.image-push"), &["tag", "push"]),
    (('4', 2, "deploy.iac-apply"), &["apply"]),
    (('4', 4, "deploy.rollout"), &["app", "worker"]),
];
/// Points to confirm after the rollout.
const CONFIRM_AFTER: [PointPosition; 3] =
    [('2', 4, "secrets.security-headers"), ('3', 2, "infra.health-checks"), ('5', 2, "verify.metrics")];

#[track_caller]
pub fn select(terminal: &mut Terminal, (section, down, point): PointPosition) {
    terminal.press(Key::Char(section)).press(Key::Char('g'));
    for _ in 0..down {
        terminal.press(Key::Down);
    }
    terminal.wait_for_text(point);
}

#[track_caller]
pub fn confirm(terminal: &mut Terminal, at: PointPosition) {
    select(terminal, at);
    terminal.wait_for_text("◐ NEEDS");
    terminal.send(" ").wait_for_text("y confirm");
    terminal.answer("y").wait_gone("y confirm");
    // If it takes two, the simulated reviewer confirms next.
    terminal.wait_for_text("● CONFIRMED");
}

#[track_caller]
pub fn run_action(terminal: &mut Terminal, at: PointPosition, action: &str) {
    let key = format!("{}/{action}", at.2);
    select(terminal, at);
    terminal.wait_for_text("▷ NEEDS ACTION").wait_for_text(&format!("{action} ("));
    // Probes that became due by the step before may still be running.
    wait::until("the dialog", || {
        terminal.send("a").wait_for("the dialog, or the reason why not", |screen| {
            let text = screen.contents();
            text.contains(&format!("run {key}")) || text.contains(") must be done first")
        });
        let is_asked = terminal.screen_text().contains(&format!("run {key}"));
        if !is_asked {
            terminal.press(Key::Up).press(Key::Down).wait_gone(") must be done first");
            select(terminal, at);
        }
        is_asked.then_some(())
    });
    terminal.answer("y").wait_gone(&format!("run {key}")).wait_for_text(&format!("{key}: exit code 0"));
}

#[track_caller]
fn deploy(terminal: &mut Terminal) {
    terminal.close_notices();
    for at in CONFIRM_BEFORE {
        confirm(terminal, at);
    }
    steps(terminal, &DEPLOY_STEPS);
    finish(terminal);
}

#[track_caller]
fn steps(terminal: &mut Terminal, steps: &[(PointPosition, &[&str])]) {
    for (at, actions) in steps {
        for action in *actions {
            run_action(terminal, *at, action);
        }
        terminal.wait_for_text("✔ PASSED");
    }
}

#[track_caller]
fn finish(terminal: &mut Terminal) {
    for at in CONFIRM_AFTER {
        confirm(terminal, at);
    }
    terminal.wait_for_text("GO 27/27");
}

/// The rest of the deployment, after the build of the image.
#[track_caller]
pub fn after_build(terminal: &mut Terminal) {
    steps(terminal, &DEPLOY_STEPS[1..]);
    finish(terminal);
}

#[track_caller]
pub fn seal(terminal: &mut Terminal) {
    terminal.open_verdict();
    terminal.answer("y").wait_for_text("s seal");
    terminal.answer("s").wait_for_text("A seal is your signature");
    // The simulated reviewer adds the second seal.
    terminal.answer("y").wait_for_text("SEALED");
}

#[track_caller]
pub fn log(sandbox: &Sandbox) -> PathBuf {
    let [log] = sandbox.logs("rehearsal").try_into().expect("one log");
    log
}

#[track_caller]
fn deploy_and_seal(columns: u16, rows: u16) {
    let sandbox = sandbox_without_path().args(["rehearse"]);
    let mut terminal = sandbox.terminal(columns, rows);
    deploy(&mut terminal);
    seal(&mut terminal);
    terminal.send("q");
    let ended = terminal.wait_exit().code(0);
    assert!(ended.screen_text().contains("GO 27/27, sealed"), "{}", ended.screen_text());
    let log = log(&sandbox);
    let path = log.display().to_string();
    let sealed = sandbox.run_with(&["verify", "--rehearsal", &path]).code(0);
    let _ = sealed.stdout_has("sealed by you@rehearsal and simulated-reviewer@rehearsal").stdout_has("27/27");
    // With any signers, it does not verify as a real run.
    let other_signers = sandbox.work().join("allowed_signers");
    let other_key = gonogo_core::testing::signer("mallory@x.example").public;
    fs::write(&other_signers, format!("mallory@x.example {other_key}\n")).unwrap();
    let refused =
        sandbox.run_with(&["verify", &path, "--signers", &other_signers.display().to_string()]).code(4);
    let _ = refused.stdout_has("INVALID at line 1").stdout_has("a rehearsal");
    // If it claims to be a real run, its signatures do not match.
    let text = fs::read_to_string(&log).unwrap();
    let forged = text.replacen(",\"rehearsal\":{\"drills\":[]}", "", 1);
    assert_ne!(text, forged);
    let copy = sandbox.work().join("forged.jsonl");
    fs::write(&copy, forged).unwrap();
    let _ = sandbox
        .run_with(&["verify", &copy.display().to_string(), "--signers", &other_signers.display().to_string()])
        .code(4);
    let leftover: Vec<_> = fs::read_dir(sandbox.work().with_file_name("tmp")).unwrap().collect();
    assert!(leftover.is_empty(), "{leftover:?}");
}

#[test]
fn a_deployment_runs_to_a_sealed_go_on_a_wide_screen() {
    deploy_and_seal(120, 40);
}

#[test]
fn a_deployment_runs_to_a_sealed_go_on_a_small_screen() {
    deploy_and_seal(80, 24);
}

/// With the key of an operator, on the stack of another process.
#[test]
fn a_run_on_a_served_stack_is_a_rehearsal_too() {
    need!("ssh-keygen");
    let ServedRehearsal { sandbox, running, dir } = ServedRehearsal::start(&[]);
    let key = sandbox.key("dana");
    let profile = dir.join("rehearsal.toml").display().to_string();
    let key_file = key.path.display().to_string();
    let signers = sandbox.allowed_signers(&[("dana@deck.example", &key)]).display().to_string();
    let digest = sandbox.digest(&profile);
    let run = ["run", &profile, "--release", "v1.5.0", "--previous", "v1.4.0", "--trust", &digest];
    let operator = ["--as", "dana@deck.example", "--key", &key_file];
    let sandbox = sandbox.env("PATH", dir.join("bin")).args([&run[..], &operator].concat());
    let mut terminal = sandbox.terminal(120, 40);
    terminal.wait_for_text("REHEARSAL").wait_for_text("7/27").send("q");
    let _ = terminal.wait_exit().code(5);
    let environment = dir.file_name().unwrap().to_str().unwrap().replace("gonogo-", "").to_lowercase();
    let [log] = sandbox.logs(&environment).try_into().expect("one log");
    let log = log.display().to_string();
    let _ = sandbox.run_with(&["verify", &log, "--signers", &signers]).code(4).stdout_has("a rehearsal");
    let _ = sandbox
        .run_with(&["verify", &log, "--signers", &signers, "--rehearsal"])
        .code(5)
        .stdout_has("open: valid");
    drop(running);
}

/// The simulated driver deploys and confirms what comes before; the rest is left to people.
#[test]
fn a_simulated_driver_deploys_first() {
    let sandbox = sandbox_without_path().args(["rehearse", "--deployed"]);
    let mut terminal = sandbox.terminal(120, 40);
    terminal.close_notices();
    let last = CONFIRM_AFTER[2];
    select(&mut terminal, last);
    for action in ["deploy.image-push/push", "deploy.iac-apply/apply", "deploy.rollout/worker"] {
        wait::until(action, || {
            let text = fs::read_to_string(log(&sandbox)).unwrap();
            let is_ended = |line: &str| line.contains("action-finished") && line.contains(action);
            text.lines().any(is_ended).then_some(())
        });
    }
    for at in CONFIRM_AFTER {
        confirm(&mut terminal, at);
    }
    terminal.wait_for_text("GO 27/27");
    seal(&mut terminal);
    terminal.send("q");
    let _ = terminal.wait_exit().code(0);
    let text = fs::read_to_string(log(&sandbox)).unwrap();
    let by = |kind: &str, who: &str| {
        let line = |line: &&str| line.contains(&format!("\"kind\":\"{kind}\"")) && line.contains(who);
        text.lines().filter(line).count()
    };
    assert_eq!((by("action-started", "simulated-driver@"), by("action-started", "you@")), (7, 0));
    assert_eq!((by("confirmed", "simulated-driver@"), by("confirmed", "\"by\":\"you@")), (5, 3));
}
