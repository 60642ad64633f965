//! What is said at the bottom, and for how long it stands there.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::time::Moment;
use crate::tui::app::App;
use crate::tui::keymap::Intent;

/// How long something said stands: longer than it takes to read, not so long that it is taken for news.
const SAID: Duration = Duration::from_secs(6);
/// How long a refusal stands: it has to be understood as well.
const REFUSED: Duration = Duration::from_secs(10);
/// A pause in typing that ends a word: what comes after it is meant as a key again.
const PAUSE: Duration = Duration::from_millis(600);

/// Something to be read at the bottom, until the next key or until it is old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub text: String,
    /// Whether it says no.
    pub refused: bool,
    /// When it was said.
    pub at: Moment,
}

impl Notice {
    fn is_over(&self, now: &Moment) -> bool {
        now.since(&self.at) >= if self.refused { REFUSED } else { SAID }
    }
}

impl App {
    /// Says something at the bottom.
    pub fn say(&mut self, text: &str) {
        self.notice = Some(Notice { text: text.to_owned(), refused: false, at: self.now.clone() });
    }

    /// Says no at the bottom.
    pub fn refuse(&mut self, why: &str) {
        self.notice = Some(Notice { text: why.to_owned(), refused: true, at: self.now.clone() });
    }

    /// Drops what has stood long enough.
    pub fn forget(&mut self) {
        self.notice = self.notice.take().filter(|notice| !notice.is_over(&self.now));
        self.typed = self.typed.take().filter(|at| self.now.since(at) < PAUSE);
    }

    /// Whether what is typed is taken for the rest of words that nobody asked for. A dialog, which may have
    /// come back meanwhile because the engine refused its words, asks for them.
    pub const fn is_deaf(&self) -> bool {
        self.typed.is_some() && self.dialog.is_none()
    }

    /// How long it will be deaf still, if nothing more is typed.
    pub fn deaf_for(&self) -> Option<Duration> {
        self.typed.as_ref().map(|at| PAUSE.saturating_sub(self.now.since(at)))
    }

    /// Someone who was refused the question for words goes on typing the words: until they pause, letters
    /// must not act. True if that was such a letter.
    pub fn overhears(&mut self, key: KeyEvent) -> bool {
        self.forget();
        let typed = self.is_deaf() && is_typing(key);
        // Any other key is meant as one.
        self.typed = typed.then(|| self.now.clone());
        typed
    }

    /// Stops listening if a question was wished for, and was refused.
    pub fn listen_less(&mut self, wished: Intent) {
        let refused = self.notice.as_ref().is_some_and(|notice| notice.refused);
        // The time of a review stands still, and nothing acts there.
        if self.review.is_none() && wished.asks_first() && self.dialog.is_none() && refused {
            self.typed = Some(self.now.clone());
        }
    }
}

/// Whether a key is one that words are typed with.
fn is_typing(key: KeyEvent) -> bool {
    let plain = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    plain && matches!(key.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Backspace)
}
