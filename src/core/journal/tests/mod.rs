//! Writing, damaging, recovering and verifying logs.

mod crashing_disk;
mod power;
mod properties;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::thread::yield_now;
use std::time::{Duration, Instant};

use super::chain::Chain;
use super::entry::{Entry, Event, MACHINE, Noted, Resumed, Sealed};
use super::file::{AppendError, Journal, OpenJournalError};
use super::keys::Signer;
use super::signers::AllowedSigners;
use super::store::{LogStore, read_unverified};
use super::verify::{LogStatus, Rules, Verification, VerifyError, verify};
use crate::checklist::Role;
use crate::outcome::Sha256Hex;
use crate::testing::{moment as now, opened, signer};
use crate::time::{Moment, Utc};

/// A log in its own directory.
struct LogBench {
    home: tempfile::TempDir,
    store: LogStore,
    path: PathBuf,
    alice: Signer,
}

fn note(text: &str) -> Event {
    Noted { point: None, text: text.into() }.into()
}

impl LogBench {
    fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    fn at(home: tempfile::TempDir) -> Self {
        let store = LogStore::new(&home.path().join("state"), None);
        let run = "ab".repeat(16);
        let path = store.path_of("t", now(0).wall, &run);
        Self { home, store, path, alice: signer("alice@x") }
    }

    /// Opened, one automatic entry, one note, one seal.
    fn write(&self) {
        let mut journal = Journal::create(&self.store, &self.path, Chain::new("ab".repeat(16))).unwrap();
        let by = &self.alice.principal;
        journal.append(now(0), by, opened(&self.alice), Some(&self.alice)).unwrap();
        let resumed = Resumed { gonogo: "0".into(), host: "h".into() };
        journal.append(now(1), MACHINE, resumed.into(), None).unwrap();
        let noted = journal.append(now(2), by, note("hello"), Some(&self.alice)).unwrap();
        let seal = Sealed { role: Role::Driver, count: 3, head: noted.hash };
        journal.append(now(3), by, seal.into(), Some(&self.alice)).unwrap();
    }

    fn add(&self, bytes: &[u8]) {
        OpenOptions::new().append(true).open(&self.path).unwrap().write_all(bytes).unwrap();
    }

    /// A process that another test starts has copies of all open files for a moment, even of a released lock.
    fn reopen(&self) -> Result<super::file::Reopened, OpenJournalError> {
        let started_at = Instant::now();
        loop {
            match self.reopen_now() {
                Err(OpenJournalError::Locked(_)) if started_at.elapsed() < Duration::from_secs(10) => {
                    yield_now();
                }
                done => return done,
            }
        }
    }

    fn reopen_now(&self) -> Result<super::file::Reopened, OpenJournalError> {
        Journal::reopen(&self.store, &self.path)
    }

    #[track_caller]
    fn verify_bytes(&self, bytes: &[u8]) -> Verification {
        self.try_verify(bytes).unwrap()
    }

    /// The same for a log that may have become one of another version.
    fn try_verify(&self, bytes: &[u8]) -> Result<Verification, VerifyError> {
        let line = format!("{} {}\n", self.alice.principal, self.alice.public);
        let signers = AllowedSigners::parse("s", &line);
        verify(bytes, &signers, now(9).wall, &mut AcceptAll(false))
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }
}

/// Rules that accept everything; sealed once there is a seal.
struct AcceptAll(bool);

impl Rules for AcceptAll {
    fn check_entry(&mut self, entry: &Entry) -> Result<(), String> {
        self.0 |= matches!(entry.event, Event::Sealed(_));
        Ok(())
    }

    fn is_sealed(&self) -> bool {
        self.0
    }
}

