//! The embedded stack: a whole deployment on it, drills, and what stock clients say of its servers.

mod clients;
mod debrief;
mod drills;
mod ends;
mod pictures;
mod shared;
mod start;
mod strangers;
mod walk;
