//! Alternating measurements, medians, and the format of a line.

use std::time::Instant;

/// Whether every bench runs only once at its smallest size. `cargo bench` passes `--bench`; `cargo test --benches` does not.
pub fn is_smoke_test() -> bool {
    !std::env::args().any(|word| word == "--bench")
}

/// The size to measure at, or the smallest one that runs all of the bench.
pub fn size<T>(full: T, smallest: T) -> T {
    if is_smoke_test() { smallest } else { full }
}

/// What was measured, and what it was measured against.
pub struct Measured<'a> {
    pub name: &'a str,
    pub subject: f64,
    pub reference: Option<f64>,
    pub unit: &'static str,
    pub aim: &'static str,
}

impl Measured<'_> {
    /// Prints its line.
    pub fn report(&self) {
        let Self { name, subject, reference, unit, aim } = self;
        let subject = format!("{subject:.3} {unit}");
        let against = reference.map_or("-".to_owned(), |value| format!("{value:.3} {unit}"));
        let ratio = reference.map_or("-".to_owned(), |value| format!("{:.2}x", self.subject / value));
        println!("{name:<24} {subject:>14} {against:>14} {ratio:>9}   {aim}");
    }
}

/// Prints the names of the columns.
pub fn print_header() {
    if is_smoke_test() {
        println!("Each bench once, at its smallest size: a smoke test, the figures mean nothing.");
    }
    println!("{:<24} {:>14} {:>14} {:>9}   aim", "", "median", "reference", "ratio");
}

/// Runs subject and reference alternately, so that both see the same machine, and returns their medians. The first round
/// only warms up.
pub fn alternate(
    rounds: usize,
    mut subject: impl FnMut() -> f64,
    mut reference: impl FnMut() -> f64,
) -> (f64, f64) {
    if is_smoke_test() {
        return (subject(), reference());
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let _ = (subject(), reference());
    for round in 0..rounds {
        // The second one finds warm caches, so each is second in half of the rounds.
        if round % 2 == 0 {
            ours.push(subject());
            theirs.push(reference());
        } else {
            theirs.push(reference());
            ours.push(subject());
        }
    }
    (median(ours), median(theirs))
}

/// The time that it takes, in milliseconds.
pub fn millis(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    since(started)
}

/// The milliseconds since then.
pub fn since(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1000.0
}

/// The median.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
