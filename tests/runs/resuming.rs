//! Resuming a run: a known log is resumed at once, anything else is reported and must be confirmed.

use std::fs;
use std::path::Path;

use gonogo_core::journal::entry::Noted;
use gonogo_core::journal::keys::Signer;

use super::world::{ALICE, World, quit};
use crate::attacks::forge::ForgedLog;
use crate::support::need;
use crate::support::terminal::{Key, Terminal};

const QUESTION: &str = "Continue this run?";

/// A world with the log of another one, which it has not written.
fn with_log_of(from: &World, change: impl FnOnce(String) -> String) -> World {
    let world = World::new();
    let text = change(fs::read_to_string(from.log()).unwrap());
    let directory = world.sandbox.state().join("gonogo/runs/staging");
    write_log(&directory, from.log().file_name().unwrap().as_ref(), &text);
    world
}

fn write_log(directory: &Path, name: &Path, text: &str) {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).unwrap();
    let log = directory.join(name);
    fs::write(&log, text).unwrap();
    fs::set_permissions(log, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Sets a file of trusted signers in the settings.
fn trust(world: &World, signers: &Path) {
    let directory = world.sandbox.config().join("gonogo");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("settings.toml"), format!("signers = \"{}\"\n", signers.display())).unwrap();
}

#[track_caller]
fn open_to_question(world: &mut World, texts: &[&str]) -> Terminal {
    let mut terminal = world.open_with(&[], 150, 40);
    terminal.wait_for_text(QUESTION);
    let screen = terminal.screen_text();
    for text in texts {
        assert!(screen.contains(text), "{text:?} is not in\n{screen}");
    }
    terminal
}

