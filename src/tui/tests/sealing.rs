//! From the last closed point to the last seal: what is said, and what is offered.

use crate::checklist::Plan;
use crate::run::{Act, Response};
use crate::tui::dialogs::DialogLayer;
use crate::tui::dialogs::plan_proposal::ProposalDialog;
use crate::tui::dialogs::verdict::VerdictDialog;
use crate::tui::tests::buffer::text;
use crate::tui::tests::keys::{Screen, screen};
use crate::tui::tests::sample::{ALICE, BOB, Sample, closed, mixed};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 12)];
const WIDE: (u16, u16) = SIZES[0];
const MISSING: &str = "sealed by alice; bob's seal (reviewer) is missing";

fn half_sealed() -> Sample {
    closed().act(ALICE, Act::Verdict).act(ALICE, Act::Seal)
}

/// Bob's screen.
fn bobs(sample: &Sample, size: (u16, u16)) -> Screen {
    let mut screen = screen(sample, size);
    let bob = screen.app.run.state.operator(BOB).cloned();
    screen.app.session.me = bob.unwrap();
    screen
}

#[test]
fn the_first_seal_is_not_said_to_be_the_last() {
    let recorded = closed().act(ALICE, Act::Verdict);
    let sealed = screen(&recorded, WIDE).press("vsy").answered(Response::Done(34));
    assert_eq!(sealed.notice(), format!("{MISSING} · log #34"));
    let last = bobs(&half_sealed(), WIDE).press("vsy").answered(Response::Done(35));
    assert_eq!(last.notice(), "sealed by alice and bob · log #35");
}

#[test]
fn while_a_seal_is_missing_everything_says_whose() {
    for key in ["r", "R", "w", "x", " ", "n", "vy"] {
        let screen = screen(&half_sealed(), WIDE).press(key);
        assert_eq!((screen.notice(), screen.effects.len()), (MISSING, 0), "{key}");
    }
    let drawn = SIZES.map(|size| text(&screen(&half_sealed(), size).drawn()));
    assert!(drawn[0].contains(MISSING) && drawn[0].contains("v verdict"), "{}", drawn[0]);
    assert!(drawn[1].contains(MISSING), "{}", drawn[1]);
    assert!(drawn[2].contains("1 of 2 seals"), "{}", drawn[2]);
    let bobs = text(&bobs(&half_sealed(), WIDE).drawn());
    assert!(
        bobs.contains("your seal (reviewer) is missing") && bobs.contains("v verdict and seal"),
        "{bobs}"
    );
}

#[test]
fn a_seal_is_offered_to_those_who_can_give_it() {
    for size in SIZES {
        let offers = |screen: Screen| text(&screen.press("v").drawn()).contains("s seal   Esc back");
        assert!(!offers(screen(&closed(), size)));
        assert!(offers(screen(&closed().act(ALICE, Act::Verdict), size)));
        assert!(!offers(screen(&half_sealed(), size)) && offers(bobs(&half_sealed(), size)));
        assert!(!offers(bobs(&half_sealed().act(BOB, Act::Seal), size)));
    }
    let again = screen(&half_sealed(), WIDE).press("vsy");
    assert!(again.effects.is_empty() && again.dialog::<VerdictDialog>().is_some());
}

#[test]
fn a_verdict_that_stands_is_not_recorded_again() {
    let recorded = closed().act(ALICE, Act::Verdict);
    let asked = screen(&recorded, WIDE).press("v");
    assert!(!text(&asked.press("yyy").drawn()).contains("y record"));
    assert!(screen(&recorded, WIDE).press("vyyy").effects.is_empty());
    assert_eq!(screen(&closed(), WIDE).press("vy").acts(), [Act::Verdict]);
}

#[test]
fn on_a_small_screen_the_decision_what_stands_and_the_keys_come_first() {
    let open = text(&screen(&mixed(), (40, 12)).press("v").drawn());
    for told in
        ["NO-GO   7 of 27", "No verdict is recorded", "secrets.allowed-origins", "y record this verdict"]
    {
        assert!(open.contains(told), "{told}:\n{open}");
    }
    let recorded = text(&screen(&mixed().act(ALICE, Act::Verdict), (40, 12)).press("v").drawn());
    for told in ["NO-GO is recorded by alice", "driver's seal is missing", "s seal   Esc back"] {
        assert!(recorded.contains(told), "{told}:\n{recorded}");
    }
    let end = screen(&mixed(), (40, 12)).press("v⇩⇩⇩");
    let scroll = end.dialog_scroll().expect("the verdict");
    assert!(scroll < 25, "{scroll} lines to scroll");
}

/// Whoever accepts a looser plan has had all of it before their eyes.
#[test]
fn a_looser_plan_is_accepted_only_after_it_was_scrolled_to_its_end() {
    let mut plan = Plan::clone(&mixed().state().plan);
    let points = plan.sections.iter_mut().flat_map(|section| &mut section.points);
    points.for_each(|point| point.fresh_ms += 60_000);
    let proposed = mixed().act(ALICE, Act::ProposeReplan(Box::new(plan)));
    let seq = proposed.state().proposal.expect("a proposal").seq;
    let mut asked = bobs(&proposed, (80, 24));
    asked.app.layers.open(Box::new(DialogLayer::new(ProposalDialog { seq })));
    let refused = asked.press("y");
    assert_eq!(
        (refused.notice(), refused.effects.len()),
        ("read the whole change first: scroll to its end", 0)
    );
    assert!(refused.dialog::<ProposalDialog>().is_some());
    assert_eq!(refused.press(&" ".repeat(40)).press("y").effects.len(), 1);
}
