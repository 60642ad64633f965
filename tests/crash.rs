//! `kill -9` at random moments of a busy run: every entry shown on the screen is in the log, the log stays valid, and the
//! run can be resumed.

use std::fs;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::runs::world::World;
use crate::support::gonogo::signal;
use crate::support::terminal::{Key, Terminal};
use crate::support::{need, scale};

/// Several runs at once, each killed many times; a longer log would cost more than it shows.
const RUNS: usize = 6;
const KILLS: usize = 15;
/// The seed of an earlier run, to repeat it.
const SEED: &str = "GONOGO_TEST_SEED";
/// The latest moment of a kill, in microseconds.
const LIFE: u64 = 250_000;

/// What the logs contain.
#[derive(Default)]
struct LogCounts {
    entries: usize,
    torn: usize,
    in_doubt: usize,
}

#[test]
fn after_kills_at_random_moments_the_log_has_every_entry_shown() {
    need!("ssh-keygen");
    let seed = seed();
    println!("{SEED}={seed}");
    let runs: Vec<_> = (0..RUNS as u64).map(|run| thread::spawn(move || kill_often(seed + run))).collect();
    let mut all = LogCounts::default();
    for run in runs {
        let counts = run.join().unwrap();
        all.entries += counts.entries;
        all.torn += counts.torn;
        all.in_doubt += counts.in_doubt;
    }
    let LogCounts { entries, torn, in_doubt } = all;
    println!(
        "{} kills, {entries} entries, {torn} incomplete lines, {in_doubt} entries in doubt",
        RUNS * kills()
    );
    assert!(entries > RUNS * kills(), "the runs were not busy");
}

fn seed() -> u64 {
    let now = || u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
    std::env::var(SEED).map_or_else(|_| now(), |seed| seed.parse().expect("a whole number"))
}

/// How often each run is killed.
fn kills() -> usize {
    KILLS * scale()
}

fn kill_often(mut random: u64) -> LogCounts {
    let mut world = World::new();
    let mut first = world.open(100, 30);
    first.wait_for_text("seq ");
    let mut shown = kill(first);
    for kill_number in 0..kills() {
        check(&mut world, shown, kill_number);
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut terminal = world.open_with(&[], 100, 30);
        terminal.wait_for("the run", |screen| {
            let text = screen.contents();
            text.contains("seq ") || text.contains("before you continue")
        });
        keep_busy(&mut terminal);
        // This is the random moment; nothing is awaited.
        thread::sleep(Duration::from_micros((random >> 33) % LIFE));
        shown = kill(terminal);
    }
    check(&mut world, shown, kills());
    let entries = world.entries();
    let count = |what: &str| entries.iter().filter(|entry| !entry[what].is_null()).count();
    LogCounts { entries: entries.len(), torn: count("torn"), in_doubt: count("in_doubt") }
}

/// Keys for many notes and probe runs, typed at once. Enter closes the dialog about a recovery, if there is one.
fn keep_busy(terminal: &mut Terminal) {
    terminal.press(Key::Enter);
    for _ in 0..20 {
        terminal.send("Rnbusy").press(Key::Enter).answer("y").send("r");
    }
}

/// Kills the program; returns the last position that it has shown as saved.
fn kill(terminal: Terminal) -> Option<usize> {
    signal(terminal.pid(), "KILL");
    let ended = terminal.wait_exit();
    let text = ended.screen_text();
    let after = text.rsplit_once("seq ")?.1;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn check(world: &mut World, shown: Option<usize>, kill: usize) {
    let log = world.log();
    let _ = world.verify(&log, &[]).code(5);
    let bytes = fs::read(&log).unwrap();
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")).count();
    assert!(
        shown.is_none_or(|shown| lines > shown),
        "kill {kill}: {shown:?} was shown, {lines} lines are there"
    );
}
