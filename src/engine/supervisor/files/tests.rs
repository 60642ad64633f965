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

    fn stands(&self) -> SupervisorState {
        self.files.state().unwrap()
    }
}

fn begun() -> StartMarker {
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
fn one_that_ends_while_it_is_looked_at_has_ended() {
    // The supervisor writes the exit record and releases the marker after the first of the two was read, in either
    // order.
    let has_ended = Cell::new(false);
    let mark = || Ok(Some((Ok(begun()), !has_ended.replace(true))));
    let ended = || Ok(has_ended.replace(true).then(|| Ok(Box::new(end()))));
    assert_eq!(state_of(mark, ended).unwrap(), SupervisorState::Finished(Box::new(end())));
}

#[test]
fn how_it_stands_is_told_from_its_mark_and_its_end() {
    let beside = Beside::new();
    assert_eq!(beside.stands(), SupervisorState::NotStarted);
    let held = beside.files.write_start_marker(&begun()).unwrap();
    assert_eq!(beside.stands(), SupervisorState::Running(begun()));
    drop(held);
    assert_eq!(beside.stands(), SupervisorState::Gone(begun()));
    beside.files.make_directory().unwrap().write_exit_record(&end()).unwrap();
    assert_eq!(beside.stands(), SupervisorState::Finished(Box::new(end())));
}

#[test]
fn a_record_that_is_none_is_named() {
    let beside = Beside::new();
    drop(beside.files.write_start_marker(&begun()).unwrap());
    for (path, text) in [(beside.files.path("end"), "{"), (beside.files.marker_path(), "[]")] {
        fs::write(&path, text).unwrap();
        let SupervisorState::Unreadable(why) = beside.stands() else { panic!("it is read") };
        assert!(why.starts_with(&format!("{}: ", path.display())), "{why}");
        let _ = fs::remove_file(beside.files.path("end"));
    }
}

#[test]
fn only_what_has_not_begun_can_be_given_up_and_then_never_begins() {
    let beside = Beside::new();
    let held = beside.files.write_start_marker(&begun()).unwrap();
    assert!(!beside.files.prevent_start().unwrap(), "it is at work");
    drop(held);
    assert!(!beside.files.prevent_start().unwrap(), "it was at work");

    let beside = Beside::new();
    assert!(beside.files.prevent_start().unwrap() && beside.files.prevent_start().unwrap());
    assert_eq!(beside.stands(), SupervisorState::NotStarted);
    assert_eq!(beside.files.write_start_marker(&begun()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);

    // Without the directory of marks no supervisor can start anything.
    let beside = Beside::new();
    fs::remove_dir(beside.home.path().join("run.jsonl.marks")).unwrap();
    assert!(beside.files.prevent_start().unwrap());
    assert_eq!(beside.files.write_start_marker(&begun()).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn what_an_earlier_beginning_has_left_is_not_touched() {
    let beside = Beside::new();
    let attachments = beside.files.make_directory().unwrap();
    let (kept, mut out) = attachments.create_output().unwrap();
    out.write_all(b"printed").unwrap();
    kept.keep();
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
