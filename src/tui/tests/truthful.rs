//! What the screen says and offers is so: to those who only look on, on the way back, and when a run is over.

use crate::checklist::ROLLBACK;
use crate::journal::entry::ActionExit;
use crate::run::{Act, Status};
use crate::tui::context::Access;
use crate::tui::dialogs::rolled_back::RolledBackDialog;
use crate::tui::dialogs::text_prompt::TextPrompt;
use crate::tui::tests::acting::{asks, elsewhere, failed, key};
use crate::tui::tests::buffer::text;
use crate::tui::tests::keys::{Screen, screen};
use crate::tui::tests::sample::{ALICE, BOB, Sample, closed, mixed, plan};

const WIDE: (u16, u16) = (120, 40);

fn drawn(screen: Screen) -> String {
    text(&screen.drawn())
}

/// Every step back has gone well.
fn stepped_back() -> Sample {
    let plan = elsewhere();
    let steps: Vec<_> =
        plan.rollback.iter().filter(|step| step.program.is_some()).map(|step| step.id.clone()).collect();
    steps
        .iter()
        .fold(Sample::of(plan), |sample, id| sample.run(&key(ROLLBACK, id), ActionExit::Code(0), "ok\n"))
}

#[test]
fn after_the_last_step_back_it_is_left_to_put_it_on_record() {
    let sample = stepped_back();
    let told = drawn(screen(&sample, WIDE).press("A"));
    assert!(told.contains("▌Next: b puts on record that the release is rolled back"), "{told}");
    // No step is chosen, so none is run again by accident.
    let screen = screen(&sample, WIDE).press("Aa");
    assert!(!screen.has_dialog() && screen.effects.is_empty());
    assert!(screen.notice().contains("every step has gone well; b puts on record"), "{}", screen.notice());
    let screen = screen.press("b");
    assert!(screen.dialog::<RolledBackDialog>().is_some() || screen.dialog::<TextPrompt>().is_some());
    // One who means it can run the last step again.
    let last = asks(&self::screen(&sample, WIDE).press("Aka"));
    assert!(last.is_some_and(|asked| asked.starts_with("rollback/")));
}

#[test]
fn a_step_back_before_anything_was_deployed_is_warned_of() {
    const WARNING: &str = "Nothing was deployed in this run";
    let fresh = Sample::of(elsewhere());
    assert!(drawn(screen(&fresh, WIDE).press("Aa")).contains(WARNING));
    let begun = failed();
    let asked = screen(&begun, WIDE).press("Aa");
    assert!(asks(&asked).is_some() && !drawn(asked).contains(WARNING));
}

#[test]
fn a_sealed_run_offers_no_way_back_and_says_what_does() {
    let open = drawn(screen(&closed(), WIDE).press("A"));
    assert!(open.contains("a run it") && open.contains("b it is rolled back"), "{open}");
    let sealed = closed().act(ALICE, Act::Verdict).act(ALICE, Act::Seal).act(BOB, Act::Seal);
    let told = drawn(screen(&sealed, WIDE).press("A"));
    assert!(!told.contains("a run it") && !told.contains("b it is rolled back"), "{told}");
    assert!(told.contains("This run takes nothing more."), "{told}");
}

#[test]
fn one_who_only_looks_on_is_told_how_it_stands_and_offered_what_they_can_do() {
    let sample = mixed();
    let judgement = sample.state();
    let now = sample.now();
    let judgement = judgement.judge(&now);
    let plan = plan();
    let waits = |id: &str| {
        let state = judgement.state.point(id).unwrap();
        matches!(judgement.status(id), Status::NeedsConfirmation { .. }) && state.confirmations.is_empty()
    };
    let point =
        plan.points().find(|point| waits(&point.id) && !point.probes.is_empty()).expect("one that waits");
    let mut looks_on = screen(&sample, WIDE);
    looks_on.app.session.access = Access::ReadOnly;
    let looks_on = looks_on.press(&format!("/{}⏎", point.id));
    assert_eq!(looks_on.selected(), point.id);
    let told = drawn(looks_on);
    assert!(told.contains("○ nobody yet") && !told.contains("its probes come first"), "{told}");
    assert!(told.contains("◐ NEEDS CONFIRMATION"), "{told}");
    for offered in ["retract", "n note", "space confirm", "w waive"] {
        assert!(!told.contains(offered), "{offered}: {told}");
    }
    assert!(told.contains("o output"), "{told}");
}

#[test]
fn a_run_is_said_to_be_sealed_when_no_seal_is_missing() {
    let once = closed().act(ALICE, Act::Verdict).act(ALICE, Act::Seal);
    let told = drawn(screen(&once, WIDE));
    assert!(told.contains("27/27 being sealed") && !told.contains("SEALED"), "{told}");
    assert!(drawn(screen(&once.act(BOB, Act::Seal), WIDE)).contains("27/27 SEALED"));
}
