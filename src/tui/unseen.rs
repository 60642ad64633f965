//! A question counts as asked once it is on the screen: what was typed before cannot be its answer.

use std::mem::{Discriminant, discriminant};

use crossterm::event::{Event, KeyCode};

use crate::tui::app::App;
use crate::tui::dialogs::Dialog;
use crate::tui::dialogs::text_prompt::Stage;
use crate::tui::input_queue::Typed;

/// What is told of a key that came too early.
pub const UNSEEN: &str =
    "that key came before the question was on the screen; look at it, and press the key again";

/// Which question is asked, as far as it matters whether it is the same one.
pub type Question = (Discriminant<Dialog>, Option<Discriminant<Stage>>);

impl App {
    /// What is asked now.
    pub fn question(&self) -> Option<Question> {
        let stage = |dialog: &Dialog| match dialog {
            Dialog::Words(prompt) => Some(discriminant(&prompt.stage)),
            _ => None,
        };
        self.dialog.as_ref().map(|dialog| (discriminant(dialog), stage(dialog)))
    }

    /// Whether it would decide what its reader has not seen: read before the question was drawn, as in a burst of keys or
    /// a paste. Words are taken as words, however they come.
    pub fn is_unseen(&self, typed: &Typed) -> bool {
        let Event::Key(key) = &typed.event else { return false };
        let (is_enter, is_letter) =
            (key.code == KeyCode::Enter, matches!(key.code, KeyCode::Char('y' | 'Y' | 's' | 'a')));
        let decides = match &self.dialog {
            None | Some(Dialog::Newcomer(_)) => false,
            Some(Dialog::Words(prompt)) => matches!(prompt.stage, Stage::Ask) && (is_enter || is_letter),
            Some(Dialog::Run(form)) if self.has_to_type(form) => is_enter,
            Some(_) => is_enter || is_letter,
        };
        decides && self.drawn.is_none_or(|drawn| typed.at <= drawn)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crossterm::event::{KeyEvent, KeyModifiers};

    use super::*;
    use crate::tui::input_queue::{Slots, Typed};
    use crate::tui::tests::keys::screen;
    use crate::tui::tests::sample::mixed;

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
        screen.app.drawn = Some(drawn);
        for code in [KeyCode::Char('y'), KeyCode::Char('s'), KeyCode::Char('a'), KeyCode::Enter] {
            assert!(screen.app.is_unseen(&typed(code, before)), "{code:?}");
            assert!(!screen.app.is_unseen(&typed(code, after)), "{code:?}");
        }
        assert!(!screen.app.is_unseen(&typed(KeyCode::Esc, before)), "to leave it is always possible");
        // Another question, never drawn; and one for words, which are words.
        let screen = screen.press("⎋").press("n");
        assert!(screen.app.drawn.is_none());
        for code in [KeyCode::Char('y'), KeyCode::Enter] {
            assert!(!screen.app.is_unseen(&typed(code, before)), "{code:?}");
        }
    }
}
