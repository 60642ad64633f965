//! A looser plan in a run with two seals: proposed by one operator, accepted or withdrawn by the other.

use super::two_operators::{BOB, add_operator, with_reviewer};
use super::world::{World, confirm, quit, select};
use crate::support::need;
use crate::support::terminal::{Key, Terminal};

/// A run whose profile has a changed address, which is proposed as a new plan.
fn proposed(columns: u16, rows: u16) -> (World, Terminal) {
    let mut world = with_reviewer();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    quit(terminal);
    let profile = std::fs::read_to_string(world.sandbox.work().join("profile.toml")).unwrap();
    let changed = profile.replace("http://127.0.0.1", "http://localhost");
    assert_ne!(profile, changed);
    std::fs::write(world.sandbox.work().join("profile.toml"), changed).unwrap();
    let mut terminal = world.open_with(&["--replan"], columns, rows);
    terminal.wait_for_text("y to propose").answer("y").press(Key::Enter);
    terminal.wait_for_text("a looser plan is proposed");
    terminal.close_notices().wait_gone("a looser plan is proposed");
    (world, terminal)
}

fn entry_kinds(world: &World) -> Vec<String> {
    world.entries().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
}

/// Opens the proposal as its author, after the points that need confirmation.
fn open_proposal(terminal: &mut Terminal) {
    select(terminal, '2', 0);
    confirm(terminal, "people.duty");
    select(terminal, '1', 1);
    confirm(terminal, "service.headers");
    terminal.send("!");
}

/// Scrolls the dialog to its end, which is required before signing.
fn read_to_the_end(terminal: &mut Terminal) {
    for _ in 0..10 {
        terminal.press(Key::PageDown);
    }
}

#[test]
fn a_looser_plan_is_accepted_by_the_other_role() {
    need!("ssh-keygen");
    let (mut world, mut terminal) = proposed(130, 24);
    open_proposal(&mut terminal);
    terminal.wait_for_text("proposes a looser plan").wait_for_text("- \"http://127.0.0.1");
    let screen = terminal.screen_text();
    assert!(!screen.contains("accept (sign)"), "its proposer cannot accept it:\n{screen}");
    terminal.press(Key::Esc).wait_gone("proposes a looser plan");
    let bob = world.sandbox.key("bob");
    add_operator(&mut terminal, BOB, &bob.path.display().to_string());
    terminal.wait_for_text("▸bob (reviewer)");
    terminal.send("!").wait_for_text("accept (sign) as bob (reviewer)");
    read_to_the_end(&mut terminal);
    terminal.answer("y").wait_for_text("accepted the proposed plan");
    quit(terminal);
    let entry_kinds = entry_kinds(&world);
    assert!(
        entry_kinds.contains(&"replan-proposed".into()) && entry_kinds.contains(&"replanned".into()),
        "{entry_kinds:?}"
    );
    let signers = world.sandbox.allowed_signers(&[(super::world::ALICE, &world.key), (BOB, &bob)]);
    let (log, signers) = (world.log().display().to_string(), signers.display().to_string());
    world.set_args(&["verify", &log, "--signers", &signers]);
    let output = world.sandbox.run().code(5).stdout_has("signed by alice@deck.example and bob@deck.example");
    let _ = output.stdout_has("service.ready, probe readyz, spec, with, url");
}

#[test]
fn a_proposal_can_be_read_and_withdrawn_on_a_small_screen() {
    need!("ssh-keygen");
    let (world, mut terminal) = proposed(80, 24);
    open_proposal(&mut terminal);
    terminal.wait_for_text("proposes a looser plan").wait_for_text("d withdraw");
    terminal.answer("d").wait_for_text("withdrew the proposed plan");
    quit(terminal);
    assert_eq!(entry_kinds(&world).iter().filter(|kind| *kind == "replan-withdrawn").count(), 1);
}
