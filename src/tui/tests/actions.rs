//! Actions: the dialog that runs one, a running and a failed action, the rollback.

use std::time::Duration;

use crate::tui::app::HostEffect;
use crate::tui::dialogs::run_action::RunActionDialog;
use crate::tui::tests::buffer;
use crate::tui::tests::sample::{ALICE, BOB, SampleRun, plan};
use crate::tui::tests::test_screen::{TestScreen, bobs_screen, screen};
use crate::tui::widgets::action_text::format_duration;
use gonogo_core::checklist::{ActionKey, Plan};
use gonogo_core::journal::entry::ActionExit;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::run::{Act, NumberedRequest, Request};
use gonogo_core::time;

/// Compares a frame with its snapshot.
macro_rules! assert_frame {
    ($name:literal, $screen:expr) => {
        insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, buffer::text(&$screen.drawn()));
        });
    };
}

const WIDE: (u16, u16) = (120, 40);
const MEDIUM: (u16, u16) = (80, 24);
const SMALL: (u16, u16) = (40, 12);

pub fn key(point: &str, action: &str) -> ActionKey {
    ActionKey::new(point, action)
}

/// All points before the deployment are done.
pub fn ready_to_deploy(plan: Plan) -> SampleRun {
    let before: Vec<_> = plan
        .sections
        .iter()
        .filter(|section| ["validate", "secrets", "infra", "rollback"].contains(&section.id.as_str()))
        .flat_map(|section| {
            section
                .points
                .iter()
                .filter(|point| point.due.is_none())
                .map(|point| (point.id.clone(), point.confirm))
        })
        .collect();
    before.into_iter().fold(SampleRun::new(plan), |sample, (id, confirm)| {
        let sample = sample.pass(&id);
        let people = [ALICE, BOB].into_iter().take(confirm.people());
        people.fold(sample, |sample, person| sample.confirm(person, &id))
    })
}

pub fn staging_plan() -> Plan {
    Plan { production: false, ..plan() }
}

fn image_built() -> SampleRun {
    ready_to_deploy(plan()).run_action(&key("deploy.image-build-scan", "build"), ActionExit::Code(0), "ok\n")
}

pub fn build_failed() -> SampleRun {
    let tail = "STEP 3/3: COPY nothing /x\nError: no such file or directory\n";
    ready_to_deploy(plan()).run_action(&key("deploy.image-build-scan", "build"), ActionExit::Code(125), tail)
}

/// The action of the open dialog, if it asks whether to run one.
pub fn dialog_action(screen: &TestScreen) -> Option<String> {
    screen.dialog::<RunActionDialog>().map(|dialog| dialog.start.action.to_string())
}

/// The runs requested from the engine: the action, whether it is a dry run, and what was typed.
fn requested_runs(screen: &TestScreen) -> Vec<(String, bool, Option<String>)> {
    let run = |effect: &HostEffect| match effect {
        HostEffect::Send(NumberedRequest { request: Request::RunAction { start, .. }, .. }) => {
            Some((start.action.to_string(), start.dry_run, start.typed_environment.clone()))
        }
        _ => None,
    };
    screen.effects.iter().filter_map(run).collect()
}

#[test]
fn the_run_dialog() {
    assert_frame!("wide_run", screen(&ready_to_deploy(staging_plan()), WIDE).press("4a"));
    assert_frame!("medium_run", screen(&ready_to_deploy(plan()), MEDIUM).press("4a"));
    assert_frame!("small_run", screen(&ready_to_deploy(plan()), SMALL).press("4a"));
}

#[test]
fn a_running_and_a_failed_action() {
    let at_work = image_built().start_action(&key("deploy.image-build-scan", "scan")).wait(75);
    assert_frame!("wide_running", screen(&at_work, WIDE).press("4"));
    assert_frame!("wide_action_failed", screen(&build_failed(), WIDE).press("4"));
    assert_frame!("small_action_failed", screen(&build_failed(), SMALL).press("4⏎"));
}

#[test]
fn the_rollback() {
    assert_frame!("wide_rollback", screen(&build_failed(), WIDE).press("A"));
    let paused = build_failed().run_action(&key("rollback", "pause"), ActionExit::Code(0), "scaled\n");
    assert_frame!("medium_rollback", screen(&paused, MEDIUM).press("A"));
    assert_frame!("small_rollback", screen(&paused, SMALL).press("A"));
}

/// The steps may still help, so they are not refused.
#[test]
fn what_is_wrong_with_the_rollback_plan_is_shown_with_its_steps() {
    let missing = Outcome::of(vec![Observation::new("tag v1.4.0", "present", "no such tag", false)], "");
    let sample = build_failed().probe_result("rollback.previous-release", "image", missing);
    for (size, keys) in [WIDE, MEDIUM, SMALL].into_iter().flat_map(|size| [(size, "A"), (size, "Aa")]) {
        let drawn = buffer::text(&screen(&sample, size).press(keys).drawn());
        assert!(drawn.contains("✖ rollback.previous-release"), "{size:?} {keys}: {drawn}");
    }
    let good = buffer::text(&screen(&build_failed(), WIDE).press("Aa").drawn());
    assert!(!good.contains("rollback.previous-release"), "{good}");
}

/// From its first screen on, it cannot be taken for a deployment.
#[test]
fn a_rollback_run_begins_with_the_rollback() {
    let sample = SampleRun::new(Plan { rolls_back: true, ..plan() });
    for size in [WIDE, MEDIUM, SMALL] {
        let drawn = buffer::text(&screen(&sample, size).drawn());
        assert!(drawn.contains("ROLLBACK 0/6") && drawn.contains("Rollback to v1.3.2"), "{drawn}");
    }
    let guided = screen(&sample, MEDIUM).press("⎋!");
    assert!(guided.notice().starts_with("rollback: next is the selected step"), "{}", guided.notice());
}

