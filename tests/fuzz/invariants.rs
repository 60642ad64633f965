//! Invariants of the code that reads logs, for any bytes.

use gonogo::engine::RuleChecker;
use gonogo_core::journal::chain::Chain;
use gonogo_core::journal::entry::{Entry, Event, Header};
use gonogo_core::journal::read::{EntryReader, LogLines};
use gonogo_core::journal::revoked::RevokedKeys;
use gonogo_core::journal::signers::AllowedSigners;
use gonogo_core::journal::sshsig;
use gonogo_core::journal::verify::{LogStatus, Verification, VerifyError, verify};
use gonogo_core::run::{Replay, judge};
use gonogo_core::time::Utc;

/// The signers of the logs in the corpus.
const SIGNERS: &str = include_str!("corpus/reader/allowed_signers");

/// Checks all invariants on the same bytes.
pub fn check_all(bytes: &[u8]) {
    if let Some(report) = check_verify(bytes) {
        check_round_trip(bytes, &report);
    }
    check_replay(bytes);
    check_trust_files(bytes);
}

/// The verifier returns, and counts no more entries than there are lines. None for a log of another version.
pub fn check_verify(bytes: &[u8]) -> Option<Verification> {
    let signers = AllowedSigners::parse("-", SIGNERS);
    let today = Utc::from_millis(1_800_000_000_000);
    let report = verify(bytes, &signers, today, &mut RuleChecker::default());
    let report = match report {
        Err(VerifyError::OtherVersion(_) | VerifyError::OtherFormat(_)) => return None,
        report => report.unwrap_or_else(|error| panic!("bytes in memory cannot be read: {error}")),
    };
    let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
    assert!(report.entries <= lines, "{} entries in {lines} lines", report.entries);
    assert!(report.entries > 0 || matches!(report.status, LogStatus::Invalid { .. }));
    Some(report)
}

/// Writing an entry that was read gives the same line.
fn check_round_trip(bytes: &[u8], report: &Verification) {
    let mut reader = EntryReader::default();
    let mut read = 0;
    for line in LogLines::new(bytes).map_while(Result::ok).filter(|line| line.is_terminated) {
        let Ok(entry) = reader.read(&line.bytes) else { break };
        read += 1;
        let written = Entry::write(entry.header.clone(), entry.event.clone(), entry.sig.clone());
        let (_, written) =
            written.unwrap_or_else(|error| panic!("an entry that was read cannot be written: {error}"));
        assert_eq!(written.strip_suffix(b"\n"), Some(line.bytes.as_slice()));
    }
    assert!(report.entries <= read, "more entries were verified than read");
}

/// The rules accept or reject any entries in any order; each accepted entry is chained to the previous one.
fn check_replay(bytes: &[u8]) {
    let mut chain = Chain::new("5e".repeat(16));
    let mut replay = Replay::default();
    for line in LogLines::new(bytes).map_while(Result::ok) {
        let Ok(entry) = Entry::read(&line.bytes) else { continue };
        if (chain.seq == 0) != matches!(entry.event, Event::Opened(_)) {
            continue;
        }
        let header = Header { run: chain.run.clone(), seq: chain.seq, prev: chain.head, ..entry.header };
        let Ok((entry, _)) = Entry::write(header, entry.event, entry.sig) else { continue };
        if replay.apply_entry(&entry).is_ok() {
            chain = Chain::after(&entry);
        }
    }
    if let Some(state) = replay.into_state() {
        let verdict = judge(&state.judge(&state.at));
        assert!(verdict.done <= verdict.total);
    }
}

/// The parsers of signatures and of the files of trusted and revoked keys do not panic.
fn check_trust_files(bytes: &[u8]) {
    let _ = RevokedKeys::parse("-", bytes);
    let _ = AllowedSigners::parse("-", bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = sshsig::verify(text.trim(), "gonogo-entry-v1", b"message");
    }
}
