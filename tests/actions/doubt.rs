//! What is said of an action whose files are not as they should be: that it never began only where that is certain, and
//! never for ever that it runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use gonogo::engine::supervisor::{LaunchSpec, SupervisorFiles};
use gonogo_core::files::directory::make_path;
use gonogo_core::journal::entry::ActionExit;
use gonogo_core::journal::marks;
use gonogo_core::run::{Act, Command, Request, Response};
use serde_json::Value;

use super::engine::{ANN, Running, World};
use crate::bench::gonogo::{Sandbox, signal};
use crate::bench::need;
use crate::bench::wait;

/// A run that was left after its action began, which has ended since. The position of its begin.
async fn left_behind() -> (World, u64) {
    let mut world = World::new("echo done");
    let mut running = world.start();
    running.run(7, 1).await;
    let (7, Response::Done(started)) = running.answer().await else { panic!("it does not begin") };
    running.engine.abort();
    let _ = running.engine.await;
    let end = world.attachment(started, "end");
    wait::until("its end", || end.exists().then_some(()));
    // The engine may have put it on record before it was left.
    let text = fs::read_to_string(&world.log).unwrap();
    let kept: String = text.split_inclusive('\n').filter(|line| !line.contains("action-finished")).collect();
    fs::write(&world.log, kept).unwrap();
    forget_head(&world);
    (world, started)
}

/// As on a host that does not remember what it saw last.
fn forget_head(world: &World) {
    let _ = fs::remove_dir_all(world.home.path().join("state/heads"));
}

/// Goes on with the run, and gives how its action ended.
async fn ended(world: &mut World) -> ActionExit {
    let running = world.start();
    ended_in(world, running).await
}

async fn ended_in(world: &World, mut running: Running) -> ActionExit {
    running.until_ended().await;
    running.stop().await;
    world.ended().unwrap()
}

