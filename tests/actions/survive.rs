//! What runs outlives the screen that it was begun from.

use std::collections::BTreeMap;
use std::process::Command;

use gonogo::engine::supervisor::{LaunchSpec, SupervisorFiles};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::scene::{COUNTS, Scene, assert_whole, deploy, run, run_well};
use crate::bench::gonogo::{GONOGO, signal};
use crate::bench::need;
use crate::bench::terminal::{Key, Terminal};
use crate::bench::wait;

/// A run whose build counts.
fn counting() -> (Scene, Terminal) {
    let mut scene = Scene::new();
    scene.script("build", COUNTS);
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run(&mut terminal, "deploy.ship/build");
    terminal.wait_for_text("line 3");
    (scene, terminal)
}

/// Resumes, sees it run, lets it end, and holds its output to be whole.
#[track_caller]
fn goes_on(mut scene: Scene) {
    let mut terminal = scene.open();
    terminal.wait_for_text("running");
    deploy(&mut terminal, 0);
    terminal.wait_for_text("line ");
    scene.go();
    terminal.wait_for_text("exit code 0");
    let ended = scene.wait_for("action-finished", 1);
    assert_eq!(ended[0]["exit"], serde_json::json!({"code": 0}));
    assert_whole(&scene.output(&ended[0]));
    assert_eq!(scene.ran(), ["build"]);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    let _ = scene.verify().code(5).stdout_has("open: valid");
}

#[test]
fn of_gonogo_killed() {
    need!("ssh-keygen");
    let (scene, terminal) = counting();
    signal(terminal.pid(), "KILL");
    drop(terminal);
    goes_on(scene);
}

#[test]
fn of_a_terminal_that_is_closed() {
    need!("ssh-keygen");
    let (scene, terminal) = counting();
    // Closes the pseudo-terminal under it.
    drop(terminal);
    goes_on(scene);
}

#[test]
fn of_a_hangup() {
    need!("ssh-keygen");
    let (scene, terminal) = counting();
    signal(terminal.pid(), "HUP");
    let _ = terminal.wait_exit().code(130);
    goes_on(scene);
}

/// Mounts a disk of 64 KiB where the files of an action go, runs it, and brings out what was put down.
const FULL: &str = r#"mount -t tmpfs -o size=64k,mode=700 none "$1" || exit 99
mkdir -m 700 "$1"/log.jsonl.marks || exit 99
"$2" supervise < "$3"; code=$?; cp "$1"/log.jsonl.d/action-1.* "$4"; exit $code"#;

#[test]
fn a_full_disk_does_not_stop_it_and_what_is_not_kept_is_told() {
    need!("unshare");
    let dir = tempfile::tempdir().unwrap();
    let (disk, told) = (dir.path().join("disk"), dir.path().join("told"));
    std::fs::create_dir_all(&disk).unwrap();
    std::fs::create_dir_all(&told).unwrap();
    let done = dir.path().join("done");
    let prints = format!("head -c 1000000 /dev/zero | tr '\\0' x; echo yes > {}", done.display());
    let order = LaunchSpec {
        files: SupervisorFiles::of(&disk.join("log.jsonl"), 1),
        argv: ["sh", "-c", &prints].map(str::to_owned).into(),
        cwd: None,
        env: BTreeMap::new(),
        deadline_ms: 20_000,
        grace_ms: 1000,
        needles: Vec::new(),
    };
    let file = dir.path().join("order");
    std::fs::write(&file, serde_json::to_vec(&order).unwrap()).unwrap();
    let mut command = Command::new("unshare");
    command.args(["-r", "-m", "sh", "-c", FULL, "sh"]).arg(&disk).arg(GONOGO).arg(&file).arg(&told);
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(done.exists(), "it ran to its end");
    let end: Value = serde_json::from_slice(&std::fs::read(told.join("action-1.end")).unwrap()).unwrap();
    assert_eq!(end["exit"], serde_json::json!({"code": 0}));
    assert!(end["lost"].as_str().unwrap().contains("No space left"), "{end}");
    let kept = std::fs::read(told.join("action-1.out")).unwrap();
    let digest = Sha256::digest(&kept).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!((&end["bytes"], &end["sha256"]), (&kept.len().into(), &digest.into()));
}

#[test]
fn what_ended_meanwhile_is_taken_in_and_not_run_again() {
    need!("ssh-keygen");
    let (mut scene, terminal) = counting();
    signal(terminal.pid(), "KILL");
    drop(terminal);
    scene.go();
    let end = scene.log().with_extension("jsonl.d").join("action-2.end");
    wait::until("the supervisor's word", || end.exists().then_some(()));
    let mut terminal = scene.open();
    let ended = scene.wait_for("action-finished", 1);
    assert_whole(&scene.output(&ended[0]));
    deploy(&mut terminal, 0);
    terminal.wait_for_text("exit code 0");
    assert_eq!(scene.ran(), ["build"]);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    // What it printed is held to the digest in the log.
    let kept = scene.log().with_file_name(ended[0]["output"]["file"].as_str().unwrap());
    let changed = std::fs::read_to_string(&kept).unwrap().replace("line 1\n", "line I\n");
    std::fs::write(&kept, changed).unwrap();
    let _ =
        scene.verify().code(5).stdout_has("was changed: its content does not match the digest in the log");
}

