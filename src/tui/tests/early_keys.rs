//! Keys that were read before a question was drawn do not answer it.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::sample::mixed;
use super::test_screen::screen;
use crate::tui::Msg;
use crate::tui::app::HostEffect;
use crate::tui::input_queue::{QueuedEvent, Slots};
use crate::tui::layers::{KEY_TOO_EARLY, NOT_READ, READING_TIME};

fn typed(code: KeyCode, at: Instant) -> QueuedEvent {
    let event = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
    QueuedEvent::new(event, at, Slots::new().acquire())
}

#[test]
fn a_key_read_before_the_question_was_drawn_for_a_while_does_not_answer_it() {
    let drawn = Instant::now();
    let (before, after) = (drawn + READING_TIME / 2, drawn + READING_TIME);
    let mut screen = screen(&mixed(), (120, 40)).press("v");
    let y = |at| typed(KeyCode::Char('y'), at);
    assert!(screen.app.early_reason(&y(after)).is_some(), "it was never drawn");
    screen.draw();
    screen.app.mark_drawn(drawn);
    for code in [KeyCode::Char('y'), KeyCode::Char('s'), KeyCode::Char('a'), KeyCode::Enter] {
        assert_eq!(screen.app.early_reason(&typed(code, before)), Some(KEY_TOO_EARLY), "{code:?}");
        assert_eq!(screen.app.early_reason(&typed(code, after)), None, "{code:?}");
    }
    assert_eq!(screen.app.early_reason(&typed(KeyCode::Esc, before)), None, "to leave it is always possible");
    // Another dialog that was never drawn; it is a prompt, which accepts text at any time. Enter signs the note.
    let screen = screen.press("⎋").press("n");
    for (code, reason) in [(KeyCode::Char('y'), None), (KeyCode::Enter, Some(KEY_TOO_EARLY))] {
        assert_eq!(screen.app.early_reason(&typed(code, before)), reason, "{code:?}");
    }
}

/// Whoever leans on a key signs nothing.
#[test]
fn a_held_key_never_answers() {
    let mut screen = screen(&mixed(), (120, 40)).press("jj ");
    screen.draw();
    let drawn = Instant::now();
    screen.app.mark_drawn(drawn);
    for repeat in 1..100 {
        let read_at = drawn + Duration::from_millis(38) * repeat;
        screen.app.update(Msg::Queued(typed(KeyCode::Char('y'), read_at)));
    }
    assert!(screen.acts().is_empty());
    let released = drawn + Duration::from_millis(38 * 99) + READING_TIME;
    let effects = screen.app.update(Msg::Queued(typed(KeyCode::Char('y'), released)));
    assert!(matches!(effects[..], [HostEffect::Send(_)]), "{effects:?}");
}

#[test]
fn a_question_longer_than_the_screen_is_answered_only_after_its_end_was_shown() {
    let mut screen = screen(&mixed(), (40, 12)).press("v");
    let mut show = |keys: &str| {
        let drawn = Instant::now();
        keys.chars().for_each(|key| {
            screen.app.update(Msg::Input(Event::Key(KeyEvent::from(match key {
                '↓' => KeyCode::PageDown,
                '↑' => KeyCode::PageUp,
                _ => KeyCode::Down,
            }))));
            screen.draw();
        });
        screen.draw();
        screen.app.mark_drawn(drawn);
        screen.app.early_reason(&typed(KeyCode::Char('y'), drawn + READING_TIME))
    };
    assert_eq!(show(""), Some(NOT_READ));
    assert_eq!(show("j"), Some(NOT_READ));
    assert_eq!(show("↓↓"), Some(NOT_READ));
    assert_eq!(show(&"↓".repeat(20)), None);
    assert_eq!(show(&"↑".repeat(20)), None, "what was read stays read");
}
