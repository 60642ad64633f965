//! The dialog of a proposed plan: what it loosens, old beside new; whether to accept or withdraw it.

use super::{Dialog, DialogLayer, is_yes};
use crate::run::{Act, Proposal};
use crate::tui::context::Context;
use crate::tui::layer::{Effect, Reaction};
use crate::tui::style::text::styled;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use crossterm::event::{KeyCode, KeyEvent};

/// The sheet. A proposal that has ended meanwhile says so.
fn sheet(cx: &Context, width: usize, seq: u64) -> DialogView {
    let mut sheet = DialogView::new("proposed plan", StyleRole::Needs);
    let Some(proposal) = pending(cx, seq) else {
        sheet.put(vec![styled("This proposal has been accepted or withdrawn.", Theme::text())], width, 0);
        sheet.keys(cx, &[("Esc", "cancel")], width);
        return sheet;
    };
    let told = format!("{} proposes a looser plan, log #{}.", cx.person(&proposal.by), proposal.seq);
    sheet.put(vec![styled(&told, Theme::strong())], width, 0);
    let told = "The run keeps its plan until the other role accepts; no deployment action begins before.";
    sheet.put(vec![cx.dim(told)], width, 0);
    for change in &proposal.changes {
        sheet.gap();
        sheet.put(vec![styled(&change.what, Theme::strong())], width, 2);
        for (sign, value, tone) in
            [("- ", &change.old, StyleRole::Failed), ("+ ", &change.new, StyleRole::Needs)]
        {
            if let Some(value) = value {
                sheet.put(vec![cx.toned(sign, tone), styled(value, Theme::text())], width, 2);
            }
        }
    }
    let me = cx.person(&cx.session.me.principal);
    let (accept, withdraw) = (format!("accept (sign) as {me}"), format!("withdraw as {me}"));
    let offered = [("y", accept.as_str(), accepting(proposal)), ("d", &withdraw, withdrawing(proposal))];
    let possible = offered.into_iter().filter(|(_, _, act)| cx.refusal(act.clone()).is_none());
    let mut keys: Vec<(&str, &str)> = possible.map(|(key, does, _)| (key, does)).collect();
    keys.push(("Esc", "cancel"));
    sheet.keys(cx, &keys, width);
    sheet
}

fn pending<'a>(cx: &Context<'a>, seq: u64) -> Option<&'a Proposal> {
    cx.run.state.proposal.as_ref().filter(|proposal| proposal.seq == seq)
}

fn accepting(proposal: &Proposal) -> Act {
    let plan = Box::new((*proposal.plan).clone());
    Act::Replan { plan, proposal: Some(proposal.hash), reason: None }
}

fn withdrawing(proposal: &Proposal) -> Act {
    Act::WithdrawReplan(proposal.hash)
}

/// The dialog of the proposed plan, if one is pending.
pub fn open(cx: &Context) -> Option<Effect> {
    let seq = cx.run.state.proposal.as_ref()?.seq;
    Some(Effect::open(DialogLayer::new(ProposalDialog { seq })))
}

/// Whether a proposed plan waits for the person at this screen.
pub fn can_accept(cx: &Context) -> bool {
    let proposal = cx.run.state.proposal.as_ref();
    proposal.is_some_and(|proposal| cx.refusal(accepting(proposal)).is_none())
}

/// Whether to accept or withdraw the proposed plan.
#[derive(Clone, Debug)]
pub struct ProposalDialog {
    /// The position of its entry.
    pub seq: u64,
}

impl Dialog for ProposalDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        sheet(cx, width, self.seq)
    }

    /// What is signed has been seen: `y` shows the rest first.
    fn must_be_read(&self, key: KeyEvent, cx: &Context) -> Option<&'static str> {
        let accepts = is_yes(key) && cx.can_act() && pending(cx, self.seq).is_some();
        accepts.then_some("read the whole change first: scroll to its end")
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        let Some(proposal) = pending(cx, self.seq) else { return Reaction::Ignored };
        let (act, said) = match key.code {
            _ if is_yes(key) => (accepting(proposal), "accepted the proposed plan"),
            KeyCode::Char('d') => (withdrawing(proposal), "withdrew the proposed plan"),
            _ => return Reaction::Ignored,
        };
        if let Some(why) = cx.read_only_reason() {
            return Reaction::Handled(vec![Effect::Refuse(why.to_owned())]);
        }
        match cx.refusal(act.clone()) {
            Some(refusal) => Reaction::Handled(vec![cx.refuse_by(&refusal)]),
            None => Reaction::Close(vec![Effect::act(cx, act, said.to_owned(), None)]),
        }
    }
}
