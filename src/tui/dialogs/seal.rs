//! Whether to seal the run.

use crossterm::event::KeyEvent;
use ratatui::text::Span;

use super::verdict::{VerdictDialog, seals};
use super::{Dialog, DialogLayer};
use crate::journal::entry::Decision;
use crate::run::Act;
use crate::tui::context::Context;
use crate::tui::keymap::{self, Answer};
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::Theme;
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::header::tone;

/// The question whether to seal, and what it means.
#[derive(Clone, Debug)]
pub struct SealDialog;

impl Dialog for SealDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let state = &cx.run.state;
        let decision = state.verdict.as_ref().map_or(Decision::Pending, |standing| standing.decision);
        let mut sheet = DialogView::new("seal the run", tone(decision));
        let badge = styled(&format!(" {decision} "), cx.theme.badge(tone(decision)));
        sheet.put(vec![styled("You seal this run as ", Theme::text()), badge], width, 0);
        sheet.gap();
        let told = "A seal is your signature over the whole log. After it, only the missing seals can be added to the run: \
                    no probe result, note or retraction.";
        sheet.put(vec![Span::styled(told, Theme::text())], width, 0);
        sheet.gap();
        seals(cx, &mut sheet, width);
        let me = cx.person(&cx.session.me.principal);
        sheet.keys(cx, &[("y", &format!("seal as {me}")), ("Esc", "keep it open")], width);
        sheet
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        match keymap::answer(key) {
            Some(Answer::Yes) => {
                let said = cx.sealing(&[&cx.session.me.principal]);
                Reaction::Close(vec![Effect::act(cx, Act::Seal, said, None)])
            }
            Some(Answer::No) => Reaction::Close(vec![Effect::open(DialogLayer::new(VerdictDialog))]),
            _ => Reaction::Ignored,
        }
    }
}
