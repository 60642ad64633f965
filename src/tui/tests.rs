//! Tests of the whole screen: keys and messages in, frames and effects out.

mod actions;
mod add_operator;
mod attention;
mod availability;
pub mod buffer;
mod diagnosis;
mod early_keys;
mod editing;
mod filter;
mod header;
mod hints;
mod keys;
mod large_content;
pub mod layer_focus;
mod mouse;
mod notices;
mod palette;
mod random_keys;
mod responses;
pub mod sample;
mod sample_plan;
mod screen_queries;
mod screens;
mod sealing;
mod sections;
mod terminal_input;
pub mod test_screen;
