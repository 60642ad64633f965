//! How often an idle run wakes the machine, against once a second; and the size of the program.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::measure::{Measured, size};
use crate::screen::OpenedRun;
use crate::support::gonogo::GONOGO;

const SECONDS: u8 = 10;

pub fn bench() {
    let run = OpenedRun::new();
    run.wait_until_idle();
    let before = run.waits();
    let seconds = size(SECONDS, 1);
    thread::sleep(Duration::from_secs(seconds.into()));
    let subject = (run.waits() - before) / f64::from(seconds);
    // A program that only reads the clock once a second.
    let reference = Some(1.0);
    Measured { name: "idle, waits of threads", subject, reference, unit: "/s", aim: "none" }.report();
    let bytes = fs::metadata(GONOGO).unwrap().len();
    let subject = f64::from(u32::try_from(bytes / 1024).unwrap()) / 1024.0;
    Measured { name: "size of the program", subject, reference: None, unit: "MB", aim: "none" }.report();
}