#[track_caller]
fn assert_interrupted(ended: &ActionExit, because: &str) {
    let ActionExit::Unknown(why) = ended else { panic!("{ended:?}") };
    assert!(why.contains(because), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_that_is_missing_means_never_begun_to_who_wrote_the_entry() {
    need!("ssh-keygen");
    let (mut world, started) = left_behind().await;
    // As after a crash between the entry and the mark.
    fs::remove_dir_all(world.log.with_extension("jsonl.d")).unwrap();
    fs::remove_file(world.mark(started, "begun")).unwrap();
    let ended = ended(&mut world).await;
    assert!(
        matches!(&ended, ActionExit::NotStarted(why) if why.contains("was stopped before it started it")),
        "{ended:?}"
    );
    // A supervisor that comes late finds that it was given up.
    assert!(world.mark(started, "begun").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_another_state_directory_it_means_nothing() {
    need!("ssh-keygen");
    let (mut world, started) = left_behind().await;
    fs::remove_dir_all(world.log.with_extension("jsonl.d")).unwrap();
    fs::remove_file(world.mark(started, "begun")).unwrap();
    let running = world.start_in("other");
    assert_interrupted(&ended_in(&world, running).await, "whether it began cannot be known here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_what_stood_beside_the_log_is_lost_it_is_interrupted() {
    need!("ssh-keygen");
    let (mut world, _) = left_behind().await;
    fs::remove_dir_all(world.log.with_extension("jsonl.d")).unwrap();
    assert_interrupted(&ended(&mut world).await, "there is no record of its end");

    let (mut world, _) = left_behind().await;
    fs::remove_dir_all(world.log.with_extension("jsonl.d")).unwrap();
    fs::remove_dir_all(marks::directory(&world.log)).unwrap();
    assert_interrupted(&ended(&mut world).await, "whether it began cannot be known here");
    // The next one is marked again.
    let mut running = world.start();
    running.run(8, 2).await;
    let (8, Response::Done(started)) = running.answer().await else { panic!("it does not begin") };
    running.until_ended().await;
    running.stop().await;
    assert_eq!(world.ended(), Some(ActionExit::Code(0)));
    assert!(world.mark(started, "begun").exists() && world.mark(started, "planned").exists());
}

/// An older copy of the marks knows nothing of the newest actions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marks_of_an_older_copy_do_not_say_that_it_never_began() {
    need!("ssh-keygen");
    let (mut world, started) = left_behind().await;
    fs::remove_dir_all(world.log.with_extension("jsonl.d")).unwrap();
    for kind in ["planned", "begun"] {
        fs::remove_file(world.mark(started, kind)).unwrap();
    }
    assert_interrupted(&ended(&mut world).await, "whether it began cannot be known here");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_cannot_be_read_ends_as_interrupted() {
    need!("ssh-keygen");
    for (file, text) in
        [("end", "{\"exit\":{\"code\":0},\"cause\":\"moonlight\"}"), ("end", ""), ("begun", "x")]
    {
        let (mut world, started) = left_behind().await;
        if file == "end" {
            fs::write(world.attachment(started, "end"), text).unwrap();
        } else {
            fs::remove_file(world.attachment(started, "end")).unwrap();
            fs::write(world.mark(started, "begun"), text).unwrap();
        }
        let ended = ended(&mut world).await;
        assert_interrupted(&ended, "its state cannot be read");
        assert_interrupted(&ended, &format!("action-{started}.{file}"));
    }
}

/// What it printed may be lost; how it ended is known all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_output_it_has_ended_as_its_supervisor_says() {
    need!("ssh-keygen");
    let (mut world, started) = left_behind().await;
    fs::remove_file(world.attachment(started, "out")).unwrap();
    assert_eq!(ended(&mut world).await, ActionExit::Code(0));
    let state = world.state();
    let finished = state.action(&super::engine::action()).unwrap().latest.as_ref().unwrap().end.clone();
    let output = finished.unwrap().output.unwrap();
    assert!(output.bytes == 5 && output.tail.contains("cannot read it"), "{output:?}");
}

/// While it runs and gonogo watches, its files go: it can still be stopped, and is interrupted then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_loses_its_files_at_work_is_interrupted_when_its_supervisor_ends() {
    need!("ssh-keygen");
    let mut world = World::new("exec sleep 1000");
    let mut running = world.start();
    running.run(7, 1).await;
    let (7, Response::Done(started)) = running.answer().await else { panic!("it does not begin") };
    wait::until("its run", || (world.ran() == 1).then_some(()));
    let begun: Value = serde_json::from_slice(&fs::read(world.mark(started, "begun")).unwrap()).unwrap();
    let supervisor = u32::try_from(begun["supervisor"].as_u64().unwrap()).unwrap();
    fs::remove_dir_all(world.log.with_extension("jsonl.d")).unwrap();
    fs::remove_dir_all(marks::directory(&world.log)).unwrap();
    signal(supervisor, "TERM");
    running.until_ended().await;
    running.stop().await;
    assert_interrupted(&world.ended().unwrap(), "its files next to the log are gone");
}

/// Files that cannot be opened are tried again; that is told, and it does not last for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_opened_are_told_and_given_up() {
    need!("ssh-keygen");
    let (mut world, started) = left_behind().await;
    fs::remove_file(world.attachment(started, "end")).unwrap();
    let mark = world.mark(started, "begun");
    fs::remove_file(&mark).unwrap();
    symlink(&mark, &mark).unwrap();
    let mut running = world.start();
    let told = running.update().await;
    let gonogo_core::run::Update::Warning(told) = told else { panic!("{told:?}") };
    assert!(told.contains("s.a/go cannot be monitored") && told.contains("action-"), "{told}");
    assert_interrupted(&ended_in(&world, running).await, "it can no longer be monitored");
}

/// A pipe in the place of a record is not waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_regular_file_is_a_record() {
    need!("ssh-keygen", "mkfifo");
    let (mut world, started) = left_behind().await;
    let end = world.attachment(started, "end");
    fs::remove_file(&end).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&end).status().unwrap().success());
    assert_interrupted(&ended(&mut world).await, "expected a regular file");
}

