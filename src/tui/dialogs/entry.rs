//! An entry of a log that is looked through, all of it.

use std::fmt;
use std::sync::Arc;

use crossterm::event::KeyEvent;

use super::{Dialog, close_on_enter};
use crate::journal::entry::Event;
use crate::journal::keys::fingerprint;
use crate::text::line;
use crate::tui::context::Context;
use crate::tui::layer::Reaction;
use crate::tui::record::Record;
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::entry_text::tell;

/// The most lines of an entry that are shown.
const MOST: usize = 5000;

/// The entry at a position.
pub struct EntryDialog {
    /// The log.
    pub record: Arc<dyn Record>,
    /// The position.
    pub at: usize,
}

impl fmt::Debug for EntryDialog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryDialog({})", self.at)
    }
}

impl Dialog for EntryDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut sheet = DialogView::new("entry", StyleRole::Settled);
        let Some(entry) = self.record.entry(self.at) else { return sheet };
        sheet.title = format!("entry {} · {}", entry.header.seq, entry.event.kind());
        sheet.put(vec![styled(&tell(cx, &entry), Theme::strong())], width, 0);
        let key = cx.run.state.operator(&entry.header.by).and_then(|who| fingerprint(&who.key));
        let signed = match (&entry.sig, key) {
            (Some(_), Some(key)) => format!("signed by {} with {key}", line(&entry.header.by)),
            (Some(_), None) => format!("signed by {}", line(&entry.header.by)),
            (None, _) => "a machine's entry, vouched for by the next signature".into(),
        };
        sheet.put(vec![cx.dim(&signed)], width, 2);
        sheet.put(vec![cx.dim(&format!("SHA-256 {}", entry.hash))], width, 2);
        for told in self.record.trust() {
            sheet.put(vec![cx.dim(&told)], width, 2);
        }
        if let Event::Recovered(event) = &entry.event
            && let Some(torn) = &event.torn
        {
            sheet.gap();
            let (told, tone) = match self.record.side(torn) {
                Ok(content) => (
                    format!("✔ {} is what the log has the digest of:\n{content}", torn.file),
                    StyleRole::Good,
                ),
                Err(why) => (format!("✖ attachment {why}"), StyleRole::Failed),
            };
            for told in told.lines() {
                sheet.put(vec![cx.toned(&line(told), tone)], width, 2);
            }
        }
        sheet.gap();
        let raw = self.record.raw(self.at).unwrap_or_default();
        for told in pretty(&raw).lines().take(MOST) {
            sheet.put(vec![styled(&line(told), Theme::text())], width, 4);
        }
        sheet.keys(cx, &[("↑ ↓", "scroll"), ("Esc", "back")], width);
        sheet
    }

    fn key(&mut self, key: KeyEvent, _: &Context) -> Reaction {
        close_on_enter(key)
    }
}

/// A line of the log, spread over lines.
fn pretty(raw: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(raw);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| raw.to_owned())
}
