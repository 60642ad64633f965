//! A power failure at every step of writing and recovering a log, with many contents that the disk can have then.
//! Acknowledged entries are always there, and no other entry is taken for one.

use std::fs;

use super::super::disk::Disk;
use super::super::entry::{Entry, Recovered};
use super::super::file::Reopened;
use super::super::store::Head;
use super::crashing_disk::{CrashingDisk, Fate};
use super::*;
use crate::testing::cases;

const ENTRIES: usize = 9;

/// A log in memory if possible: the failures are simulated, so no real disk is needed.
fn bench() -> LogBench {
    let memory = std::path::Path::new("/dev/shm");
    let home = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    LogBench::at(home.unwrap())
}

/// Writes until the disk fails. Returns the acknowledged entries.
fn write(bench: &LogBench, shim: &CrashingDisk) -> Vec<Entry> {
    let _ = fs::remove_file(&bench.path);
    let mut journal = Journal::create(&bench.store, &bench.path, Chain::new("ab".repeat(16))).unwrap();
    journal.set_disk(Box::new(shim.clone()));
    let mut acknowledged = Vec::new();
    for index in 0..ENTRIES {
        let at = now(i64::try_from(index).unwrap());
        let alice = (index % 2 == 0).then_some(&bench.alice);
        let by = alice.map_or(MACHINE, |alice| &alice.principal);
        let event = match index {
            0 => opened(&bench.alice),
            _ if alice.is_some() => note("hello"),
            _ => Resumed { gonogo: "0".into(), host: "h".into() }.into(),
        };
        match journal.append(at, by, event, alice) {
            Ok(entry) => acknowledged.push(entry),
            Err(error) => {
                assert!(matches!(error, AppendError::Broken { .. }), "{error}");
                assert!(matches!(journal.check(), Err(AppendError::Broken { .. })));
                break;
            }
        }
    }
    acknowledged
}

/// Whether as many contents are tried as if time did not matter.
fn is_dense() -> bool {
    cases(0) > 0
}

/// Possible contents of the disk after the failure: some, or, with `PROPTEST_CASES`, most of them.
fn images(shim: &CrashingDisk) -> Vec<Vec<u8>> {
    let (changes, length) = shim.unsynced();
    let length = length.max(1);
    let step = if is_dense() { 3 } else { 17 };
    let parts = (1..length).step_by(step).chain([length - 1]).map(Fate::Begin);
    let holes = (1..length).step_by(step * 5).flat_map(|at| [Fate::End(at), Fate::Stale(at)]);
    let fates = [Fate::Kept, Fate::Dropped].into_iter().chain(parts).chain(holes);
    let fates: Vec<Fate> = if changes == 0 { vec![Fate::Kept] } else { fates.collect() };
    let later: &[bool] = if changes > 1 { &[true, false] } else { &[true] };
    fates.iter().flat_map(|fate| later.iter().map(|later| shim.after(*fate, *later))).collect()
}

/// Which heads may be remembered: the newest acknowledged, the one before, or none.
fn heads(acknowledged: &[Entry]) -> Vec<Option<Head>> {
    let head = |entry: &Entry| Some(Head { seq: entry.header.seq, hash: entry.hash });
    acknowledged.iter().rev().take(2).map(head).chain([None]).collect()
}

struct Crash<'a> {
    bench: &'a LogBench,
    acknowledged: &'a [Entry],
    head: Option<Head>,
    image: &'a [u8],
}

impl Crash<'_> {
    /// The disk and the remembered head after the crash.
    fn lay(&self) {
        fs::write(&self.bench.path, self.image).unwrap();
        let run = "ab".repeat(16);
        match self.head {
            Some(head) => self.bench.store.remember_head(&run, head).unwrap(),
            None => self.bench.store.forget_head(&run),
        }
    }

    /// The log must have the acknowledged entries, and at most one more, which is in doubt.
    fn check(&self, reopened: &Reopened) {
        let (acknowledged, entries) = (self.acknowledged.len(), &reopened.entries);
        assert_eq!(
            entries[..acknowledged.min(entries.len())],
            *self.acknowledged,
            "an acknowledged entry is lost"
        );
        assert!(entries.len() <= acknowledged + 1, "{} entries, {acknowledged} acknowledged", entries.len());
        let last = entries.last().unwrap().header.seq;
        if entries.len() > acknowledged {
            assert_eq!(reopened.in_doubt, Some(last), "an entry nobody was shown passes for one that was");
        } else if self.head.is_some_and(|head| head.seq == last) {
            assert_eq!(reopened.in_doubt, None);
        }
        let rest = &self.image[self.image.len() - rest_of(self.image)..];
        let saved = reopened
            .torn
            .as_ref()
            .map(|torn| fs::read(self.bench.path.parent().unwrap().join(&torn.file)).unwrap());
        assert_eq!(saved.unwrap_or_default(), rest);
    }

    /// Resumes, and verifies the log.
    fn go_on(&self, reopened: Reopened) {
        let Reopened { mut journal, torn, in_doubt, entries } = reopened;
        let count = entries.len() as u64;
        if torn.is_some() || in_doubt.is_some() {
            journal.append(now(50), MACHINE, Recovered { torn, in_doubt }.into(), None).unwrap();
        }
        let alice = &self.bench.alice;
        let noted = journal.append(now(51), &alice.principal, note("again"), Some(alice)).unwrap();
        drop(journal);
        let report = self.bench.verify_bytes(&self.bench.bytes());
        assert_eq!((report.status, report.head), (LogStatus::Open, noted.hash));
        assert!(report.entries > count);
        let again = self.bench.reopen().unwrap();
        assert_eq!((again.torn, again.in_doubt), (None, None));
    }
}

