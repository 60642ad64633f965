//! The effects of keys.

use crossterm::event::Event;

use crate::tui::app::HostEffect;
use crate::tui::dialogs::confirm::ConfirmDialog;
use crate::tui::dialogs::seal::SealDialog;
use crate::tui::dialogs::text_prompt::TextPrompt;
use crate::tui::dialogs::verdict::VerdictDialog;
use crate::tui::tests::sample::{ALICE, BOB, SampleRun, all_done, mixed, plan};
use crate::tui::tests::test_screen::screen;
use crate::tui::views::checklist::Focus;
use gonogo_core::error::{ErrorKind, Failure};
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::run::{Act, NumberedRequest, Request, Response, Update, evidence};

const WIDE: (u16, u16) = (120, 40);

#[test]
fn a_failed_point_cannot_be_confirmed_and_the_reason_is_shown_at_once() {
    let screen = screen(&mixed(), WIDE).press("3j ");
    assert_eq!(screen.selected(), "infra.rabbitmq");
    assert!(screen.notice().contains("cannot be confirmed: a probe failed"));
    assert!(screen.app.notices.notice.as_ref().unwrap().is_refusal && !screen.has_dialog());
    assert!(screen.effects.is_empty());
    assert_eq!(screen.after_ms(600).press("j").notice(), "");
}

#[test]
fn only_y_confirms_and_exactly_the_shown_evidence() {
    let sample = mixed();
    let screen = screen(&sample, WIDE).press("jj ⏎jk s");
    assert!(screen.dialog::<ConfirmDialog>().is_some() && screen.effects.is_empty());
    let state = sample.state();
    let id = "validate.iac-change-set";
    let seen = evidence(state.plan.point(id).unwrap(), state.point(id).unwrap());
    assert_eq!(screen.press("y").acts(), [Act::Confirm { point: id.into(), evidence: seen, reason: None }]);
}

#[test]
fn evidence_that_has_changed_meanwhile_is_sent_as_it_was_shown() {
    let sample = mixed();
    let id = "validate.iac-change-set";
    let old = evidence(sample.state().plan.point(id).unwrap(), sample.state().point(id).unwrap());
    let screen = screen(&sample, WIDE).press("jj ");
    let newer = sample.pass(id).shared();
    let screen = screen.with_state(newer).press("y");
    assert_eq!(screen.acts(), [Act::Confirm { point: id.into(), evidence: old, reason: None }]);
}

#[test]
fn keys_in_a_prompt_are_text() {
    let screen = screen(&mixed(), WIDE).press("3jwquit? yes v!");
    assert_eq!(screen.prompt_text(), "quit? yes v!");
    assert!(screen.effects.is_empty());
}

#[test]
fn pasted_text_is_ignored_outside_of_prompts() {
    let prompt = screen(&mixed(), WIDE).press("3jw").paste("y\ny\r\n\x1b[A");
    assert_eq!(prompt.prompt_text(), "y y \\u{1b}[A");
    let elsewhere = screen(&mixed(), WIDE).paste("q").press("jj ").paste("y\n");
    assert!(elsewhere.effects.is_empty() && elsewhere.dialog::<ConfirmDialog>().is_some());
    let question = screen(&mixed(), WIDE).press("3jwbecause⏎⏎").paste("y");
    assert!(question.effects.is_empty());
    for ignored in [elsewhere, question, screen(&mixed(), WIDE).paste("hunter2 hunter2")] {
        let notice = ignored.notice();
        assert!(notice.starts_with("pasted text ignored: ") && !notice.contains("hunter"), "{notice}");
    }
}

#[test]
fn a_waiver_needs_a_reason_a_duration_and_a_y() {
    let sample = mixed();
    let screen = screen(&sample, WIDE).press("3jwbecause⏎");
    let screen = screen.control('u').press("2d⏎");
    assert!(screen.effects.is_empty());
    let until = sample.now().wall.plus(std::time::Duration::from_hours(48));
    let waive = Act::Waive { point: "infra.rabbitmq".into(), reason: "because".into(), until };
    assert_eq!(screen.press("y").acts(), [waive]);
}

#[test]
fn a_waiver_without_a_reason_is_not_requested() {
    let screen = screen(&mixed(), WIDE).press("3jw⏎⏎");
    assert!(screen.dialog::<TextPrompt>().is_some_and(|prompt| prompt.error.is_some()));
    let screen = screen.press("y");
    assert!(screen.effects.is_empty());
    assert_eq!(screen.prompt_text(), "y");
}

#[test]
fn text_of_a_rejected_request_is_not_lost() {
    let screen = screen(&mixed(), WIDE).press("nhello⏎");
    assert!(!screen.has_dialog() && screen.acts().len() == 1);
    let screen = screen.respond(Response::Rejected("the run is sealed".into()));
    assert_eq!(screen.prompt_text(), "hello");
    assert_eq!(screen.notice(), "the run is sealed");
}

