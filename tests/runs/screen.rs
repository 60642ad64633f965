//! A person at a real terminal.

use std::os::unix::fs::PermissionsExt as _;

use crossterm::event::Event;
use gonogo::tui::recorder;
use gonogo::tui::terminal::TerminalGuard;
use gonogo_core::time::{Moment, Utc};

use super::world::{ALICE, READY, STARTING, World, confirm, leave, leave_with, seal, select};
use crate::bench::gonogo::{Sandbox, signal};
use crate::bench::need;
use crate::bench::terminal::Key;
use crate::bench::web::Reply;

#[test]
fn a_run_goes_from_opening_to_a_sealed_go() {
    need!("ssh-keygen");
    for (columns, rows) in [(130, 40), (80, 24)] {
        let mut world = World::new();
        let mut terminal = world.open(columns, rows);
        terminal.wait_for_text("1/3");
        select(&mut terminal, '1', 1);
        confirm(&mut terminal, "service.headers");
        select(&mut terminal, '2', 0);
        confirm(&mut terminal, "people.told");
        terminal.wait_for_text("GO 3/3");
        seal(&mut terminal, "GO");
        leave_with(terminal, 0);
        let log = world.log();
        let told = world.verify(&log, &["--require-go"]).code(0);
        let _ = told.stdout_has(&format!("sealed by {ALICE}")).stdout_has("verdict   GO 3/3");
    }
}

#[test]
fn over_a_failure_nobody_confirms_and_what_was_done_is_there_again_after_a_pause() {
    need!("ssh-keygen");
    let mut world = World::new();
    world.web.route("/readyz", Reply::ok(STARTING));
    world.web.route("/healthz", Reply::ok("{}"));
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("NO-GO 0/3");
    select(&mut terminal, '1', 1);
    terminal.wait_for_text("no such header");
    terminal.send(" ").wait_for_text("cannot be confirmed: a probe failed");
    // A letter right after a refusal is not heard; it is after an arrow, which here has nowhere to go.
    terminal.press(Key::Down).wait_gone("cannot be confirmed");
    // A waiver needs a reason, and is asked for twice.
    terminal.send("w").wait_for_text("Why is it waived?");
    terminal.send("q is a letter here").press(Key::Enter).press(Key::Enter).wait_for_text("y waive as");
    terminal.send("y").wait_for_text("waived service.headers");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.told");
    terminal.send("n").wait_for_text("The note:");
    terminal.paste("pasted \u{202e}text\nq").press(Key::Enter).wait_for_text("noted");
    leave(terminal);

    let before = world.entries();
    let mut terminal = world.open_with(&[], 130, 40);
    terminal.wait_for_text("NO-GO 2/3");
    terminal.wait_for_text("≈");
    assert_eq!(world.entries()[..before.len()], before);
    assert_eq!(world.entries()[before.len()]["kind"], "resumed");
    seal(&mut terminal, "NO-GO");
    leave_with(terminal, 1);
    let log = world.log();
    let _ = world.verify(&log, &[]).code(0).stdout_has("verdict   NO-GO 2/3");
    let _ = world.verify(&log, &["--require-go"]).code(1);
    let reasons = &world.entries()[world.entries().len() - 2]["reasons"];
    assert_eq!(reasons[0]["point"], "service.ready");
    assert!(reasons[0]["why"].as_str().unwrap().contains("event_pipeline_ready"), "{reasons}");
    one_byte_changed_is_found(&mut world);
}

fn one_byte_changed_is_found(world: &mut World) {
    let log = world.log();
    let text = std::fs::read_to_string(&log).unwrap();
    let changed = text.replacen("q is a letter here", "Q is a letter here", 1);
    assert_ne!(text, changed);
    let copy = world.sandbox.work().join("changed.jsonl");
    std::fs::write(&copy, changed).unwrap();
    let line = text.lines().position(|line| line.contains("q is a letter")).unwrap() + 1;
    let _ = world.verify(&copy, &[]).code(4).stdout_has(&format!("INVALID at line {line}"));
    let mut whole: Vec<&str> = text.split_inclusive('\n').collect();
    whole.pop();
    std::fs::write(&copy, whole.concat()).unwrap();
    let _ = world.verify(&copy, &[]).code(5).stdout_has("open: valid, but not sealed");
}

#[test]
fn a_secret_that_is_typed_is_refused() {
    need!("ssh-keygen");
    let mut world = World::new();
    let profile = std::fs::read_to_string(world.sandbox.work().join("profile.toml")).unwrap();
    let token = "app.token = { env = \"BOARD_TOKEN\" }\n[points.\"people.told\"]\nprobe = [{ id = \"p\", title = \"p\", kind = \"token\", with = { api = { url = \"http://127.0.0.1:1\" }, current = \"{{ app.token }}\" } }]\n";
    world.sandbox = world.sandbox.profile(&(profile + token)).env("BOARD_TOKEN", "swordfish-42");
    let digest = world.sandbox.digest("profile.toml");
    let opened = ["--release", "v1.4.0", "--previous", "v1.3.0", "--trust", &digest];
    let mut terminal = world.open_with(&opened, 130, 40);
    terminal.wait_for_text("1/3");
    terminal.send("n").wait_for_text("The note:");
    terminal.send("it is swordfish-42").press(Key::Enter);
    terminal.wait_for_text("your text contains a secret (env BOARD_TOKEN)");
    terminal.press(Key::Esc).wait_gone("The note:");
    leave(terminal);
    assert!(!std::fs::read_to_string(world.log()).unwrap().contains("swordfish"));
}

