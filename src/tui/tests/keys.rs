//! What keys do.

use std::sync::Arc;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use crate::checklist::Role;
use crate::error::{ErrorKind, Failure};
use crate::journal::entry::EnrolledOperator;
use crate::outcome::{Observation, Outcome};
use crate::run::{
    Act, NumberedRequest, Request, RequestId, Response, RunSnapshot, RunState, Update, evidence,
};
use crate::time::Moment;
use crate::tui::app::{App, HostEffect};
use crate::tui::dialogs::confirm::ConfirmDialog;
use crate::tui::dialogs::seal::SealDialog;
use crate::tui::dialogs::text_prompt::TextPrompt;
use crate::tui::style::theme::{Look, Shade};
use crate::tui::tests::sample::{ALICE, BOB, Sample, closed, mixed, plan};
use crate::tui::views::checklist::Focus;
use crate::tui::{Msg, Newest, Setup};

/// A screen, and what came of what was typed.
pub struct Screen {
    pub app: App,
    pub effects: Vec<HostEffect>,
}

/// Alice's screen over a run, of that size.
pub fn screen(sample: &Sample, size: (u16, u16)) -> Screen {
    let me =
        EnrolledOperator { principal: ALICE.into(), key: format!("ssh-ed25519 {ALICE}"), role: Role::Driver };
    screen_of(me, sample.shared(), &sample.now(), size)
}

/// Somebody's screen.
pub fn screen_of(me: EnrolledOperator, state: Arc<RunState>, now: &Moment, size: (u16, u16)) -> Screen {
    let now = now.clone();
    let setup = Setup {
        me,
        log: "20260921T141320Z.jsonl".into(),
        look: Look { shade: Shade::Dark, ascii: false, color: true },
        clock: Box::new(move || now.clone()),
        review: None,
        outputs: None,
        last: None,
        unlock: Arc::new(|_| Err("no key here".into())),
        notices: Vec::new(),
        looks_on: false,
    };
    Screen { app: App::new(&setup, state, Rect::new(0, 0, size.0, size.1)), effects: Vec::new() }
}

fn key(c: char) -> KeyEvent {
    let code = match c {
        '⏎' => KeyCode::Enter,
        '⎋' => KeyCode::Esc,
        '⇥' => KeyCode::Tab,
        '⇩' => KeyCode::PageDown,
        '⇧' => KeyCode::PageUp,
        c => KeyCode::Char(c),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

impl Screen {
    /// Types these keys: `⏎` Enter, `⎋` Esc, `⇥` Tab, `⇩` page down, `⇧` page up.
    pub fn press(mut self, keys: &str) -> Self {
        self.type_keys(keys);
        self
    }

    /// The same.
    pub fn type_keys(&mut self, keys: &str) {
        keys.chars().for_each(|c| self.event(Event::Key(key(c))));
    }

    pub fn looking(mut self, look: Look) -> Self {
        self.app.session.appearance = look;
        self
    }

    pub fn event(&mut self, event: Event) {
        let effects = self.app.update(Msg::Input(event));
        self.effects.extend(effects);
        self.read();
    }

    /// Reads what is to be shown of outputs.
    pub fn read(&mut self) {
        while let Some(job) = self.app.unread() {
            self.app.read(job.run());
        }
    }

    pub fn control(mut self, c: char) -> Self {
        self.event(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL)));
        self
    }

    pub fn paste(mut self, text: &str) -> Self {
        self.event(Event::Paste(text.into()));
        self
    }

    pub fn told(mut self, update: Update) -> Self {
        let effects = self.app.update(Msg::Update(update));
        self.effects.extend(effects);
        self
    }

    /// The engine answers the oldest request that it has not answered.
    pub fn answered(self, answer: Response) -> Self {
        let oldest = self.app.pending.ids().first().copied().expect("nothing is asked");
        self.told(Update::Response(oldest, answer))
    }

    /// The run now stands so.
    pub fn shown(mut self, state: Arc<RunState>) -> Self {
        let newest = Newest::default();
        assert!(newest.put(RunSnapshot { state, in_flight: Arc::default() }));
        let effects = self.app.update(Msg::State(newest));
        self.effects.extend(effects);
        self
    }

    /// What was typed and came back, if that is on top.
    pub fn returned(&self) -> Option<String> {
        let prompt = self.dialog::<TextPrompt>().filter(|prompt| prompt.wrong.is_some());
        prompt.map(|prompt| prompt.words.text().to_owned())
    }

    /// What was asked of the engine, with the ids.
    pub fn requests(&self) -> Vec<(RequestId, Request)> {
        let sent = |effect: &HostEffect| match effect {
            HostEffect::Send(NumberedRequest { id, request }) => Some((*id, request.clone())),
            _ => None,
        };
        self.effects.iter().filter_map(sent).collect()
    }

    pub fn acts(&self) -> Vec<Act> {
        let act = |effect: &HostEffect| match effect {
            HostEffect::Send(NumberedRequest { request: Request::Act(command), .. }) => {
                Some(command.act.clone())
            }
            _ => None,
        };
        self.effects.iter().filter_map(act).collect()
    }

    pub fn selected(&self) -> &str {
        &self.point().unwrap().id
    }

    pub fn notice(&self) -> &str {
        self.app.notices.notice.as_ref().map_or("", |notice| &notice.text)
    }

    fn words(&self) -> &str {
        self.dialog::<TextPrompt>().expect("a prompt").words.text()
    }
}

