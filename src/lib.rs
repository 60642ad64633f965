//! gonogo: a go/no-go checklist for deployments.
pub mod checklist;
pub mod error;
pub mod journal;
pub mod outcome;
pub mod run;
pub mod secret;
pub mod text;
pub mod time;
