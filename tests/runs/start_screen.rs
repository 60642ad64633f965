//! The start screen: `gonogo` without a command.

use std::fs;

use crate::support::gonogo::Sandbox;
use crate::support::terminal::Key;

#[test]
fn profiles_of_the_current_directory_are_listed_and_broken_ones_say_what_is_wrong() {
    let none: [&str; 0] = [];
    let sandbox = Sandbox::new().args(none).profile("environment = \"deck\"\n");
    let sandbox = sandbox.file("Cargo.toml", "[package]\nname = \"other\"\n").checklist("name = \"own\"\n");
    fs::create_dir(sandbox.work().join("config")).unwrap();
    let sandbox = sandbox.file("config/bad.toml", "environment = \"bay\"\nsolo = yes\n");
    let mut terminal = sandbox.terminal(120, 40);
    terminal.wait_for_text("Open a run").wait_for_text("doctor deck").wait_for_text("config/bad.toml:2:8: ");
    let shown = terminal.screen_text();
    assert!(shown.contains("deck") && shown.contains("profile.toml"), "{shown}");
    assert!(!shown.contains("Cargo") && !shown.contains("checklist.toml"), "{shown}");
    terminal.press(Key::Down).press(Key::Down).wait_for_text("▌ bad.toml").press(Key::Enter);
    let ended = terminal.wait_exit().code(2);
    assert!(ended.screen_text().contains("config/bad.toml:2:8: "), "{}", ended.screen_text());
}
