use std::pin::pin;
use std::sync::mpsc as blocking_mpsc;

use futures_util::poll;
use tokio::runtime::Builder;

use super::*;
use gonogo_core::journal::marks::MarkOrigin;

/// A watch of the action that started at entry 7 of a log, with some output.
fn watch(home: &Path) -> ActionWatch {
    let log = home.join("run.jsonl");
    let place = MarkOrigin { host: "deck".into(), state_id: "s".into() };
    std::fs::create_dir_all(attachments::directory(&log)).unwrap();
    std::fs::write(attachments::directory(&log).join("action-7.out"), "one\ntwo\n").unwrap();
    let logged_start =
        LoggedStart { action: ActionKey::new("s.a", "build"), started: 7, prev: Sha256Hex::ZERO };
    ActionWatch::of(
        logged_start,
        &log,
        Marks::new(&log, "r", place),
        mpsc::channel(8).0,
        Arc::new(HostSystem::default()),
    )
}

fn end() -> ExitRecord {
    let (exit, sha256) = (ActionExit::Code(0), Sha256Hex::of(b"one\ntwo\n"));
    ExitRecord { exit, cause: None, took_ms: 1, bytes: 8, sha256, redacted: BTreeMap::new(), lost: None }
}

/// While the only blocking thread is busy, none of this continues; once it is free, all of it does.
async fn waits_for_a_thread<T>(what: &str, work: impl Future<Output = T>) -> T {
    let (free, taken) = blocking_mpsc::channel::<()>();
    let thread = tokio::task::spawn_blocking(move || taken.recv());
    let mut work = pin!(work);
    assert!(poll!(&mut work).is_pending(), "{what} reads files on the thread of the engine");
    drop(free);
    let done = work.await;
    let _ = thread.await;
    done
}

#[test]
fn files_of_an_action_are_read_in_a_blocking_thread() {
    let runtime = Builder::new_current_thread().max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let home = tempfile::tempdir().unwrap();
        let result =
            waits_for_a_thread("an end that is unknown", watch(home.path()).unknown_result("x")).await;
        let output = result.output.expect("an output");
        assert_eq!((output.bytes, output.sha256, output.tail.as_str()), (8, end().sha256, "one\ntwo"));
        assert_eq!(output.file, "run.jsonl.d/action-7.out");
        let result = waits_for_a_thread("an end", watch(home.path()).finished_result(end())).await;
        assert_eq!(result.output.map(|output| output.tail), Some("one\ntwo".into()));
        let mut without = watch(home.path());
        let result = waits_for_a_thread("a missing mark", without.on_no_marker()).await;
        assert!(
            matches!(result.expect("an end").exit, ActionExit::Unknown(_)),
            "its marks are not beside the log"
        );
        let mut fresh = watch(home.path());
        let result = waits_for_a_thread("how it stands", fresh.poll()).await;
        assert!(result.is_some());
    });
}
