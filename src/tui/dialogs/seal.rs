//! The dialog that asks whether to seal the run.

use crossterm::event::KeyEvent;
use ratatui::text::Span;

use super::verdict::{VerdictDialog, seal_lines};
use super::{Dialog, DialogLayer};
use crate::tui::context::Context;
use crate::tui::keymap::{self, DialogKey};
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::header::decision_role;
use gonogo_core::run::Act;

/// Asks whether to seal the run.
#[derive(Clone, Debug)]
pub struct SealDialog;

/// A result came in since the dialog was opened: there is no verdict to seal.
fn outdated(cx: &Context, width: usize) -> DialogView {
    let mut dialog = DialogView::new("seal the run", StyleRole::Stale);
    let text = "The verdict is out of date: something was logged after it. Record the verdict again first.";
    dialog.put(vec![Span::styled(text, Theme::text())], width, 0);
    dialog.keys(cx, &[("Esc", "to the verdict")], width);
    dialog
}

impl Dialog for SealDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let state = &cx.run.state;
        let Some(decision) = state.verdict.as_ref().map(|recorded| recorded.decision) else {
            return outdated(cx, width);
        };
        let mut dialog = DialogView::new("seal the run", decision_role(decision));
        let badge = styled(&format!(" {decision} "), cx.theme.badge(decision_role(decision)));
        dialog.put(vec![styled("You seal this run as ", Theme::text()), badge], width, 0);
        dialog.gap();
        let text = "A seal is your signature over the whole log. After it, only the missing seals can be added to the run: \
                    no probe result, note or retraction.";
        dialog.put(vec![Span::styled(text, Theme::text())], width, 0);
        dialog.gap();
        seal_lines(cx, &mut dialog, width);
        let me = cx.name_and_role(&cx.session.operator.principal);
        dialog.keys(cx, &[("y", &format!("seal as {me}")), ("Esc", "keep it open")], width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        match keymap::dialog_key(key) {
            Some(DialogKey::Yes) => {
                let notice = cx.describe_seals(&[&cx.session.operator.principal]);
                Reaction::Close(vec![Effect::act(cx, Act::Seal, notice, None)])
            }
            Some(DialogKey::No) => Reaction::Close(vec![Effect::open(DialogLayer::new(VerdictDialog))]),
            _ => Reaction::Ignored,
        }
    }
}
