//! Actions whose files are missing, unreadable or old. "Not started" is recorded only if that is certain, and no action
//! stays "running" for ever.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use gonogo::engine::supervisor::{LaunchSpec, SupervisorFiles};
use gonogo_core::files::directory::make_path;
use gonogo_core::journal::entry::ActionExit;
use gonogo_core::journal::marks;
use gonogo_core::run::{Act, Command, Request, Response};
use serde_json::Value;

use super::engine::{ANN, EngineScenario, RunningEngine};
use crate::support::gonogo::{Sandbox, signal};
use crate::support::need;
use crate::support::wait;

/// A run that was quit after its action started; the action has ended since. With the position of its start.
async fn quit_and_finished() -> (EngineScenario, u64) {
    let mut scenario = EngineScenario::new("echo done");
    let mut running = scenario.start();
    running.run_action(7, 1).await;
    let (7, Response::Done(started)) = running.answer().await else { panic!("it does not start") };
    running.engine.abort();
    let _ = running.engine.await;
    let end = scenario.attachment(started, "end");
    wait::until("its end", || end.exists().then_some(()));
    // The engine may have logged the end before it was aborted.
    let text = fs::read_to_string(&scenario.log).unwrap();
    let without_end: String =
        text.split_inclusive('\n').filter(|line| !line.contains("action-finished")).collect();
    fs::write(&scenario.log, without_end).unwrap();
    remove_heads(&scenario);
    (scenario, started)
}

/// As on a host that has not seen this log before.
fn remove_heads(scenario: &EngineScenario) {
    let _ = fs::remove_dir_all(scenario.home.path().join("state/heads"));
}

/// Resumes the run; returns how its action ended.
async fn exit(scenario: &mut EngineScenario) -> ActionExit {
    let running = scenario.start();
    exit_in(scenario, running).await
}

async fn exit_in(scenario: &EngineScenario, mut running: RunningEngine) -> ActionExit {
    running.until_ended().await;
    running.stop().await;
    scenario.exit().unwrap()
}

