//! The pictures of the README, drawn from a rehearsal. `GONOGO_PICTURES=write` updates them.

use std::path::Path;
use std::time::Duration;

use super::deployment::{
    CONFIRM_BEFORE, DEPLOY_STEPS, after_build, confirm, log, run_action, sandbox_without_path, seal, select,
};
use crate::support::picture::svg;
use crate::support::terminal::Terminal;
use crate::support::wait;

const SIZE: (u16, u16) = (140, 40);

#[track_caller]
fn assert_matches(name: &str, terminal: &Terminal) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(name);
    if std::env::var_os("GONOGO_PICTURES").is_some() {
        let mut last = String::new();
        let stable = wait::until("a stable screen", || {
            let drawn = svg(&terminal.screen());
            std::thread::sleep(Duration::from_millis(300));
            let before = std::mem::replace(&mut last, drawn.clone());
            (drawn == before).then_some(drawn)
        });
        std::fs::write(&path, stable).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    // The screen may still be drawn.
    let matches = wait::within(wait::TIMEOUT, || (svg(&terminal.screen()) == expected).then_some(()));
    let drawn = svg(&terminal.screen());
    let difference = expected.lines().zip(drawn.lines()).find(|(expected, drawn)| expected != drawn);
    assert!(
        matches.is_some(),
        "{name} is not what the screen shows now; GONOGO_PICTURES=write updates it: {difference:?}\n{}",
        terminal.screen_text()
    );
}

#[test]
fn the_pictures_in_the_readme_match_the_screen() {
    let sandbox = sandbox_without_path().args(["rehearse"]);
    let mut terminal = sandbox.terminal(SIZE.0, SIZE.1);
    terminal.close_notices();
    for at in CONFIRM_BEFORE {
        confirm(&mut terminal, at);
    }
    let (at, actions) = DEPLOY_STEPS[0];
    for action in actions {
        run_action(&mut terminal, at, action);
    }
    terminal.wait_for_text("✔ PASSED");
    select(&mut terminal, CONFIRM_BEFORE[4]);
    terminal.wait_for_text("channel platform").wait_gone("exit code 0 ");
    assert_matches("main.svg", &terminal);
    after_build(&mut terminal);
    seal(&mut terminal);
    terminal.send("q");
    let _ = terminal.wait_exit().code(0);
    let path = log(&sandbox).display().to_string();
    let sandbox = sandbox.args(["review", "--rehearsal", &path]);
    let mut review = sandbox.terminal(SIZE.0, SIZE.1);
    review.wait_for_text("SEALED  by you");
    select(&mut review, CONFIRM_BEFORE[4]);
    review.wait_for_text("channel platform").wait_for_text("simulated-reviewer sealed the run");
    assert_matches("review.svg", &review);
}
