//! What a person wants done on the checklist: asked of the rules for the wording, and of the engine for the act.

use super::ChecklistView;
use crate::checklist::{Point, ProbeKey};
use crate::run::{Act, PointState, Rejection, Request, evidence};
use crate::time::Utc;
use crate::tui::context::Context;
use crate::tui::dialogs::confirm::ConfirmDialog;
use crate::tui::dialogs::help::HelpDialog;
use crate::tui::dialogs::retract::RetractDialog;
use crate::tui::dialogs::text_prompt::{Purpose, TextPrompt};
use crate::tui::dialogs::verdict::VerdictDialog;
use crate::tui::dialogs::{DialogLayer, run_action, stop_action, switch_operator};
use crate::tui::keymap::Intent;
use crate::tui::layer::{Effect, Layer};
use crate::tui::reproduce;
use crate::tui::rules::SOME;

/// Opens what is to be asked, unless the rules are against the act whatever is answered.
pub fn open_if_allowed(cx: &Context, dialog: impl Layer, act: Act) -> Effect {
    cx.refusal(act).map_or_else(|| Effect::open(dialog), |refusal| cx.refuse_by(&refusal))
}

impl ChecklistView {
    /// Moves, or does what is asked for.
    pub fn intent(&mut self, intent: Intent, cx: &Context) -> Vec<Effect> {
        self.copied = self.copied.take().filter(|_| intent == Intent::Copy);
        if let Some(effects) = self.moved(intent, cx) {
            return effects;
        }
        let mut effects: Vec<_> = self.request(intent, cx);
        // Nothing acts in a review, and its time stands still.
        if !cx.is_review() && intent.asks_first() && is_refused(&effects) {
            effects.push(Effect::GuardTyping);
        }
        effects
    }

    /// Does what is asked for, or asks whether to.
    fn request(&mut self, intent: Intent, cx: &Context) -> Vec<Effect> {
        let refused = |why: &str| vec![Effect::Refuse(why.to_owned())];
        if let Some(why) = cx.read_only_reason().filter(|_| intent.changes()) {
            return refused(why);
        }
        if !intent.is_about_a_point() {
            return self.request_of_run(intent, cx).into_iter().collect();
        }
        let here = self.point(cx.plan()).and_then(|point| Some((point, cx.run.state.point(&point.id)?)));
        let Some((point, state)) = here else { return refused("no point is shown here") };
        match intent {
            Intent::Copy => self.copy(point, state),
            Intent::Action => run_action::open(cx, point),
            intent => open_about(intent, cx, point, state).into_iter().collect(),
        }
    }

    fn request_of_run(&mut self, intent: Intent, cx: &Context) -> Option<Effect> {
        match intent {
            Intent::Filter => {
                self.open_filter();
                None
            }
            Intent::Leave => Some(Effect::Leave),
            Intent::Suspend => Some(Effect::Suspend),
            Intent::Stop => Some(stop_action::open(cx)),
            Intent::WayBack => Some(Effect::OpenRollback),
            Intent::Turn => Some(switch_operator::open(cx)),
            Intent::Verdict => Some(Effect::open(DialogLayer::new(VerdictDialog))),
            Intent::Help => {
                let point = self.point(cx.plan()).map(|point| point.id.clone());
                Some(Effect::open(DialogLayer::new(HelpDialog { point })))
            }
            Intent::ProbeTroubled => Some(self.probe_troubled(cx)),
            _ => None,
        }
    }

    fn probe_troubled(&self, cx: &Context) -> Effect {
        if let Some(sealed) = cx.sealed() {
            return Effect::Refuse(sealed);
        }
        let hidden = if self.is_filtered() { ", hidden points too" } else { "" };
        let said = format!("probing all that is stale, wrong or missing{hidden}");
        Effect::AskAndSay(Request::RerunNeeded, said)
    }

    /// `y`: the command of the first probe in trouble, else of the first; again, the next one's.
    fn copy(&mut self, point: &Point, state: &PointState) -> Vec<Effect> {
        let all = reproduce::commands(point, state);
        let is_last = |key: &ProbeKey| self.copied.as_ref() == Some(key);
        let last = all.iter().position(|(key, ..)| is_last(key));
        let next = last.map_or(0, |last| (last + 1) % all.len());
        let Some((key, title, command)) = all.get(next).cloned() else {
            return vec![Effect::Refuse("no probe has a command to copy yet".into())];
        };
        let place = if all.len() > 1 { format!("{} of {}: ", next + 1, all.len()) } else { String::new() };
        self.copied = Some(key);
        // Whether it takes it, a terminal does not tell.
        let said = format!("{place}{title} · sent to the terminal's clipboard: {command}");
        vec![Effect::Say(said), Effect::Copy(command)]
    }
}

fn is_refused(effects: &[Effect]) -> bool {
    let opens = effects.iter().any(|effect| matches!(effect, Effect::Open(_)));
    !opens && effects.iter().any(|effect| matches!(effect, Effect::Refuse(_)))
}

/// What is asked about a point.
fn open_about(intent: Intent, cx: &Context, point: &Point, state: &PointState) -> Option<Effect> {
    let id = point.id.clone();
    let prompt = |purpose| TextPrompt::new(id.clone(), purpose).layer();
    Some(match intent {
        Intent::Confirm => open_confirm(cx, point, state),
        Intent::Waive => {
            let until = Utc::from_millis(i64::MAX);
            let act = Act::Waive { point: id.clone(), reason: SOME.into(), until };
            open_if_allowed(cx, prompt(Purpose::Waive), act)
        }
        Intent::Exempt => {
            let act = Act::Exempt { point: id.clone(), reason: SOME.into() };
            open_if_allowed(cx, prompt(Purpose::Exempt), act)
        }
        Intent::Note => {
            let act = Act::Note { point: Some(id.clone()), text: SOME.into() };
            open_if_allowed(cx, prompt(Purpose::Note), act)
        }
        Intent::Retract => {
            let dialog = DialogLayer::new(RetractDialog::new(point, state, &cx.session.me.principal));
            open_if_allowed(cx, dialog, Act::Retract { point: id })
        }
        Intent::Probe => match cx.not_probed(&id) {
            Some(why) => Effect::Refuse(why),
            None => Effect::AskAndSay(Request::RunProbes(id.clone()), format!("probing {id}")),
        },
        Intent::Output => Effect::OpenOutput(id, None),
        _ => return None,
    })
}

fn open_confirm(cx: &Context, point: &Point, state: &PointState) -> Effect {
    let (id, of) = (point.id.clone(), evidence(point, state));
    let act = Act::Confirm { point: id.clone(), evidence: of.clone(), reason: None };
    match cx.refusal(act) {
        None => Effect::open(DialogLayer::new(ConfirmDialog { point: id, of, reason: None })),
        Some(Rejection::ReasonNeeded(_)) => {
            Effect::open(TextPrompt::new(id, Purpose::StandForTwo(of)).layer())
        }
        Some(refusal) => cx.refuse_by(&refusal),
    }
}
