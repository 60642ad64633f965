//! Actions, through the real program on a real terminal.

mod damaged_files;
mod engine;
mod memory_access;
mod ownership;
mod recorded_processes;
mod rollback;
mod rules;
mod scenario;
mod secrets;
mod single_start;
mod start;
mod survive;
mod touch;