#[track_caller]
fn assert_interrupted(exit: &ActionExit, reason: &str) {
    let ActionExit::Unknown(why) = exit else { panic!("{exit:?}") };
    assert!(why.contains(reason), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_start_marker_means_not_started_in_the_same_state_directory() {
    need!("ssh-keygen");
    let (mut scenario, started) = quit_and_finished().await;
    // As after a crash between the entry and the marker.
    fs::remove_dir_all(scenario.log.with_extension("jsonl.d")).unwrap();
    fs::remove_file(scenario.marker(started, "begun")).unwrap();
    let exit = exit(&mut scenario).await;
    assert!(
        matches!(&exit, ActionExit::NotStarted(why) if why.contains("was stopped before it started it")),
        "{exit:?}"
    );
    // A late supervisor finds the marker, and does not start the action.
    assert!(scenario.marker(started, "begun").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_start_marker_means_nothing_in_another_state_directory() {
    need!("ssh-keygen");
    let (mut scenario, started) = quit_and_finished().await;
    fs::remove_dir_all(scenario.log.with_extension("jsonl.d")).unwrap();
    fs::remove_file(scenario.marker(started, "begun")).unwrap();
    let running = scenario.start_in("other");
    assert_interrupted(&exit_in(&scenario, running).await, "whether it began cannot be known here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_without_its_attachments_is_recorded_as_interrupted() {
    need!("ssh-keygen");
    let (mut scenario, _) = quit_and_finished().await;
    fs::remove_dir_all(scenario.log.with_extension("jsonl.d")).unwrap();
    assert_interrupted(&exit(&mut scenario).await, "there is no record of its end");

    let (mut scenario, _) = quit_and_finished().await;
    fs::remove_dir_all(scenario.log.with_extension("jsonl.d")).unwrap();
    fs::remove_dir_all(marks::directory(&scenario.log)).unwrap();
    assert_interrupted(&exit(&mut scenario).await, "whether it began cannot be known here");
    // The next start has its markers again.
    let mut running = scenario.start();
    running.run_action(8, 2).await;
    let (8, Response::Done(started)) = running.answer().await else { panic!("it does not start") };
    running.until_ended().await;
    running.stop().await;
    assert_eq!(scenario.exit(), Some(ActionExit::Code(0)));
    assert!(scenario.marker(started, "begun").exists() && scenario.marker(started, "planned").exists());
}

/// An older copy of the markers has none for the newest actions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn start_markers_of_an_older_copy_do_not_mean_not_started() {
    need!("ssh-keygen");
    let (mut scenario, started) = quit_and_finished().await;
    fs::remove_dir_all(scenario.log.with_extension("jsonl.d")).unwrap();
    for kind in ["planned", "begun"] {
        fs::remove_file(scenario.marker(started, kind)).unwrap();
    }
    assert_interrupted(&exit(&mut scenario).await, "whether it began cannot be known here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unreadable_record_ends_the_action_as_interrupted() {
    need!("ssh-keygen");
    for (file, text) in
        [("end", "{\"exit\":{\"code\":0},\"cause\":\"moonlight\"}"), ("end", ""), ("begun", "x")]
    {
        let (mut scenario, started) = quit_and_finished().await;
        if file == "end" {
            fs::write(scenario.attachment(started, "end"), text).unwrap();
        } else {
            fs::remove_file(scenario.attachment(started, "end")).unwrap();
            fs::write(scenario.marker(started, "begun"), text).unwrap();
        }
        let exit = exit(&mut scenario).await;
        assert_interrupted(&exit, "its state cannot be read");
        assert_interrupted(&exit, &format!("action-{started}.{file}"));
    }
}

/// Its output is lost; its exit is known all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_whose_output_is_lost_keeps_the_exit_of_its_supervisor() {
    need!("ssh-keygen");
    let (mut scenario, started) = quit_and_finished().await;
    fs::remove_file(scenario.attachment(started, "out")).unwrap();
    assert_eq!(exit(&mut scenario).await, ActionExit::Code(0));
    let state = scenario.state();
    let finished = state.action(&super::engine::action()).unwrap().latest.as_ref().unwrap().end.clone();
    let output = finished.unwrap().output.unwrap();
    assert!(output.bytes == 5 && output.tail.contains("cannot read it"), "{output:?}");
}

/// Its files are removed while it runs. It can still be stopped, and is recorded as interrupted then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_that_loses_its_files_is_interrupted_when_its_supervisor_ends() {
    need!("ssh-keygen");
    let mut scenario = EngineScenario::new("exec sleep 1000");
    let mut running = scenario.start();
    running.run_action(7, 1).await;
    let (7, Response::Done(started)) = running.answer().await else { panic!("it does not start") };
    wait::until("its run", || (scenario.ran() == 1).then_some(()));
    let marker: Value =
        serde_json::from_slice(&fs::read(scenario.marker(started, "begun")).unwrap()).unwrap();
    let supervisor = u32::try_from(marker["supervisor"].as_u64().unwrap()).unwrap();
    fs::remove_dir_all(scenario.log.with_extension("jsonl.d")).unwrap();
    fs::remove_dir_all(marks::directory(&scenario.log)).unwrap();
    signal(supervisor, "TERM");
    running.until_ended().await;
    running.stop().await;
    assert_interrupted(&scenario.exit().unwrap(), "its files next to the log are gone");
}

/// Opening is retried for a limited time, with a warning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_opened_are_reported_and_then_given_up() {
    need!("ssh-keygen");
    let (mut scenario, started) = quit_and_finished().await;
    fs::remove_file(scenario.attachment(started, "end")).unwrap();
    let marker = scenario.marker(started, "begun");
    fs::remove_file(&marker).unwrap();
    symlink(&marker, &marker).unwrap();
    let mut running = scenario.start();
    let warning = running.update().await;
    let gonogo_core::run::Update::Warning(warning) = warning else { panic!("{warning:?}") };
    assert!(warning.contains("s.a/go cannot be monitored") && warning.contains("action-"), "{warning}");
    assert_interrupted(&exit_in(&scenario, running).await, "it can no longer be monitored");
}

/// A FIFO in the place of a record does not block.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_regular_file_is_read_as_a_record() {
    need!("ssh-keygen", "mkfifo");
    let (mut scenario, started) = quit_and_finished().await;
    let end = scenario.attachment(started, "end");
    fs::remove_file(&end).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&end).status().unwrap().success());
    assert_interrupted(&exit(&mut scenario).await, "expected a regular file");
}

