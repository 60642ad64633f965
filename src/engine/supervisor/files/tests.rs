use std::cell::Cell;
use std::fs;

use super::*;

/// A log in its own directory, with the directories of a run that has actions.
struct Beside {
    home: tempfile::TempDir,
    files: SupervisorFiles,
}

impl Beside {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("run.jsonl");
        let files = SupervisorFiles::of(&log, 12);
        Directory::create_own(&marks::directory(&log)).unwrap();
        drop(files.make_directory().unwrap());
        Self { home, files }
    }

    fn state(&self) -> SupervisorState {
        self.files.state().unwrap()
    }

    /// Releases the marker's lock. A program that another test is starting can hold it for a moment.
    fn release(&self, marker_file: File) {
        drop(marker_file);
        while let Ok(Some((_, true))) = self.files.read_marker() {
            std::thread::yield_now();
        }
    }
}

fn marker() -> StartMarker {
    StartMarker { supervisor: 77, group: Some(78), at_ms: 5, started: None }
}

fn end() -> ExitRecord {
    let sha256 = Sha256Hex::of(b"");
    ExitRecord {
        exit: ActionExit::Code(0),
        cause: None,
        took_ms: 1,
        bytes: 0,
        sha256,
        redacted: BTreeMap::new(),
        lost: None,
    }
}

#[test]
fn an_action_that_ends_while_its_state_is_read_has_ended() {
    // The supervisor writes the exit record and releases the marker after the first of the two was read, in either
    // order.
    let has_ended = Cell::new(false);
    let read_marker = || Ok(Some((Ok(marker()), !has_ended.replace(true))));
    let read_end = || Ok(has_ended.replace(true).then(|| Ok(Box::new(end()))));
    assert_eq!(state_of(read_marker, read_end).unwrap(), SupervisorState::Finished(Box::new(end())));
}

#[test]
fn the_state_follows_from_the_start_marker_and_the_exit_record() {
    let beside = Beside::new();
    assert_eq!(beside.state(), SupervisorState::NotStarted);
    let marker_file = beside.files.write_start_marker(&marker()).unwrap();
    assert_eq!(beside.state(), SupervisorState::Running(marker()));
    beside.release(marker_file);
    assert_eq!(beside.state(), SupervisorState::Gone(marker()));
    beside.files.make_directory().unwrap().write_exit_record(&end()).unwrap();
    assert_eq!(beside.state(), SupervisorState::Finished(Box::new(end())));
}

#[test]
fn an_invalid_record_is_named() {
    let beside = Beside::new();
    beside.release(beside.files.write_start_marker(&marker()).unwrap());
    for (path, text) in [(beside.files.path("end"), "{"), (beside.files.marker_path(), "[]")] {
        fs::write(&path, text).unwrap();
        let SupervisorState::Unreadable(why) = beside.state() else { panic!("it is read") };
        assert!(why.starts_with(&format!("{}: ", path.display())), "{why}");
        let _ = fs::remove_file(beside.files.path("end"));
    }
}

#[test]
fn only_an_action_that_has_not_started_can_be_prevented_and_then_never_starts() {
    let beside = Beside::new();
    let marker_file = beside.files.write_start_marker(&marker()).unwrap();
    assert!(!beside.files.prevent_start().unwrap(), "it is at work");
    drop(marker_file);
    assert!(!beside.files.prevent_start().unwrap(), "it was at work");

    let beside = Beside::new();
    assert!(beside.files.prevent_start().unwrap() && beside.files.prevent_start().unwrap());
    assert_eq!(beside.state(), SupervisorState::NotStarted);
    assert_eq!(beside.files.write_start_marker(&marker()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);

    // Without the directory of marks no supervisor can start anything.
    let beside = Beside::new();
    fs::remove_dir(beside.home.path().join("run.jsonl.marks")).unwrap();
    assert!(beside.files.prevent_start().unwrap());
    assert_eq!(beside.files.write_start_marker(&marker()).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn files_of_an_earlier_start_stay_unchanged() {
    let beside = Beside::new();
    let attachments = beside.files.make_directory().unwrap();
    let (new_file, mut out) = attachments.create_output().unwrap();
    out.write_all(b"printed").unwrap();
    new_file.keep();
    attachments.reserve_exit_record().unwrap().keep();
    assert_eq!(
        attachments.create_output().err().map(|error| error.kind()),
        Some(io::ErrorKind::AlreadyExists)
    );
    assert_eq!(
        attachments.reserve_exit_record().err().map(|error| error.kind()),
        Some(io::ErrorKind::AlreadyExists)
    );
    assert_eq!(fs::read(beside.files.path("out")).unwrap(), b"printed");
}
