//! A looser plan in a run that two people close: proposed by one, accepted or withdrawn by the other.

use super::pair::{BOB, newcomer, reviewed};
use super::world::{World, confirm, leave, select};
use crate::bench::need;
use crate::bench::terminal::{Key, Terminal};

/// A run whose profile has another address meanwhile, and the proposal of that.
fn proposed(columns: u16, rows: u16) -> (World, Terminal) {
    let mut world = reviewed();
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    leave(terminal);
    let profile = std::fs::read_to_string(world.sandbox.work().join("profile.toml")).unwrap();
    let other = profile.replace("http://127.0.0.1", "http://localhost");
    assert_ne!(profile, other);
    std::fs::write(world.sandbox.work().join("profile.toml"), other).unwrap();
    let mut terminal = world.open_with(&["--replan"], columns, rows);
    terminal.wait_for_text("y to propose").send("y").press(Key::Enter);
    terminal.wait_for_text("a looser plan is proposed");
    terminal.press(Key::Enter).wait_gone("a looser plan is proposed");
    (world, terminal)
}

fn kinds(world: &World) -> Vec<String> {
    world.entries().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
}

/// For its proposer, once nothing else needs them: what they have confirmed needs them no more.
fn open_proposal(terminal: &mut Terminal) {
    select(terminal, '2', 0);
    confirm(terminal, "people.told");
    select(terminal, '1', 1);
    confirm(terminal, "service.headers");
    terminal.send("!");
}

/// Scrolls the dialog to its end: what is signed has been seen.
fn read_to_the_end(terminal: &mut Terminal) {
    for _ in 0..10 {
        terminal.press(Key::PageDown);
    }
}

#[test]
fn the_other_role_reads_a_looser_plan_and_accepts_it() {
    need!("ssh-keygen");
    let (mut world, mut terminal) = proposed(130, 24);
    open_proposal(&mut terminal);
    terminal.wait_for_text("proposes a looser plan").wait_for_text("- \"http://127.0.0.1");
    let screen = terminal.screen_text();
    assert!(!screen.contains("accept (sign)"), "its proposer cannot accept it:\n{screen}");
    terminal.press(Key::Esc).wait_gone("proposes a looser plan");
    let bob = world.sandbox.key("bob");
    newcomer(&mut terminal, BOB, &bob.path.display().to_string());
    terminal.wait_for_text("▸bob (reviewer)");
    terminal.send("!").wait_for_text("accept (sign) as bob (reviewer)");
    read_to_the_end(&mut terminal);
    terminal.send("y").wait_for_text("accepted the proposed plan");
    leave(terminal);
    let kinds = kinds(&world);
    assert!(kinds.contains(&"replan-proposed".into()) && kinds.contains(&"replanned".into()), "{kinds:?}");
    let signers = world.sandbox.allowed_signers(&[(super::world::ALICE, &world.key), (BOB, &bob)]);
    let (log, signers) = (world.log().display().to_string(), signers.display().to_string());
    world.set_args(&["verify", &log, "--signers", &signers]);
    let told = world.sandbox.run().code(5).stdout_has("signed by alice@deck.example and bob@deck.example");
    let _ = told.stdout_has("service.ready, probe readyz, spec, with, url");
}

#[test]
fn a_proposal_fits_a_small_screen_and_is_withdrawn() {
    need!("ssh-keygen");
    let (world, mut terminal) = proposed(80, 24);
    open_proposal(&mut terminal);
    terminal.wait_for_text("proposes a looser plan").wait_for_text("d withdraw");
    terminal.send("d").wait_for_text("withdrew the proposed plan");
    leave(terminal);
    assert_eq!(kinds(&world).iter().filter(|kind| *kind == "replan-withdrawn").count(), 1);
}