#[test]
fn a_logged_act_is_shown_with_its_entry() {
    let screen = screen(&mixed(), WIDE).press("nhello⏎").respond(Response::Done(17));
    assert_eq!(screen.notice(), "noted on validate.ci-suite · log #17");
    assert!(screen.app.pending.ids().is_empty());
}

#[test]
fn confirming_for_two_needs_a_reason_first() {
    let mut plan = plan();
    plan.solo = true;
    let sample = SampleRun::new(plan).pass("validate.iac-change-set");
    let screen = screen(&sample, WIDE).press("jj I am alone⏎");
    assert!(screen.dialog::<ConfirmDialog>().is_some() && screen.effects.is_empty());
    let acts = screen.press("y").acts();
    assert!(matches!(&acts[..], [Act::Confirm { reason: Some(why), .. }] if why == "I am alone"), "{acts:?}");
}

#[test]
fn only_ones_own_entry_can_be_retracted() {
    let own = screen(&mixed(), WIDE).press("u");
    assert!(own.effects.is_empty());
    let acts = own.press("y").acts();
    assert!(
        matches!(&acts[..], [Act::Retract { point, target: Some(_) }] if point == "validate.ci-suite"),
        "{acts:?}"
    );
    let others = screen(&mixed(), WIDE).press("jju");
    assert!(others.notice().contains("nothing on validate.iac-change-set to retract"));
}

#[test]
fn a_verdict_is_recorded_with_y_and_sealed_with_s_and_y() {
    assert_eq!(screen(&all_done(), WIDE).press("vy").acts(), [Act::Verdict]);
    let early = screen(&all_done(), WIDE).press("vs");
    assert!(early.notice().contains("record the verdict first"));
    let recorded = all_done().act(ALICE, Act::Verdict);
    let dialog = screen(&recorded, WIDE).press("vs");
    assert!(dialog.dialog::<SealDialog>().is_some() && dialog.effects.is_empty());
    assert_eq!(dialog.press("y").acts(), [Act::Seal]);
}

#[test]
fn a_sealed_run_is_read_only() {
    let sealed = all_done().act(ALICE, Act::Verdict).act(ALICE, Act::Seal).act(BOB, Act::Seal);
    for keys in [" ", "w", "x", "n", "u", "r", "R", "vy", "vsy"] {
        let screen = screen(&sealed, WIDE).press(keys);
        assert!(screen.acts().is_empty() && screen.effects.is_empty(), "{keys}: {:?}", screen.effects);
    }
}

#[test]
fn quitting_waits_for_the_engine_unless_asked_twice() {
    let quitting = screen(&mixed(), WIDE).press("q");
    assert!(matches!(
        quitting.effects[..],
        [HostEffect::Send(NumberedRequest { request: Request::Stop, .. })]
    ));
    let stopped = quitting.update(Update::Stopped);
    assert!(matches!(stopped.effects[..], [_, HostEffect::Quit]));
    let forced = screen(&mixed(), WIDE).control('c').control('c');
    assert!(matches!(
        forced.effects[..],
        [HostEffect::Send(NumberedRequest { request: Request::Stop, .. }), HostEffect::Quit]
    ));
    let within = screen(&mixed(), WIDE).press("3jwqq").control('c');
    assert!(matches!(within.effects[..], [HostEffect::Send(NumberedRequest { request: Request::Stop, .. })]));
}

#[test]
fn a_log_that_cannot_be_written_ends_the_session() {
    let full = Failure::new(ErrorKind::Io, "disk full");
    let broken = screen(&mixed(), WIDE).update(Update::Failed(full.clone()));
    assert!(matches!(broken.effects[..], [HostEffect::Quit]));
    assert_eq!(broken.app.into_session_end().engine_failure, Some(full));
}

#[test]
fn arrows_move_between_panels_as_they_are_arranged() {
    let at = |keys: &str| screen(&mixed(), WIDE).press(keys).selected().to_owned();
    assert_eq!(at("jjjj"), "infra.redis");
    assert_eq!(at("jjjjk"), "validate.slo-alerts");
    assert_eq!(at("jl"), "secrets.broker-credentials");
    assert_eq!(at("lh"), "validate.ci-suite");
    assert_eq!(at("G"), "validate.slo-alerts");
    assert_eq!(at("⇥⇥⇥⇥⇥⇥"), "validate.ci-suite");
    assert_eq!(at("6j"), "rollback.pause-consumers");
    assert_eq!(at("9"), "validate.ci-suite");
}

