//! The dialog of a proposed plan: the changes that loosen it, and whether to accept or withdraw it.

use super::{Dialog, DialogLayer, is_decision, is_yes};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use crossterm::event::{KeyCode, KeyEvent};
use gonogo_core::run::{Act, Proposal};

/// The content of the dialog.
fn dialog_view(cx: &Context, width: usize, seq: u64) -> DialogView {
    let mut dialog = DialogView::new("proposed plan", StyleRole::Attention);
    let Some(proposal) = pending(cx, seq) else {
        dialog.put(vec![styled("This proposal has been accepted or withdrawn.", Theme::text())], width, 0);
        dialog.keys(cx, &[("Esc", "cancel")], width);
        return dialog;
    };
    let text = format!("{} proposes a looser plan, log #{}.", cx.name_and_role(&proposal.by), proposal.seq);
    dialog.put(vec![styled(&text, Theme::strong())], width, 0);
    let text = "The run keeps its plan until the other role accepts; no deployment action begins before.";
    dialog.put(vec![cx.dim(text)], width, 0);
    for change in &proposal.changes {
        dialog.gap();
        dialog.put(vec![styled(&change.what, Theme::strong())], width, 2);
        for (sign, value, role) in
            [("- ", &change.old, StyleRole::Failed), ("+ ", &change.new, StyleRole::Attention)]
        {
            if let Some(value) = value {
                dialog.put(vec![cx.with_role(sign, role), styled(value, Theme::text())], width, 2);
            }
        }
    }
    let me = cx.name_and_role(&cx.session.operator.principal);
    let (accept, withdraw) = (format!("accept (sign) as {me}"), format!("withdraw as {me}"));
    let options = [("y", accept.as_str(), accept_act(proposal)), ("d", &withdraw, withdraw_act(proposal))];
    let allowed = options.into_iter().filter(|(_, _, act)| cx.rejection(act.clone()).is_none());
    let mut keys: Vec<(&str, &str)> = allowed.map(|(key, description, _)| (key, description)).collect();
    keys.push(("Esc", "cancel"));
    dialog.keys(cx, &keys, width);
    dialog
}

fn pending<'a>(cx: &Context<'a>, seq: u64) -> Option<&'a Proposal> {
    cx.run.state.proposal.as_ref().filter(|proposal| proposal.seq == seq)
}

fn accept_act(proposal: &Proposal) -> Act {
    let plan = Box::new((*proposal.plan).clone());
    Act::Replan { plan, proposal: Some(proposal.hash), reason: None }
}

fn withdraw_act(proposal: &Proposal) -> Act {
    Act::WithdrawReplan(proposal.hash)
}

/// Opens the dialog if a proposal is pending.
pub fn open(cx: &Context) -> Option<Effect> {
    let seq = cx.run.state.proposal.as_ref()?.seq;
    Some(Effect::open(DialogLayer::new(ProposalDialog { seq })))
}

/// Whether the active operator can accept a pending proposal.
pub fn can_accept(cx: &Context) -> bool {
    let proposal = cx.run.state.proposal.as_ref();
    proposal.is_some_and(|proposal| cx.rejection(accept_act(proposal)).is_none())
}

/// Asks whether to accept or withdraw the proposed plan.
#[derive(Clone, Debug)]
pub struct ProposalDialog {
    /// The position of the proposal's entry.
    pub seq: u64,
}

impl Dialog for ProposalDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        dialog_view(cx, width, self.seq)
    }

    fn decides(&self, key: KeyEvent, _: &Context) -> bool {
        is_decision(key) || key.code == KeyCode::Char('d')
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let Some(proposal) = pending(cx, self.seq) else { return Reaction::Ignored };
        let (act, notice) = match key.code {
            _ if is_yes(key) => (accept_act(proposal), "accepted the proposed plan"),
            KeyCode::Char('d') => (withdraw_act(proposal), "withdrew the proposed plan"),
            _ => return Reaction::Ignored,
        };
        if let Some(why) = cx.read_only_reason() {
            return Reaction::Handled(vec![Effect::Refuse(why.to_owned())]);
        }
        match cx.rejection(act.clone()) {
            Some(rejection) => Reaction::Handled(vec![cx.refuse(&rejection)]),
            None => Reaction::Close(vec![Effect::act(cx, act, notice.to_owned(), None)]),
        }
    }
}
