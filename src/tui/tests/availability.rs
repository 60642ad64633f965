//! The screen offers only what is possible: in a rollback, in a read-only session, and when a run is over.

use crate::tui::context::Access;
use crate::tui::dialogs::rollback_run::RollbackRunDialog;
use crate::tui::dialogs::rolled_back::RolledBackDialog;
use crate::tui::dialogs::text_prompt::TextPrompt;
use crate::tui::tests::actions::{build_failed, dialog_action, key, staging_plan};
use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::{ALICE, BOB, SampleRun, all_done, mixed, plan};
use crate::tui::tests::test_screen::{TestScreen, screen};
use gonogo_core::checklist::ROLLBACK;
use gonogo_core::journal::entry::ActionExit;
use gonogo_core::run::{Act, Status};

const WIDE: (u16, u16) = (120, 40);

fn drawn(screen: TestScreen) -> String {
    text(&screen.drawn())
}

/// All rollback steps have succeeded.
pub fn rollback_steps_done() -> SampleRun {
    let plan = staging_plan();
    let steps: Vec<_> =
        plan.rollback.iter().filter(|step| step.program.is_some()).map(|step| step.id.clone()).collect();
    steps.iter().fold(SampleRun::new(plan), |sample, id| {
        sample.run_action(&key(ROLLBACK, id), ActionExit::Code(0), "ok\n")
    })
}

#[test]
fn after_the_last_rollback_step_recording_it_is_offered() {
    let sample = rollback_steps_done();
    let frame = drawn(screen(&sample, WIDE).press("A"));
    assert!(frame.contains("▌Next: b records that the release is rolled back"), "{frame}");
    // No step is selected, so that none is run again by accident.
    let screen = screen(&sample, WIDE).press("Aa");
    assert!(!screen.has_dialog() && screen.effects.is_empty());
    assert!(screen.notice().contains("every step has gone well; b records"), "{}", screen.notice());
    let screen = screen.press("⏎");
    assert!(screen.dialog::<RolledBackDialog>().is_some() || screen.dialog::<TextPrompt>().is_some());
    // The last step can still be selected and run again.
    let last = dialog_action(&self::screen(&sample, WIDE).press("Aka"));
    assert!(last.is_some_and(|action| action.starts_with("rollback/")));
}

#[test]
fn a_rollback_before_any_deployment_is_warned_about() {
    const WARNING: &str = "Nothing that the rollback reverts was deployed in this run";
    let fresh = SampleRun::new(staging_plan());
    assert!(drawn(screen(&fresh, WIDE).press("Aa")).contains(WARNING));
    let failed_run = build_failed();
    let dialog = screen(&failed_run, WIDE).press("Aa");
    assert!(dialog_action(&dialog).is_some() && !drawn(dialog).contains(WARNING));
}

#[test]
fn a_sealed_run_offers_no_rollback() {
    let open = drawn(screen(&all_done(), WIDE).press("A"));
    assert!(open.contains("a run it") && !open.contains("b record it"), "{open}");
    let sealed = all_done().act(ALICE, Act::Verdict).act(ALICE, Act::Seal).act(BOB, Act::Seal);
    let frame = drawn(screen(&sealed, WIDE).press("A"));
    assert!(!frame.contains("a run it") && !frame.contains("b record it"), "{frame}");
    assert!(frame.contains("This run is sealed.") && frame.contains("a open a rollback run"), "{frame}");
    // A rollback now is a run of its own.
    let opened = screen(&sealed, WIDE).press("Aa");
    assert!(opened.dialog::<RollbackRunDialog>().is_some());
    let ended = opened.press("y").app.into_session_end();
    assert!(ended.opens_rollback_run);
}

#[test]
fn a_read_only_session_shows_the_status_and_offers_no_act() {
    let sample = mixed();
    let judgement = sample.state();
    let now = sample.now();
    let judgement = judgement.judge(&now);
    let plan = plan();
    let is_waiting = |id: &str| {
        let state = judgement.state.point(id).unwrap();
        matches!(judgement.status(id), Status::NeedsConfirmation { .. }) && state.confirmations.is_empty()
    };
    let point = plan
        .points()
        .find(|point| is_waiting(&point.id) && !point.probes.is_empty())
        .expect("one that waits");
    let mut observer = screen(&sample, WIDE);
    observer.app.session.access = Access::ReadOnly;
    let observer = observer.press(&format!("/{}⏎", point.id));
    assert_eq!(observer.selected(), point.id);
    let frame = drawn(observer);
    assert!(frame.contains("○ nobody yet") && !frame.contains("its probes come first"), "{frame}");
    assert!(frame.contains("◐ NEEDS CONFIRMATION"), "{frame}");
    for offered in ["retract", "n note", "space confirm", "w waive"] {
        assert!(!frame.contains(offered), "{offered}: {frame}");
    }
    assert!(frame.contains("o output"), "{frame}");
}

#[test]
fn a_run_is_shown_as_sealed_only_when_no_seal_is_missing() {
    let once = all_done().act(ALICE, Act::Verdict).act(ALICE, Act::Seal);
    let frame = drawn(screen(&once, WIDE));
    assert!(frame.contains("27/27 seal missing") && !frame.contains("SEALED"), "{frame}");
    assert!(drawn(screen(&once.act(BOB, Act::Seal), WIDE)).contains("27/27 SEALED"));
}