#[test]
fn the_guide_goes_to_the_first_open_point_the_current_one_included_and_then_on() {
    let at = |keys: &str| screen(&mixed(), WIDE).press(keys).selected().to_owned();
    for (keys, point) in [
        ("!", "validate.iac-change-set"),
        ("jj!", "validate.iac-change-set"),
        ("6!", "validate.iac-change-set"),
        ("!!", "secrets.allowed-origins"),
        ("!!!", "infra.rabbitmq"),
        ("!j!", "validate.iac-change-set"),
    ] {
        assert_eq!(at(keys), point, "{keys}");
    }
    let screen = screen(&mixed(), WIDE).press("!");
    assert!(
        screen.notice().starts_with("validate.iac-change-set needs confirmation ("),
        "{}",
        screen.notice()
    );
    assert!(screen.press("⏎").dialog::<ConfirmDialog>().is_some());
}

#[test]
fn at_the_end_the_guide_opens_the_verdict_and_then_names_whose_seal_is_missing() {
    assert!(screen(&all_done(), WIDE).press("!").dialog::<VerdictDialog>().is_some());
    let recorded = all_done().act(ALICE, Act::Verdict);
    assert!(screen(&recorded, WIDE).press("!").dialog::<VerdictDialog>().is_some(), "it offers the seal");
    let sealed = screen(&recorded.act(ALICE, Act::Seal), WIDE).press("!");
    assert!(
        sealed.has_dialog() && sealed.notice().contains("bob's seal (reviewer) is missing"),
        "{}",
        sealed.notice()
    );
}

#[test]
fn resizing_keeps_the_selection() {
    let mut screen = screen(&mixed(), WIDE).press("3j⏎");
    for (width, height) in [(80, 24), (40, 12), (10, 3), (200, 60)] {
        screen.event(Event::Resize(width, height));
        assert_eq!((screen.selected(), screen.checklist().focus), ("infra.rabbitmq", Focus::Detail));
    }
}

#[test]
fn the_detail_scrolls_to_its_end_and_no_further() {
    let end = screen(&mixed(), (80, 24)).press("3j⏎G");
    let limit = end.checklist().scroll;
    assert!(limit > 0);
    assert_eq!(end.press("⇩⇩j").checklist().scroll, limit);
    let page = usize::from(screen(&mixed(), (80, 24)).press("3").arrangement().detail.height) - 1;
    assert_eq!(screen(&mixed(), (80, 24)).press("3j⇩⇩⇩⇩⇩⇩⇩⇩⇧").checklist().scroll, limit - page);
    assert_eq!(screen(&mixed(), (80, 24)).press("3j⇩k").checklist().scroll, 0);
}

#[test]
fn probes_are_rerun_only_where_one_can_run() {
    let rerun = screen(&mixed(), WIDE).press("3jr");
    assert!(
        matches!(&rerun.effects[..], [HostEffect::Send(NumberedRequest { request: Request::RunProbes(id), .. })] if id == "infra.rabbitmq")
    );
    let human = screen(&mixed(), WIDE).press("4jjjr");
    assert!(human.effects.is_empty() && human.notice().contains("for people to say"));
    let later = screen(&mixed(), WIDE).press("5jjjr");
    assert!(later.effects.is_empty() && later.notice().contains("not due (after deploy.rollout)"));
    let all = screen(&mixed(), WIDE).press("R").requests();
    assert!(matches!(all[..], [(_, Request::RerunNeeded)]));
}

#[test]
fn the_command_of_a_failed_probe_is_copied_first_and_then_that_of_the_next() {
    let copied = screen(&mixed(), WIDE).press("3jc");
    assert!(
        matches!(&copied.effects[..], [HostEffect::Copy(command)] if command.starts_with("rabbitmqadmin "))
    );
    let notice = "Exchanges, queues and bindings · sent to the terminal's clipboard: rabbitmqadmin ";
    assert!(copied.notice().starts_with(notice), "{}", copied.notice());
    let notice = |keys: &str| {
        let notice = screen(&mixed(), WIDE).press("3jjj").press(keys).notice().to_owned();
        notice.split(" · ").next().unwrap().to_owned()
    };
    assert_eq!(notice("c"), "1 of 3: Grafana is healthy");
    assert_eq!(notice("cc"), "2 of 3: Prometheus answers queries");
    assert_eq!(notice("cccc"), "1 of 3: Grafana is healthy");
    assert_eq!(notice("cckjc"), "1 of 3: Grafana is healthy");
}

#[test]
fn the_command_of_a_failed_probe_is_copied_before_that_of_an_error() {
    let id = "infra.observability";
    let wrong = Outcome::of(vec![Observation::new("query API", "200", "500", false)], "curl jaeger");
    let sample = mixed().probe_result(id, "jaeger", wrong);
    assert!(screen(&sample, WIDE).press("3jjjc").notice().starts_with("1 of 3: Jaeger's query API answers"));
    assert!(screen(&sample, WIDE).press("3jjjcc").notice().starts_with("2 of 3: Grafana is healthy"));
    assert!(screen(&sample, WIDE).press("4c").notice().starts_with("no probe of it has run"));
}
