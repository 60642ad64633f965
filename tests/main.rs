//! The one integration test binary: behaviour through the real program and against real servers.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the bench is test code: a panic is its report")]

mod accidents;
mod actions;
mod attacks;
mod bench;
mod bench_self;
mod crash;
mod diagnostics;
mod differential;
mod doctor;
mod ending;
mod failures;
mod fuzzed;
mod gates;
mod headless;
mod hostile;
mod layers;
mod manual;
mod probes;
mod readme;
mod rehearsal;
mod reports;
mod reviews;
mod runs;
mod secret_commands;
mod traps;
mod trust;
mod trusted;
mod whole;
#[cfg(not(feature = "rehearsal"))]
mod without_rehearsal;
mod words;
