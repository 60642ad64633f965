//! Logs looked through on the screen, offline.

use std::fs;
use std::path::Path;

use crate::bench::gonogo::{Sandbox, signal};
use crate::bench::need;
use crate::bench::terminal::{Key, Terminal};
use crate::runs::world::{ALICE, World, leave, leave_with};

const READ_ONLY: &str = "this is a review; nothing can be added";

/// A sealed run: opened, two looks, confirmed, noted, verdict, sealed; and whom to trust.
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
fn a_sealed_log_is_looked_through_in_time_and_nothing_is_added() {
    need!("ssh-keygen");
    let (mut world, signers) = sealed();
    let log = world.log();
    let before = fs::read(&log).unwrap();
    for size in [(130, 40), (80, 24), (40, 12)] {
        let mut terminal = review(&mut world, &log, &signers, size);
        terminal.wait_for_text("SEALED").wait_for_text("7/7").wait_for_text("alice sealed the run");
        terminal.press(Key::Home).wait_for_text("1/7").wait_for_text("alice opened the run");
        terminal.wait_for_text("PENDING 0/3");
        terminal.send("]").wait_for_text("4/7").wait_for_text("alice confirmed people.told");
        terminal.press(Key::Left).wait_for_text("3/7");
        terminal.send("[").wait_for_text("1/7");
        terminal.press(Key::End).wait_for_text("7/7");
        for key in ["w", "x", "r", "R", "p", "u"] {
            terminal.send(key).wait_for_text("this is a review").press(Key::Left).wait_for_text("6/7");
            terminal.press(Key::Right).wait_for_text("7/7");
        }
        leave_with(terminal, 0);
    }
    assert_eq!(fs::read(&log).unwrap(), before);
}

#[test]
fn entries_are_found_opened_and_played() {
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
    terminal.send("v").wait_for_text("points done").send("y").wait_for_text(READ_ONLY);
    terminal.press(Key::Esc).wait_gone("points done");
    terminal.send("?").wait_for_text("play, or stop").press(Key::Esc).wait_gone("play, or stop");
    leave_with(terminal, 0);
}

#[test]
fn an_invalid_log_says_so_on_top_and_ends_where_it_is_valid() {
    need!("ssh-keygen");
    let (mut world, signers) = sealed();
    let bad = world.sandbox.work().join("bad.jsonl");
    fs::write(&bad, fs::read_to_string(world.log()).unwrap().replace("quiet", "query")).unwrap();
    let mut terminal = review(&mut world, &bad, &signers, (130, 40));
    terminal.wait_for_text("INVALID").wait_for_text("at line 5").wait_for_text("4/4");
    terminal.press(Key::End).press(Key::Right).wait_for_text("4/4");
    leave_with(terminal, 0);

    fs::write(&bad, "{}\n").unwrap();
    let ended = review(&mut world, &bad, &signers, (130, 40)).wait_exit().code(2);
    assert!(ended.screen_text().contains("is not the entry that opens a run"));
}

#[test]
fn an_open_log_a_bundle_and_a_torn_line_are_told() {
    need!("ssh-keygen");
    let mut world = World::new();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    world.wait_for_looks();
    leave(terminal);
    let (log, signers) = (world.log(), world.sandbox.allowed_signers(&[(ALICE, &world.key)]));
    let signers = signers.display().to_string();
    fs::write(&log, [fs::read(&log).unwrap(), b"{\"v\":1,\"ru".to_vec()].concat()).unwrap();
    let mut terminal = review(&mut world, &log, &signers, (130, 40));
    terminal.wait_for_text("OPEN").wait_for_text("its last line is incomplete");
    leave_with(terminal, 0);

    // Gone on with, the torn bytes are kept beside the log, and looked at in a bundle, too.
    let mut terminal = world.open_with(&[], 130, 40);
    terminal.wait_for_text("incomplete line").press(Key::Enter).wait_for_text("1/3");
    leave(terminal);
    world.set_args(&["bundle", &log.display().to_string(), "--output", "run.tar.gz"]);
    let _ = world.sandbox.run().code(0);
    let bundle = world.sandbox.work().join("run.tar.gz");
    let mut terminal = review(&mut world, &bundle, &signers, (130, 40));
    terminal.wait_for_text("OPEN").wait_for_text("5/5");
    terminal.press(Key::Home).send("f").wait_for_text("find").send("torn-").press(Key::Enter);
    terminal
        .wait_for_text("an incomplete entry from a crash")
        .send("t")
        .wait_for_text("is what the log has the digest of");
    terminal.press(Key::Esc).wait_gone("SHA-256");
    leave_with(terminal, 0);

    let side = fs::read_dir(format!("{}.d", log.display())).unwrap().next().unwrap().unwrap().path();
    fs::write(&side, "other").unwrap();
    let _ = world.verify(&log, &[]).code(5).stdout_has("attachment").stdout_has("was changed");
}

#[test]
fn what_a_killed_review_has_unpacked_is_removed_by_the_next_one_that_unpacks() {
    need!("ssh-keygen");
    let (mut world, signers) = sealed();
    world.set_args(&["bundle", &world.log().display().to_string(), "--output", "run.tar.gz"]);
    let _ = world.sandbox.run().code(0);
    let bundle = world.sandbox.work().join("run.tar.gz");
    let all = world.sandbox.state().join("gonogo/unpacked");
    let unpacked = || fs::read_dir(&all).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let mut terminal = review(&mut world, &bundle, &signers, (130, 40));
    terminal.wait_for_text("SEALED").wait_for_text("7/7");
    let held = unpacked();
    assert_eq!(held.len(), 1);
    // Another one leaves alone what is still used.
    let _ = world.verify(&bundle, &[]).code(0);
    assert_eq!(unpacked(), held);
    terminal.press(Key::Home).wait_for_text("1/7");
    signal(terminal.pid(), "KILL");
    assert!(terminal.wait_exit().signal.is_some());
    assert_eq!(unpacked(), held, "what is killed removes nothing");
    let _ = world.verify(&bundle, &[]).code(0);
    assert!(unpacked().is_empty(), "{:?}", unpacked());
}

#[test]
fn without_a_log_the_runs_of_this_machine_are_listed() {
    need!("ssh-keygen");
    let (mut world, _) = sealed();
    let first = world.log();
    let mut terminal = world.open_with(&["--release", "v1.5.0", "--previous", "v1.4.0"], 130, 40);
    terminal.wait_for_text("1/3");
    leave(terminal);
    world.set_args(&["review"]);
    let told = world.sandbox.run().code(0).stdout;
    let place = |text: &str| told.find(text).unwrap_or_else(|| panic!("{text} in {told}"));
    assert!(place("v1.5.0") < place("v1.4.0"), "newest first: {told}");
    assert!(place("no verdict, open") < place("PENDING 2/3, sealed"), "{told}");
    assert!(told.contains("This list is not verified") && !told.contains("is not on this machine"));
    fs::remove_file(first).unwrap();
    let _ =
        world.sandbox.run().code(0).stdout_has("the previous run, ").stdout_has(" is not on this machine");
    let mut none = Sandbox::new();
    none = none.args(["review"]);
    let _ = none.run().code(0).stdout_has("No runs on this machine yet");
    let _ = none.args(["review", "x.jsonl"]).run().code(2).stderr_has("needs a terminal");
}
