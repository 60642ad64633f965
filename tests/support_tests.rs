//! Tests of the test fixtures: the servers are real, and everything is stopped and deleted when its test ends.

mod programs;
mod servers;
