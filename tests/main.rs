//! The one integration test binary: behaviour through the real program and against real servers.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests report failures by panics")]

mod actions;
mod attacks;
mod crash;
mod diagnostics;
mod differential;
mod doctor;
mod exit_codes;
mod exploits;
mod fuzzed;
mod gates;
mod headless;
mod host_faults;
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
mod shutdown;
mod starters;
mod support;
mod support_tests;
mod trust;
mod trusted_signers;
mod whole;
#[cfg(not(feature = "rehearsal"))]
mod without_rehearsal;
mod words;
