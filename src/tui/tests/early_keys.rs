//! Keys that were read before a question was drawn do not answer it.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::keys::screen;
use super::sample::mixed;
use crate::tui::input_queue::{QueuedEvent, Slots};

fn typed(code: KeyCode, at: Instant) -> QueuedEvent {
    let event = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
    QueuedEvent::new(event, at, Slots::new().acquire())
}

#[test]
fn a_key_read_before_the_question_was_drawn_does_not_answer_it() {
    let drawn = Instant::now();
    let (before, after) = (drawn, drawn + Duration::from_millis(1));
    let mut screen = screen(&mixed(), (120, 40)).press("v");
    assert!(screen.app.is_too_early(&typed(KeyCode::Char('y'), after)), "it was never drawn");
    *screen.app.layers.drawn_at_mut() = Some(drawn);
    for code in [KeyCode::Char('y'), KeyCode::Char('s'), KeyCode::Char('a'), KeyCode::Enter] {
        assert!(screen.app.is_too_early(&typed(code, before)), "{code:?}");
        assert!(!screen.app.is_too_early(&typed(code, after)), "{code:?}");
    }
    assert!(!screen.app.is_too_early(&typed(KeyCode::Esc, before)), "to leave it is always possible");
    // Another dialog that was never drawn; it is a prompt, which accepts text at any time.
    let mut screen = screen.press("⎋").press("n");
    assert!(screen.app.layers.drawn_at_mut().is_none());
    for code in [KeyCode::Char('y'), KeyCode::Enter] {
        assert!(!screen.app.is_too_early(&typed(code, before)), "{code:?}");
    }
}
