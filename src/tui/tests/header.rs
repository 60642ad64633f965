//! The top line: what stays on it on every screen.

use crate::tui::tests::actions::{build_failed, key, ready_to_deploy};
use crate::tui::tests::buffer::{styled, text};
use crate::tui::tests::sample::{BOB, SampleRun, mixed, plan};
use crate::tui::tests::test_screen::{TestScreen, screen};
use gonogo_core::checklist::{Plan, ROLLBACK};
use gonogo_core::journal::entry::ActionExit;
use gonogo_core::run::Act;

fn header(screen: TestScreen) -> String {
    text(&screen.drawn()).lines().next().unwrap_or_default().to_owned()
}

/// With Bob at the same screen.
fn with_bob(mut screen: TestScreen) -> TestScreen {
    let bob = screen.app.run.state.operator(BOB).cloned();
    screen.app.session.local_operators.extend(bob);
    screen
}

fn finish(sample: SampleRun, step: &str) -> SampleRun {
    sample.run_action(&key(ROLLBACK, step), ActionExit::Code(0), "ok\n")
}

#[test]
fn where_a_rollback_goes_is_never_left_out() {
    let plan = Plan { environment: "eu-west-1-blue-canary".into(), ..plan() };
    let failed = ready_to_deploy(plan).run_action(
        &key("deploy.image-build-scan", "build"),
        ActionExit::Code(1),
        "no\n",
    );
    let paused = finish(failed, "pause");
    let done = Act::RollBack { reason: Some("the rest by hand".into()) };
    let rolled_back = finish(paused.clone(), "app").act(crate::tui::tests::sample::ALICE, done);
    for width in 80..=200 {
        for (sample, banner) in [(&paused, "ROLLBACK 1/6"), (&rolled_back, "ROLLED BACK")] {
            let line = header(with_bob(screen(sample, (width, 24))));
            for part in [banner, "paused", "PRODUCTION", "v1.4.0", "← v1.3.2", "▸alice", " NO-GO"] {
                assert!(line.contains(part), "{width} {part}: {line}");
            }
        }
    }
}

#[test]
fn a_rollback_says_as_long_as_the_consumers_are_paused() {
    let paused = finish(build_failed(), "pause");
    for size in [(200, 60), (120, 40), (80, 24), (40, 12)] {
        let drawn = text(&screen(&paused, size).press("A").drawn());
        assert!(drawn.contains("consumers paused"), "{size:?}: {drawn}");
        let drawn = text(&screen(&paused, size).drawn());
        assert!(drawn.contains("paused"), "{size:?}: {drawn}");
        for other in [build_failed(), finish(paused.clone(), "resume")] {
            assert!(!text(&screen(&other, size).drawn()).contains(" paused"), "{size:?}");
        }
    }
}

/// The words do not come and go with who is here.
#[test]
fn what_people_have_to_do_is_in_words_whoever_is_here() {
    let line = header(screen(&mixed(), (80, 24)));
    assert!(line.contains("✖2 ⚠1 ◷1 · 2 to confirm"), "{line}");
    let line = header(with_bob(screen(&mixed(), (80, 24))));
    assert!(line.contains("2 to confirm") && line.contains("▸alice"), "{line}");
}

/// A clock and a name that came and went would move everything else.
#[test]
fn nothing_moves_when_an_action_starts() {
    let ready = ready_to_deploy(plan());
    let running = ready.clone().start_action(&key("deploy.image-build-scan", "build"));
    let place = |sample: &SampleRun| header(screen(sample, (80, 24))).find("v1.4.0");
    assert_eq!(place(&ready), place(&running));
}

#[test]
fn the_header_keeps_its_colours_under_a_dialog() {
    let first = |screen: TestScreen| {
        let frame = styled(&screen.drawn());
        let rows = frame.split_once("styles\n").unwrap().1.lines().filter(|row| row.starts_with("  0 "));
        rows.map(str::to_owned).collect::<Vec<_>>()
    };
    for sample in [mixed(), finish(build_failed(), "pause")] {
        for size in [(120, 40), (80, 24)] {
            let without = first(screen(&sample, size));
            assert!(without.len() > 1 || !without[0].is_empty());
            assert_eq!(first(screen(&sample, size).press("v")), without, "{size:?}");
        }
    }
}