/// Whoever only presses these two keys is not left there.
#[test]
fn enter_and_the_guide_lead_out_of_an_output() {
    let running = image_built().start_action(&key("deploy.image-build-scan", "scan")).wait(75);
    for size in [WIDE, MEDIUM] {
        let shown = |keys: &str| buffer::text(&screen(&running, size).press("4").press(keys).drawn());
        assert!(shown("o").contains("Esc back"), "{}", shown("o"));
        let is_output = |keys: &str| shown(keys).contains("g G ends") || shown(keys).contains("↑ ↓ PgUp");
        assert!(is_output("o") && !is_output("o⏎") && !is_output("o!"));
        let guided = screen(&running, size).press("4o!");
        assert!(guided.notice().contains("wait for its end"), "{}", guided.notice());
    }
}

/// The driver is not asked for a reason.
#[test]
fn a_reviewer_says_why_the_rollback_begins_and_why_an_action_is_stopped() {
    let sample = build_failed();
    let shown = |keys: &str| buffer::text(&bobs_screen(&sample, WIDE).press(keys).drawn());
    assert!(shown("Aa").contains("Why does the rollback begin?"));
    assert!(shown("Aa⏎").contains("reason is needed"));
    assert!(shown("Aaevents are lost⏎").contains("your reason: events are lost"));
    let driver = screen(&sample, WIDE).press("Aa");
    assert!(!buffer::text(&driver.drawn()).contains("Why does"));
    let running = image_built().start_action(&key("deploy.image-build-scan", "scan"));
    let asked = || bobs_screen(&running, WIDE).press("Sit hangs⏎");
    assert!(asked().acts().is_empty() && buffer::text(&asked().drawn()).contains("your reason: it hangs"));
    let stopped = asked().press("y").acts();
    assert!(matches!(&stopped[..], [Act::Stop { reason: Some(reason), .. }] if reason == "it hangs"));
    let stopped = screen(&running, WIDE).press("Sy").acts();
    assert!(matches!(&stopped[..], [Act::Stop { reason: None, .. }]), "{stopped:?}");
}

#[test]
fn an_action_needs_two_keys_and_in_production_the_name_of_the_environment() {
    let sample = ready_to_deploy(staging_plan());
    let press = |keys: &str| requested_runs(&screen(&sample, WIDE).press(keys));
    assert_eq!(press("4a"), []);
    assert_eq!(press("4aaa⏎"), []);
    assert_eq!(press("4a⎋y"), []);
    assert_eq!(press("4ay"), [("deploy.image-build-scan/build".to_owned(), false, None)]);
    // The second y does not confirm anything: the dialog is closed.
    assert_eq!(press("4ayy").len(), 1);
    let sample = ready_to_deploy(plan());
    let press = |keys: &str| requested_runs(&screen(&sample, WIDE).press(keys));
    assert_eq!(press("4ay⏎"), []);
    assert_eq!(press("4aProduction⏎"), []);
    let typed = Some("production".to_owned());
    assert_eq!(press("4aproduction⏎"), [("deploy.image-build-scan/build".to_owned(), false, typed)]);
}

#[test]
fn a_locked_action_is_refused_without_a_dialog() {
    let screen = screen(&SampleRun::new(plan()), WIDE).press("4a");
    assert!(!screen.has_dialog());
    let notice = &screen.app.notices.notice.as_ref().unwrap().text;
    assert!(
        notice.contains(
            "deploy.image-build-scan/build is blocked: validate.ci-suite (pending) must be done first"
        ),
        "{notice}"
    );
}

#[test]
fn a_running_action_shows_its_deadline_and_how_long_it_took_last_time() {
    let scan = key("deploy.image-build-scan", "scan");
    let drawn = |screen: TestScreen| buffer::text(&screen.press("4").drawn());
    let running = |sample: SampleRun| screen(&sample.start_action(&scan).wait(75), (106, 60));
    let deadline = time::span(Duration::from_millis(plan().action(&scan).unwrap().deadline_ms));
    let first = drawn(running(image_built()));
    assert!(
        first.contains(&format!("running 1m 15s of {deadline}")) && !first.contains("last time"),
        "{first}"
    );
    let scanned = || image_built().run_action(&scan, ActionExit::Code(0), "ok\n");
    let took = scanned().state().action(&scan).unwrap().last_took_ms.map(format_duration);
    let last_time = format!("last time {}", took.unwrap());
    let again = drawn(running(scanned()));
    assert!(again.contains(&last_time), "{again}");
    // A failed run says nothing about how long it takes.
    let failed = drawn(running(image_built().run_action(&scan, ActionExit::Code(1), "no\n")));
    assert!(!failed.contains("last time"), "{failed}");
    // The last sealed run of the environment.
    let mut other = running(image_built());
    other.app.run.last_sealed = Some(scanned().shared());
    let other = drawn(other);
    assert!(other.contains(&last_time), "{other}");
}

/// The next action could start, but the one before it has not ended.
#[test]
fn the_guide_waits_for_what_is_in_progress() {
    let sample = ready_to_deploy(plan()).start_action(&key("deploy.image-build-scan", "build"));
    let screen = screen(&sample, WIDE).press("!");
    let (notice, drawn) = (screen.notice().to_owned(), buffer::text(&screen.drawn()));
    assert!(notice.starts_with("deploy.image-build-scan/build is running"), "{notice} {drawn}");
    let next = self::screen(&image_built(), WIDE).press("!");
    assert_eq!(next.selected(), "deploy.image-build-scan");
    assert!(next.notice().contains("next action: scan"), "{}", next.notice());
}
