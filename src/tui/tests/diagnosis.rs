//! The diagnosis of a drill, before its debrief.

use crate::tui::app::HostEffect;
use crate::tui::tests::buffer::text;
use crate::tui::tests::sample::{ALICE, SampleRun, all_done, plan};
use crate::tui::tests::test_screen::{TestScreen, screen};
use gonogo_core::checklist::{Plan, Rehearsal};
use gonogo_core::run::{Act, NumberedRequest, Request};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 12)];
const FAULTS: [&str; 3] = ["every command takes 150 ms", "persistence is off", "the worker does not consume"];

/// A screen of a rehearsal with drills.
fn drill_screen(drills: &[&str], size: (u16, u16)) -> TestScreen {
    let drills = drills.iter().map(|name| (*name).to_owned()).collect();
    let plan = Plan { rehearsal: Some(Rehearsal { drills }), ..plan() };
    let mut screen = screen(&SampleRun::new(plan), size);
    screen.app.session.faults = FAULTS.map(str::to_owned).to_vec();
    screen.app.session.ends_with_session = true;
    screen
}

fn diagnosis(fault: &str) -> Act {
    Act::Note { point: None, text: format!("diagnosis: {fault}") }
}

#[test]
fn a_verdict_of_a_drill_needs_a_diagnosis_first() {
    for size in SIZES {
        let asked = |keys: &str| drill_screen(&["a"], size).press("v⇩⇩⇩y").press(keys);
        assert!(asked("OFF⏎").acts().is_empty());
        let shown = text(&asked("").drawn());
        assert!(shown.contains("What is broken?") && shown.contains(FAULTS[1]), "{shown}");
        let shown = text(&asked("OFF⏎").drawn());
        assert!(shown.contains(FAULTS[1]) && !shown.contains(FAULTS[0]), "{shown}");
        assert_eq!(asked("OFF⏎y").acts(), [diagnosis(FAULTS[1])]);
    }
    // The last choice, and each of two faults.
    let unknown = drill_screen(&["a"], SIZES[0]).press("v⇩⇩⇩ynobody knows⏎y");
    assert_eq!(unknown.acts(), [diagnosis("not known")]);
    let both = drill_screen(&["a", "b"], SIZES[0]).press("v⇩⇩⇩yworker⏎yevery⏎y");
    assert_eq!(both.acts(), [diagnosis(FAULTS[2]), diagnosis(FAULTS[0])]);
    // Esc goes back without a note.
    assert!(drill_screen(&["a"], SIZES[0]).press("v⇩⇩⇩yworker⏎⎋⎋y").acts().is_empty());
}

#[test]
fn quitting_an_open_drill_asks_for_the_diagnosis() {
    let asked = || drill_screen(&["a"], SIZES[1]).press("qy");
    assert!(text(&asked().drawn()).contains("What is broken?") && asked().effects.is_empty());
    let ended = asked().press("worker⏎y");
    assert_eq!(ended.acts(), [diagnosis(FAULTS[2])]);
    let last = ended.effects.last();
    assert!(
        matches!(last, Some(HostEffect::Send(NumberedRequest { request: Request::Stop, .. }))),
        "{last:?}"
    );
}

/// One that is given already, and runs without drills.
#[test]
fn a_diagnosis_is_asked_for_once_and_in_drills_only() {
    assert_eq!(screen(&all_done(), SIZES[0]).press("vy").acts(), [Act::Verdict]);
    let plan = Plan { rehearsal: Some(Rehearsal { drills: vec!["a".into()] }), ..plan() };
    let given = SampleRun::new(plan).act(ALICE, diagnosis(FAULTS[0]));
    let mut screen = screen(&given, SIZES[0]);
    screen.app.session.faults = FAULTS.map(str::to_owned).to_vec();
    assert_eq!(screen.press("v⇩⇩⇩y").acts(), [Act::Verdict]);
}
