//! An action outlives the gonogo that started it.

use std::collections::BTreeMap;
use std::process::Command;

use gonogo::engine::supervisor::{LaunchSpec, SupervisorFiles};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::scenario::{
    COUNTING_SCRIPT, Scenario, assert_complete, run_action, run_successfully, select_deploy_point,
};
use crate::support::gonogo::{GONOGO, signal};
use crate::support::need;
use crate::support::terminal::{Key, Terminal};
use crate::support::wait;

/// A run whose build prints numbered lines.
fn counting() -> (Scenario, Terminal) {
    let mut scenario = Scenario::new();
    scenario.script("build", COUNTING_SCRIPT);
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_action(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 3");
    (scenario, terminal)
}

/// Resumes the run, finds the action running, lets it end, and checks that its output is complete.
#[track_caller]
fn resume_and_finish(mut scenario: Scenario) {
    let mut terminal = scenario.open();
    terminal.wait_for_text("running");
    select_deploy_point(&mut terminal, 0);
    terminal.wait_for_text("line ");
    scenario.let_steps_end();
    terminal.wait_for_text("exit code 0");
    let ended = scenario.wait_for("action-finished", 1);
    assert_eq!(ended[0]["exit"], serde_json::json!({"code": 0}));
    assert_complete(&scenario.output(&ended[0]));
    assert_eq!(scenario.ran(), ["build"]);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    let _ = scenario.verify().code(5).stdout_has("open: valid");
}

#[test]
fn an_action_survives_the_kill_of_gonogo() {
    need!("ssh-keygen");
    let (scenario, terminal) = counting();
    signal(terminal.pid(), "KILL");
    drop(terminal);
    resume_and_finish(scenario);
}

#[test]
fn an_action_survives_a_closed_terminal() {
    need!("ssh-keygen");
    let (scenario, terminal) = counting();
    // Closes its pseudo-terminal.
    drop(terminal);
    resume_and_finish(scenario);
}

#[test]
fn an_action_survives_a_hangup() {
    need!("ssh-keygen");
    let (scenario, terminal) = counting();
    signal(terminal.pid(), "HUP");
    let _ = terminal.wait_exit().code(130);
    resume_and_finish(scenario);
}

/// Mounts a disk of 64 KiB for the files of an action, runs it, and copies the files out.
const FULL: &str = r#"mount -t tmpfs -o size=64k,mode=700 none "$1" || exit 99
mkdir -m 700 "$1"/log.jsonl.marks || exit 99
"$2" supervise < "$3"; code=$?; cp "$1"/log.jsonl.d/action-1.* "$4"; exit $code"#;

#[test]
fn a_full_disk_does_not_stop_an_action_and_lost_output_is_reported() {
    need!("unshare");
    let dir = tempfile::tempdir().unwrap();
    let (disk, saved) = (dir.path().join("disk"), dir.path().join("saved"));
    std::fs::create_dir_all(&disk).unwrap();
    std::fs::create_dir_all(&saved).unwrap();
    let done = dir.path().join("done");
    let prints = format!("head -c 1000000 /dev/zero | tr '\\0' x; echo yes > {}", done.display());
    let spec = LaunchSpec {
        files: SupervisorFiles::of(&disk.join("log.jsonl"), 1),
        argv: ["sh", "-c", &prints].map(str::to_owned).into(),
        cwd: None,
        env: BTreeMap::new(),
        deadline_ms: 20_000,
        grace_ms: 1000,
        needles: Vec::new(),
    };
    let file = dir.path().join("spec");
    std::fs::write(&file, serde_json::to_vec(&spec).unwrap()).unwrap();
    let mut command = Command::new("unshare");
    command.args(["-r", "-m", "sh", "-c", FULL, "sh"]).arg(&disk).arg(GONOGO).arg(&file).arg(&saved);
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(done.exists(), "it ran to its end");
    let end: Value = serde_json::from_slice(&std::fs::read(saved.join("action-1.end")).unwrap()).unwrap();
    assert_eq!(end["exit"], serde_json::json!({"code": 0}));
    assert!(end["lost"].as_str().unwrap().contains("No space left"), "{end}");
    let output = std::fs::read(saved.join("action-1.out")).unwrap();
    let digest = Sha256::digest(&output).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!((&end["bytes"], &end["sha256"]), (&output.len().into(), &digest.into()));
}

#[test]
fn an_action_that_ended_meanwhile_is_recorded_and_not_run_again() {
    need!("ssh-keygen");
    let (mut scenario, terminal) = counting();
    signal(terminal.pid(), "KILL");
    drop(terminal);
    scenario.let_steps_end();
    let end = scenario.log().with_extension("jsonl.d").join("action-2.end");
    wait::until("its end record", || end.exists().then_some(()));
    let mut terminal = scenario.open();
    let ended = scenario.wait_for("action-finished", 1);
    assert_complete(&scenario.output(&ended[0]));
    select_deploy_point(&mut terminal, 0);
    terminal.wait_for_text("exit code 0");
    assert_eq!(scenario.ran(), ["build"]);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    // A changed output does not match the digest in the log.
    let output = scenario.log().with_file_name(ended[0]["output"]["file"].as_str().unwrap());
    let changed = std::fs::read_to_string(&output).unwrap().replace("line 1\n", "line I\n");
    std::fs::write(&output, changed).unwrap();
    let _ =
        scenario.verify().code(5).stdout_has("was changed: its content does not match the digest in the log");
}

#[test]
fn after_a_kill_of_the_supervisor_the_outcome_is_unknown_until_confirmed() {
    need!("ssh-keygen");
    let (mut scenario, terminal) = counting();
    let marker = scenario.log().with_extension("jsonl.marks").join("action-2.begun");
    let marker: Value = serde_json::from_slice(&std::fs::read(marker).unwrap()).unwrap();
    let pid = u32::try_from(marker["supervisor"].as_i64().unwrap()).unwrap();
    signal(pid, "KILL");
    scenario.let_steps_end();
    let mut terminal = terminal;
    terminal.wait_for_text("interrupted, outcome unknown");
    terminal.wait_for_text("did not succeed");
    terminal.press(Key::Esc).wait_gone("did not succeed").wait_for_text("needs confirmation");
    // No probe checks the build, so the operator confirms the point; then the next step can run.
    terminal.send(" ").wait_for_text("y confirm");
    terminal.answer("y").wait_for_text("confirmed deploy.ship");
    run_successfully(&mut terminal, "deploy.ship/push");
    terminal.wait_for_text("CONFIRMED");
    assert_eq!(scenario.ran(), ["build", "push"]);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    let _ = scenario.verify().code(5).stdout_has("open: valid");
}

#[test]
fn an_action_without_files_is_interrupted_and_without_marker_not_started() {
    need!("ssh-keygen");
    let (mut scenario, terminal) = counting();
    signal(terminal.pid(), "KILL");
    drop(terminal);
    scenario.let_steps_end();
    let attachments = scenario.log().with_extension("jsonl.d");
    wait::until("its end", || attachments.join("action-2.end").exists().then_some(()));
    // As if the log was restored without its attachments.
    let marks = scenario.log().with_extension("jsonl.marks");
    std::fs::remove_dir_all(&attachments).unwrap();
    std::fs::rename(&marks, marks.with_extension("away")).unwrap();
    let mut terminal = scenario.open();
    terminal.wait_for_text("interrupted, outcome unknown");
    let ended = scenario.wait_for("action-finished", 1);
    assert!(ended[0]["exit"]["unknown"].is_string(), "{ended:?}");
    terminal.wait_for_text("did not succeed").press(Key::Esc).wait_gone("did not succeed");
    select_deploy_point(&mut terminal, 0);
    run_action(&mut terminal, "deploy.ship/build");
    let started = scenario.wait_for("action-started", 2)[1]["seq"].as_u64().unwrap();
    scenario.wait_for("action-finished", 2);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    // As after a crash between the entry and the start marker.
    std::fs::write(scenario.log().with_extension("holder"), "{}").unwrap();
    let log = std::fs::read_to_string(scenario.log()).unwrap();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    std::fs::write(scenario.log(), lines[..=usize::try_from(started).unwrap()].concat()).unwrap();
    std::fs::remove_dir_all(scenario.sandbox.state().join("gonogo/heads")).unwrap();
    std::fs::remove_dir_all(&attachments).unwrap();
    std::fs::remove_file(marks.join(format!("action-{started}.begun"))).unwrap();
    let mut terminal = scenario.open();
    terminal.wait_for_text("Continue this run?").answer("y").press(Key::Enter).wait_for_text("did not start");
    let ended = scenario.wait_for("action-finished", 2);
    assert!(ended[1]["exit"]["not-started"].is_string(), "{ended:?}");
    // A late supervisor finds the marker, and does not start the action.
    assert!(marks.join(format!("action-{started}.begun")).exists());
    terminal.close_notices();
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    let _ = scenario.verify().code(5).stdout_has("open: valid");
}

/// A missing output file is not an empty one.
#[test]
fn a_lost_output_is_not_shown_as_empty() {
    need!("ssh-keygen");
    let mut scenario = Scenario::new();
    let mut terminal = scenario.open();
    terminal.wait_for_text("1/4");
    select_deploy_point(&mut terminal, 0);
    run_successfully(&mut terminal, "deploy.ship/build");
    let ended = scenario.wait_for("action-finished", 1);
    let output = ended[0]["output"]["file"].as_str().unwrap().to_owned();
    std::fs::remove_file(scenario.log().with_file_name(&output)).unwrap();
    terminal.send("o").wait_for_text("cannot be read").wait_for_text(&output[output.len() - 12..]);
    assert!(!terminal.screen_text().contains("S stop it"), "{}", terminal.screen_text());
    terminal.press(Key::Esc).wait_gone("cannot be read").send("q");
    let _ = terminal.wait_exit().code(5);
}

/// The end is in the attachments, and no gonogo has logged it yet.
#[test]
fn a_run_whose_action_has_ended_meanwhile_can_be_abandoned() {
    need!("ssh-keygen");
    let (scenario, terminal) = counting();
    signal(terminal.pid(), "KILL");
    drop(terminal);
    let log = scenario.log().display().to_string();
    let key = scenario.key.path.display().to_string();
    let abandon = ["abandon", &log, "--as", super::scenario::ANN, "--key", &key, "--reason", "gone"];
    let _ = scenario.sandbox.run_with(&abandon).code(2).stderr_has("deploy.ship/build is running");
    scenario.let_steps_end();
    let attachments = scenario.log().with_extension("jsonl.d");
    wait::until("its end", || attachments.join("action-2.end").exists().then_some(()));
    let _ = scenario.sandbox.run_with(&abandon).code(0).stdout_has("abandoned");
    assert_eq!(scenario.of_kind("action-finished")[0]["exit"], serde_json::json!({"code": 0}));
}
