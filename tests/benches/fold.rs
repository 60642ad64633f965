//! The time to compute the state of a long run from its entries, against parsing their lines as JSON.

use std::hint::black_box;

use gonogo_core::run::RunState;
use serde_json::Value;

use crate::log::Log;
use crate::measure::{Measured, alternate, millis};
use crate::verify::entries;

const ROUNDS: usize = 15;

pub fn bench() {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let entries = entries();
    let log = Log::of(entries, home.path());
    let fold = || drop(black_box(RunState::fold(&log.entries)).unwrap());
    let parse = || {
        let read = |line: &Vec<u8>| serde_json::from_slice::<Value>(line).unwrap();
        log.lines.iter().for_each(|line| drop(black_box(read(line))));
    };
    let (subject, reference) = alternate(ROUNDS, || millis(fold), || millis(parse));
    let name = &format!("fold, {entries} entries");
    Measured { name, subject, reference: Some(reference), unit: "ms", aim: "none" }.report();
}
