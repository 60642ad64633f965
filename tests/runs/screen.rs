//! Runs on a real terminal.

use std::os::unix::fs::PermissionsExt as _;

use crossterm::event::Event;
use gonogo::tui::recorder;
use gonogo::tui::terminal::TerminalGuard;
use gonogo_core::time::{Moment, Utc};

use super::world::{ALICE, READY, STARTING, World, confirm, quit, quit_with, seal, select};
use crate::support::gonogo::{Sandbox, signal};
use crate::support::need;
use crate::support::terminal::Key;
use crate::support::web::Reply;

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
        confirm(&mut terminal, "people.duty");
        terminal.wait_for_text("GO 3/3");
        seal(&mut terminal, "GO");
        quit_with(terminal, 0);
        let log = world.log();
        let output = world.verify(&log, &["--require-go"]).code(0);
        let _ = output.stdout_has(&format!("sealed by {ALICE}")).stdout_has("verdict   GO 3/3");
    }
}

#[test]
fn a_failed_point_cannot_be_confirmed_and_entries_persist_after_a_resume() {
    need!("ssh-keygen");
    let mut world = World::new();
    world.web.route("/readyz", Reply::ok(STARTING));
    world.web.route("/healthz", Reply::ok("{}"));
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("NO-GO 0/3");
    select(&mut terminal, '1', 1);
    terminal.wait_for_text("no such header");
    terminal.send(" ").wait_for_text("cannot be confirmed: a probe failed");
    // A letter right after a rejection is ignored, so an arrow key is pressed first.
    terminal.press(Key::Down).wait_gone("cannot be confirmed");
    // A waiver needs a reason and a confirmation.
    terminal.send("w").wait_for_text("Why is it waived?");
    terminal.send("q is a letter here").press(Key::Enter).press(Key::Enter).wait_for_text("y waive as");
    terminal.answer("y").wait_for_text("waived service.headers");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.duty");
    terminal.send("n").wait_for_text("The note:");
    terminal.paste("pasted \u{202e}text\nq").answer("\r").wait_for_text("noted");
    quit(terminal);

    let before = world.entries();
    let mut terminal = world.open_with(&[], 130, 40);
    terminal.wait_for_text("NO-GO 2/3");
    terminal.wait_for_text("≈");
    assert_eq!(world.entries()[..before.len()], before);
    assert_eq!(world.entries()[before.len()]["kind"], "resumed");
    seal(&mut terminal, "NO-GO");
    quit_with(terminal, 1);
    let log = world.log();
    let _ = world.verify(&log, &[]).code(0).stdout_has("verdict   NO-GO 2/3");
    let _ = world.verify(&log, &["--require-go"]).code(1);
    let reasons = &world.entries()[world.entries().len() - 2]["reasons"];
    assert_eq!(reasons[0]["point"], "service.ready");
    assert!(reasons[0]["why"].as_str().unwrap().contains("event_pipeline_ready"), "{reasons}");
    assert_a_changed_byte_is_detected(&mut world);
}

#[test]
fn text_that_the_terminal_sends_is_no_key() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    select(&mut terminal, '2', 0);
    terminal.wait_for_text("people.duty");
    // A paste without brackets is no answer and no note, in a prompt it is one line of text.
    terminal.send_raw("n first line\rn second line\ry").wait_for_text("pasted text ignored: 28 characters");
    terminal.press(Key::Down).wait_gone("pasted text ignored");
    terminal.send("n").wait_for_text("The note:");
    terminal.send_raw("first line\rn second line\r").wait_for_text("first line n second line");
    terminal.answer("\r").wait_for_text("noted on people.duty");
    // The reply of a terminal to a query, late and in two pieces. Each `g` or `f` of it would be a key.
    terminal.send_raw("\x1b]11;rgb:ff").send_raw("ff/ffff/ffff\x1b\\").send_raw("\x1b[?62;22c");
    confirm(&mut terminal, "people.duty");
    quit(terminal);
    let kinds: Vec<_> =
        world.entries().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "noted").count(), 1, "{kinds:?}");
}