const WIDE: (u16, u16) = (120, 40);

#[test]
fn a_failing_point_cannot_be_confirmed_and_the_reason_is_told_at_once() {
    let screen = screen(&mixed(), WIDE).press("3j ");
    assert_eq!(screen.selected(), "infra.rabbitmq");
    assert!(screen.notice().contains("cannot be confirmed: a probe failed"));
    assert!(screen.app.notices.notice.as_ref().unwrap().refused && !screen.has_dialog());
    assert!(screen.effects.is_empty());
    assert_eq!(screen.after(600).press("j").notice(), "");
}

#[test]
fn a_y_confirms_exactly_what_is_seen_and_nothing_less_does() {
    let sample = mixed();
    let asked = screen(&sample, WIDE).press("jj ⏎jk s");
    assert!(asked.dialog::<ConfirmDialog>().is_some() && asked.effects.is_empty());
    let state = sample.state();
    let id = "validate.iac-change-set";
    let seen = evidence(state.plan.point(id).unwrap(), state.point(id).unwrap());
    assert_eq!(asked.press("y").acts(), [Act::Confirm { point: id.into(), evidence: seen, reason: None }]);
}

#[test]
fn what_has_changed_while_asked_is_said_and_the_old_evidence_is_what_is_sent() {
    let sample = mixed();
    let id = "validate.iac-change-set";
    let old = evidence(sample.state().plan.point(id).unwrap(), sample.state().point(id).unwrap());
    let asked = screen(&sample, WIDE).press("jj ");
    let newer = sample.pass(id).shared();
    let asked = asked.shown(newer).press("y");
    assert_eq!(asked.acts(), [Act::Confirm { point: id.into(), evidence: old, reason: None }]);
}

#[test]
fn in_a_prompt_keys_are_text() {
    let screen = screen(&mixed(), WIDE).press("3jwquit? yes v!");
    assert_eq!(screen.words(), "quit? yes v!");
    assert!(screen.effects.is_empty());
}

#[test]
fn a_paste_is_text_in_a_prompt_and_nothing_elsewhere() {
    let prompt = screen(&mixed(), WIDE).press("3jw").paste("y\ny\r\n\x1b[A");
    assert_eq!(prompt.words(), "y y \\u{1b}[A");
    let elsewhere = screen(&mixed(), WIDE).paste("q").press("jj ").paste("y\n");
    assert!(elsewhere.effects.is_empty() && elsewhere.dialog::<ConfirmDialog>().is_some());
    let asked = screen(&mixed(), WIDE).press("3jwbecause⏎⏎").paste("y");
    assert!(asked.effects.is_empty());
}

