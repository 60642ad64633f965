//! Taking turns, medians, and the one form of a line.

use std::time::Instant;

/// Whether the benches only show that they run: everything once, at its smallest size. Cargo says `--bench` to what
/// is to measure; `cargo test --benches` says nothing.
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
    pub fn tell(&self) {
        let Self { name, subject, reference, unit, aim } = self;
        let subject = format!("{subject:.3} {unit}");
        let against = reference.map_or("-".to_owned(), |value| format!("{value:.3} {unit}"));
        let ratio = reference.map_or("-".to_owned(), |value| format!("{:.2}x", self.subject / value));
        println!("{name:<24} {subject:>14} {against:>14} {ratio:>9}   {aim}");
    }
}

/// Prints the names of the columns.
pub fn head() {
    if is_smoke_test() {
        println!("Each bench once, at its smallest size: that it runs is shown, the figures mean nothing.");
    }
    println!("{:<24} {:>14} {:>14} {:>9}   aim", "", "median", "reference", "ratio");
}

/// Lets subject and reference run in turns, so that both see the same machine; gives the medians of what
/// they return. The first turn of each only warms up.
pub fn turns(
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
        // Who comes second finds the caches of the first: each is that half of the time.
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

/// How many milliseconds it takes.
pub fn millis(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    since(begun)
}

/// The milliseconds since then.
pub fn since(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1000.0
}

/// The one in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
