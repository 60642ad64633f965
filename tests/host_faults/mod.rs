//! The table of host faults: signals, lost terminals, full disks, changed clocks and changed logs. Each must be reported,
//! and no acknowledged entry may be lost. To print this table, and the one of hostile servers:
//!
//!     tests/run --nocapture host_faults hostile

mod rows;
mod scenario;

use crate::runs::world::quit;
use crate::support::need;
use rows::{Ending, Resume, Row};
use scenario::FaultScenario;

#[test]
fn no_acknowledged_entry_is_lost_and_every_fault_is_reported() {
    need!("ssh-keygen", "bash", "script", "strace", "unshare");
    let rows = rows::rows();
    let failures: Vec<String> = rows.into_iter().filter_map(|row| run_row(&row).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A failed row is reported with its name; the other rows run all the same.
fn run_row(row: &Row) -> Result<(), String> {
    let result = std::panic::catch_unwind(|| run_scenario(row));
    let reported = result.map_err(|why| {
        let why =
            why.downcast_ref::<String>().cloned().or(why.downcast_ref::<&str>().map(ToString::to_string));
        format!("{}: {}", row.fault, why.unwrap_or_default())
    })?;
    println!("{} · {reported}", row.fault);
    Ok(())
}

/// Runs a row; returns the line to print for it.
fn run_scenario(row: &Row) -> String {
    let mut scenario = FaultScenario::new(row.launch);
    scenario.open(&["--release", "v1.4.0", "--previous", "v1.3.0"]);
    let shown = row.confirms.then(|| {
        scenario.confirm_point();
        last_seq_shown(&scenario.terminal().screen_text())
    });
    (row.inject)(&mut scenario);
    let ended = wait_for_end(row, &mut scenario);
    for words in row.messages {
        assert!(contains_text(&scenario.transcript, words), "expected\n{words}\nin\n{}", scenario.transcript);
    }
    (row.fix)(&scenario);
    let reported = row.messages.join(" … ");
    let reported = if reported.is_empty() { "no message expected".into() } else { reported };
    let Some(shown) = shown else { return format!("{ended} · {reported}") };
    let answer = verify(row, &mut scenario);
    assert!(scenario.entries().len() > shown, "entry {shown} was shown but is lost");
    assert!(scenario.entries().iter().any(|entry| entry["kind"] == "confirmed"), "a confirmation is lost");
    format!("{ended} · {reported} · verify: {answer} · {}", resume(row, &mut scenario))
}

/// Waits until the program ends as expected, and adds its last screen to the transcript.
fn wait_for_end(row: &Row, scenario: &mut FaultScenario) -> String {
    let mut terminal = scenario.terminal.take().unwrap();
    match row.ending {
        Ending::Continues => {
            terminal.wait_for_text("2/3");
            scenario.transcript += &terminal.screen_text();
            quit(terminal);
            "continues".into()
        }
        Ending::Killed => {
            scenario.transcript += &terminal.wait_exit().screen_text();
            "killed".into()
        }
        Ending::ExitCode(code) => {
            scenario.transcript += &terminal.wait_exit().code(code).left_clean().screen_text();
            format!("ends with {code}")
        }
    }
}

/// Whether a screen contains this text, ignoring line breaks.
fn contains_text(screen: &str, words: &str) -> bool {
    let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    bare(screen).contains(&bare(words))
}

/// The highest log position shown on the screen.
fn last_seq_shown(screen: &str) -> usize {
    let after = ["seq ", "entry "].into_iter().flat_map(|word| screen.split(word).skip(1));
    let numbers = after.filter_map(|after| after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    numbers.max().unwrap_or(0)
}

fn verify(row: &Row, scenario: &mut FaultScenario) -> &'static str {
    let log = scenario.log();
    let output = scenario.world.verify(&log, &[]).code(5);
    let _ = row.verify.iter().fold(output, |output, words| output.stdout_has(words));
    "open"
}

fn resume(row: &Row, scenario: &mut FaultScenario) -> String {
    scenario.open(&[]);
    let mut terminal = scenario.terminal.take().unwrap();
    let words = match row.resume {
        Resume::Rejected(words) => {
            let screen = terminal.wait_exit().left_clean().screen_text();
            assert!(contains_text(&screen, words), "expected\n{words}\nin\n{screen}");
            return format!("not resumed: {words}");
        }
        Resume::Reported(words) => {
            terminal.wait_for_text(words).close_notices();
            format!("resumed: {words}")
        }
        Resume::Plain => "resumed".into(),
    };
    terminal.wait_for_text("2/3");
    quit(terminal);
    words
}
