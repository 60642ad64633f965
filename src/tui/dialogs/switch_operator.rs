//! Which operator at this keyboard is the active one.

use crossterm::event::{KeyCode, KeyEvent};

use super::add_operator::AddOperatorDialog;
use super::{Dialog, DialogLayer};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;

/// The question.
#[derive(Clone, Debug)]
pub struct SwitchOperatorDialog;

/// `p`: those who are here take turns; while there is only one, somebody else is asked for.
pub fn open(cx: &Context) -> Effect {
    match cx.sealed().filter(|_| cx.run.state.is_ended()) {
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
        let mut sheet = DialogView::new("who acts", StyleRole::Needs);
        for (number, who) in (1..).zip(&cx.session.local_operators) {
            let here = *who == cx.session.me;
            let told = format!("{}{}", cx.person(&who.principal), if here { " · active" } else { "" });
            let style = if here { Theme::strong() } else { Theme::text() };
            sheet.put(vec![styled(&format!("{number} "), cx.theme.accent()), styled(&told, style)], width, 2);
        }
        let keys = [("1–9", "that one"), ("p", "the next"), ("n", "somebody else"), ("Esc", "back")];
        sheet.keys(cx, &keys, width);
        sheet
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let here = &cx.session.local_operators;
        match key.code {
            KeyCode::Esc | KeyCode::Char('q') => Reaction::close(),
            KeyCode::Char('n') => Reaction::Close(vec![open_add(cx)]),
            KeyCode::Char('p') => {
                let next = here.iter().position(|one| *one == cx.session.me).map_or(0, |at| at + 1);
                switch_to(cx, next % here.len().max(1))
            }
            KeyCode::Char(digit @ '1'..='9') if here.len() > digit as usize - '1' as usize => {
                switch_to(cx, digit as usize - '1' as usize)
            }
            _ => Reaction::handled(),
        }
    }
}
