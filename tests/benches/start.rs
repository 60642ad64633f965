//! What a person waits for the first frame, against the same program that only tells its version; and the
//! most memory it took.

use std::time::Instant;

use crate::bench::gonogo::Sandbox;
use crate::measure::{Measured, since, turns};
use crate::screen::Opened;

const ROUNDS: usize = 15;

pub fn bench() {
    let (subject, reference) = turns(ROUNDS, || Opened::new().took, version);
    let aim = "at most 10 ms";
    Measured { name: "start, to first frame", subject, reference: Some(reference), unit: "ms", aim }.tell();
    let run = Opened::new();
    run.settle();
    let peak = run.status("VmHWM") / 1024.0;
    let aim = "at most 15 MB";
    Measured { name: "start, peak memory", subject: peak, reference: None, unit: "MB", aim }.tell();
}

fn version() -> f64 {
    let sandbox = Sandbox::new().args(["--version"]);
    let begun = Instant::now();
    let mut terminal = sandbox.terminal(80, 24);
    terminal.wait_for_text("gonogo");
    since(begun)
}
