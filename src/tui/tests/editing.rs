//! A text that is edited in the person's editor (Ctrl-E).

use std::time::Instant;

use crossterm::event::{Event, KeyCode, KeyEvent};

use super::buffer::text;
use super::sample::mixed;
use super::test_screen::{TestScreen, screen};
use crate::tui::Msg;
use crate::tui::app::HostEffect;
use crate::tui::input_queue::{QueuedEvent, Slots};
use crate::tui::layers::{KEY_TOO_EARLY, READING_TIME};

const WIDE: (u16, u16) = (120, 40);

/// The texts that were given to the editor.
fn edits(screen: &TestScreen) -> Vec<&str> {
    let texts = screen.effects.iter().filter_map(|effect| match effect {
        HostEffect::Edit(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn edited(mut screen: TestScreen, result: Result<&str, &str>, at: Instant) -> TestScreen {
    let result = result.map(str::to_owned).map_err(str::to_owned);
    let effects = screen.app.update(Msg::Edited(result, at));
    screen.effects.extend(effects);
    screen
}

fn read_at(code: KeyCode, at: Instant) -> QueuedEvent {
    QueuedEvent::new(Event::Key(KeyEvent::from(code)), at, Slots::new().acquire())
}

#[test]
fn the_editor_gets_the_text_so_far_and_gives_it_back_without_submitting_it() {
    for keys in ["n", "3jw", "3jx"] {
        let screen = screen(&mixed(), WIDE).press(keys).press("so far").control('e');
        assert_eq!(edits(&screen), ["so far"], "{keys}");
        let screen = edited(screen, Ok("one\ntwo\x1b[2J\n"), Instant::now());
        assert_eq!(screen.prompt_text(), "one two\\u{1b}[2J", "{keys}");
        assert!(screen.notice().contains("its line ends have become spaces"), "{keys}");
        assert!(screen.acts().is_empty(), "{keys}");
    }
    // Elsewhere it does nothing, or goes to the end of the line.
    for keys in ["", "3jwbecause⏎", "3jwbecause⏎⏎", ":", "/", "v", "A"] {
        assert!(edits(&screen(&mixed(), WIDE).press(keys).control('e')).is_empty(), "{keys}");
    }
}

#[test]
fn a_failed_editor_says_why_and_the_text_stays() {
    let screen = screen(&mixed(), WIDE).press("nso far").control('e');
    let screen = edited(screen, Err("it failed; the text is unchanged"), Instant::now());
    assert_eq!((screen.prompt_text(), screen.notice()), ("so far", "it failed; the text is unchanged"));
}

#[test]
fn keys_from_before_the_end_of_the_editor_are_dropped_and_enter_waits_until_the_text_was_read() {
    let before = Instant::now();
    let ended = before + READING_TIME;
    let mut screen = edited(screen(&mixed(), WIDE).press("n").control('e'), Ok("edited\n"), ended);
    screen.draw();
    screen.app.mark_drawn(ended);
    for code in [KeyCode::Char('q'), KeyCode::Enter, KeyCode::Esc] {
        screen.app.update(Msg::Queued(read_at(code, before)));
    }
    assert_eq!((screen.prompt_text(), screen.notice()), ("edited", ""));
    let early = screen.app.early_reason(&read_at(KeyCode::Enter, ended + READING_TIME / 2));
    assert_eq!(early, Some(KEY_TOO_EARLY));
    assert_eq!(screen.app.early_reason(&read_at(KeyCode::Enter, ended + READING_TIME)), None);
}

#[test]
fn the_prompt_and_the_help_name_the_editor() {
    for keys in ["n", "3jw", "3jx"] {
        assert!(text(&screen(&mixed(), WIDE).press(keys).drawn()).contains("Ctrl-E editor"), "{keys}");
    }
    assert!(text(&screen(&mixed(), (120, 60)).press("?").drawn()).contains("edit it in $VISUAL or $EDITOR"));
}
