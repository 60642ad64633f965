//! The house's rule: a room imports only from rooms below it. The table is data; the tests hold it over
//! `crate::…` paths, in `use` lines and inline, of all code that ships.

mod files;
mod programs;
mod rooms;
mod screen;
mod snapshots;
mod source;
