//! Answers and what they belong to: a screen and an engine that answers late and in any order.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::run::{Act, Request, RequestId, Response, Update};
use crate::tui::dialogs::help::HelpDialog;
use crate::tui::tests::keys::{Screen, screen};
use crate::tui::tests::sample::mixed;

const WIDE: (u16, u16) = (120, 40);

/// Answers one request.
fn answer(screen: Screen, id: RequestId, answer: Response) -> Screen {
    screen.told(Update::Response(id, answer))
}

/// The ids of what was asked, in order.
fn ids(screen: &Screen) -> Vec<RequestId> {
    screen.requests().into_iter().map(|(id, _)| id).collect()
}

#[test]
fn a_refusal_of_one_request_is_no_answer_to_another() {
    let screen = screen(&mixed(), WIDE).press("Rnhello⏎");
    let [all, note] = ids(&screen)[..] else { panic!("{:?}", screen.effects) };
    let screen = answer(screen, all, Response::Rejected("no result is wrong".into()));
    assert_eq!((!screen.has_dialog(), screen.notice()), (true, "no result is wrong"));
    let screen = answer(screen, note, Response::Done(17));
    // What was refused just before is not wiped away.
    assert!(screen.notice().starts_with("no result is wrong · "), "{}", screen.notice());
    assert!(screen.notice().contains("log #17"), "{}", screen.notice());
    assert!(screen.app.pending.ids().is_empty());
    // What was answered is answered; what another face asked is nothing here.
    let screen = answer(screen, note, Response::Rejected("late".into()));
    let screen = answer(screen, RequestId(99), Response::Rejected("another's".into()));
    assert!(!screen.has_dialog() && screen.notice().contains("log #17"));
}

#[test]
fn answers_in_another_order_go_to_their_own_requests() {
    let screen = screen(&mixed(), WIDE).press("nfirst⏎nsecond⏎");
    let [first, second] = ids(&screen)[..] else { panic!("{:?}", screen.effects) };
    let screen = answer(screen, second, Response::Done(18));
    assert!(!screen.has_dialog() && screen.app.pending.is_saving());
    let screen = answer(screen, first, Response::Rejected("the run is sealed".into()));
    assert_eq!(screen.returned().as_deref(), Some("first"));
}

#[test]
fn what_was_refused_comes_back_when_nothing_else_is_typed() {
    let refused = |keys: &str| {
        let screen = screen(&mixed(), WIDE).press("nfirst⏎nsecond⏎");
        let asked = ids(&screen);
        let screen = screen.press(keys);
        asked.into_iter().fold(screen, |screen, id| answer(screen, id, Response::Rejected("no".into())))
    };
    let screen = refused("nthird");
    assert_eq!(screen.returned(), None);
    let screen = screen.press("⎋");
    assert_eq!(screen.returned().as_deref(), Some("first"));
    let screen = screen.press("⎋");
    assert_eq!(screen.returned().as_deref(), Some("second"));
    assert!(!screen.press("⎋").has_dialog());
    let screen = refused("/red");
    assert!(!screen.has_dialog());
    assert_eq!(screen.checklist().filter.as_ref().unwrap().text(), "red");
    assert_eq!(screen.press("⏎").returned().as_deref(), Some("first"));
}

/// Numbers that look drawn, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        // Knuth's MMIX; the upper half is the better one.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// What the engine still has to answer, and what it made of what it has answered.
#[derive(Default)]
struct LateEngine {
    open: BTreeMap<RequestId, Option<String>>,
    taken: usize,
    logged: Vec<String>,
    refused: Vec<String>,
    returned: Vec<String>,
}

impl LateEngine {
    /// Takes in what the screen has asked since.
    fn take(&mut self, screen: &Screen) {
        let requests = screen.requests();
        for (id, request) in &requests[self.taken..] {
            let words = match request {
                Request::Act(command) => match &command.act {
                    Act::Note { text, .. } => Some(text.clone()),
                    other => panic!("{other:?} was not asked for"),
                },
                _ => None,
            };
            assert!(self.open.insert(*id, words).is_none(), "{id:?} twice");
        }
        self.taken = requests.len();
    }

    /// Answers one of the open requests, whichever the dice say.
    fn answer_one(&mut self, screen: Screen, dice: &mut Dice) -> Screen {
        let Some(id) = self.open.keys().nth(dice.below(self.open.len().max(1))).copied() else {
            return screen;
        };
        let words = self.open.remove(&id).flatten();
        let is_refused = dice.below(2) == 0;
        let before = screen.returned();
        let screen = match (&words, is_refused) {
            (Some(_), false) => answer(screen, id, Response::Done(100 + id.0)),
            (None, false) => answer(screen, id, Response::Accepted),
            (_, true) => answer(screen, id, Response::Rejected(format!("refused {id:?}"))),
        };
        match words {
            Some(words) if is_refused => self.refused.push(words),
            Some(words) => {
                assert_eq!(screen.returned(), before, "an answer that was no refusal brought something back");
                assert!(screen.notice().ends_with(&format!("log #{}", 100 + id.0)), "{}", screen.notice());
                self.logged.push(words);
            }
            None => {}
        }
        screen
    }

    /// What has come back is what was refused, and is sent again or left.
    fn look_at(&mut self, screen: Screen, keys: &str) -> Screen {
        let Some(words) = screen.returned() else { return screen };
        assert!(self.refused.contains(&words) && !self.logged.contains(&words), "{words} came back");
        self.returned.push(words);
        screen.press(keys)
    }
}

/// Whatever the order and the delay: each prompt comes back exactly when its own request was refused.
#[test]
fn a_screen_and_an_engine_that_answers_in_any_order_agree() {
    let (mut logged, mut refused) = (0, 0);
    for seed in 0..60 {
        println!("seed {seed}");
        let (mut dice, mut engine) = (Dice(seed), LateEngine::default());
        let mut screen = screen(&mixed(), WIDE);
        let mut typed = 0;
        for _ in 0..80 {
            screen = match dice.below(8) {
                0 | 1 if !screen.has_dialog() => {
                    typed += 1;
                    screen.press(&format!("nnote {typed}.⏎"))
                }
                2 if !screen.has_dialog() => screen.press("R"),
                // A dialog is open for a while.
                3 if !screen.has_dialog() => screen.press("?"),
                3 | 4 if screen.dialog::<HelpDialog>().is_some() => screen.press("⎋"),
                5 => screen.shown(Arc::clone(&mixed().shared())),
                6 => {
                    // The words are sent again under a name of their own.
                    let again = dice.below(2) == 0;
                    typed += 1;
                    let keys = if again { format!("again {typed}.⏎") } else { "⎋".to_owned() };
                    engine.look_at(screen, &keys)
                }
                _ => engine.answer_one(screen, &mut dice),
            };
            engine.take(&screen);
        }
        while !engine.open.is_empty() {
            screen = engine.answer_one(screen, &mut dice);
        }
        if screen.dialog::<HelpDialog>().is_some() {
            screen = screen.press("⎋");
        }
        while screen.returned().is_some() {
            screen = engine.look_at(screen, "⎋");
        }
        assert!(!screen.has_dialog() && screen.app.pending.ids().is_empty(), "seed {seed}");
        engine.refused.sort();
        engine.returned.sort();
        assert_eq!(engine.returned, engine.refused, "seed {seed}");
        (logged, refused) = (logged + engine.logged.len(), refused + engine.refused.len());
    }
    assert!(logged > 200 && refused > 200, "{logged} logged, {refused} refused");
}
