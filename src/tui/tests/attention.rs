//! Calls for attention, and the window title.

use crossterm::event::Event;

use crate::tui::app::HostEffect;
use crate::tui::tests::actions::{key, ready_to_deploy, staging_plan};
use crate::tui::tests::sample::{ALICE, BOB, SampleRun, all_done, mixed, plan};
use crate::tui::tests::test_screen::{TestScreen, screen};
use gonogo_core::journal::entry::ActionExit;
use gonogo_core::run::Act;

const WIDE: (u16, u16) = (120, 40);

fn calls(screen: &TestScreen) -> Vec<String> {
    let call = |effect: &HostEffect| match effect {
        HostEffect::Call(text) => Some(text.clone()),
        _ => None,
    };
    screen.effects.iter().filter_map(call).collect()
}

/// The calls after a change, if the terminal reports these events before.
fn calls_after(events: &[Event], before: &SampleRun, after: &SampleRun) -> Vec<String> {
    let mut screen = screen(before, WIDE);
    for event in events {
        screen.event(event.clone());
    }
    calls(&screen.with_state(after.shared()))
}

#[test]
fn a_person_who_looks_elsewhere_is_called_when_something_needs_them_or_has_ended() {
    let build = key("deploy.image-build-scan", "build");
    let fresh = || SampleRun::new(plan());
    let building = || ready_to_deploy(staging_plan()).start_action(&build);
    let verdict = |by| all_done().act(by, Act::Verdict);
    let away = |before: &SampleRun, after: &SampleRun| calls_after(&[Event::FocusLost], before, after);
    let needs = || fresh().pass("validate.iac-change-set");
    assert_eq!(away(&fresh(), &needs()), ["gonogo · production: needs attention: validate.iac-change-set"]);
    assert_eq!(away(&needs(), &needs().pass("validate.slo-alerts")).len(), 1, "only what is new");
    let ended =
        |exit| away(&building(), &ready_to_deploy(staging_plan()).run_action(&build, exit, "secret\n"));
    assert!(
        ended(ActionExit::Code(0))[0]
            .starts_with("gonogo · production: deploy.image-build-scan/build finished")
    );
    let failed = ended(ActionExit::Code(1));
    assert!(failed[0].contains("deploy.image-build-scan/build did not succeed"), "{failed:?}");
    assert!(!failed[0].contains("secret"), "no output of a command: {failed:?}");
    assert_eq!(away(&all_done(), &verdict(BOB)), ["gonogo · production: bob recorded GO"]);
    assert_eq!(away(&all_done(), &verdict(ALICE)), [""; 0], "her own");
    let sealed = verdict(ALICE).act(BOB, Act::Seal);
    assert_eq!(away(&verdict(ALICE), &sealed), ["gonogo · production: bob sealed the run"]);
    assert_eq!(away(&needs(), &needs().act(BOB, Act::Note { point: None, text: "n".into() })), [""; 0]);
}

#[test]
fn nobody_is_called_who_looks_at_the_screen() {
    let (before, after) = (SampleRun::new(plan()), SampleRun::new(plan()).pass("validate.iac-change-set"));
    for (events, count) in [
        (&[][..], 0),
        (&[Event::FocusLost], 1),
        (&[Event::FocusLost, Event::FocusGained], 0),
        // Some terminals report the loss of the focus, and not that it came back.
        (&[Event::FocusLost, Event::Paste(String::new())], 0),
    ] {
        assert_eq!(calls_after(events, &before, &after).len(), count, "{events:?}");
    }
    // A terminal that reports no focus.
    for (ms, count) in [(59_000, 0), (60_000, 1)] {
        let screen = screen(&before, WIDE).press("j").after_ms(ms).with_state(after.shared());
        assert_eq!(calls(&screen).len(), count, "{ms}");
    }
}

#[test]
fn the_title_changes_with_the_run() {
    let mut screen = screen(&mixed(), WIDE);
    let _ = screen.draw();
    assert_eq!(screen.app.new_title().as_deref(), Some("gonogo · production · 6/27 · 5 need you"));
    assert_eq!(screen.app.new_title(), None);
    let mut screen = self::screen(&all_done(), WIDE);
    let _ = screen.draw();
    assert_eq!(screen.app.new_title().as_deref(), Some("gonogo · production · 27/27"));
    screen.app.forget_title();
    assert!(screen.app.new_title().is_some(), "another program may have set it");
}
