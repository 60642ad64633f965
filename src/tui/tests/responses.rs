//! Responses of an engine that answers late and in any order.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::tui::dialogs::help::HelpDialog;
use crate::tui::tests::sample::mixed;
use crate::tui::tests::test_screen::{TestScreen, screen};
use gonogo_core::run::{Act, Request, RequestId, Response, Update};

const WIDE: (u16, u16) = (120, 40);

/// Answers one request.
fn respond(screen: TestScreen, id: RequestId, answer: Response) -> TestScreen {
    screen.update(Update::Response(id, answer))
}

/// The ids of the requests, in order.
fn request_ids(screen: &TestScreen) -> Vec<RequestId> {
    screen.requests().into_iter().map(|(id, _)| id).collect()
}

#[test]
fn a_rejection_does_not_answer_another_request() {
    let screen = screen(&mixed(), WIDE).press("Rnhello⏎");
    let [all, note] = request_ids(&screen)[..] else { panic!("{:?}", screen.effects) };
    let screen = respond(screen, all, Response::Rejected("no result is wrong".into()));
    assert_eq!((!screen.has_dialog(), screen.notice()), (true, "no result is wrong"));
    let screen = respond(screen, note, Response::Done(17));
    // The refusal shown just before stays.
    assert!(screen.notice().starts_with("no result is wrong · "), "{}", screen.notice());
    assert!(screen.notice().contains("log #17"), "{}", screen.notice());
    assert!(screen.app.pending.ids().is_empty());
    // A second response, and one to another client, are ignored.
    let screen = respond(screen, note, Response::Rejected("late".into()));
    let screen = respond(screen, RequestId(99), Response::Rejected("another's".into()));
    assert!(!screen.has_dialog() && screen.notice().contains("log #17"));
}

#[test]
fn responses_in_another_order_go_to_their_own_requests() {
    let screen = screen(&mixed(), WIDE).press("nfirst⏎nsecond⏎");
    let [first, second] = request_ids(&screen)[..] else { panic!("{:?}", screen.effects) };
    let screen = respond(screen, second, Response::Done(18));
    assert!(!screen.has_dialog() && screen.app.pending.is_saving());
    let screen = respond(screen, first, Response::Rejected("the run is sealed".into()));
    assert_eq!(screen.reopened_text().as_deref(), Some("first"));
}

#[test]
fn a_rejected_prompt_is_reopened_when_no_other_has_the_keys() {
    let refused = |keys: &str| {
        let screen = screen(&mixed(), WIDE).press("nfirst⏎nsecond⏎");
        let requests = request_ids(&screen);
        let screen = screen.press(keys);
        requests.into_iter().fold(screen, |screen, id| respond(screen, id, Response::Rejected("no".into())))
    };
    let screen = refused("nthird");
    assert_eq!(screen.reopened_text(), None);
    let screen = screen.press("⎋");
    assert_eq!(screen.reopened_text().as_deref(), Some("first"));
    let screen = screen.press("⎋");
    assert_eq!(screen.reopened_text().as_deref(), Some("second"));
    assert!(!screen.press("⎋").has_dialog());
    let screen = refused("/red");
    assert!(!screen.has_dialog());
    assert_eq!(screen.checklist().filter.as_ref().unwrap().text(), "red");
    assert_eq!(screen.press("⏎").reopened_text().as_deref(), Some("first"));
}

/// A pseudorandom number generator.
struct SeededRandom(u64);

