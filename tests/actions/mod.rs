//! Actions: what people let run, through the real program at a real terminal.

mod begin;
mod doubt;
mod engine;
mod holding;
mod once;
mod private;
mod recorded;
mod rules;
mod scene;
mod secrets;
mod survive;
mod touch;
mod way_back;
