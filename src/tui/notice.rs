//! The notice on the bottom line.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use gonogo_core::time::Moment;

/// How long a notice is shown.
const NOTICE_TIME: Duration = Duration::from_secs(6);
/// How long a refusal is shown; it takes longer to understand.
const REFUSAL_TIME: Duration = Duration::from_secs(10);
/// The pause in typing after which letters are commands again.
const TYPING_PAUSE: Duration = Duration::from_millis(600);

/// A notice. It is shown until the next key or until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The text.
    pub text: String,
    /// Whether it is a refusal.
    pub is_refusal: bool,
    /// When it was shown first.
    pub at: Moment,
}

impl Notice {
    fn is_expired(&self, now: &Moment) -> bool {
        now.since(&self.at) >= if self.is_refusal { REFUSAL_TIME } else { NOTICE_TIME }
    }
}

/// The current notice, and the typing guard: someone whose prompt was refused may go on typing its text, and those
/// letters must not run commands.
#[derive(Debug, Default)]
pub struct NoticeBoard {
    /// The current notice.
    pub notice: Option<Notice>,
    /// When a letter was last typed under the typing guard.
    typing_guard: Option<Moment>,
}

impl NoticeBoard {
    /// Shows a notice.
    pub fn notify(&mut self, text: &str, now: &Moment) {
        self.notice = Some(Notice { text: text.to_owned(), is_refusal: false, at: now.clone() });
    }

    /// Shows a refusal.
    pub fn refuse(&mut self, why: &str, now: &Moment) {
        self.notice = Some(Notice { text: why.to_owned(), is_refusal: true, at: now.clone() });
    }

    /// Shows a notice; a refusal that is shown stays, with the notice after it.
    pub fn notify_after_refusal(&mut self, text: &str, now: &Moment) {
        match self.notice.take().filter(|notice| notice.is_refusal) {
            Some(refused) => self.refuse(&format!("{} · {text}", refused.text), now),
            None => self.notify(text, now),
        }
    }

    /// Drops the notice and the typing guard if they have expired.
    pub fn expire(&mut self, now: &Moment) {
        self.notice = self.notice.take().filter(|notice| !notice.is_expired(now));
        self.typing_guard = self.typing_guard.take().filter(|at| now.since(at) < TYPING_PAUSE);
    }

    /// Whether letters are ignored now. A dialog that has opened since takes them.
    pub const fn is_typing_guarded(&self, has_dialog: bool) -> bool {
        self.typing_guard.is_some() && !has_dialog
    }

    /// How long letters will still be ignored if nothing more is typed.
    pub fn guard_remaining(&self, now: &Moment) -> Option<Duration> {
        self.typing_guard.as_ref().map(|at| TYPING_PAUSE.saturating_sub(now.since(at)))
    }

    /// Ignores letters until typing pauses.
    pub fn guard_typing(&mut self, now: &Moment) {
        self.typing_guard = Some(now.clone());
    }

    /// Whether the typing guard ignores this key. Any key that is not a letter ends the guard.
    pub fn ignores_key(&mut self, key: KeyEvent, has_dialog: bool, now: &Moment) -> bool {
        self.expire(now);
        let is_ignored = self.is_typing_guarded(has_dialog) && is_text_key(key);
        self.typing_guard = is_ignored.then(|| now.clone());
        is_ignored
    }
}

/// Whether a key is used to type text.
fn is_text_key(key: KeyEvent) -> bool {
    let is_plain = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    is_plain && matches!(key.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Backspace)
}
