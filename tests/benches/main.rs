//! The benches: each measures its subject and a reference alternately in one process, and prints a line.
//! They have no pass or fail limits, since the machine may be under load. `cargo test --benches` runs each once at its
//! smallest size, to show that it still runs.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "benches report failures by panics")]

mod actions;
mod append;
mod fold;
mod frame;
mod growth;
mod idle;
mod limits;
mod log;
mod measure;
mod memory;
mod probes;
mod redaction;
mod rehearsal;
#[expect(dead_code, reason = "the tests of the screen use more of it")]
#[path = "../../src/tui/tests/sample.rs"]
mod sample;
#[path = "../../src/tui/tests/sample_plan.rs"]
mod sample_plan;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../actions/scenario.rs"]
mod scenario;
mod screen;
mod start;
#[expect(dead_code, unused_imports, unused_macros, reason = "the tests use more of it")]
#[path = "../support/mod.rs"]
mod support;
mod verify;
mod whole;

const BENCHES: &[(&str, fn())] = &[
    ("append", append::bench),
    ("actions", actions::bench),
    ("redaction", redaction::bench),
    ("verify", verify::bench),
    ("growth", growth::bench),
    ("fold", fold::bench),
    ("limits", limits::bench),
    ("frame", frame::bench),
    ("probes", probes::bench),
    ("whole", whole::bench),
    ("rehearsal", rehearsal::bench),
    ("start", start::bench),
    ("idle", idle::bench),
    ("memory", memory::bench),
];

fn main() {
    // cargo adds options of its own, such as `--bench`.
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    measure::print_header();
    for (_, bench) in BENCHES.iter().filter(|(name, _)| name.contains(&filter)) {
        bench();
    }
}
