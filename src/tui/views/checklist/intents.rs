//! Carries out intents on the checklist: moves, opens dialogs, sends requests to the engine.

use super::ChecklistView;
use crate::tui::context::Context;
use crate::tui::dialogs::confirm::ConfirmDialog;
use crate::tui::dialogs::help::{HelpDialog, HelpView};
use crate::tui::dialogs::retract::RetractDialog;
use crate::tui::dialogs::text_prompt::{PromptPurpose, TextPrompt};
use crate::tui::dialogs::verdict::VerdictDialog;
use crate::tui::dialogs::{DialogLayer, quit, run_action, stop_action, switch_operator};
use crate::tui::keymap::Intent;
use crate::tui::layer::{Effect, Layer, find_refusal};
use crate::tui::reproduce;
use crate::tui::rules::PLACEHOLDER_REASON;
use gonogo_core::checklist::{Point, ProbeKey};
use gonogo_core::run::{Act, PointState, Rejection, Request, evidence};
use gonogo_core::time::Utc;

/// Why a key does nothing where a filter hides all points.
pub const NO_POINT: &str = "no point is shown here";

/// A command that reproduces a probe.
pub struct NextCommand {
    key: ProbeKey,
    title: String,
    command: String,
    /// Its number among those of the point.
    number: usize,
    /// How many there are.
    count: usize,
}

/// Opens a dialog for an act, unless the rules reject the act whatever is answered.
pub fn open_if_allowed(cx: &Context, dialog: impl Layer, act: Act) -> Effect {
    cx.rejection(act).map_or_else(|| Effect::open(dialog), |refusal| cx.refuse(&refusal))
}

impl ChecklistView {
    /// Carries out an intent.
    pub fn intent(&mut self, intent: Intent, cx: &Context) -> Vec<Effect> {
        self.last_copied = self.last_copied.take().filter(|_| intent == Intent::CopyCommand);
        self.last_guided = self.last_guided.take().filter(|_| intent == Intent::Guide);
        if let Some(effects) = self.navigate(intent, cx) {
            return effects;
        }
        let mut effects: Vec<_> = self.request(intent, cx);
        // A review cannot change anything, and its clock does not run.
        if !cx.is_review() && intent.opens_dialog() && find_refusal(&effects).is_some() {
            effects.push(Effect::GuardTyping);
        }
        effects
    }

    /// Carries out an intent other than moving.
    pub fn request(&mut self, intent: Intent, cx: &Context) -> Vec<Effect> {
        let refuse = |why: &str| vec![Effect::Refuse(why.to_owned())];
        if let Some(why) = cx.read_only_reason().filter(|_| intent.changes_run()) {
            return refuse(why);
        }
        if !intent.needs_point() {
            return self.request_for_run(intent, cx).into_iter().collect();
        }
        let selected = self.point(cx.plan()).and_then(|point| Some((point, cx.run.state.point(&point.id)?)));
        let Some((point, state)) = selected else { return refuse(NO_POINT) };
        match intent {
            Intent::CopyCommand => self.copy_command(point, state),
            Intent::RunAction => run_action::open(cx, point),
            intent => open_for_point(intent, cx, point, state).into_iter().collect(),
        }
    }

    fn request_for_run(&mut self, intent: Intent, cx: &Context) -> Option<Effect> {
        match intent {
            Intent::Filter => {
                self.open_filter();
                None
            }
            Intent::Quit => Some(quit::request(cx)),
            Intent::Suspend => Some(Effect::Suspend),
            Intent::StopAction => Some(stop_action::open(cx)),
            Intent::Rollback => Some(Effect::OpenRollback),
            Intent::SwitchOperator => Some(switch_operator::open(cx)),
            Intent::Verdict => Some(Effect::open(DialogLayer::new(VerdictDialog))),
            Intent::Palette => Some(Effect::OpenPalette),
            Intent::Help => {
                let point = self.point(cx.plan()).map(|point| point.id.clone());
                Some(Effect::open(DialogLayer::new(HelpDialog(HelpView::Checklist(point)))))
            }
            Intent::RerunNeeded => Some(self.rerun_needed(cx)),
            _ => None,
        }
    }

