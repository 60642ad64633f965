//! gonogo: a go/no-go checklist for deployments.

pub mod checklist;
pub mod cli;
pub mod commands;
pub mod engine;
pub mod error;
pub mod headless;
pub mod journal;
pub mod outcome;
pub mod probe;
pub mod run;
pub mod secret;
pub mod text;
pub mod time;
pub mod ui;
