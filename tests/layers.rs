//! The rule of the architecture: a layer imports only from lower layers. The table is data; the tests check it against all
//! `crate::…` paths of the shipped code, in `use` lines and inline.

mod files;
mod modules;
mod programs;
mod screen;
mod snapshots;
mod source;
