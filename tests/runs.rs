//! Runs, from opening to seal, as people at a terminal and strangers with stock tools see them.

pub mod agent;
mod ended;
mod faults;
mod killed;
mod kinds;
mod looser;
mod opening;
mod pair;
mod resuming;
mod screen;
mod stopped;
mod table;
mod waits;
pub mod world;
