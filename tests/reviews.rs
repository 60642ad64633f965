//! The review of logs on the screen, offline.

use std::fs;
use std::path::Path;

use crate::runs::world::{ALICE, World, quit, quit_with};
use crate::support::gonogo::{Sandbox, signal};
use crate::support::need;
use crate::support::terminal::{Key, Terminal};

const READ_ONLY: &str = "this is a review; nothing can be added";

/// A sealed run (opened, two probe results, confirmed, noted, verdict, sealed), and its trusted signers.
fn sealed() -> (World, String) {
    let world = World::sealed("quiet night");
    let signers = world.sandbox.allowed_signers(&[(ALICE, &world.key)]).display().to_string();
    (world, signers)
}

#[track_caller]
fn review(world: &mut World, log: &Path, signers: &str, size: (u16, u16)) -> Terminal {
    world.set_args(&["review", &log.display().to_string(), "--signers", signers]);
    world.sandbox.terminal(size.0, size.1)
}

#[test]
fn a_review_steps_through_a_sealed_log_and_adds_nothing() {
    need!("ssh-keygen");
    let (mut world, signers) = sealed();
    let log = world.log();
    let before = fs::read(&log).unwrap();
    for size in [(130, 40), (80, 24), (40, 12)] {
        let mut terminal = review(&mut world, &log, &signers, size);
        terminal.wait_for_text("SEALED").wait_for_text("7/7").wait_for_text("alice sealed the run");
        terminal.press(Key::Home).wait_for_text("1/7").wait_for_text("alice opened the run");
        terminal.wait_for_text("PENDING 0/3");
        terminal.send("]").wait_for_text("4/7").wait_for_text("alice confirmed people.duty");
        terminal.press(Key::Left).wait_for_text("3/7");
        terminal.send("[").wait_for_text("1/7");
        terminal.press(Key::End).wait_for_text("7/7");
        for key in ["w", "x", "r", "R", "p", "u"] {
            terminal.send(key).wait_for_text("this is a review").press(Key::Left).wait_for_text("6/7");
            terminal.press(Key::Right).wait_for_text("7/7");
        }
        quit_with(terminal, 0);
    }
    assert_eq!(fs::read(&log).unwrap(), before);
}

#[test]
fn entries_can_be_searched_opened_and_replayed() {
    need!("ssh-keygen");
    let (mut world, signers) = sealed();
    let log = world.log();
    let mut terminal = review(&mut world, &log, &signers, (130, 40));
    terminal.wait_for_text("SEALED").wait_for_text("7/7");
    terminal.send("f").wait_for_text("find").paste("QUIET").press(Key::Enter).wait_for_text("in entry 4");
    terminal.wait_for_text("alice noted: quiet night");
    terminal
        .send("t")
        .wait_for_text("entry 4 · noted")
        .wait_for_text("signed by alice@deck.example with SHA256:");
    terminal.press(Key::Esc).wait_gone("entry 4 · noted");
    terminal.send("f").wait_for_text("find").send("zebra").press(Key::Enter).wait_for_text("no entry holds");
    terminal.press(Key::Home).wait_for_text("1/7").send(" ").wait_for_text("7/7");
    terminal.send("v").wait_for_text("points done").answer("y").wait_for_text(READ_ONLY);
    terminal.press(Key::Esc).wait_gone("points done");
    terminal.send("?").wait_for_text("replay, or stop").press(Key::Esc).wait_gone("replay, or stop");
    quit_with(terminal, 0);
}

#[test]
fn an_invalid_log_is_marked_and_shown_up_to_its_valid_end() {
    need!("ssh-keygen");
    let (mut world, signers) = sealed();
    let invalid = world.sandbox.work().join("bad.jsonl");
    fs::write(&invalid, fs::read_to_string(world.log()).unwrap().replace("quiet", "query")).unwrap();
    let mut terminal = review(&mut world, &invalid, &signers, (130, 40));
    terminal.wait_for_text("INVALID").wait_for_text("at line 5").wait_for_text("4/4");
    terminal.press(Key::End).press(Key::Right).wait_for_text("4/4");
    quit_with(terminal, 0);

    fs::write(&invalid, "{}\n").unwrap();
    let ended = review(&mut world, &invalid, &signers, (130, 40)).wait_exit().code(2);
    assert!(ended.screen_text().contains("is not the entry that opens a run"));
}

