//! Actions on the screen: the question, what is at work, what went wrong, the way back, what was printed.

use crate::checklist::{ActionKey, Plan};
use crate::journal::entry::ActionExit;
use crate::run::{NumberedRequest, Request};
use crate::tui::app::HostEffect;
use crate::tui::dialogs::run_action::RunDialog;
use crate::tui::tests::buffer;
use crate::tui::tests::keys::{Screen, screen};
use crate::tui::tests::sample::{ALICE, BOB, Sample, plan};

/// A snapshot of what is drawn.
macro_rules! reads {
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

/// Everything before the deployment is closed.
fn ready(plan: Plan) -> Sample {
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
    before.into_iter().fold(Sample::of(plan), |sample, (id, confirm)| {
        let sample = sample.pass(&id);
        let people = [ALICE, BOB].into_iter().take(confirm.people());
        people.fold(sample, |sample, who| sample.confirm(who, &id))
    })
}

pub fn elsewhere() -> Plan {
    Plan { production: false, ..plan() }
}

fn built() -> Sample {
    ready(plan()).run(&key("deploy.image-build-scan", "build"), ActionExit::Code(0), "ok\n")
}

pub fn failed() -> Sample {
    let tail = "STEP 3/3: COPY nothing /x\nError: no such file or directory\n";
    ready(plan()).run(&key("deploy.image-build-scan", "build"), ActionExit::Code(125), tail)
}

/// Which action it is asked whether to run.
pub fn asks(screen: &Screen) -> Option<String> {
    screen.dialog::<RunDialog>().map(|asked| asked.start.action.to_string())
}

/// What was asked of the engine: which action, tried or not, and what was typed.
fn asked(screen: &Screen) -> Vec<(String, bool, Option<String>)> {
    let run = |effect: &HostEffect| match effect {
        HostEffect::Send(NumberedRequest { request: Request::RunAction { start, .. }, .. }) => {
            Some((start.action.to_string(), start.dry_run, start.typed_environment.clone()))
        }
        _ => None,
    };
    screen.effects.iter().filter_map(run).collect()
}

#[test]
fn the_question_whether_to_run() {
    reads!("wide_run", screen(&ready(elsewhere()), WIDE).press("4a"));
    reads!("medium_run", screen(&ready(plan()), MEDIUM).press("4a"));
    reads!("small_run", screen(&ready(plan()), SMALL).press("4a"));
}

#[test]
fn one_that_is_at_work_and_one_that_failed() {
    let at_work = built().begin(&key("deploy.image-build-scan", "scan")).wait(75);
    reads!("wide_running", screen(&at_work, WIDE).press("4"));
    reads!("wide_action_failed", screen(&failed(), WIDE).press("4"));
    reads!("small_action_failed", screen(&failed(), SMALL).press("4⏎"));
}

#[test]
fn the_way_back() {
    reads!("wide_way_back", screen(&failed(), WIDE).press("A"));
    let gone = failed().run(&key("rollback", "pause"), ActionExit::Code(0), "scaled\n");
    reads!("medium_way_back", screen(&gone, MEDIUM).press("A"));
    reads!("small_way_back", screen(&gone, SMALL).press("A"));
}

#[test]
fn nothing_runs_on_one_key_and_in_production_none_does_on_two() {
    let sample = ready(elsewhere());
    let press = |keys: &str| asked(&screen(&sample, WIDE).press(keys));
    assert_eq!(press("4a"), []);
    assert_eq!(press("4aaa⏎"), []);
    assert_eq!(press("4a⎋y"), []);
    assert_eq!(press("4ay"), [("deploy.image-build-scan/build".to_owned(), false, None)]);
    // The second y is another key, about something else.
    assert_eq!(press("4ayy").len(), 1);
    let sample = ready(plan());
    let press = |keys: &str| asked(&screen(&sample, WIDE).press(keys));
    assert_eq!(press("4ay⏎"), []);
    assert_eq!(press("4aProduction⏎"), []);
    let typed = Some("production".to_owned());
    assert_eq!(press("4aproduction⏎"), [("deploy.image-build-scan/build".to_owned(), false, typed)]);
}

#[test]
fn what_is_not_its_turn_is_refused_before_anything_is_asked() {
    let screen = screen(&Sample::of(plan()), WIDE).press("4a");
    assert!(!screen.has_dialog());
    let told = &screen.app.notices.notice.as_ref().unwrap().text;
    assert!(told.contains("deploy.image-build-scan/build is locked: validate.ci-suite is pending"), "{told}");
}
