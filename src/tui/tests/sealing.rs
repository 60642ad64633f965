//! The verdict, the seals and the acceptance of a plan: notices and offered keys.

use crate::tui::dialogs::verdict::VerdictDialog;
use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::{ALICE, BOB, SampleRun, all_done, mixed, rabbitmq_failure};
use crate::tui::tests::test_screen::{TestScreen, bobs_screen, screen};
use gonogo_core::checklist::Plan;
use gonogo_core::run::{Act, Response};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 12)];
const WIDE: (u16, u16) = SIZES[0];
const MISSING: &str = "sealed by alice; bob's seal (reviewer) is missing";

fn half_sealed() -> SampleRun {
    all_done().act(ALICE, Act::Verdict).act(ALICE, Act::Seal)
}

#[test]
fn the_notice_of_a_seal_names_the_missing_one() {
    let recorded = all_done().act(ALICE, Act::Verdict);
    let sealed = screen(&recorded, WIDE).press("vsy").respond(Response::Done(34));
    assert_eq!(sealed.notice(), format!("{MISSING} · log #34"));
    let last = bobs_screen(&half_sealed(), WIDE).press("vsy").respond(Response::Done(35));
    assert_eq!(last.notice(), "sealed by alice and bob · log #35");
}

#[test]
fn while_a_seal_is_missing_every_refusal_names_its_owner() {
    for key in ["r", "R", "w", "x", " ", "n", "vy"] {
        let screen = screen(&half_sealed(), WIDE).press(key);
        assert_eq!((screen.notice(), screen.effects.len()), (MISSING, 0), "{key}");
    }
    let drawn = SIZES.map(|size| text(&screen(&half_sealed(), size).drawn()));
    assert!(drawn[0].contains(MISSING) && drawn[0].contains("v verdict"), "{}", drawn[0]);
    assert!(drawn[1].contains(MISSING), "{}", drawn[1]);
    assert!(drawn[2].contains("1 of 2 seals"), "{}", drawn[2]);
    let bobs = text(&bobs_screen(&half_sealed(), WIDE).drawn());
    assert!(
        bobs.contains("your seal (reviewer) is missing") && bobs.contains("v verdict and seal"),
        "{bobs}"
    );
}

#[test]
fn sealing_is_offered_only_to_those_who_can_seal() {
    for size in SIZES {
        let offers = |screen: TestScreen| text(&screen.press("v").drawn()).contains("s seal   Esc back");
        assert!(!offers(screen(&all_done(), size)));
        assert!(offers(screen(&all_done().act(ALICE, Act::Verdict), size)));
        assert!(!offers(screen(&half_sealed(), size)) && offers(bobs_screen(&half_sealed(), size)));
        assert!(!offers(bobs_screen(&half_sealed().act(BOB, Act::Seal), size)));
    }
    let again = screen(&half_sealed(), WIDE).press("vsy");
    assert!(again.effects.is_empty() && again.dialog::<VerdictDialog>().is_some());
}

#[test]
fn an_unchanged_verdict_is_not_recorded_again() {
    let recorded = all_done().act(ALICE, Act::Verdict);
    let dialog = screen(&recorded, WIDE).press("v");
    assert!(!text(&dialog.press("yyy").drawn()).contains("y record"));
    let again = screen(&recorded, WIDE).press("vyyy");
    assert!(again.effects.is_empty());
    assert_eq!(again.notice(), "this verdict is recorded already: s seals the run");
    assert_eq!(screen(&all_done(), WIDE).press("vy").acts(), [Act::Verdict]);
}

#[test]
fn a_small_verdict_dialog_shows_the_decision_the_recorded_verdict_and_the_keys_first() {
    let open = text(&screen(&mixed(), (40, 12)).press("v").drawn());
    for expected in
        ["NO-GO   6 of 27", "No verdict is recorded", "secrets.allowed-origins", "y record this verdict"]
    {
        assert!(open.contains(expected), "{expected}:\n{open}");
    }
    let recorded = text(&screen(&mixed().act(ALICE, Act::Verdict), (40, 12)).press("v").drawn());
    for expected in ["NO-GO is recorded by alice", "driver's seal is missing", "s seal   Esc back"] {
        assert!(recorded.contains(expected), "{expected}:\n{recorded}");
    }
    let end = screen(&mixed(), (40, 12)).press("v⇩⇩⇩⇩⇩⇩⇩⇩⇩");
    let scroll = end.dialog_scroll().expect("the verdict");
    assert!(scroll < 40, "{scroll} lines to scroll");
}

#[test]
fn an_outdated_verdict_is_not_reported_as_none() {
    let shown = |run: &SampleRun| text(&screen(run, WIDE).press("v").drawn());
    let none = shown(&mixed());
    assert!(none.contains("No verdict is recorded.") && !none.contains("outdated"), "{none}");
    let recorded = mixed().act(ALICE, Act::Verdict);
    let seq = recorded.state().verdict.as_ref().map(|verdict| verdict.seq).unwrap();
    let mut plan = Plan::clone(&recorded.state().plan);
    let points = plan.sections.iter_mut().flat_map(|section| &mut section.points);
    points.for_each(|point| point.fresh_ms += 60_000);
    let changed = shown(&recorded.act(ALICE, Act::ProposeReplan(Box::new(plan))));
    assert!(changed.contains(&format!("NO-GO of log #{seq} is outdated")), "{changed}");
}

/// Its result would outdate the verdict.
#[test]
fn running_probes_are_told_before_a_verdict_is_recorded() {
    for size in SIZES {
        let screen = screen(&mixed(), size).with_running_probe("infra.rabbitmq", "topology");
        let shown = text(&screen.press("v").drawn());
        assert!(shown.contains("Still running: 1 probe."), "{shown}");
    }
}

/// The other's seal comes while the notice of one's own is shown.
#[test]
fn the_last_seal_replaces_the_notice_that_it_is_missing() {
    let recorded = all_done().act(ALICE, Act::Verdict);
    let screen = screen(&recorded, WIDE).press("vsy").respond(Response::Done(34));
    let half = recorded.act(ALICE, Act::Seal);
    let screen = screen.with_state(half.shared()).with_state(half.act(BOB, Act::Seal).shared());
    assert!(screen.notice().starts_with("sealed by alice and bob · log #"), "{}", screen.notice());
}

#[test]
fn nothing_becomes_stale_after_the_seals() {
    let sealed = half_sealed().act(BOB, Act::Seal);
    let before = text(&screen(&sealed, WIDE).drawn());
    let later = text(&screen(&sealed.wait(40 * 60), WIDE).drawn());
    assert!(!before.contains('◷') && !later.contains('◷') && !later.contains("stale"), "{later}");
}

/// A result came in while the dialog was open.
#[test]
fn a_seal_of_an_outdated_verdict_is_not_offered() {
    let recorded = all_done().act(ALICE, Act::Verdict);
    let open = || screen(&recorded, WIDE).press("vs");
    assert!(text(&open().drawn()).contains("You seal this run as"));
    let open = open();
    let changed = recorded.probe_result("infra.redis", "server", rabbitmq_failure());
    let shown = text(&open.with_state(changed.shared()).drawn());
    assert!(shown.contains("The verdict is out of date") && !shown.contains("You seal"), "{shown}");
}