/// How many bytes follow the last entry.
fn rest_of(image: &[u8]) -> usize {
    let mut reader = super::super::read::EntryReader::default();
    let mut left = image.len();
    for line in image.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else { break };
        if reader.read(line).is_err() {
            break;
        }
        left -= line.len() + 1;
    }
    left
}

/// Every crash of a program on this disk.
fn crashes(
    bench: &LogBench,
    shim: &CrashingDisk,
    acknowledged: &[Entry],
    mut on_crash: impl FnMut(&Crash),
) -> usize {
    let (images, heads) = (images(shim), heads(acknowledged));
    for image in &images {
        for head in &heads {
            let crash = Crash { bench, acknowledged, head: *head, image };
            crash.lay();
            // Without a first entry there is no run, and nothing was ever shown.
            if acknowledged.is_empty() && rest_of(image) == image.len() {
                assert!(bench.reopen().is_err());
            } else {
                on_crash(&crash);
            }
        }
    }
    images.len() * heads.len()
}

#[test]
fn the_power_may_fail_at_any_step() {
    let bench = bench();
    let mut points = 0;
    for steps in 0..=2 * ENTRIES {
        let shim = CrashingDisk::holding(b"").dies_after(steps);
        let acknowledged = write(&bench, &shim);
        let mut tried = 0;
        points += crashes(&bench, &shim, &acknowledged, |crash| {
            let reopened = bench.reopen().unwrap();
            crash.check(&reopened);
            // Signing and verifying take longer than everything else.
            if tried % 40 == 0 {
                crash.go_on(reopened);
            }
            tried += 1;
        });
    }
    println!("{points} crash points");
    assert!(points >= if is_dense() { 10_000 } else { 3_000 }, "{points}");
}

/// A write or a sync fails, the log is truncated, and the power fails before, during or after that.
#[test]
fn the_power_may_fail_after_a_failed_write_or_sync() {
    let bench = bench();
    for fails in 0..2 * ENTRIES {
        for more in (0..=2).filter(|more| is_dense() || fails % 3 == *more) {
            let shim = CrashingDisk::holding(b"").fails_at(fails).dies_after(fails + 1 + more);
            let acknowledged = write(&bench, &shim);
            assert_eq!(acknowledged.len(), fails / 2);
            crashes(&bench, &shim, &acknowledged, |crash| {
                let reopened = bench.reopen().unwrap();
                crash.check(&reopened);
            });
        }
    }
}

/// The power fails again while the torn tail is set aside, and while that is logged.
#[test]
fn the_power_may_fail_during_the_recovery() {
    let bench = bench();
    let shim = CrashingDisk::holding(b"").dies_after(2 * ENTRIES - 1);
    let acknowledged = write(&bench, &shim);
    for image in images(&shim).iter().step_by(7) {
        for steps in 0..=4 {
            recover_and_die(&bench, &acknowledged, image, steps);
        }
    }
}

fn recover_and_die(bench: &LogBench, acknowledged: &[Entry], image: &[u8], steps: usize) {
    let head = heads(acknowledged)[0];
    Crash { bench, acknowledged, head, image }.lay();
    let again = CrashingDisk::holding(image).dies_after(steps);
    let on = |_| -> Box<dyn Disk> { Box::new(again.clone()) };
    let mut expected = acknowledged.to_vec();
    if let Ok(mut reopened) = Journal::reopen_with_disk(&bench.store, &bench.path, on) {
        // An entry that is recorded as in doubt was reported.
        let (torn, in_doubt) = (reopened.torn, reopened.in_doubt);
        if (torn.is_some() || in_doubt.is_some())
            && let Ok(entry) =
                reopened.journal.append(now(50), MACHINE, Recovered { torn, in_doubt }.into(), None)
        {
            expected = reopened.entries;
            expected.push(entry);
        }
    }
    let later = images(&again);
    let crashes = later.iter().step_by(5).map(|image| Crash {
        bench,
        acknowledged: &expected,
        head: heads(&expected)[0],
        image,
    });
    for crash in crashes {
        crash.lay();
        let reopened = bench.reopen().unwrap();
        assert!(reopened.entries.len() >= acknowledged.len());
        if reopened.entries.len() > expected.len() {
            crash.check(&reopened);
        }
        crash.go_on(reopened);
    }
}