#[test]
fn a_point_is_probed_again_and_an_act_is_taken_back() {
    need!("ssh-keygen");
    let mut world = World::new();
    world.web.route("/readyz", Reply::ok(STARTING));
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("NO-GO 0/3");
    world.web.route("/readyz", Reply::ok(READY));
    select(&mut terminal, '1', 0);
    terminal.send("r").wait_for_text("1/3");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.told");
    terminal.wait_for_text("2/3");
    terminal.send("u").wait_for_text("y retract as");
    terminal.send("y").wait_for_text("PENDING 1/3");
    terminal.send("x").wait_for_text("Why");
    terminal.send("nobody to tell").press(Key::Enter).wait_for_text("Esc edit");
    terminal.send("y").wait_for_text("2/3");
    leave(terminal);
}

#[test]
fn a_signal_ends_it_cleanly_and_nothing_acknowledged_is_lost() {
    need!("ssh-keygen");
    for name in ["TERM", "HUP", "INT"] {
        let mut world = World::new();
        let mut terminal = world.open(80, 24);
        terminal.wait_for_text("1/3");
        select(&mut terminal, '2', 0);
        confirm(&mut terminal, "people.told");
        signal(terminal.pid(), name);
        let _ = terminal.wait_exit().code(130).left_clean();
        assert!(world.entries().iter().any(|entry| entry["kind"] == "confirmed"));
        let log = world.log();
        let _ = world.verify(&log, &[]).code(5);
    }
}

#[test]
fn a_terminal_that_is_too_small_says_so_and_a_larger_one_goes_on() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(30, 8);
    terminal.wait_for_text("40");
    terminal.resize(40, 12);
    terminal.wait_for_text("Pipeline is ready");
    terminal.resize(130, 40);
    terminal.wait_for_text("Support is told").wait_for_text("checklist small");
    leave(terminal);
}

/// Runs itself in a terminal: there it takes the screen and panics.
#[test]
fn a_panic_gives_the_terminal_back_and_is_told() {
    const INSIDE: &str = "GONOGO_PANIC_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        let _taken = TerminalGuard::acquire().unwrap();
        panic!("something broke");
    }
    let test = std::env::current_exe().unwrap();
    let own = "runs::screen::a_panic_gives_the_terminal_back_and_is_told";
    let sandbox =
        Sandbox::new().program(test.to_str().unwrap()).env(INSIDE, "1").args(["--exact", own, "--nocapture"]);
    let ended = sandbox.terminal(200, 50).wait_exit().left_clean();
    // The test runner of the inner process writes across the message's second line.
    let told = ended.screen_text();
    assert!(ended.code != 0 && told.contains("panicked at tests/runs/screen.rs"), "{told}");
}

/// Runs itself in a terminal: there it takes the screen, something is typed, and it panics.
#[test]
fn a_panic_leaves_the_last_inputs_for_their_owner_only() {
    const INSIDE: &str = "GONOGO_INPUTS_INSIDE";
    if let Some(directory) = std::env::var_os(INSIDE) {
        let off = gonogo::diagnostic::filter(Some("off"), 0).unwrap();
        gonogo::diagnostic::start(Some(directory.as_ref()), off, false);
        let _taken = TerminalGuard::acquire().unwrap();
        let now = Moment { wall: Utc::from_millis(0), boot: "boot".into(), mono: 7 };
        let typed = Event::Paste("some text".into());
        recorder::record(&typed, false, &now);
        panic!("something broke");
    }
    let state = tempfile::tempdir().unwrap();
    let test = std::env::current_exe().unwrap();
    let own = "runs::screen::a_panic_leaves_the_last_inputs_for_their_owner_only";
    let sandbox = Sandbox::new().program(test.to_str().unwrap()).env(INSIDE, state.path().to_str().unwrap());
    let ended = sandbox.args(["--exact", own, "--nocapture"]).terminal(200, 50).wait_exit().left_clean();
    let told = ended.screen_text();
    // The test runner of the inner process writes across the beginning of the line.
    assert!(told.contains("last-inputs.jsonl"), "{told}");
    let file = state.path().join("last-inputs.jsonl");
    let inputs = std::fs::read_to_string(&file).unwrap();
    assert_eq!(inputs, "{\"at\":7,\"input\":\"paste\",\"bytes\":9}\n");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

/// More than is read at once: a key after it is heard without another one, and so is one that comes with another size.
#[test]
fn nothing_that_was_typed_is_left_unread() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    let moved = "\u{1b}[<35;10;10M".repeat(2_000);
    terminal.send(&format!("{moved}?")).wait_for_text("Esc back");
    for columns in 100..120 {
        terminal.press(Key::Esc).wait_gone("Esc back");
        terminal.resize(columns, 40).send("?").wait_for_text("Esc back");
    }
    terminal.press(Key::Esc).wait_gone("Esc back");
    leave(terminal);
}