#[test]
fn an_own_run_is_resumed_without_a_question() {
    need!("ssh-keygen");
    let mut world = World::with_open_run();
    let mut terminal = world.open_with(&[], 130, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    assert!(world.entries().iter().any(|entry| entry["kind"] == "resumed"));
}

/// While the passphrase prompt is open, the verified log may be changed.
#[test]
fn the_log_that_is_resumed_is_the_one_that_was_verified() {
    need!("ssh-keygen");
    for change in [true, false] {
        let mut world = World::with_open_run();
        let locked = world.sandbox.key_with_passphrase("locked", "open sesame");
        let key = locked.path.display().to_string();
        world.set_args(&["run", "profile.toml", "--as", "bob@deck.example", "--key", &key]);
        let mut terminal = world.sandbox.terminal(130, 40);
        terminal.wait_for_text("Passphrase of");
        let before = fs::read(world.log()).unwrap();
        if change {
            let mallory = world.sandbox.key("mallory");
            let mallory = Signer::load(ALICE, &mallory.path, None, &mut |_| unreachable!()).unwrap();
            let mut log = ForgedLog::read(&before);
            log.add(ALICE, Noted { point: None, text: "all quiet".into() }.into(), Some(&mallory));
            fs::write(world.log(), log.bytes()).unwrap();
        }
        let changed = fs::read(world.log()).unwrap();
        terminal.send("open sesame").press(Key::Enter);
        if change {
            let ended = terminal.wait_exit().code(2);
            let screen = ended.screen_text();
            assert!(screen.contains("INVALID at line") && screen.contains("nothing was signed"), "{screen}");
            assert_eq!(fs::read(world.log()).unwrap(), changed);
        } else {
            terminal.wait_for_text("1/3");
            quit(terminal);
        }
    }
}

#[test]
fn a_log_of_another_host_must_be_confirmed_before_anything_is_signed() {
    need!("ssh-keygen");
    let other_host = World::with_open_run();
    let mut world = with_log_of(&other_host, |text| text);
    let before = fs::read(world.log()).unwrap();
    let texts = [
        "this host has not written the log",
        "alice@deck.example (driver) with SHA256:",
        "has not signed here",
    ];
    let mut terminal = open_to_question(&mut world, &texts);
    terminal.send("n").press(Key::Enter);
    assert!(terminal.wait_exit().code(2).screen_text().contains("not resumed, nothing was signed"));
    assert_eq!(fs::read(world.log()).unwrap(), before);
    // After `y`, Bob joins under his own name.
    let key = world.key.path.display().to_string();
    world.set_args(&["run", "profile.toml", "--as", "bob@deck.example", "--key", &key]);
    let mut terminal = world.sandbox.terminal(150, 40);
    // The server of the other world has another port.
    let changed = "profile or checklist changed";
    terminal.wait_for_text(QUESTION).answer("y").press(Key::Enter).wait_for_text(changed);
    assert!(!terminal.screen_text().contains("has no record of"), "{}", terminal.screen_text());
    terminal.close_notices().wait_gone(changed).wait_for_text("bob (reviewer)");
    quit(terminal);
    let has = |kind: &str| world.entries().iter().any(|entry| entry["kind"] == kind);
    // The other host has closed the log cleanly.
    assert!(has("joined") && !has("recovered"));
}

#[test]
fn trusted_signers_of_the_settings_are_not_reported_as_unknown() {
    need!("ssh-keygen");
    let other_host = World::with_open_run();
    let mut world = with_log_of(&other_host, |text| text);
    let signers = world.sandbox.allowed_signers(&[("alice@deck.example", &other_host.key)]);
    trust(&world, &signers);
    let terminal = open_to_question(&mut world, &["this host has not written the log"]);
    let screen = terminal.screen_text();
    assert!(!screen.contains("has not signed here"), "{screen}");
}

/// A damaged log is not skipped silently: a second run must be confirmed.
#[test]
fn a_damaged_log_is_reported_before_a_new_run_is_opened() {
    need!("ssh-keygen");
    let mut world = World::with_open_run();
    let log = world.log();
    let text = fs::read_to_string(&log).unwrap().replacen("small", "large", 1);
    fs::write(&log, &text).unwrap();
    let mut terminal = world.open(150, 40);
    terminal.wait_for_text("Open a new run anyway?");
    assert!(terminal.screen_text().contains("is not the plan's SHA-256"), "{}", terminal.screen_text());
    terminal.send("n").press(Key::Enter);
    assert!(terminal.wait_exit().code(2).screen_text().contains("no run was opened"));
    assert_eq!(fs::read_to_string(&log).unwrap(), text);
    let mut terminal = world.open(150, 40);
    terminal.wait_for_text("Open a new run anyway?").answer("y").press(Key::Enter).wait_for_text("1/3");
    assert_eq!(world.sandbox.logs("staging").len(), 2);
}

/// It had acknowledged entries, so this is not a crash before the first entry.
#[test]
fn an_emptied_log_is_reported_before_a_new_run_is_opened() {
    need!("ssh-keygen");
    let mut world = World::with_open_run();
    let last = world.entries().last().unwrap()["seq"].clone();
    fs::write(world.log(), "").unwrap();
    let mut terminal = world.open(150, 40);
    terminal.wait_for_text("Open a new run anyway?");
    // The message may wrap.
    let screen = terminal.screen_text().replace('\n', " ");
    let message = format!("it is empty, but this host wrote it up to entry {last}");
    assert!(screen.contains(&message), "{screen}");
    terminal.send("n").press(Key::Enter);
    let _ = terminal.wait_exit().code(2);
    // Without the recorded head, it is treated as a crash before the first entry.
    let heads = world.sandbox.state().join("gonogo/heads");
    fs::remove_dir_all(heads).unwrap();
    world.open(150, 40).wait_for_text("1/3");
}

#[test]
fn an_invalid_signature_is_reported_with_its_line() {
    need!("ssh-keygen");
    let other_host = World::with_open_run();
    let corrupt = |text: String| {
        let at = text.find("\",\"sig\":\"").or_else(|| text.find(",\"sig\":\"")).unwrap() + 200;
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    };
    let mut world = with_log_of(&other_host, |text| corrupt(text.lines().next().unwrap().to_owned() + "\n"));
    let ended = world.open_with(&[], 150, 40).wait_exit().code(2);
    let screen = ended.screen_text();
    assert!(screen.contains("INVALID at line 1") && screen.contains("it can never be sealed"), "{screen}");
    assert!(!world.entries().iter().any(|entry| entry["kind"] == "joined"));
}

/// Otherwise a mistyped name or key would make the log invalid for everyone with these settings.
#[test]
fn an_operator_who_is_no_trusted_signer_must_confirm_before_signing() {
    need!("ssh-keygen");
    let mut world = World::new();
    let signers = world.sandbox.allowed_signers(&[("carol@deck.example", &world.key)]);
    trust(&world, &signers);
    let mut terminal = world.open(150, 40);
    terminal.wait_for_text("Sign in this run anyway?");
    let screen = terminal.screen_text();
    assert!(screen.contains("alice@deck.example is not among the allowed signers"), "{screen}");
    terminal.send("n").press(Key::Enter);
    assert!(terminal.wait_exit().code(2).screen_text().contains("nothing was signed"));
    assert!(world.sandbox.logs("staging").is_empty());
    let signers = world.sandbox.allowed_signers(&[("alice@deck.example", &world.key)]);
    trust(&world, &signers);
    let mut terminal = world.open(150, 40);
    terminal.wait_for_text("1/3");
    let bob = world.sandbox.key("bob");
    super::two_operators::add_operator(
        &mut terminal,
        super::two_operators::BOB,
        &bob.path.display().to_string(),
    );
    terminal.wait_for_text("not among the allowed signers");
}
