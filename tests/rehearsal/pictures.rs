//! The pictures of the README, made from a rehearsal. `GONOGO_PICTURES=write` renews them.

use std::path::Path;
use std::time::Duration;

use super::walk::{BEFORE, STEPS, after_build, bare, confirm, log, run, seal, select};
use crate::bench::picture::svg;
use crate::bench::terminal::{Key, Terminal};
use crate::bench::wait;

const SIZE: (u16, u16) = (140, 40);

#[track_caller]
fn is_as_drawn(name: &str, terminal: &Terminal) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(name);
    if std::env::var_os("GONOGO_PICTURES").is_some() {
        let mut last = String::new();
        let still = wait::until("a screen that stands still", || {
            let drawn = svg(&terminal.screen());
            std::thread::sleep(Duration::from_millis(300));
            let before = std::mem::replace(&mut last, drawn.clone());
            (drawn == before).then_some(drawn)
        });
        std::fs::write(&path, still).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    // The screen may still be drawn.
    let is_as_known = wait::within(wait::PATIENCE, || (svg(&terminal.screen()) == known).then_some(()));
    let drawn = svg(&terminal.screen());
    let other = known.lines().zip(drawn.lines()).find(|(known, drawn)| known != drawn);
    assert!(
        is_as_known.is_some(),
        "{name} is not what the screen shows now; GONOGO_PICTURES=write renews it: {other:?}\n{}",
        terminal.screen_text()
    );
}

#[test]
fn they_show_what_the_screen_shows() {
    let sandbox = bare().args(["rehearse"]);
    let mut terminal = sandbox.terminal(SIZE.0, SIZE.1);
    terminal.wait_for_text("before you continue").press(Key::Enter).wait_gone("before you continue");
    for at in BEFORE {
        confirm(&mut terminal, at);
    }
    let (at, actions) = STEPS[0];
    for action in actions {
        run(&mut terminal, at, action);
    }
    terminal.wait_for_text("✔ PASSED");
    select(&mut terminal, BEFORE[4]);
    terminal.wait_for_text("channel platform").wait_gone("exit code 0 ");
    is_as_drawn("main.svg", &terminal);
    after_build(&mut terminal);
    seal(&mut terminal);
    terminal.send("q");
    let _ = terminal.wait_exit().code(0);
    let path = log(&sandbox).display().to_string();
    let sandbox = sandbox.args(["review", "--rehearsal", &path]);
    let mut review = sandbox.terminal(SIZE.0, SIZE.1);
    review.wait_for_text("SEALED  by you");
    select(&mut review, BEFORE[4]);
    review.wait_for_text("channel platform").wait_for_text("simulated-reviewer sealed the run");
    is_as_drawn("review.svg", &review);
}
