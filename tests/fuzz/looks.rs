//! What must hold of the code that reads logs, whatever the bytes are.

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

/// Whom the corpus's logs were signed by.
const SIGNERS: &str = include_str!("corpus/reader/allowed_signers");

/// Everything, on the same bytes.
pub fn all(bytes: &[u8]) {
    if let Some(report) = verified(bytes) {
        rewritten(bytes, &report);
    }
    relinked(bytes);
    trusted(bytes);
}

/// The verifier ends, and what it counts is there; nothing where it is a log of another version.
pub fn verified(bytes: &[u8]) -> Option<Verification> {
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

/// Every line that is an entry is written as it was read.
fn rewritten(bytes: &[u8], report: &Verification) {
    let mut reader = EntryReader::default();
    let mut read = 0;
    for line in LogLines::new(bytes).map_while(Result::ok).filter(|line| line.is_terminated) {
        let Ok(entry) = reader.read(&line.bytes) else { break };
        read += 1;
        let again = Entry::write(entry.header.clone(), entry.event.clone(), entry.sig.clone());
        let (_, again) = again.unwrap_or_else(|error| panic!("it was read, but cannot be written: {error}"));
        assert_eq!(again.strip_suffix(b"\n"), Some(line.bytes.as_slice()));
    }
    assert!(report.entries <= read, "verified, but not read");
}

/// The rules take or refuse any entries, in any order, that are chained anew.
fn relinked(bytes: &[u8]) {
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

/// The files that say whom to trust, and signatures.
fn trusted(bytes: &[u8]) {
    let _ = RevokedKeys::parse("-", bytes);
    let _ = AllowedSigners::parse("-", bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = sshsig::verify(text.trim(), "gonogo-entry-v1", b"message");
    }
}
