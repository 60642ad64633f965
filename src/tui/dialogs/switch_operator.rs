//! The dialog that switches the active operator.

use crossterm::event::{KeyCode, KeyEvent};

use super::add_operator::AddOperatorDialog;
use super::{Dialog, DialogLayer};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// Asks which operator is the active one.
#[derive(Clone, Debug)]
pub struct SwitchOperatorDialog;

/// Opens the dialog; with only one operator in the session, the dialog that adds another.
pub fn open(cx: &Context) -> Effect {
    match cx.closed_reason().filter(|_| cx.run.state.is_ended()) {
        Some(sealed) => Effect::Refuse(sealed),
        None if cx.session.local_operators.len() < 2 => open_add(cx),
        None => Effect::open(DialogLayer::new(SwitchOperatorDialog)),
    }
}

fn open_add(cx: &Context) -> Effect {
    Effect::open(DialogLayer::new(AddOperatorDialog::new(cx)))
}

fn switch_to(cx: &Context, index: usize) -> Reaction {
    let next = cx.session.local_operators.get(index).cloned();
    Reaction::Close(next.map(Effect::SwitchOperator).into_iter().collect())
}

impl Dialog for SwitchOperatorDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        let mut dialog = DialogView::new("active operator", StyleRole::Attention);
        for (number, operator) in (1..).zip(&cx.session.local_operators) {
            let is_active = *operator == cx.session.operator;
            let text = format!(
                "{}{}",
                cx.name_and_role(&operator.principal),
                if is_active { " · active" } else { "" }
            );
            let style = if is_active { Theme::strong() } else { Theme::text() };
            dialog.put(
                vec![styled(&format!("{number} "), cx.theme.accent()), styled(&text, style)],
                width,
                2,
            );
        }
        let keys = [("1–9", "that one"), ("p", "the next"), ("n", "somebody else"), ("Esc", "back")];
        dialog.keys(cx, &keys, width);
        dialog
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let operators = &cx.session.local_operators;
        match key.code {
            KeyCode::Esc | KeyCode::Char('q') => Reaction::close(),
            KeyCode::Char('n') => Reaction::Close(vec![open_add(cx)]),
            KeyCode::Char('p') => {
                let next = operators
                    .iter()
                    .position(|operator| *operator == cx.session.operator)
                    .map_or(0, |index| index + 1);
                switch_to(cx, next % operators.len().max(1))
            }
            KeyCode::Char(digit @ '1'..='9') if operators.len() > digit as usize - '1' as usize => {
                switch_to(cx, digit as usize - '1' as usize)
            }
            _ => Reaction::handled(),
        }
    }
}