#[test]
fn a_waiver_takes_a_reason_a_term_and_a_y() {
    let sample = mixed();
    let asked = screen(&sample, WIDE).press("3jwbecause⏎");
    let asked = asked.control('u').press("2d⏎");
    assert!(asked.effects.is_empty());
    let until = sample.now().wall.plus(std::time::Duration::from_hours(48));
    let waive = Act::Waive { point: "infra.rabbitmq".into(), reason: "because".into(), until };
    assert_eq!(asked.press("y").acts(), [waive]);
}

#[test]
fn a_waiver_without_a_reason_is_not_asked_for() {
    let screen = screen(&mixed(), WIDE).press("3jw⏎⏎");
    assert!(screen.dialog::<TextPrompt>().is_some_and(|prompt| prompt.wrong.is_some()));
    let screen = screen.press("y");
    assert!(screen.effects.is_empty());
    assert_eq!(screen.words(), "y");
}

#[test]
fn words_that_the_engine_refuses_are_not_lost() {
    let screen = screen(&mixed(), WIDE).press("nhello⏎");
    assert!(!screen.has_dialog() && screen.acts().len() == 1);
    let screen = screen.answered(Response::Rejected("the run is sealed".into()));
    assert_eq!(screen.words(), "hello");
    assert_eq!(screen.notice(), "the run is sealed");
}

#[test]
fn what_is_done_is_said_with_its_entry() {
    let screen = screen(&mixed(), WIDE).press("nhello⏎").answered(Response::Done(17));
    assert_eq!(screen.notice(), "noted on validate.ci-suite · log #17");
    assert!(screen.app.pending.ids().is_empty());
}

#[test]
fn one_who_stands_for_two_says_why_first() {
    let mut plan = plan();
    plan.solo = true;
    let sample = Sample::of(plan).pass("validate.iac-change-set");
    let asked = screen(&sample, WIDE).press("jj I am alone⏎");
    assert!(asked.dialog::<ConfirmDialog>().is_some() && asked.effects.is_empty());
    let acts = asked.press("y").acts();
    assert!(matches!(&acts[..], [Act::Confirm { reason: Some(why), .. }] if why == "I am alone"), "{acts:?}");
}

#[test]
fn one_can_take_back_ones_own_act_and_nobody_elses() {
    let own = screen(&mixed(), WIDE).press("u");
    assert!(own.effects.is_empty());
    assert_eq!(own.press("y").acts(), [Act::Retract { point: "validate.ci-suite".into() }]);
    let others = screen(&mixed(), WIDE).press("jju");
    assert!(others.notice().contains("nothing on validate.iac-change-set to retract"));
}

#[test]
fn a_verdict_is_recorded_with_y_and_sealed_with_s_and_y() {
    assert_eq!(screen(&closed(), WIDE).press("vy").acts(), [Act::Verdict]);
    let early = screen(&closed(), WIDE).press("vs");
    assert!(early.notice().contains("record the verdict first"));
    let recorded = closed().act(ALICE, Act::Verdict);
    let asked = screen(&recorded, WIDE).press("vs");
    assert!(asked.dialog::<SealDialog>().is_some() && asked.effects.is_empty());
    assert_eq!(asked.press("y").acts(), [Act::Seal]);
}

#[test]
fn a_sealed_run_is_only_looked_at() {
    let sealed = closed().act(ALICE, Act::Verdict).act(ALICE, Act::Seal).act(BOB, Act::Seal);
    for keys in [" ", "w", "x", "n", "u", "r", "R", "vy", "vsy"] {
        let screen = screen(&sealed, WIDE).press(keys);
        assert!(screen.acts().is_empty() && screen.effects.is_empty(), "{keys}: {:?}", screen.effects);
    }
}

