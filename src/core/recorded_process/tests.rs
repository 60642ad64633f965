use std::fs::File;
use std::process::{Child, Command, Stdio};

use super::*;

/// A program that waits, with a file as its input; killed when dropped.
struct Sleeper(Child);

impl Sleeper {
    fn with(input: impl Into<Stdio>) -> Self {
        let mut command = Command::new("sleep");
        command.arg("300").stdin(input).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        self.0.id().try_into().unwrap()
    }

    fn start(&self) -> ProcessStart {
        let ticks = ticks(&self.pid().to_string()).unwrap();
        ProcessStart { ticks, ..ProcessStart::of_this().unwrap() }
    }

    fn open(&self) -> RecordedProcess {
        RecordedProcess::open(self.pid(), Some(&self.start())).unwrap()
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_recorded_process_is_terminated() {
    use std::os::unix::process::ExitStatusExt as _;
    let mut sleeper = Sleeper::with(Stdio::null());
    sleeper.open().terminate().unwrap();
    assert_eq!(sleeper.0.wait().unwrap().signal(), Some(15));
}

#[test]
fn a_stopped_process_is_continued_and_terminated() {
    use std::os::unix::process::ExitStatusExt as _;
    let mut sleeper = Sleeper::with(Stdio::null());
    assert!(!sleeper.open().is_stopped());
    kill_process(Pid::from_raw(sleeper.pid()).unwrap(), Signal::STOP).unwrap();
    while !sleeper.open().is_stopped() {
        std::thread::yield_now();
    }
    sleeper.open().terminate().unwrap();
    assert_eq!(sleeper.0.wait().unwrap().signal(), Some(15));
}

#[test]
fn no_id_signals_a_group_or_the_init_process() {
    let start = ProcessStart::of_this();
    for pid in [i32::MIN, -77, -1, 0, 1] {
        let refused = RecordedProcess::open(pid, start.as_ref()).unwrap_err();
        assert!(matches!(refused, RecordedProcessError::Id(id) if id == pid), "{refused}");
    }
}

#[test]
fn an_id_of_another_process_is_rejected() {
    let mut bystander = Sleeper::with(Stdio::null());
    let (pid, start) = (bystander.pid(), bystander.start());
    let refused = |start: Option<ProcessStart>| RecordedProcess::open(pid, start.as_ref()).unwrap_err();
    let earlier = ProcessStart { ticks: start.ticks - 1, ..start.clone() };
    assert!(matches!(refused(Some(earlier)), RecordedProcessError::Reused(_)));
    let other_boot = ProcessStart { boot: "0-1".into(), ..start.clone() };
    assert!(matches!(refused(Some(other_boot)), RecordedProcessError::OtherBoot(_)));
    assert!(matches!(refused(None), RecordedProcessError::NoStart(_)));
    assert!(bystander.runs());
    drop(bystander);
    assert!(matches!(refused(Some(start)), RecordedProcessError::Ended(_)));
}

#[test]
fn a_process_that_has_ended_since_it_was_opened_is_not_signalled() {
    let sleeper = Sleeper::with(Stdio::null());
    let process = sleeper.open();
    drop(sleeper);
    assert!(matches!(process.terminate(), Err(RecordedProcessError::Ended(_))));
}

#[test]
fn an_open_file_is_identified_by_its_inode_and_not_by_its_name() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let sleeper = Sleeper::with(File::create(at("log")).unwrap());
    fs::write(at("other"), "").unwrap();
    let refused = sleeper.open().require_lock(&at("other")).unwrap_err();
    assert!(matches!(refused, RecordedProcessError::NotOpen { .. }), "{refused}");
    fs::rename(at("log"), at("moved")).unwrap();
    sleeper.open().require_lock(&at("moved")).unwrap();
    // A link to it is not it.
    std::os::unix::fs::symlink(at("moved"), at("log")).unwrap();
    assert!(sleeper.open().require_lock(&at("log")).is_err());
}

#[test]
fn a_reader_of_a_locked_file_does_not_hold_the_lock() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("log");
    let locked = File::create(&path).unwrap();
    locked.lock().unwrap();
    let reader = Sleeper::with(File::open(&path).unwrap());
    let refused = reader.open().require_lock(&path).unwrap_err();
    assert!(matches!(refused, RecordedProcessError::NotHolder { .. }), "{refused}");
    let own = i32::try_from(std::process::id()).unwrap();
    RecordedProcess::open(own, ProcessStart::of_this().as_ref()).unwrap().require_lock(&path).unwrap();
}

#[test]
fn another_program_is_named() {
    let own = i32::try_from(std::process::id()).unwrap();
    let this = || RecordedProcess::open(own, ProcessStart::of_this().as_ref()).unwrap();
    this().require_this_program().unwrap();
    let refused = Sleeper::with(Stdio::null()).open().require_this_program().unwrap_err();
    assert!(matches!(refused, RecordedProcessError::OtherProgram { .. }), "{refused}");
}

#[test]
fn the_start_time_is_found_after_any_process_name() {
    let rest = "S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5563661 2990080 391";
    for name in ["sleep", "a b", "x) S 9 (y", ""] {
        assert_eq!(start_in(&format!("77 ({name}) {rest}\n")), Some(5_563_661), "{name}");
    }
    assert_eq!(start_in("77 (sleep) S 1"), None);
}