fn assert_a_changed_byte_is_detected(world: &mut World) {
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
fn a_typed_secret_is_rejected() {
    need!("ssh-keygen");
    let mut world = World::new();
    let profile = std::fs::read_to_string(world.sandbox.work().join("profile.toml")).unwrap();
    let token = "app.token = { env = \"BOARD_TOKEN\" }\n[points.\"people.duty\"]\nprobe = [{ id = \"p\", title = \"p\", kind = \"token\", with = { api = { url = \"http://127.0.0.1:1\" }, current = \"{{ app.token }}\" } }]\n";
    world.sandbox = world.sandbox.profile(&(profile + token)).env("BOARD_TOKEN", "swordfish-42");
    let digest = world.sandbox.digest("profile.toml");
    let opening = ["--release", "v1.4.0", "--previous", "v1.3.0", "--trust", &digest];
    let mut terminal = world.open_with(&opening, 130, 40);
    terminal.wait_for_text("1/3");
    terminal.send("n").wait_for_text("The note:");
    terminal.send("it is swordfish-42").answer("\r");
    terminal.wait_for_text("your text contains a secret (env BOARD_TOKEN)");
    terminal.press(Key::Esc).wait_gone("The note:");
    quit(terminal);
    assert!(!std::fs::read_to_string(world.log()).unwrap().contains("swordfish"));
}

#[test]
fn a_point_is_probed_again_and_a_confirmation_is_retracted() {
    need!("ssh-keygen");
    let mut world = World::new();
    world.web.route("/readyz", Reply::ok(STARTING));
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("NO-GO 0/3");
    world.web.route("/readyz", Reply::ok(READY));
    select(&mut terminal, '1', 0);
    terminal.send("r").wait_for_text("1/3");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.duty");
    terminal.wait_for_text("2/3");
    terminal.send("u").wait_for_text("y retract as");
    terminal.answer("y").wait_for_text("PENDING 1/3");
    terminal.send("x").wait_for_text("Why");
    terminal.send("nobody to inform").press(Key::Enter).wait_for_text("Esc edit");
    terminal.answer("y").wait_for_text("2/3");
    quit(terminal);
}

#[test]
fn a_signal_ends_a_run_cleanly_and_no_acknowledged_entry_is_lost() {
    need!("ssh-keygen");
    for name in ["TERM", "HUP", "INT"] {
        let mut world = World::new();
        let mut terminal = world.open(80, 24);
        terminal.wait_for_text("1/3");
        select(&mut terminal, '2', 0);
        confirm(&mut terminal, "people.duty");
        signal(terminal.pid(), name);
        let _ = terminal.wait_exit().code(130).left_clean();
        assert!(world.entries().iter().any(|entry| entry["kind"] == "confirmed"));
        let log = world.log();
        let _ = world.verify(&log, &[]).code(5);
    }
}

#[test]
fn a_too_small_terminal_is_reported_and_a_resized_one_continues() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(30, 8);
    terminal.wait_for_text("40");
    terminal.resize(40, 12);
    terminal.wait_for_text("Pipeline is ready");
    terminal.resize(130, 40);
    terminal.wait_for_text("Support is on duty").wait_for_text("checklist small");
    quit(terminal);
}

/// The test runs itself in a terminal, where it acquires the screen and panics.
#[test]
fn a_panic_restores_the_terminal_and_is_reported() {
    const INSIDE: &str = "GONOGO_PANIC_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        let _guard = TerminalGuard::acquire().unwrap();
        panic!("something broke");
    }
    let test = std::env::current_exe().unwrap();
    let own = "runs::screen::a_panic_restores_the_terminal_and_is_reported";
    let sandbox =
        Sandbox::new().program(test.to_str().unwrap()).env(INSIDE, "1").args(["--exact", own, "--nocapture"]);
    let ended = sandbox.terminal(200, 50).wait_exit().left_clean();
    // The test runner of the inner process writes across the message's second line.
    let output = ended.screen_text();
    assert!(ended.code != 0 && output.contains("panicked at tests/runs/screen.rs"), "{output}");
}

/// The test runs itself in a terminal, where it acquires the screen, records an input and panics.
#[test]
fn a_panic_writes_the_last_inputs_to_a_private_file() {
    const INSIDE: &str = "GONOGO_INPUTS_INSIDE";
    if let Some(directory) = std::env::var_os(INSIDE) {
        let off = gonogo::diagnostic::filter(Some("off"), 0).unwrap();
        gonogo::diagnostic::start(Some(directory.as_ref()), off, false);
        let _guard = TerminalGuard::acquire().unwrap();
        let now = Moment { wall: Utc::from_millis(0), boot: "boot".into(), mono: 7 };
        let typed = Event::Paste("some text".into());
        recorder::record(&typed, false, &now);
        panic!("something broke");
    }
    let state = tempfile::tempdir().unwrap();
    let test = std::env::current_exe().unwrap();
    let own = "runs::screen::a_panic_writes_the_last_inputs_to_a_private_file";
    let sandbox = Sandbox::new().program(test.to_str().unwrap()).env(INSIDE, state.path().to_str().unwrap());
    let ended = sandbox.args(["--exact", own, "--nocapture"]).terminal(200, 50).wait_exit().left_clean();
    let output = ended.screen_text();
    // The test runner of the inner process writes across the beginning of the line.
    assert!(output.contains("last-inputs.jsonl"), "{output}");
    let file = state.path().join("last-inputs.jsonl");
    let inputs = std::fs::read_to_string(&file).unwrap();
    assert_eq!(inputs, "{\"at\":7,\"input\":\"paste\",\"bytes\":9}\n");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A key after more input than one read returns, and a key together with a resize.
#[test]
fn no_typed_key_is_left_unread() {
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
    quit(terminal);
}