impl SeededRandom {
    fn below(&mut self, limit: usize) -> usize {
        // Knuth's MMIX; its upper bits are the better ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// An engine that answers late: open requests, and the notes that it has logged or rejected.
#[derive(Default)]
struct LateEngine {
    unanswered: BTreeMap<RequestId, Option<String>>,
    seen_requests: usize,
    logged: Vec<String>,
    rejected: Vec<String>,
    reopened: Vec<String>,
}

impl LateEngine {
    /// Receives new requests from the screen.
    fn receive(&mut self, screen: &TestScreen) {
        let requests = screen.requests();
        for (id, request) in &requests[self.seen_requests..] {
            let text = match request {
                Request::Act(command) => match &command.act {
                    Act::Note { text, .. } => Some(text.clone()),
                    other => panic!("{other:?} was not asked for"),
                },
                _ => None,
            };
            assert!(self.unanswered.insert(*id, text).is_none(), "{id:?} twice");
        }
        self.seen_requests = requests.len();
    }

    /// Answers a random open request.
    fn answer_one(&mut self, screen: TestScreen, random: &mut SeededRandom) -> TestScreen {
        let Some(id) = self.unanswered.keys().nth(random.below(self.unanswered.len().max(1))).copied() else {
            return screen;
        };
        let text = self.unanswered.remove(&id).flatten();
        let is_refused = random.below(2) == 0;
        let before = screen.reopened_text();
        let screen = match (&text, is_refused) {
            (Some(_), false) => respond(screen, id, Response::Done(100 + id.0)),
            (None, false) => respond(screen, id, Response::Accepted),
            (_, true) => respond(screen, id, Response::Rejected(format!("refused {id:?}"))),
        };
        match text {
            Some(text) if is_refused => self.rejected.push(text),
            Some(text) => {
                assert_eq!(
                    screen.reopened_text(),
                    before,
                    "an answer that was no refusal brought something back"
                );
                assert!(screen.notice().ends_with(&format!("log #{}", 100 + id.0)), "{}", screen.notice());
                self.logged.push(text);
            }
            None => {}
        }
        screen
    }

    /// Checks that a reopened note was rejected, and sends or cancels it.
    fn check_reopened(&mut self, screen: TestScreen, keys: &str) -> TestScreen {
        let Some(text) = screen.reopened_text() else { return screen };
        assert!(self.rejected.contains(&text) && !self.logged.contains(&text), "{text} came back");
        self.reopened.push(text);
        screen.press(keys)
    }
}

/// Whatever the order and the delay: each prompt is reopened exactly if its own request was rejected.
#[test]
fn prompts_are_reopened_exactly_if_rejected_in_any_order() {
    let (mut logged, mut refused) = (0, 0);
    for seed in 0..60 {
        println!("seed {seed}");
        let (mut random, mut engine) = (SeededRandom(seed), LateEngine::default());
        let mut screen = screen(&mixed(), WIDE);
        let mut typed = 0;
        for _ in 0..80 {
            screen = match random.below(8) {
                0 | 1 if !screen.has_dialog() => {
                    typed += 1;
                    screen.press(&format!("nnote {typed}.⏎"))
                }
                2 if !screen.has_dialog() => screen.press("R"),
                // The help is open for a while.
                3 if !screen.has_dialog() => screen.press("?"),
                3 | 4 if screen.dialog::<HelpDialog>().is_some() => screen.press("⎋"),
                5 => screen.with_state(Arc::clone(&mixed().shared())),
                6 => {
                    // The note is sent again with another text.
                    let again = random.below(2) == 0;
                    typed += 1;
                    let keys = if again { format!("again {typed}.⏎") } else { "⎋".to_owned() };
                    engine.check_reopened(screen, &keys)
                }
                _ => engine.answer_one(screen, &mut random),
            };
            engine.receive(&screen);
        }
        while !engine.unanswered.is_empty() {
            screen = engine.answer_one(screen, &mut random);
        }
        if screen.dialog::<HelpDialog>().is_some() {
            screen = screen.press("⎋");
        }
        while screen.reopened_text().is_some() {
            screen = engine.check_reopened(screen, "⎋");
        }
        assert!(!screen.has_dialog() && screen.app.pending.ids().is_empty(), "seed {seed}");
        engine.rejected.sort();
        engine.reopened.sort();
        assert_eq!(engine.reopened, engine.rejected, "seed {seed}");
        (logged, refused) = (logged + engine.logged.len(), refused + engine.rejected.len());
    }
    assert!(logged > 200 && refused > 200, "{logged} logged, {refused} refused");
}
