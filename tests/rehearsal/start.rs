//! `gonogo` alone, on a terminal.

use std::fs;

use super::deployment::sandbox_without_path;
use crate::support::gonogo::Sandbox;
use crate::support::terminal::Key;

const PROFILE: &str = "environment = \"shore\"\nsolo = true\n";

#[test]
fn the_start_screen_lists_the_options_and_opens_the_selected_one() {
    let sandbox = sandbox_without_path().args(Vec::<String>::new());
    fs::create_dir(sandbox.work().join("config")).unwrap();
    fs::write(sandbox.work().join("config/shore.toml"), PROFILE).unwrap();
    fs::write(sandbox.work().join("config/checklist.toml"), "name = \"x\"\n").unwrap();
    let mut terminal = sandbox.terminal(80, 24);
    terminal
        .wait_for_text("▌ rehearse")
        .wait_for_text("shore         config/shore.toml")
        .wait_for_text("no runs yet");
    assert!(!terminal.screen_text().contains("checklist.toml"));
    terminal.press(Key::Enter).close_notices();
    terminal.wait_for_text("? help").send("q").wait_for_text("quit the rehearsal").answer("y");
    let _ = terminal.wait_exit().code(5).left_clean();
    // The ended rehearsal can be reviewed, but not resumed.
    let mut terminal = sandbox.terminal(80, 24);
    terminal.wait_for_text("no verdict, open").press(Key::Char('G')).wait_for_text("▌ rehearsal v1.5.0");
    terminal.press(Key::Enter).wait_for_text("OPEN  valid, not sealed").send("q");
    let _ = terminal.wait_exit().code(0).left_clean();
}

#[test]
fn the_start_screen_can_be_quit_and_runs_the_selected_profile() {
    let sandbox = Sandbox::new().args(Vec::<String>::new());
    fs::create_dir_all(sandbox.config().join("gonogo")).unwrap();
    fs::write(sandbox.config().join("gonogo/shore.toml"), PROFILE).unwrap();
    let mut terminal = sandbox.terminal(60, 20);
    terminal.wait_for_text("shore").send("q");
    let _ = terminal.wait_exit().code(0).left_clean();
    let mut terminal = sandbox.terminal(60, 20);
    terminal.wait_for_text("shore").press(Key::Down).wait_for_text("▌ shore").press(Key::Enter);
    terminal.wait_for_text("Release to promote");
}
