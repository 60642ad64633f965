//! How the time to verify a log, to open it for review, and to step through it grows with its length.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use gonogo_core::journal::entry::Entry;
use gonogo_core::journal::read::LogLines;
use gonogo_core::journal::signers::AllowedSigners;
use sha2::{Digest as _, Sha256};

use crate::log;
use crate::measure::{Measured, alternate, median, millis, since, size};
use crate::support::gonogo::Sandbox;
use crate::support::terminal::{Key, Terminal};
use crate::verify::{SignatureCheck, verify_log};

/// Entries and rounds.
const SIZES: &[(usize, usize)] = &[(1_000, 9), (10_000, 5), (100_000, 3), (1_000_000, 1)];
/// The number of signatures that are checked to estimate the time of all.
const CHECKED: usize = 2_000;
/// The number of steps through the entries.
const STEPS: usize = 51;

pub fn bench() {
    for &(entries, rounds) in size(SIZES, &[(100, 1)]) {
        let sandbox = Sandbox::new();
        let path = sandbox.work().join("run.jsonl");
        let mut file = BufWriter::new(File::create(&path).unwrap());
        let signer = log::each(entries, &sandbox.work(), &mut |line| file.write_all(line).unwrap());
        file.into_inner().unwrap().sync_all().unwrap();
        let trusted = format!("{} {}\n", signer.principal, signer.public);
        let signers = AllowedSigners::parse("-", &trusted);
        let (subject, reference) = alternate(
            rounds,
            || millis(|| verify_log(&path, &signers, entries as u64)),
            || digest(&path) + signatures(&path),
        );
        let aim = "SHA-256 and the signatures' checks alone, on one core";
        let name = &format!("verify, {entries}");
        Measured { name, subject, reference: Some(reference), unit: "ms", aim }.report();
        fs::write(sandbox.work().join("allowed_signers"), trusted).unwrap();
        open_and_step(sandbox, entries, rounds, &path);
    }
}

/// The time to the first screen with the last entry, and from a key to the entry before it.
fn open_and_step(sandbox: Sandbox, entries: usize, rounds: usize, path: &Path) {
    let sandbox = sandbox.args(["review", "run.jsonl", "--signers", "allowed_signers"]);
    let mut last = None;
    let open = || {
        let started = Instant::now();
        let mut terminal = sandbox.terminal(120, 40);
        terminal.wait_for_text(&format!(" {entries}/{entries} "));
        let took = since(started);
        last = Some(terminal);
        took
    };
    let (subject, reference) = alternate(rounds, open, || digest(path));
    let aim = "SHA-256 of the file; under 500 ms at 100000";
    let name = &format!("open, {entries}");
    Measured { name, subject, reference: Some(reference), unit: "ms", aim }.report();
    let steps = last.map(|terminal| steps(terminal, entries)).unwrap_or_default();
    let aim = "p50 from key to screen";
    let name = &format!("step, {entries}");
    Measured { name, subject: median(steps), reference: None, unit: "ms", aim }.report();
}

fn steps(mut terminal: Terminal, entries: usize) -> Vec<f64> {
    // A million entries take half a minute, longer than the terminal's own waits.
    while terminal.screen_text().contains("VERIFYING") {
        thread::sleep(Duration::from_millis(50));
    }
    let step = |back: usize| {
        let started = Instant::now();
        terminal.press(Key::Left).wait_for_text(&format!(" {}/{entries} ", entries - back));
        since(started)
    };
    (1..=size(STEPS, 3)).map(step).collect()
}

/// The time of SHA-256 over a file in memory.
fn digest(path: &Path) -> f64 {
    let bytes = fs::read(path).unwrap();
    millis(|| _ = black_box(Sha256::digest(&bytes)))
}

/// The time to check all signatures of a log, estimated from the first ones.
fn signatures(path: &Path) -> f64 {
    let signed = |line: &[u8]| line.windows(7).any(|part| part == b",\"sig\":");
    let lines = || LogLines::new(BufReader::new(File::open(path).unwrap())).map(|line| line.unwrap().bytes);
    let all = lines().filter(|line| signed(line)).count();
    let first = lines().filter(|line| signed(line)).take(CHECKED);
    let checks: Vec<SignatureCheck> =
        first.filter_map(|line| SignatureCheck::of(&Entry::read(&line).unwrap())).collect();
    let took = millis(|| checks.iter().for_each(SignatureCheck::check));
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let scale = all as f64 / checks.len() as f64;
    took * scale
}
