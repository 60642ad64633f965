//! A question counts as asked once it is on the screen: what was typed before cannot be its answer.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::keys::screen;
use super::sample::mixed;
use crate::tui::input_queue::{Slots, Typed};

fn typed(code: KeyCode, at: Instant) -> Typed {
    let event = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
    let mut typed = Typed::new(event, Slots::new().take());
    typed.at = at;
    typed
}

#[test]
fn what_was_read_before_the_question_was_drawn_does_not_answer_it() {
    let drawn = Instant::now();
    let (before, after) = (drawn, drawn + Duration::from_millis(1));
    let mut screen = screen(&mixed(), (120, 40)).press("v");
    assert!(screen.app.is_unseen(&typed(KeyCode::Char('y'), after)), "it was never drawn");
    *screen.app.layers.drawn() = Some(drawn);
    for code in [KeyCode::Char('y'), KeyCode::Char('s'), KeyCode::Char('a'), KeyCode::Enter] {
        assert!(screen.app.is_unseen(&typed(code, before)), "{code:?}");
        assert!(!screen.app.is_unseen(&typed(code, after)), "{code:?}");
    }
    assert!(!screen.app.is_unseen(&typed(KeyCode::Esc, before)), "to leave it is always possible");
    // Another question, never drawn; and one for words, which are words.
    let mut screen = screen.press("⎋").press("n");
    assert!(screen.app.layers.drawn().is_none());
    for code in [KeyCode::Char('y'), KeyCode::Enter] {
        assert!(!screen.app.is_unseen(&typed(code, before)), "{code:?}");
    }
}
