//! How often a run that is left alone wakes the machine, against once a second; and the program's size.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::bench::gonogo::GONOGO;
use crate::measure::{Measured, size};
use crate::screen::Opened;

const SECONDS: u8 = 10;

pub fn bench() {
    let run = Opened::new();
    run.settle();
    let before = run.waits();
    let seconds = size(SECONDS, 1);
    thread::sleep(Duration::from_secs(seconds.into()));
    let subject = (run.waits() - before) / f64::from(seconds);
    // A program that looks at the clock once a second, and does nothing else.
    let reference = Some(1.0);
    Measured { name: "idle, waits of threads", subject, reference, unit: "/s", aim: "none" }.tell();
    let bytes = fs::metadata(GONOGO).unwrap().len();
    let subject = f64::from(u32::try_from(bytes / 1024).unwrap()) / 1024.0;
    Measured { name: "size of the program", subject, reference: None, unit: "MB", aim: "none" }.tell();
}