#[test]
fn where_the_supervisor_is_killed_nobody_knows_and_a_person_says() {
    need!("ssh-keygen");
    let (mut scene, terminal) = counting();
    let begun = scene.log().with_extension("jsonl.marks").join("action-2.begun");
    let begun: Value = serde_json::from_slice(&std::fs::read(begun).unwrap()).unwrap();
    let pid = u32::try_from(begun["supervisor"].as_i64().unwrap()).unwrap();
    signal(pid, "KILL");
    scene.go();
    let mut terminal = terminal;
    terminal.wait_for_text("interrupted, outcome unknown");
    terminal.wait_for_text("did not succeed");
    terminal.press(Key::Esc).wait_gone("did not succeed").wait_for_text("needs confirmation");
    // Its point has no probe of the build: a person looks, and says so; then the next step can come.
    terminal.send(" ").wait_for_text("y confirm");
    terminal.send("y").wait_for_text("confirmed deploy.ship");
    run_well(&mut terminal, "deploy.ship/push");
    terminal.wait_for_text("CONFIRMED");
    assert_eq!(scene.ran(), ["build", "push"]);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    let _ = scene.verify().code(5).stdout_has("open: valid");
}

#[test]
fn what_lost_its_files_is_interrupted_and_what_has_no_mark_never_began() {
    need!("ssh-keygen");
    let (mut scene, terminal) = counting();
    signal(terminal.pid(), "KILL");
    drop(terminal);
    scene.go();
    let beside = scene.log().with_extension("jsonl.d");
    wait::until("its end", || beside.join("action-2.end").exists().then_some(()));
    // As where the log was restored without what stood beside it.
    let marks = scene.log().with_extension("jsonl.marks");
    std::fs::remove_dir_all(&beside).unwrap();
    std::fs::rename(&marks, marks.with_extension("away")).unwrap();
    let mut terminal = scene.open();
    terminal.wait_for_text("interrupted, outcome unknown");
    let ended = scene.wait_for("action-finished", 1);
    assert!(ended[0]["exit"]["unknown"].is_string(), "{ended:?}");
    terminal.wait_for_text("did not succeed").press(Key::Esc).wait_gone("did not succeed");
    deploy(&mut terminal, 0);
    run(&mut terminal, "deploy.ship/build");
    let started = scene.wait_for("action-started", 2)[1]["seq"].as_u64().unwrap();
    scene.wait_for("action-finished", 2);
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    // As after a crash between the entry and the mark of the supervisor, which leaves it told who held the log.
    std::fs::write(scene.log().with_extension("holder"), "{}").unwrap();
    let log = std::fs::read_to_string(scene.log()).unwrap();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    std::fs::write(scene.log(), lines[..=usize::try_from(started).unwrap()].concat()).unwrap();
    std::fs::remove_dir_all(scene.sandbox.state().join("gonogo/heads")).unwrap();
    std::fs::remove_dir_all(&beside).unwrap();
    std::fs::remove_file(marks.join(format!("action-{started}.begun"))).unwrap();
    let mut terminal = scene.open();
    terminal.wait_for_text("Continue this run?").send("y").press(Key::Enter).wait_for_text("did not start");
    let ended = scene.wait_for("action-finished", 2);
    assert!(ended[1]["exit"]["not-started"].is_string(), "{ended:?}");
    // A supervisor that comes late finds that it was given up.
    assert!(marks.join(format!("action-{started}.begun")).exists());
    terminal.wait_for_text("before you continue").press(Key::Enter).wait_gone("before you continue");
    terminal.send("q");
    let _ = terminal.wait_exit().code(5);
    let _ = scene.verify().code(5).stdout_has("open: valid");
}

/// What it printed is gone: that is not the same as nothing.
#[test]
fn of_an_output_that_is_lost_it_is_not_said_that_there_was_none() {
    need!("ssh-keygen");
    let mut scene = Scene::new();
    let mut terminal = scene.open();
    terminal.wait_for_text("1/4");
    deploy(&mut terminal, 0);
    run_well(&mut terminal, "deploy.ship/build");
    let ended = scene.wait_for("action-finished", 1);
    let kept = ended[0]["output"]["file"].as_str().unwrap().to_owned();
    std::fs::remove_file(scene.log().with_file_name(&kept)).unwrap();
    terminal.send("o").wait_for_text("cannot be read").wait_for_text(&kept[kept.len() - 12..]);
    assert!(!terminal.screen_text().contains("S stop it"), "{}", terminal.screen_text());
    terminal.press(Key::Esc).wait_gone("cannot be read").send("q");
    let _ = terminal.wait_exit().code(5);
}

/// Its end stands beside the log, and nobody has put it there since.
#[test]
fn a_run_is_abandoned_whose_action_has_ended_meanwhile() {
    need!("ssh-keygen");
    let (scene, terminal) = counting();
    signal(terminal.pid(), "KILL");
    drop(terminal);
    let log = scene.log().display().to_string();
    let key = scene.key.path.display().to_string();
    let abandon = ["abandon", &log, "--as", super::scene::ANN, "--key", &key, "--reason", "gone"];
    let _ = scene.sandbox.run_with(&abandon).code(2).stderr_has("deploy.ship/build is running");
    scene.go();
    let beside = scene.log().with_extension("jsonl.d");
    wait::until("its end", || beside.join("action-2.end").exists().then_some(()));
    let _ = scene.sandbox.run_with(&abandon).code(0).stdout_has("abandoned");
    assert_eq!(scene.of_kind("action-finished")[0]["exit"], serde_json::json!({"code": 0}));
}
