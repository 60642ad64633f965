//! The bench's own tests: its servers are real, and nothing of it outlives its test.

mod programs;
mod servers;
