//! Fuzz target of the log reader and the verifier. Run it in the project directory with cargo-fuzz:
//!
//!     cargo +nightly fuzz run --fuzz-dir tests/fuzz reader
#![no_main]

mod invariants;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| invariants::check_all(bytes));
