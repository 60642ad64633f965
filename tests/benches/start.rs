//! What a person waits for the first frame, of the standard checklist and of one with a single point, against the same
//! program that only tells its version; and the most memory it took until its probes have run.

use std::time::Instant;

use crate::bench::gonogo::Sandbox;
use crate::measure::{Measured, since, turns};
use crate::screen::Opened;

const ROUNDS: usize = 15;

pub fn bench() {
    start("start, to first frame", "at most 3.5x", Opened::new);
    start("start, one point", "", Opened::small);
    let peak = |run: Opened| {
        run.settle();
        run.status("VmHWM") / 1024.0
    };
    let (subject, reference) = (peak(Opened::new()), Some(peak(Opened::small())));
    let aim = "at most 15 MB; against one point";
    Measured { name: "start, peak memory", subject, reference, unit: "MB", aim }.tell();
}

fn start(name: &str, aim: &'static str, open: fn() -> Opened) {
    let (subject, reference) = turns(ROUNDS, || open().took, version);
    Measured { name, subject, reference: Some(reference), unit: "ms", aim }.tell();
}

fn version() -> f64 {
    let sandbox = Sandbox::new().args(["--version"]);
    let begun = Instant::now();
    let mut terminal = sandbox.terminal(80, 24);
    terminal.wait_for_text("gonogo");
    since(begun)
}
