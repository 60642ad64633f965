//! Test fixtures: real servers, a sandbox for the program, a real terminal. Everything is stopped and deleted when its
//! test ends.

pub mod certs;
pub mod checkout;
pub mod collector;
pub mod docker;
pub mod full_stack;
pub mod gonogo;
pub mod http;
pub mod keys;
pub mod moto;
pub mod picture;
pub mod ports;
pub mod prometheus;
pub mod proxies;
pub mod rabbitmq;
pub mod redis;
pub mod registry;
pub mod served_rehearsal;
pub mod stack;
pub mod supervisor;
pub mod terminal;
pub mod topology;
pub mod unprivileged;
pub mod vault;
pub mod victoria;
pub mod wait;
pub mod web;

/// A factor for the number of iterations of randomised tests; `.ci/long` sets it.
pub fn scale() -> usize {
    std::env::var("GONOGO_TEST_SCALE")
        .map_or(1, |times| times.parse().expect("GONOGO_TEST_SCALE: a whole number"))
}

/// Runs a test on each row of a table, several in parallel: the rows mostly wait.
pub fn for_each_row(rows: usize, run: impl Fn(usize) + Sync) {
    const PARALLEL: usize = 4;
    std::thread::scope(|scope| {
        for first in 0..PARALLEL.min(rows) {
            let run = &run;
            scope.spawn(move || (first..rows).step_by(PARALLEL).for_each(run));
        }
    });
}

/// Skips the test if a program that it needs is not installed. With `CI=true` a missing program is a failure.
macro_rules! need {
    ($($program:expr),+ $(,)?) => {
        if !$crate::support::supervisor::installed(&[$($program),+]) {
            return;
        }
    };
}
pub(crate) use need;
