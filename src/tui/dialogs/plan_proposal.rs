//! The dialog of a proposed plan: what it loosens, old beside new; whether to accept or withdraw it.

use crate::run::{Act, Proposal};
use crate::tui::app::{App, Effect};
use crate::tui::context::View;
use crate::tui::dialogs::Dialog;
use crate::tui::keymap::{self, Answer};
use crate::tui::style::text::ink;
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::widgets::dialog_view::Sheet;
use crossterm::event::{KeyCode, KeyEvent};

/// The sheet. A proposal that has ended meanwhile says so.
pub fn sheet(view: &View, width: usize, seq: u64) -> Sheet {
    let mut sheet = Sheet::new("proposed plan", Tone::Needs);
    let Some(proposal) = pending(view.app, seq) else {
        sheet.put(vec![ink("This proposal has been accepted or withdrawn.", Theme::text())], width, 0);
        sheet.keys(view, &[("Esc", "cancel")], width);
        return sheet;
    };
    let told = format!("{} proposes a looser plan, log #{}.", view.person(&proposal.by), proposal.seq);
    sheet.put(vec![ink(&told, Theme::strong())], width, 0);
    let told = "The run keeps its plan until the other role accepts; no deployment action begins before.";
    sheet.put(vec![view.dim(told)], width, 0);
    for change in &proposal.changes {
        sheet.gap();
        sheet.put(vec![ink(&change.what, Theme::strong())], width, 2);
        for (sign, value, tone) in [("- ", &change.old, Tone::Failed), ("+ ", &change.new, Tone::Needs)] {
            if let Some(value) = value {
                sheet.put(vec![view.toned(sign, tone), ink(value, Theme::text())], width, 2);
            }
        }
    }
    let me = view.person(&view.app.me.principal);
    let (accept, withdraw) = (format!("accept (sign) as {me}"), format!("withdraw as {me}"));
    let offered = [("y", accept.as_str(), accepting(proposal)), ("d", &withdraw, withdrawing(proposal))];
    let possible = offered.into_iter().filter(|(_, _, act)| view.app.refusal(act.clone()).is_none());
    let mut keys: Vec<(&str, &str)> = possible.map(|(key, does, _)| (key, does)).collect();
    keys.push(("Esc", "cancel"));
    sheet.keys(view, &keys, width);
    sheet
}

fn pending(app: &App, seq: u64) -> Option<&Proposal> {
    app.state.proposal.as_ref().filter(|proposal| proposal.seq == seq)
}

fn accepting(proposal: &Proposal) -> Act {
    let plan = Box::new((*proposal.plan).clone());
    Act::Replan { plan, proposal: Some(proposal.hash), reason: None }
}

fn withdrawing(proposal: &Proposal) -> Act {
    Act::WithdrawReplan(proposal.hash)
}

impl App {
    /// The dialog of the proposed plan, if one is pending.
    pub fn open_proposal(&mut self) -> bool {
        let seq = self.state.proposal.as_ref().map(|proposal| proposal.seq);
        self.dialog = seq.map(|seq| Dialog::Proposal { seq, scroll: 0 });
        seq.is_some()
    }

    /// Whether a proposed plan waits for the person at this screen.
    pub fn can_accept_proposal(&self) -> bool {
        self.state.proposal.as_ref().is_some_and(|proposal| self.refusal(accepting(proposal)).is_none())
    }

    /// A key for that dialog.
    pub fn proposal_key(&mut self, seq: u64, scroll: usize, key: KeyEvent) -> Vec<Effect> {
        let dialog = Dialog::Proposal { seq, scroll };
        let act = pending(self, seq).and_then(|proposal| match (key.code, keymap::answer(key)) {
            (_, Some(Answer::Yes)) => Some((accepting(proposal), "accepted the proposed plan")),
            (KeyCode::Char('d'), _) => Some((withdrawing(proposal), "withdrew the proposed plan")),
            _ => None,
        });
        match (act, keymap::answer(key)) {
            (Some((act, said)), _) => return self.answer_proposal(dialog, act, said),
            (None, Some(Answer::No)) => {}
            (None, Some(Answer::Scroll(lines))) => self.scroll_dialog(dialog, lines),
            _ => self.dialog = Some(dialog),
        }
        Vec::new()
    }

    /// What is signed has been seen: `y` shows the rest first.
    fn answer_proposal(&mut self, dialog: Dialog, act: Act, said: &str) -> Vec<Effect> {
        if self.is_read_only() {
            self.dialog = Some(dialog);
            return Vec::new();
        }
        if matches!(act, Act::Replan { .. }) && !self.is_scrolled_to_its_end(&dialog) {
            self.refuse("read the whole change first: scroll to its end");
            self.dialog = Some(dialog);
            return Vec::new();
        }
        match self.refusal(act.clone()) {
            Some(refusal) => {
                self.refuse_by(&refusal);
                self.dialog = Some(dialog);
                Vec::new()
            }
            None => self.act(act, said.to_owned(), None),
        }
    }

    fn is_scrolled_to_its_end(&self, dialog: &Dialog) -> bool {
        let view = View::new(self);
        dialog.scroll() >= Sheet::of(&view, dialog).limit(self.area)
    }
}