/// Whether this process has read some of a file, and has it open.
fn is_read(path: &Path) -> bool {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let mut own = open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == path));
    own.any(|entry| {
        let info = Path::new("/proc/self/fdinfo").join(entry.file_name());
        let info = fs::read_to_string(info).unwrap_or_default();
        info.lines().any(|line| line.strip_prefix("pos:").is_some_and(|at| at.trim() != "0"))
    })
}

/// A file that is truncated when this is dropped, so that its reader ends even if the test fails.
struct TruncatedOnDrop(fs::File);

impl Drop for TruncatedOnDrop {
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
    }
}

/// Requests do not wait for the reader of a long output.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_engine_answers_while_a_long_output_is_read() {
    need!("ssh-keygen");
    let (mut scenario, started) = quit_and_finished().await;
    fs::remove_file(scenario.attachment(started, "end")).unwrap();
    let out = fs::File::options().write(true).open(scenario.attachment(started, "out")).unwrap();
    out.set_len(1 << 40).unwrap();
    let out = TruncatedOnDrop(out);
    let mut running = scenario.start();
    let path = scenario.attachment(started, "out");
    wait::until("its digest", || is_read(&path).then_some(()));
    running.send(8, Request::RunProbes("none".into())).await;
    assert_eq!(running.answer().await.0, 8);
    let note = Act::Note { point: None, text: "n".into() };
    running.send(9, Request::Act(Box::new(Command::new(ANN, note)))).await;
    assert!(matches!(running.answer().await, (9, Response::Done(_))));
    assert!(scenario.state().running_action().is_some(), "it is still being read");
    // The reader reaches the end of the file.
    drop(out);
    assert_interrupted(&exit_in(&scenario, running).await, "there is no record of its end");
}

/// A second launch for the same entry does not touch the files of the first one.
#[test]
fn a_second_launch_of_the_same_action_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    make_path(&marks::directory(&log)).unwrap();
    let spec = LaunchSpec {
        files: SupervisorFiles::of(&log, 1),
        argv: ["echo", "once"].map(str::to_owned).into(),
        cwd: None,
        env: std::collections::BTreeMap::new(),
        deadline_ms: 20_000,
        grace_ms: 1000,
        needles: Vec::new(),
    };
    let supervise = || {
        let sandbox = Sandbox::new().args(["supervise"]).stdin(&serde_json::to_string(&spec).unwrap());
        sandbox.run()
    };
    let _ = supervise().code(0).stdout_has("begun");
    let attachments = home.path().join("log.jsonl.d");
    let read = || {
        ["out", "end"].map(|kind| fs::read_to_string(attachments.join(format!("action-1.{kind}"))).unwrap())
    };
    let first = read();
    assert_eq!(first[0], "once\n");
    let _ = supervise().code(2).stderr_has("it was already started or given up").lacks("begun\n");
    assert_eq!(read(), first);
    assert_eq!(fs::read_dir(&attachments).unwrap().count(), 2, "the second launch left a file");
    // A launch after `prevent_start` leaves no file either.
    let prevented = SupervisorFiles::of(&log, 2);
    assert!(prevented.prevent_start().unwrap() && prevented.prevent_start().unwrap());
    let prevented = LaunchSpec { files: prevented, ..spec };
    let sandbox = Sandbox::new().args(["supervise"]).stdin(&serde_json::to_string(&prevented).unwrap());
    let _ = sandbox.run().code(2).stderr_has("or given up");
    assert_eq!(fs::read_dir(&attachments).unwrap().count(), 2);
    // Without the directory of markers nothing starts.
    fs::remove_dir_all(marks::directory(&log)).unwrap();
    let sandbox = Sandbox::new().args(["supervise"]).stdin(&serde_json::to_string(&prevented).unwrap());
    let _ = sandbox.run().code(2).stderr_has("its start marker");
    assert_eq!(fs::read_dir(&attachments).unwrap().count(), 2);
}
