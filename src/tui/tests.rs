//! The screen, looked at and typed into as a person would.

mod acting;
mod answers;
pub mod buffer;
mod filter;
mod hints;
pub mod keys;
mod layered;
mod legible;
mod mouse;
mod newcomer;
mod notices;
pub mod sample;
mod sample_plan;
mod screens;
mod sealing;
mod sections;
pub mod top;
mod truthful;
mod unseen;