#[test]
fn appended_entries_are_there_after_reopening() {
    let bench = LogBench::new();
    bench.write();
    let again = bench.reopen().unwrap();
    assert_eq!((again.entries.len(), again.torn), (4, None));
    assert_eq!(fs::metadata(&bench.path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(bench.path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let name = bench.path.file_name().unwrap().to_str().unwrap();
    assert_eq!(name, "20260921T141320Z-abababab.jsonl");
}

/// Every cut of the last line, with and without garbage after it: the bytes are kept, and so are the entries.
#[test]
fn a_torn_tail_is_saved_beside_the_log() {
    for garbage in [&b"{\"v\":1,"[..], b"\0\0\0\0\n", b"{\"v\":1,\"run\":\"x\"}\n"] {
        let bench = LogBench::new();
        bench.write();
        let before = bench.bytes();
        bench.add(garbage);
        let again = bench.reopen().unwrap();
        let torn = again.torn.unwrap();
        assert_eq!(torn.bytes, garbage.len() as u64);
        assert_eq!(fs::read(bench.path.parent().unwrap().join(&torn.file)).unwrap(), garbage);
        assert_eq!(bench.bytes(), before);
        assert_eq!(again.entries.len(), 4);
    }
}

#[test]
fn a_truncated_or_changed_log_is_not_resumed() {
    let bench = LogBench::new();
    bench.write();
    let whole = bench.bytes();
    let lines: Vec<&[u8]> = whole.split_inclusive(|b| *b == b'\n').collect();
    fs::write(&bench.path, lines[..3].concat()).unwrap();
    assert!(bench.reopen().unwrap_err().to_string().contains("it ends at seq 2, but this host wrote seq 3"));
    // A damaged acknowledged line is not a torn tail.
    fs::write(&bench.path, [lines[..3].concat(), b"rubbish\n".to_vec()].concat()).unwrap();
    assert!(bench.reopen().unwrap_err().to_string().contains("it ends at seq 2"));
    fs::write(&bench.path, [lines[0], b"rubbish\n", lines[2]].concat()).unwrap();
    assert!(bench.reopen().unwrap_err().to_string().contains("line 2 (byte"));
    fs::write(&bench.path, b"").unwrap();
    assert!(matches!(bench.reopen(), Err(OpenJournalError::Empty(_))));
}

#[test]
fn a_log_is_a_private_regular_file_with_one_writer() {
    let bench = LogBench::new();
    bench.write();
    let reopened = bench.reopen().unwrap();
    assert!(matches!(bench.reopen_now(), Err(OpenJournalError::Locked(_))));
    drop(reopened);
    fs::set_permissions(&bench.path, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(bench.reopen().unwrap_err().to_string().contains("others can read"));
    fs::set_permissions(&bench.path, fs::Permissions::from_mode(0o600)).unwrap();
    let other = bench.home.path().join("other");
    fs::hard_link(&bench.path, &other).unwrap();
    assert!(bench.reopen().unwrap_err().to_string().contains("hard links"));
    fs::remove_file(&bench.path).unwrap();
    symlink(&other, &bench.path).unwrap();
    assert!(bench.reopen().unwrap_err().to_string().contains("symbolic link"));
}

#[test]
fn an_entry_that_cannot_be_written_leaves_the_log_unchanged() {
    let bench = LogBench::new();
    bench.write();
    let before = bench.bytes();
    let mut again = bench.reopen().unwrap();
    let long = note(&"x".repeat(70_000));
    assert!(matches!(again.journal.append(now(9), MACHINE, long, None), Err(AppendError::Link(_))));
    assert_eq!(bench.bytes(), before);
    again.journal.append(now(9), MACHINE, note("short"), None).unwrap();
    assert_eq!(read_unverified(&bench.path).unwrap().len(), 5);
}

#[test]
fn a_whole_log_is_sealed_and_every_shorter_one_is_open_or_invalid() {
    let bench = LogBench::new();
    bench.write();
    let whole = bench.bytes();
    let report = bench.verify_bytes(&whole);
    assert_eq!(report.status, LogStatus::Sealed);
    assert_eq!((report.entries, report.sealed_by, report.warnings), (4, vec!["alice@x".to_owned()], vec![]));
    for cut in 0..whole.len() {
        let answer = bench.verify_bytes(&whole[..cut]).status;
        assert_ne!(answer, LogStatus::Sealed, "cut at {cut}");
    }
}

#[test]
fn no_byte_can_be_changed() {
    let bench = LogBench::new();
    bench.write();
    let whole = bench.bytes();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let answer = bench.try_verify(&changed).map(|report| report.status);
        let is_other =
            |error: &VerifyError| matches!(error, VerifyError::OtherVersion(_) | VerifyError::OtherFormat(_));
        let is_rejected =
            matches!(&answer, Ok(LogStatus::Invalid { .. })) || answer.as_ref().is_err_and(is_other);
        assert!(is_rejected || at == whole.len() - 1, "byte {at}: {answer:?}");
        assert!(!matches!(answer, Ok(LogStatus::Sealed)), "byte {at}");
    }
}

#[test]
fn no_line_can_be_removed_swapped_repeated_or_added() {
    let bench = LogBench::new();
    bench.write();
    let whole = bench.bytes();
    let lines: Vec<&[u8]> = whole.split_inclusive(|b| *b == b'\n').collect();
    let answer = |order: &[usize]| {
        let bytes: Vec<u8> = order.iter().flat_map(|line| lines[*line]).copied().collect();
        bench.verify_bytes(&bytes).status
    };
    for order in [&[0, 2, 3][..], &[1, 2, 3], &[0, 2, 1, 3], &[0, 0, 1, 2, 3], &[0, 1, 2, 3, 3], &[0, 1, 3]] {
        assert!(matches!(answer(order), LogStatus::Invalid { .. }), "{order:?}");
    }
    assert_eq!(answer(&[0, 1, 2]), LogStatus::Open);
}

/// Lines are processed out of order; the first fault is reported, whatever follows it.
#[test]
fn the_first_fault_of_a_long_log_is_reported() {
    let bench = LogBench::new();
    let by = &bench.alice.principal;
    let mut chain = Chain::new("ab".repeat(16));
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in 1..=400 {
        let event = if line == 1 { opened(&bench.alice) } else { note(&format!("line {line}.")) };
        let (entry, bytes) = chain.build_entry(now(line), by, event, Some(&bench.alice)).unwrap();
        chain = Chain::after(&entry);
        lines.push(bytes);
    }
    let report = bench.verify_bytes(&lines.concat());
    assert_eq!((report.status, report.entries, report.head), (LogStatus::Open, 400, chain.head));
    for (faults, first) in [(&[300, 301, 390][..], 300), (&[7, 399], 7), (&[400], 400)] {
        let mut forged = lines.clone();
        for fault in faults {
            let text = String::from_utf8(lines[fault - 1].clone()).unwrap();
            forged[fault - 1] = text.replace(&format!("line {fault}."), "line ???.").into_bytes();
        }
        let report = bench.verify_bytes(&forged.concat());
        let byte = lines[..first - 1].concat().len() as u64;
        let LogStatus::Invalid { at, why } = report.status else { panic!("{report:?}") };
        assert_eq!((at.line, at.byte, report.entries), (first as u64, byte, first as u64 - 1));
        assert!(why.contains("signature does not match"), "{why}");
    }
}

#[test]
fn an_untrusted_signer_or_key_is_found() {
    let bench = LogBench::new();
    bench.write();
    let signers = |text: &str| AllowedSigners::parse("s", text);
    let why = |signers| match verify(bench.bytes().as_slice(), &signers, now(9).wall, &mut AcceptAll(false))
        .unwrap()
        .status
    {
        LogStatus::Invalid { at, why } => (at.line, why),
        other => panic!("{other:?}"),
    };
    let mallory = signer("mallory");
    assert_eq!(why(signers("")), (1, "alice@x is not among the allowed signers".into()));
    assert!(why(signers(&format!("alice@x {}", mallory.public))).1.contains("not the one"));
    let expired = format!("alice@x valid-before=\"20200101Z\" {}", bench.alice.public);
    assert!(why(signers(&expired)).1.contains("no longer valid"));
    let other = format!("alice@x namespaces=\"git\" {}", bench.alice.public);
    assert!(why(signers(&other)).1.contains("sign under gonogo-entry-v1"));
}

#[test]
fn a_moved_log_takes_no_more_entries_and_names_its_new_path() {
    let bench = LogBench::new();
    bench.write();
    let mut again = bench.reopen().unwrap();
    let elsewhere = bench.home.path().join("elsewhere");
    fs::rename(&bench.path, &elsewhere).unwrap();
    let before = fs::read(&elsewhere).unwrap();
    let error = again.journal.append(now(9), MACHINE, note("x"), None).unwrap_err().to_string();
    assert!(error.contains(&format!("the log was moved to {}", elsewhere.display())), "{error}");
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
    assert!(!bench.path.exists());
    // Moving it back helps the next process, not this one.
    fs::rename(&elsewhere, &bench.path).unwrap();
    again.journal.append(now(9), MACHINE, note("x"), None).unwrap_err();
    drop(again);
    assert_eq!(bench.reopen().unwrap().entries.len(), 4);
}

#[test]
fn a_deleted_log_is_restored() {
    let bench = LogBench::new();
    bench.write();
    let before = bench.bytes();
    let mut again = bench.reopen().unwrap();
    fs::remove_dir_all(bench.path.parent().unwrap()).unwrap();
    let error = again.journal.check().unwrap_err().to_string();
    assert!(error.contains("were restored to"), "{error}");
    drop(again);
    assert_eq!(bench.bytes(), before);
    assert_eq!(bench.reopen().unwrap().entries.len(), 4);
}

/// A new file at the old path is not overwritten.
#[test]
fn a_replaced_log_is_restored_beside_the_new_file() {
    let bench = LogBench::new();
    bench.write();
    let before = bench.bytes();
    let mut again = bench.reopen().unwrap();
    fs::remove_file(&bench.path).unwrap();
    fs::write(&bench.path, "mine").unwrap();
    let error = again.journal.check().unwrap_err().to_string();
    let beside = bench.path.with_extension("rescued.jsonl");
    assert!(error.contains(&format!("restored to {}", beside.display())), "{error}");
    assert_eq!((bench.bytes(), fs::read(beside).unwrap()), (b"mine".to_vec(), before));
}

#[test]
fn a_time_in_the_future_causes_a_warning() {
    let bench = LogBench::new();
    bench.write();
    let verified = |today| {
        let signers =
            AllowedSigners::parse("s", format!("{} {}\n", bench.alice.principal, bench.alice.public));
        verify(bench.bytes().as_slice(), &signers, today, &mut AcceptAll(false)).unwrap()
    };
    assert_eq!(verified(now(9).wall).warnings, Vec::<String>::new());
    let warnings = verified(now(9).wall.minus(Duration::from_hours(1))).warnings;
    assert!(warnings.len() == 1 && warnings[0].ends_with("in the future"), "{warnings:?}");
}

#[test]
fn a_time_before_gonogo_existed_causes_a_warning() {
    let warnings = |at: &str| {
        let bench = LogBench::new();
        let mut journal = Journal::create(&bench.store, &bench.path, Chain::new("ab".repeat(16))).unwrap();
        let moment = Moment { wall: Utc::parse(at).unwrap(), ..now(0) };
        journal.append(moment, &bench.alice.principal, opened(&bench.alice), Some(&bench.alice)).unwrap();
        bench.verify_bytes(&bench.bytes()).warnings
    };
    assert_eq!(warnings("2026-01-01T00:00:00Z"), Vec::<String>::new());
    for at in ["2025-12-31T23:59:59Z", "1970-01-01T00:00:00Z"] {
        let warnings = warnings(at);
        assert!(warnings.len() == 1 && warnings[0].contains("before gonogo existed"), "{warnings:?}");
    }
}
