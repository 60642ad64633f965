//! Properties for any bytes, texts and cuts: the reader never crashes, no forged log is sealed, and what was written
//! can be read.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::entry::{Entry, Header};
use super::*;
use crate::testing::cases;

/// A modification of the bytes of a log.
#[derive(Clone, Debug)]
enum Tampering {
    Set(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Copy(Index, Index, usize),
}

impl Tampering {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let end = |from: usize, length: usize, limit: usize| (from + length).min(limit);
        match self {
            Self::Set(at, byte) => *at.get_mut(bytes) = *byte,
            Self::Insert(at, new) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at, length) => {
                let at = at.index(bytes.len());
                let limit = bytes.len();
                bytes.drain(at..end(at, *length, limit));
            }
            Self::Copy(from, to, length) => {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                let piece = bytes[from..end(from, *length, bytes.len())].to_vec();
                bytes.splice(to..to, piece);
            }
        }
    }
}

fn changes() -> impl Strategy<Value = Vec<Tampering>> {
    let change = prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Tampering::Set(at, byte)),
        (any::<Index>(), vec(any::<u8>(), 1..40)).prop_map(|(at, new)| Tampering::Insert(at, new)),
        (any::<Index>(), 1usize..400).prop_map(|(at, length)| Tampering::Remove(at, length)),
        (any::<Index>(), any::<Index>(), 1usize..900)
            .prop_map(|(from, to, length)| Tampering::Copy(from, to, length)),
    ];
    vec(change, 1..6)
}

/// One sealed log for all cases, because making it is slow.
fn sealed() -> &'static (LogBench, Vec<u8>) {
    static SEALED: std::sync::LazyLock<(LogBench, Vec<u8>)> = std::sync::LazyLock::new(|| {
        let bench = LogBench::new();
        bench.write();
        let bytes = bench.bytes();
        (bench, bytes)
    });
    &SEALED
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(120), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_verified_without_a_crash(bytes in vec(any::<u8>(), 0..2000)) {
        let answer = sealed().0.try_verify(&bytes).map(|report| report.status);
        prop_assert!(!matches!(answer, Ok(LogStatus::Sealed)));
    }

    #[test]
    fn no_changed_log_is_sealed(changes in changes()) {
        let (bench, whole) = sealed();
        let mut bytes = whole.clone();
        for change in &changes {
            change.apply(&mut bytes);
        }
        prop_assume!(bytes != *whole);
        // A log that has become one of another version is not valid.
        let Ok(report) = bench.try_verify(&bytes) else { return Ok(()) };
        prop_assert_ne!(report.status, LogStatus::Sealed);
        // A valid log is a prefix of the original, up to the last line: if that is an automatic entry, only the next
        // line would show that it was changed.
        let entries = usize::try_from(report.entries).unwrap();
        let lines = |log: &[u8]| -> Vec<Vec<u8>> {
            log.split_inclusive(|byte| *byte == b'\n').take(entries).map(<[u8]>::to_vec).collect()
        };
        let (changed, written) = (lines(&bytes), lines(whole));
        let differs = changed.iter().zip(&written).position(|(one, other)| one != other);
        let is_signed = |line: &[u8]| line.windows(8).any(|part| part == b",\"sig\":\"");
        let is_expected = differs.is_none_or(|at| at + 1 == entries && !is_signed(&changed[at]));
        prop_assert!(is_expected, "{entries} entries, line {differs:?} differs");
    }

    #[test]
    fn any_text_is_read_as_it_was_written(words in any::<String>(), by in "[a-z]{1,9}@x") {
        let header = Header { run: "ab".repeat(16), seq: 7, prev: Sha256Hex::ZERO, at: now(5), by };
        let Ok((entry, line)) = Entry::write(header, note(&words), None) else { return Ok(()) };
        let text = std::str::from_utf8(&line).unwrap();
        prop_assert!(!text.trim_end_matches('\n').chars().any(crate::text::is_harmful), "{text}");
        prop_assert_eq!(Entry::read(line.strip_suffix(b"\n").unwrap()).unwrap(), entry);
    }

    #[test]
    fn a_log_that_was_cut_anywhere_is_resumed_from_its_last_complete_line(at in any::<Index>(), garbage in vec(any::<u8>(), 0..60)) {
        let (_, whole) = sealed();
        let bench = LogBench::new();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let cut = first + at.index(whole.len() - first);
        let garbage: Vec<u8> = garbage.into_iter().filter(|byte| *byte != b'\n').collect();
        fs::create_dir_all(bench.path.parent().unwrap()).unwrap();
        bench_file(&bench, &[&whole[..cut], &garbage].concat());
        let again = bench.reopen().unwrap();
        let lines = whole[..cut].split(|byte| *byte == b'\n').count() - 1;
        prop_assert!(again.entries.len() == lines || again.entries.len() == lines + 1 && garbage.is_empty());
        prop_assert_eq!(bench.bytes(), whole[..bench.bytes().len()].to_vec());
    }
}

fn bench_file(bench: &LogBench, bytes: &[u8]) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(0o600).open(&bench.path).unwrap().write_all(bytes).unwrap();
}