#[test]
fn leaving_waits_for_the_engine_unless_asked_twice() {
    let left = screen(&mixed(), WIDE).press("q");
    assert!(matches!(left.effects[..], [HostEffect::Send(NumberedRequest { request: Request::Stop, .. })]));
    let stopped = left.told(Update::Stopped);
    assert!(matches!(stopped.effects[..], [_, HostEffect::End]));
    let forced = screen(&mixed(), WIDE).control('c').control('c');
    assert!(matches!(
        forced.effects[..],
        [HostEffect::Send(NumberedRequest { request: Request::Stop, .. }), HostEffect::End]
    ));
    let within = screen(&mixed(), WIDE).press("3jwqq").control('c');
    assert!(matches!(within.effects[..], [HostEffect::Send(NumberedRequest { request: Request::Stop, .. })]));
}

#[test]
fn a_log_that_cannot_be_written_ends_the_session() {
    let full = Failure::new(ErrorKind::Io, "disk full");
    let broken = screen(&mixed(), WIDE).told(Update::Failed(full.clone()));
    assert!(matches!(broken.effects[..], [HostEffect::End]));
    assert_eq!(broken.app.left().broken, Some(full));
}

#[test]
fn the_panels_are_walked_as_they_lie() {
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
fn what_needs_a_human_is_found_in_turn() {
    let at = |keys: &str| screen(&mixed(), WIDE).press(keys).selected().to_owned();
    assert_eq!(at("!"), "validate.iac-change-set");
    assert_eq!(at("!!"), "secrets.allowed-origins");
    assert_eq!(at("!!!"), "infra.rabbitmq");
    assert_eq!(screen(&closed(), WIDE).press("!").notice(), "nothing needs a human now");
}

#[test]
fn resizing_keeps_the_place() {
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
fn probing_again_is_asked_for_where_a_probe_can_look() {
    let asked = screen(&mixed(), WIDE).press("3jr");
    assert!(
        matches!(&asked.effects[..], [HostEffect::Send(NumberedRequest { request: Request::RunProbes(id), .. })] if id == "infra.rabbitmq")
    );
    let human = screen(&mixed(), WIDE).press("4jjjr");
    assert!(human.effects.is_empty() && human.notice().contains("for people to say"));
    let later = screen(&mixed(), WIDE).press("5jjjr");
    assert!(later.effects.is_empty() && later.notice().contains("not due (after deploy.rollout)"));
    let all = screen(&mixed(), WIDE).press("R").requests();
    assert!(matches!(all[..], [(_, Request::RerunNeeded)]));
}

#[test]
fn the_command_of_what_is_wrong_is_copied_and_again_that_of_the_next_probe() {
    let copied = screen(&mixed(), WIDE).press("3jy");
    assert!(
        matches!(&copied.effects[..], [HostEffect::Copy(command)] if command.starts_with("rabbitmqadmin "))
    );
    let said = "Exchanges, queues and bindings · sent to the terminal's clipboard: rabbitmqadmin ";
    assert!(copied.notice().starts_with(said), "{}", copied.notice());
    let said = |keys: &str| {
        let notice = screen(&mixed(), WIDE).press("3jjj").press(keys).notice().to_owned();
        notice.split(" · ").next().unwrap().to_owned()
    };
    assert_eq!(said("y"), "1 of 3: Grafana is healthy");
    assert_eq!(said("yy"), "2 of 3: Prometheus is ready");
    assert_eq!(said("yyyy"), "1 of 3: Grafana is healthy");
    assert_eq!(said("yykjy"), "1 of 3: Grafana is healthy");
}

#[test]
fn what_is_wrong_is_copied_before_what_could_not_be_seen() {
    let id = "infra.observability";
    let wrong = Outcome::of(vec![Observation::new("query API", "200", "500", false)], "curl jaeger");
    let sample = mixed().look(id, "jaeger", wrong);
    assert!(screen(&sample, WIDE).press("3jjjy").notice().starts_with("1 of 3: Jaeger's query API answers"));
    assert!(screen(&sample, WIDE).press("3jjjyy").notice().starts_with("2 of 3: Grafana is healthy"));
    assert!(screen(&sample, WIDE).press("4y").notice().starts_with("no probe has a command"));
}