    fn rerun_needed(&self, cx: &Context) -> Effect {
        if let Some(sealed) = cx.closed_reason() {
            return Effect::Refuse(sealed);
        }
        let hidden = if self.is_filtered() { ", hidden points too" } else { "" };
        let notice = format!("probing all that is stale, wrong or missing{hidden}");
        Effect::SendAndNotify(Request::RerunNeeded, notice)
    }

    /// The next command that reproduces a probe, or why there is none.
    pub fn next_command(&self, point: &Point, state: &PointState) -> Result<NextCommand, &'static str> {
        let all = reproduce::commands(point, state);
        let is_last = |key: &ProbeKey| self.last_copied.as_ref() == Some(key);
        let last = all.iter().position(|(key, ..)| is_last(key));
        let next = last.map_or(0, |last| (last + 1) % all.len());
        let has_run = state.probes.values().any(|probe| probe.latest.is_some() || probe.early_run.is_some());
        let why = if has_run { "none of its probes has a command" } else { "no probe of it has run yet" };
        let (key, title, command) = all.get(next).cloned().ok_or(why)?;
        Ok(NextCommand { key, title, command, number: next + 1, count: all.len() })
    }

    /// Copies the command that reproduces a probe: first of one with a problem; when repeated, the next.
    fn copy_command(&mut self, point: &Point, state: &PointState) -> Vec<Effect> {
        let next = self.next_command(point, state);
        let NextCommand { key, title, command, number, count } = match next {
            Ok(next) => next,
            Err(why) => return vec![Effect::Refuse(why.into())],
        };
        let number = if count > 1 { format!("{number} of {count}: ") } else { String::new() };
        self.last_copied = Some(key);
        // Terminals do not report whether they set the clipboard.
        let notice = format!("{number}{title} · sent to the terminal's clipboard: {command}");
        vec![Effect::Notify(notice), Effect::Copy(command)]
    }
}

/// Carries out an intent about a point.
pub fn open_for_point(intent: Intent, cx: &Context, point: &Point, state: &PointState) -> Option<Effect> {
    let id = point.id.clone();
    let prompt = |purpose| TextPrompt::new(id.clone(), purpose).into_layer();
    Some(match intent {
        Intent::Confirm => open_confirm(cx, point, state),
        Intent::Waive => {
            let until = Utc::from_millis(i64::MAX);
            let act = Act::Waive { point: id.clone(), reason: PLACEHOLDER_REASON.into(), until };
            open_if_allowed(cx, prompt(PromptPurpose::Waive), act)
        }
        Intent::Exempt => {
            let act = Act::Exempt { point: id.clone(), reason: PLACEHOLDER_REASON.into() };
            open_if_allowed(cx, prompt(PromptPurpose::Exempt), act)
        }
        Intent::Note => {
            let act = Act::Note { point: Some(id.clone()), text: PLACEHOLDER_REASON.into() };
            open_if_allowed(cx, prompt(PromptPurpose::Note), act)
        }
        Intent::Retract => {
            let dialog = DialogLayer::new(RetractDialog::new(point, state, &cx.session.operator.principal));
            open_if_allowed(cx, dialog, Act::Retract { point: id, target: None })
        }
        Intent::RunProbes => match cx.why_not_probed(&id) {
            Some(why) => Effect::Refuse(why),
            None => Effect::SendAndNotify(Request::RunProbes(id.clone()), format!("probing {id}")),
        },
        Intent::Output => Effect::OpenOutput(id, None),
        _ => return None,
    })
}

fn open_confirm(cx: &Context, point: &Point, state: &PointState) -> Effect {
    let (id, evidence) = (point.id.clone(), evidence(point, state));
    let act = Act::Confirm { point: id.clone(), evidence: evidence.clone(), reason: None };
    match cx.rejection(act) {
        None => Effect::open(DialogLayer::new(ConfirmDialog { point: id, evidence, reason: None })),
        Some(Rejection::ReasonNeeded(_)) => {
            Effect::open(TextPrompt::new(id, PromptPurpose::ConfirmForTwo(evidence)).into_layer())
        }
        Some(refusal) => cx.refuse(&refusal),
    }
}