#[test]
fn an_open_log_a_bundle_and_an_incomplete_line_can_be_reviewed() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    world.wait_for_probes();
    quit(terminal);
    let (log, signers) = (world.log(), world.sandbox.allowed_signers(&[(ALICE, &world.key)]));
    let signers = signers.display().to_string();
    fs::write(&log, [fs::read(&log).unwrap(), b"{\"v\":1,\"ru".to_vec()].concat()).unwrap();
    let mut terminal = review(&mut world, &log, &signers, (130, 40));
    terminal.wait_for_text("OPEN").wait_for_text("its last line is incomplete");
    quit_with(terminal, 0);

    // After the run is resumed, the incomplete line is an attachment, also in a bundle.
    let mut terminal = world.open_with(&[], 130, 40);
    terminal.wait_for_text("incomplete line").close_notices().wait_for_text("1/3");
    quit(terminal);
    world.set_args(&["bundle", &log.display().to_string(), "--output", "run.tar.gz"]);
    let _ = world.sandbox.run().code(0);
    let bundle = world.sandbox.work().join("run.tar.gz");
    let mut terminal = review(&mut world, &bundle, &signers, (130, 40));
    terminal.wait_for_text("OPEN").wait_for_text("5/5");
    terminal.press(Key::Home).send("f").wait_for_text("find").send("torn-").press(Key::Enter);
    terminal
        .wait_for_text("an incomplete entry from a crash")
        .send("t")
        .wait_for_text("matches the digest in the log");
    terminal.press(Key::Esc).wait_gone("SHA-256");
    quit_with(terminal, 0);

    let attachment = fs::read_dir(format!("{}.d", log.display())).unwrap().next().unwrap().unwrap().path();
    fs::write(&attachment, "other").unwrap();
    let _ = world.verify(&log, &[]).code(5).stdout_has("attachment").stdout_has("was changed");
}

#[test]
fn files_unpacked_by_a_killed_review_are_removed_by_the_next_one() {
    need!("ssh-keygen");
    let (mut world, signers) = sealed();
    world.set_args(&["bundle", &world.log().display().to_string(), "--output", "run.tar.gz"]);
    let _ = world.sandbox.run().code(0);
    let bundle = world.sandbox.work().join("run.tar.gz");
    let all = world.sandbox.state().join("gonogo/unpacked");
    let unpacked = || fs::read_dir(&all).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let mut terminal = review(&mut world, &bundle, &signers, (130, 40));
    terminal.wait_for_text("SEALED").wait_for_text("7/7");
    let before = unpacked();
    assert_eq!(before.len(), 1);
    // Another gonogo does not remove files that are in use.
    let _ = world.verify(&bundle, &[]).code(0);
    assert_eq!(unpacked(), before);
    terminal.press(Key::Home).wait_for_text("1/7");
    signal(terminal.pid(), "KILL");
    assert!(terminal.wait_exit().signal.is_some());
    assert_eq!(unpacked(), before, "a killed process removes nothing");
    let _ = world.verify(&bundle, &[]).code(0);
    assert!(unpacked().is_empty(), "{:?}", unpacked());
}

#[test]
fn review_without_a_log_lists_the_runs_of_this_machine() {
    need!("ssh-keygen");
    let (mut world, _) = sealed();
    let first = world.log();
    let mut terminal = world.open_with(&["--release", "v1.5.0", "--previous", "v1.4.0"], 130, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    world.set_args(&["review"]);
    let output = world.sandbox.run().code(0).stdout;
    let position = |text: &str| output.find(text).unwrap_or_else(|| panic!("{text} in {output}"));
    assert!(position("v1.5.0") < position("v1.4.0"), "newest first: {output}");
    assert!(position("no verdict, open") < position("PENDING 2/3, sealed"), "{output}");
    assert!(output.contains("This list is not verified") && !output.contains("is not on this machine"));
    fs::remove_file(first).unwrap();
    let _ =
        world.sandbox.run().code(0).stdout_has("the previous run, ").stdout_has(" is not on this machine");
    let mut none = Sandbox::new();
    none = none.args(["review"]);
    let _ = none.run().code(0).stdout_has("No runs on this machine yet");
    let _ = none.args(["review", "x.jsonl"]).run().code(2).stderr_has("needs a terminal");
}
