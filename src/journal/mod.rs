//! The code that writes, reads and verifies run logs.

pub mod agent;
mod ahead;
pub mod before;
pub mod bundle;
pub mod chain;
pub(crate) mod disk;
mod enrolled;
pub mod entry;
pub mod file;
pub mod holder;
pub mod index;
pub mod keys;
pub mod marks;
pub mod order;
pub mod plain;
pub mod public_key;
pub mod raw;
pub mod read;
mod recover;
pub mod revoked;
pub mod side;
pub mod signers;
pub mod source;
pub mod sshsig;
pub mod store;
#[cfg(test)]
pub(crate) mod tests;
pub mod verify;
