//! Runs, from opening to seal, on a real terminal and with stock tools.

pub mod agent;
mod editing;
mod ended;
mod fault_table;
mod faults;
mod key_types;
mod killed;
mod looser_plans;
mod named_keys;
mod notify;
mod opening;
mod resuming;
mod screen;
mod start_screen;
mod status;
mod stopped;
mod two_operators;
mod waiting_probes;
pub mod world;
