//! The bench: real servers, a sandbox for the program, a real terminal. Nothing here outlives its test.

pub mod certs;
pub mod checkout;
pub mod collector;
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
pub mod served;
pub mod stack;
pub mod supervisor;
pub mod terminal;
pub mod topology;
pub mod unprivileged;
pub mod vault;
pub mod wait;
pub mod web;
pub mod whole;

/// How many times more often than usual what is random, or could be done without end, is done: for `.ci/long`.
pub fn scale() -> usize {
    std::env::var("GONOGO_TEST_SCALE")
        .map_or(1, |times| times.parse().expect("GONOGO_TEST_SCALE: a whole number"))
}

/// Goes through the rows of a table, several at a time: most of what they take is waiting.
pub fn each_of(rows: usize, walk: impl Fn(usize) + Sync) {
    const AT_A_TIME: usize = 4;
    std::thread::scope(|scope| {
        for first in 0..AT_A_TIME.min(rows) {
            let walk = &walk;
            scope.spawn(move || (first..rows).step_by(AT_A_TIME).for_each(walk));
        }
    });
}

/// Ends the test early where a program it needs is missing: a printed skip on a person's machine, a failure
/// when `CI=true`.
macro_rules! need {
    ($($program:expr),+ $(,)?) => {
        if !$crate::bench::supervisor::installed(&[$($program),+]) {
            return;
        }
    };
}
pub(crate) use need;