/// Whether this process has read some of a file, and has it open.
fn is_read(path: &Path) -> bool {
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let mut own = open.filter(|entry| fs::read_link(entry.path()).is_ok_and(|to| to == path));
    own.any(|entry| {
        let about = Path::new("/proc/self/fdinfo").join(entry.file_name());
        let about = fs::read_to_string(about).unwrap_or_default();
        about.lines().any(|line| line.strip_prefix("pos:").is_some_and(|at| at.trim() != "0"))
    })
}

/// A file that ends at once when this is dropped: who reads it is not waited for, when a test fails either.
struct Ends(fs::File);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.set_len(0);
    }
}

/// However long an output is, reading it keeps nothing else waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn while_a_long_output_is_read_the_engine_goes_on() {
    need!("ssh-keygen");
    let (mut world, started) = left_behind().await;
    fs::remove_file(world.attachment(started, "end")).unwrap();
    let out = fs::File::options().write(true).open(world.attachment(started, "out")).unwrap();
    out.set_len(1 << 40).unwrap();
    let out = Ends(out);
    let mut running = world.start();
    let path = world.attachment(started, "out");
    wait::until("its digest", || is_read(&path).then_some(()));
    running.ask(8, Request::RunProbes("none".into())).await;
    assert_eq!(running.answer().await.0, 8);
    let note = Act::Note { point: None, text: "n".into() };
    running.ask(9, Request::Act(Box::new(Command::new(ANN, note)))).await;
    assert!(matches!(running.answer().await, (9, Response::Done(_))));
    assert!(world.state().running_action().is_some(), "it is still being read");
    // What is read ends here.
    drop(out);
    assert_interrupted(&ended_in(&world, running).await, "there is no record of its end");
}

/// A second order for the same entry touches nothing of what the first one has written.
#[test]
fn what_has_begun_is_not_touched_by_a_second_order() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("log.jsonl");
    make_path(&marks::directory(&log)).unwrap();
    let order = LaunchSpec {
        files: SupervisorFiles::of(&log, 1),
        argv: ["echo", "once"].map(str::to_owned).into(),
        cwd: None,
        env: std::collections::BTreeMap::new(),
        deadline_ms: 20_000,
        grace_ms: 1000,
        needles: Vec::new(),
    };
    let supervise = || {
        let sandbox = Sandbox::new().args(["supervise"]).stdin(&serde_json::to_string(&order).unwrap());
        sandbox.run()
    };
    let _ = supervise().code(0).stdout_has("begun");
    let beside = home.path().join("log.jsonl.d");
    let read =
        || ["out", "end"].map(|kind| fs::read_to_string(beside.join(format!("action-1.{kind}"))).unwrap());
    let first = read();
    assert_eq!(first[0], "once\n");
    let _ = supervise().code(2).stderr_has("it was already started or given up").lacks("begun\n");
    assert_eq!(read(), first);
    assert_eq!(fs::read_dir(&beside).unwrap().count(), 2, "nothing is left of the second one");
    // One that was given up leaves nothing either.
    let late = SupervisorFiles::of(&log, 2);
    assert!(late.prevent_start().unwrap() && late.prevent_start().unwrap());
    let late = LaunchSpec { files: late, ..order };
    let sandbox = Sandbox::new().args(["supervise"]).stdin(&serde_json::to_string(&late).unwrap());
    let _ = sandbox.run().code(2).stderr_has("or given up");
    assert_eq!(fs::read_dir(&beside).unwrap().count(), 2);
    // Where the marks are lost, nothing begins.
    fs::remove_dir_all(marks::directory(&log)).unwrap();
    let sandbox = Sandbox::new().args(["supervise"]).stdin(&serde_json::to_string(&late).unwrap());
    let _ = sandbox.run().code(2).stderr_has("its start marker");
    assert_eq!(fs::read_dir(&beside).unwrap().count(), 2);
}
