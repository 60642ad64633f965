//! The code that writes, reads and verifies run logs.

pub mod agent;
pub mod attachments;
pub mod bundle;
pub mod chain;
pub mod disk;
pub mod entry;
pub mod file;
pub mod index;
pub mod keys;
mod known_operators;
pub mod lock_owner;
pub mod log_file;
pub mod marks;
mod parallel_reader;
pub mod plain_signature;
pub mod predecessor;
pub mod public_key;
pub mod raw;
pub mod read;
mod recover;
pub mod revoked;
pub mod run_order;
pub mod signers;
pub mod sshsig;
pub mod store;
#[cfg(test)]
mod tests;
pub mod verify;
