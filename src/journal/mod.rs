//! The code that writes, reads and verifies run logs.
pub mod entry;
