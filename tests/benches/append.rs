//! The time until an entry is durable, against the disk alone.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use gonogo_core::journal::chain::Chain;
use gonogo_core::journal::entry::{Entry, MACHINE};
use gonogo_core::journal::file::Journal;
use gonogo_core::journal::keys::Signer;
use gonogo_core::journal::store::LogStore;

use crate::log::{Log, RUN, opened};
use crate::measure::{Measured, alternate, millis, size};
use crate::sample::{self, SampleRun};

const ROUNDS: usize = 15;
const EACH: u32 = 40;
const AIM: &str = "at most 1.2x";

pub fn bench() {
    // Below `target`: a temporary directory may be in memory.
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let log = Log::of(3, home.path());
    let (result, note) = (&log.entries[1], &log.entries[2]);
    against_disk("append, a probe's", &home.path().join("machine"), result, None, &log.signer);
    against_disk("append, signed", &home.path().join("signed"), note, Some(&log.signer), &log.signer);
}

fn against_disk(name: &'static str, home: &Path, entry: &Entry, signer: Option<&Signer>, opener: &Signer) {
    let store = LogStore::new(home, None);
    let path = home.join("runs/run.jsonl");
    let mut journal = Journal::create(&store, &path, Chain::new(RUN.into())).unwrap();
    let plan = opened(sample::plan(), opener);
    journal.append(SampleRun::moment(0), &opener.principal, plan, Some(opener)).unwrap();
    let by = signer.map_or(MACHINE, |signer| &signer.principal);
    let mut append = || {
        let event = entry.event.clone();
        journal.append(SampleRun::moment(1), by, event, signer).unwrap();
    };
    append();
    let line = last_line(&path);
    let mut raw = raw_file(&home.join("runs/raw"));
    let mut write = || raw.write_all(&line).and_then(|()| raw.sync_data()).unwrap();
    let (subject, reference) = alternate(ROUNDS, || each(&mut append), || each(&mut write));
    Measured { name, subject, reference: Some(reference), unit: "ms", aim: AIM }.report();
}

/// The mean of many runs, in milliseconds.
fn each(work: &mut dyn FnMut()) -> f64 {
    let count = size(EACH, 1);
    millis(|| (0..count).for_each(|_| work())) / f64::from(count)
}

fn last_line(log: &Path) -> Vec<u8> {
    let bytes = std::fs::read(log).unwrap();
    bytes.split_inclusive(|byte| *byte == b'\n').next_back().unwrap().to_vec()
}

/// As large at the start as a log with its plan.
fn raw_file(path: &Path) -> File {
    let mut file = OpenOptions::new().create_new(true).append(true).open(path).unwrap();
    file.write_all(&vec![b' '; 20_000]).and_then(|()| file.sync_all()).unwrap();
    file
}
