//! The time to the first frame, of the standard checklist and of one with a single point, against `gonogo --version`; and
//! the peak memory until the probes have run.

use std::time::Instant;

use crate::measure::{Measured, alternate, since};
use crate::screen::OpenedRun;
use crate::support::gonogo::Sandbox;

const ROUNDS: usize = 15;

pub fn bench() {
    start("start, to first frame", "at most 3.5x", OpenedRun::new);
    start("start, one point", "", OpenedRun::small);
    let peak = |run: OpenedRun| {
        run.wait_until_idle();
        run.status("VmHWM") / 1024.0
    };
    let (subject, reference) = (peak(OpenedRun::new()), Some(peak(OpenedRun::small())));
    let aim = "at most 15 MB; against one point";
    Measured { name: "start, peak memory", subject, reference, unit: "MB", aim }.report();
}

fn start(name: &str, aim: &'static str, open: fn() -> OpenedRun) {
    let (subject, reference) = alternate(ROUNDS, || open().took, version);
    Measured { name, subject, reference: Some(reference), unit: "ms", aim }.report();
}

fn version() -> f64 {
    let sandbox = Sandbox::new().args(["--version"]);
    let started = Instant::now();
    let mut terminal = sandbox.terminal(80, 24);
    terminal.wait_for_text("gonogo");
    since(started)
}
