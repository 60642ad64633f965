//! Runs, from opening to seal, as people at a terminal and strangers with stock tools see them.

pub mod agent;
mod faults;
mod kinds;
mod opening;
mod pair;
mod screen;
mod table;
mod waits;
pub mod world;
