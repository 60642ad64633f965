//! The dialog that shows an entry of the log of a review.

use std::fmt;
use std::sync::Arc;

use crossterm::event::KeyEvent;

use super::{Dialog, close_on_enter};
use crate::tui::context::Context;
use crate::tui::layer::Reaction;
use crate::tui::review_log::ReviewLog;
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::entry_text::describe;
use gonogo_core::journal::entry::Event;
use gonogo_core::journal::keys::fingerprint;
use gonogo_core::text::line;

/// The maximum number of lines shown of an entry.
const MAX_LINES: usize = 5000;

/// Shows an entry.
pub struct EntryDialog {
    /// The log.
    pub log: Arc<dyn ReviewLog>,
    /// The position.
    pub position: usize,
}

impl fmt::Debug for EntryDialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryDialog({})", self.position)
    }
}

impl Dialog for EntryDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut dialog = DialogView::new("entry", StyleRole::Confirmed);
        let Some(entry) = self.log.entry(self.position) else { return dialog };
        dialog.title = format!("entry {} · {}", entry.header.seq, entry.event.kind());
        dialog.put(vec![styled(&describe(cx, &entry), Theme::strong())], width, 0);
        let key = cx.run.state.operator(&entry.header.by).and_then(|operator| fingerprint(&operator.key));
        let signature = match (&entry.sig, key) {
            (Some(_), Some(key)) => format!("signed by {} with {key}", line(&entry.header.by)),
            (Some(_), None) => format!("signed by {}", line(&entry.header.by)),
            (None, _) => "a machine's entry, covered by the next signature".into(),
        };
        dialog.put(vec![cx.dim(&signature)], width, 2);
        dialog.put(vec![cx.dim(&format!("SHA-256 {}", entry.hash))], width, 2);
        for text in self.log.trust_sources() {
            dialog.put(vec![cx.dim(&text)], width, 2);
        }
        if let Event::Recovered(event) = &entry.event
            && let Some(torn) = &event.torn
        {
            dialog.gap();
            let (text, role) = match self.log.attachment(torn) {
                Ok(content) => {
                    (format!("✔ {} matches the digest in the log:\n{content}", torn.file), StyleRole::Good)
                }
                Err(why) => (format!("✖ attachment {why}"), StyleRole::Failed),
            };
            for text in text.lines() {
                dialog.put(vec![cx.with_role(&line(text), role)], width, 2);
            }
        }
        dialog.gap();
        let raw = self.log.raw_line(self.position).unwrap_or_default();
        for text in pretty_json(&raw).lines().take(MAX_LINES) {
            dialog.put(vec![styled(&line(text), Theme::text())], width, 4);
        }
        dialog.keys(cx, &[("↑ ↓", "scroll"), ("Esc", "back")], width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        close_on_enter(key)
    }
}

/// A line of the log as indented JSON.
fn pretty_json(raw: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(raw);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| raw.to_owned())
}
