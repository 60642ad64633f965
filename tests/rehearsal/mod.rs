//! The embedded stack: a complete deployment on it, drills, and its servers with stock clients.

mod cleanup;
mod clients;
mod debrief;
mod deployment;
mod drills;
mod malformed_input;
mod pictures;
mod shared;
mod start;
