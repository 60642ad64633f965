//! The rehearsal of gonogo: a whole stack within this process, on loopback, and drills that break it.
//!
//! # What lives here
//!
//! | module | what lives there |
//! |---|---|
//! | [`servers`] | servers that speak the real protocols and answer in the shapes that the products document |
//! | [`shims`] | the command-line tools that the standard checklist runs |
//! | [`stack`] | all of them, wired to each other |
//! | [`drills`] | what can be broken, and which control points must find it |
//! | [`files`] | the files of a rehearsal: secrets, shims, profile |
//! | [`names`], [`secrets`] | the names of the stack's parts, and credentials made for one rehearsal |
//!
//! # What may not
//!
//! Nothing of gonogo is imported here: neither its types nor its files under `config/`. What a rehearsal needs of them
//! is handed down by `gonogo rehearse`. A build without the feature `rehearsal` holds none of this. The tests use those
//! servers of which no real one can be had.

pub mod drills;
pub mod files;
pub mod names;
mod profile;
pub mod secrets;
pub mod servers;
pub mod shims;
pub mod stack;
