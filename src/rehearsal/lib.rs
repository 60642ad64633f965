//! The rehearsal: a complete deployment stack on loopback, run by this process, and drills that break it.
//!
//! # What lives here
//!
//! | module | content |
//! |---|---|
//! | [`servers`] | servers that speak the real protocols and respond in the formats that the products document |
//! | [`shims`] | shims for the command-line tools that the standard checklist runs |
//! | [`stack`] | the whole stack: all servers and shims, connected to each other |
//! | [`drills`] | the drills: what each breaks, and which control points must detect it |
//! | [`files`] | the files of a rehearsal: credentials, shims, kubeconfig, profile |
//! | `profile` | the profile, rendered from `profile.toml.template` |
//! | [`names`], [`secrets`] | the names of the stack's parts, and the credentials of one rehearsal |
//!
//! # What may not live here
//!
//! - Anything that imports gonogo: this package uses none of its other modules, and no file under `config/`. What a
//!   rehearsal needs of them, `gonogo rehearse` passes in.
//! - Anything that a real run uses: a build without the feature `rehearsal` contains none of this package.
//!
//! The tests use those servers for which no real one is available.

pub mod drills;
pub mod files;
pub mod names;
mod profile;
pub mod secrets;
pub mod servers;
pub mod shims;
pub mod stack;
