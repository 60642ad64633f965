//! Two operators at one keyboard, each with their own name and key; the run needs both seals.

use super::agent::SshAgent;
use super::world::{ALICE, World, confirm, quit, quit_with, select};
use crate::attacks::stock;
use crate::support::keys::{SK_PROVIDER, SshKey};
use crate::support::need;
use crate::support::terminal::{Key, Terminal};

pub const BOB: &str = "bob@deck.example";

/// A world whose plan also requires the seal of a reviewer.
pub fn with_reviewer() -> World {
    let mut world = World::new();
    let profile = format!(
        "environment = \"staging\"\nchecklist = \"checklist.toml\"\nseals = [\"driver\", \"reviewer\"]\n[values]\napp.url = \"{}\"\n",
        world.web.url("")
    );
    let sandbox = std::mem::replace(&mut world.sandbox, crate::support::gonogo::Sandbox::new());
    world.sandbox = sandbox.profile(&profile);
    world
}

/// Adds an operator with the dialog of `p`: name and key.
#[track_caller]
pub fn add_operator(terminal: &mut Terminal, principal: &str, key: &str) {
    terminal.send("p").wait_for_text("another operator at this keyboard");
    terminal.send(principal).press(Key::Enter).send(key).press(Key::Enter);
}

/// Presses Esc and waits, so that the next key is not read as part of an escape sequence.
#[track_caller]
fn close_dialog(terminal: &mut Terminal, title: &str) {
    terminal.press(Key::Esc).wait_gone(title);
}

#[test]
fn two_operators_seal_with_a_key_file_and_a_security_key() {
    need!("ssh-keygen", "ssh-agent", "ssh-add", SK_PROVIDER, "jq");
    let mut world = with_reviewer();
    world.key = world.sandbox.key_with_passphrase("locked", "open sesame");
    let dir = world.key.path.parent().unwrap().to_owned();
    let bob = SshKey::of_kind(&dir, "bobs", "", &["ed25519-sk"]);
    let agent = SshAgent::start();
    agent.add(&bob.path, "");
    let path = world.key.path.display().to_string();
    let mut terminal = super::agent::open(&mut world, Some(&agent), Some(&path));
    terminal.wait_for_text("Passphrase of").send("open sesame").press(Key::Enter).wait_for_text("1/3");
    select(&mut terminal, '2', 0);
    confirm(&mut terminal, "people.duty");

    add_operator(&mut terminal, BOB, &bob.path.display().to_string());
    terminal.wait_for_text("is now reviewer and the active operator").wait_for_text("▸bob (reviewer)");
    select(&mut terminal, '1', 1);
    terminal.wait_for_text("press space to confirm").send(" ").wait_for_text("confirm as bob (reviewer)");
    terminal.answer("y").wait_for_text("confirmed service.headers");

    terminal
        .send("p")
        .wait_for_text("active operator")
        .send("p")
        .wait_for_text("alice (driver) is the active operator");
    terminal.open_verdict().answer("y").wait_for_text("s seal");
    terminal
        .answer("s")
        .wait_for_text("seal as alice (driver)")
        .answer("y")
        .wait_for_text("bob's seal (reviewer) is missing");
    terminal
        .send("p")
        .wait_for_text("active operator")
        .send("2")
        .wait_for_text("bob (reviewer) is the active operator");
    terminal.send("v").wait_for_text("s seal").answer("s").wait_for_text("seal as bob (reviewer)");
    terminal.answer("y").wait_for_text("SEALED");
    quit_with(terminal, 0);

    let log = world.log();
    let signers = world.sandbox.allowed_signers(&[(ALICE, &world.key), (BOB, &bob)]);
    let (file, trusted) = (log.display().to_string(), signers.display().to_string());
    world.set_args(&["verify", &file, "--signers", &trusted, "--require-go"]);
    let _ = world.sandbox.run().code(0).stdout_has(&format!("sealed by {ALICE} and {BOB}"));
    let _ = stock::verify(&log, &signers).code(0);
    let by = |kind: &str| -> Vec<_> {
        let entries = world.entries().into_iter().filter(|entry| entry["kind"] == kind);
        entries.map(|entry| entry["by"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (by("joined"), by("confirmed"), by("sealed")),
        (
            vec![BOB.to_owned()],
            vec![ALICE.to_owned(), BOB.to_owned()],
            vec![ALICE.to_owned(), BOB.to_owned()],
        )
    );
}

#[test]
fn a_duplicate_name_a_duplicate_key_and_a_missing_reviewer_are_rejected() {
    need!("ssh-keygen");
    let mut world = with_reviewer();
    let other = world.sandbox.key("other").path.display().to_string();
    let own = world.key.path.display().to_string();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    terminal
        .send("v")
        .wait_for_text("record this verdict")
        .answer("y")
        .wait_for_text("the verdict is recorded");
    terminal.answer("s").wait_for_text("the run also needs a seal by a reviewer");
    close_dialog(&mut terminal, "points done");

    add_operator(&mut terminal, ALICE, &own);
    terminal.wait_for_text("alice@deck.example is already an operator here");
    close_dialog(&mut terminal, "another operator");
    add_operator(&mut terminal, ALICE, &other);
    terminal.wait_for_text("takes part in this run with another key");
    close_dialog(&mut terminal, "another operator");
    add_operator(&mut terminal, BOB, &own);
    terminal.wait_for_text("each operator needs a separate key");
    close_dialog(&mut terminal, "another operator");
    add_operator(&mut terminal, "not a name", &other);
    terminal.wait_for_text("is not a valid name");
    close_dialog(&mut terminal, "another operator");
    add_operator(&mut terminal, BOB, "/nowhere");
    terminal.wait_for_text("no such file");
    close_dialog(&mut terminal, "another operator");
    quit(terminal);
    assert!(world.entries().iter().all(|entry| entry["kind"] != "joined" && entry["kind"] != "sealed"));
}

#[test]
fn a_passphrase_is_prompted_for_and_neither_shown_nor_logged() {
    need!("ssh-keygen");
    let mut world = with_reviewer();
    let bob = world.sandbox.key_with_passphrase("bobs", "open sesame");
    let mut terminal = world.open(80, 24);
    terminal.wait_for_text("1/");
    add_operator(&mut terminal, BOB, &bob.path.display().to_string());
    terminal.wait_for_text("Its passphrase?").send("open").wait_for_text("••••").press(Key::Enter);
    terminal.wait_for_text("the passphrase is wrong").send("open sesame").press(Key::Enter);
    terminal.wait_for_text("is now reviewer");
    assert!(!terminal.screen_text().contains("sesame"));
    quit(terminal);
    assert!(!std::fs::read_to_string(world.log()).unwrap().contains("sesame"));
}
