//! Continuing a run: what is known of its log passes without a word, anything else is told and asked about.

use std::fs;
use std::path::Path;

use gonogo_core::journal::entry::Noted;
use gonogo_core::journal::keys::Signer;

use super::world::{ALICE, World, leave};
use crate::attacks::forge::Log;
use crate::bench::need;
use crate::bench::terminal::{Key, Terminal};

const QUESTION: &str = "Continue this run?";

/// The log of one world in the directory of another, which never wrote it.
fn brought(from: &World, change: impl FnOnce(String) -> String) -> World {
    let world = World::new();
    let text = change(fs::read_to_string(from.log()).unwrap());
    let directory = world.sandbox.state().join("gonogo/runs/staging");
    put(&directory, from.log().file_name().unwrap().as_ref(), &text);
    world
}

fn put(directory: &Path, name: &Path, text: &str) {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).unwrap();
    let log = directory.join(name);
    fs::write(&log, text).unwrap();
    fs::set_permissions(log, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Names a file of trusted signers in the settings.
fn trust(world: &World, signers: &Path) {
    let directory = world.sandbox.config().join("gonogo");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("settings.toml"), format!("signers = \"{}\"\n", signers.display())).unwrap();
}

#[track_caller]
fn asked(world: &mut World, told: &[&str]) -> Terminal {
    let mut terminal = world.open_with(&[], 150, 40);
    terminal.wait_for_text(QUESTION);
    let screen = terminal.screen_text();
    for text in told {
        assert!(screen.contains(text), "{text:?} is not told:\n{screen}");
    }
    terminal
}

#[test]
fn a_run_of_ones_own_is_continued_without_a_question() {
    need!("ssh-keygen");
    let mut world = World::left();
    let mut terminal = world.open_with(&[], 130, 40);
    terminal.wait_for_text("1/3");
    leave(terminal);
    assert!(world.entries().iter().any(|entry| entry["kind"] == "resumed"));
}

/// While a passphrase is typed, somebody may write to the log that was verified before.
#[test]
fn what_is_continued_is_what_was_verified() {
    need!("ssh-keygen");
    for change in [true, false] {
        let mut world = World::left();
        let locked = world.sandbox.key_with_passphrase("locked", "open sesame");
        let key = locked.path.display().to_string();
        world.set_args(&["run", "profile.toml", "--as", "bob@deck.example", "--key", &key]);
        let mut terminal = world.sandbox.terminal(130, 40);
        terminal.wait_for_text("Passphrase of");
        let before = fs::read(world.log()).unwrap();
        if change {
            let mallory = world.sandbox.key("mallory");
            let mallory = Signer::load(ALICE, &mallory.path, None, &mut |_| unreachable!()).unwrap();
            let mut log = Log::read(&before);
            log.add(ALICE, Noted { point: None, text: "all quiet".into() }.into(), Some(&mallory));
            fs::write(world.log(), log.bytes()).unwrap();
        }
        let changed = fs::read(world.log()).unwrap();
        terminal.send("open sesame").press(Key::Enter);
        if change {
            let ended = terminal.wait_exit().code(2);
            let told = ended.screen_text();
            assert!(told.contains("INVALID at line") && told.contains("nothing was signed"), "{told}");
            assert_eq!(fs::read(world.log()).unwrap(), changed);
        } else {
            terminal.wait_for_text("1/3");
            leave(terminal);
        }
    }
}

