//! What is said at the bottom, and for how long it stands there.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::time::Moment;

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

/// What is said now, and whether letters are taken for keys.
#[derive(Debug, Default)]
pub struct NoticeBoard {
    /// What is said now.
    pub notice: Option<Notice>,
    /// When something was typed last that is not to be taken for a key.
    typing_guard: Option<Moment>,
}

impl NoticeBoard {
    /// Says something at the bottom.
    pub fn say(&mut self, text: &str, now: &Moment) {
        self.notice = Some(Notice { text: text.to_owned(), refused: false, at: now.clone() });
    }

    /// Says no at the bottom.
    pub fn refuse(&mut self, why: &str, now: &Moment) {
        self.notice = Some(Notice { text: why.to_owned(), refused: true, at: now.clone() });
    }

    /// Says something. A refusal that came just before is not wiped away.
    pub fn say_after_refusal(&mut self, text: &str, now: &Moment) {
        match self.notice.take().filter(|notice| notice.refused) {
            Some(refused) => self.refuse(&format!("{} · {text}", refused.text), now),
            None => self.say(text, now),
        }
    }

    /// Drops what has stood long enough.
    pub fn forget(&mut self, now: &Moment) {
        self.notice = self.notice.take().filter(|notice| !notice.is_over(now));
        self.typing_guard = self.typing_guard.take().filter(|at| now.since(at) < PAUSE);
    }

    /// Whether what is typed is taken for the rest of words that nobody asked for. A dialog, which may have
    /// come back meanwhile because the engine refused its words, asks for them.
    pub const fn is_guarded(&self, has_dialog: bool) -> bool {
        self.typing_guard.is_some() && !has_dialog
    }

    /// How long letters will do nothing still, if nothing more is typed.
    pub fn guarded_for(&self, now: &Moment) -> Option<Duration> {
        self.typing_guard.as_ref().map(|at| PAUSE.saturating_sub(now.since(at)))
    }

    /// Takes no letters for keys until there is a pause.
    pub fn guard_typing(&mut self, now: &Moment) {
        self.typing_guard = Some(now.clone());
    }

    /// Someone who was refused the question for words goes on typing the words: until they pause, letters
    /// must not act. True if that was such a letter.
    pub fn holds_back(&mut self, key: KeyEvent, has_dialog: bool, now: &Moment) -> bool {
        self.forget(now);
        let typed = self.is_guarded(has_dialog) && is_typing(key);
        // Any other key is meant as one.
        self.typing_guard = typed.then(|| now.clone());
        typed
    }
}

/// Whether a key is one that words are typed with.
fn is_typing(key: KeyEvent) -> bool {
    let plain = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    plain && matches!(key.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Backspace)
}
