//! The reader and the verifier on any bytes. From the project's directory, with cargo-fuzz:
//!
//!     cargo +nightly fuzz run --fuzz-dir tests/fuzz reader
#![no_main]

mod looks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| looks::all(bytes));