#[test]
fn a_strangers_log_is_asked_about_before_anything_is_signed() {
    need!("ssh-keygen");
    let stranger = World::left();
    let mut world = brought(&stranger, |text| text);
    let before = fs::read(world.log()).unwrap();
    let told = [
        "this host has not written the log",
        "alice@deck.example (driver) with SHA256:",
        "has not signed here",
    ];
    let mut terminal = asked(&mut world, &told);
    terminal.send("n").press(Key::Enter);
    assert!(terminal.wait_exit().code(2).screen_text().contains("not resumed, nothing was signed"));
    assert_eq!(fs::read(world.log()).unwrap(), before);
    // Whoever says yes takes part under a name of their own.
    let key = world.key.path.display().to_string();
    world.set_args(&["run", "profile.toml", "--as", "bob@deck.example", "--key", &key]);
    let mut terminal = world.sandbox.terminal(150, 40);
    // The other machine's server has another port.
    let changed = "profile or checklist changed";
    terminal.wait_for_text(QUESTION).send("y").press(Key::Enter).wait_for_text(changed);
    assert!(!terminal.screen_text().contains("has no record of"), "{}", terminal.screen_text());
    terminal.press(Key::Enter).wait_gone(changed).wait_for_text("bob (reviewer)");
    leave(terminal);
    let has = |kind: &str| world.entries().iter().any(|entry| entry["kind"] == kind);
    // Its writer has left it as they should, as far as can be told.
    assert!(has("joined") && !has("recovered"));
}

#[test]
fn people_whom_the_settings_trust_are_known() {
    need!("ssh-keygen");
    let stranger = World::left();
    let mut world = brought(&stranger, |text| text);
    let signers = world.sandbox.allowed_signers(&[("alice@deck.example", &stranger.key)]);
    trust(&world, &signers);
    let terminal = asked(&mut world, &["this host has not written the log"]);
    let screen = terminal.screen_text();
    assert!(!screen.contains("has not signed here"), "{screen}");
}

/// A log that was damaged is not passed over: nobody opens a second run without having been asked.
#[test]
fn a_damaged_log_is_told_before_a_new_run_is_opened() {
    need!("ssh-keygen");
    let mut world = World::left();
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
    terminal.wait_for_text("Open a new run anyway?").send("y").press(Key::Enter).wait_for_text("1/3");
    assert_eq!(world.sandbox.logs("staging").len(), 2);
}

/// Entries were acknowledged: it is not what a crash leaves before there are any.
#[test]
fn a_log_that_was_emptied_is_told_before_a_new_run_is_opened() {
    need!("ssh-keygen");
    let mut world = World::left();
    let last = world.entries().last().unwrap()["seq"].clone();
    fs::write(world.log(), "").unwrap();
    let mut terminal = world.open(150, 40);
    terminal.wait_for_text("Open a new run anyway?");
    // It may stand on two lines.
    let screen = terminal.screen_text().replace('\n', " ");
    let told = format!("it is empty, but this host wrote it up to entry {last}");
    assert!(screen.contains(&told), "{screen}");
    terminal.send("n").press(Key::Enter);
    let _ = terminal.wait_exit().code(2);
    // What another directory of state knows nothing of is what a crash left.
    let heads = world.sandbox.state().join("gonogo/heads");
    fs::remove_dir_all(heads).unwrap();
    world.open(150, 40).wait_for_text("1/3");
}

#[test]
fn a_signature_that_does_not_match_is_named_with_its_line() {
    need!("ssh-keygen");
    let stranger = World::left();
    let spoil = |text: String| {
        let at = text.find("\",\"sig\":\"").or_else(|| text.find(",\"sig\":\"")).unwrap() + 200;
        let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    };
    let mut world = brought(&stranger, |text| spoil(text.lines().next().unwrap().to_owned() + "\n"));
    let ended = world.open_with(&[], 150, 40).wait_exit().code(2);
    let screen = ended.screen_text();
    assert!(screen.contains("INVALID at line 1") && screen.contains("it can never be sealed"), "{screen}");
    assert!(!world.entries().iter().any(|entry| entry["kind"] == "joined"));
}

/// One slip with a name or a key would make the whole log invalid to everybody who has these settings.
#[test]
fn who_is_no_trusted_signer_of_the_settings_is_asked_before_signing() {
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
    super::pair::newcomer(&mut terminal, super::pair::BOB, &bob.path.display().to_string());
    terminal.wait_for_text("not among the allowed signers");
}
