//! The dialog that shows the verdict, and from which it is recorded and sealed.

use crossterm::event::KeyEvent;
use ratatui::text::Span;

use super::diagnosis::{self, AfterDiagnosis};
use super::{Dialog, DialogLayer};
use crate::tui::context::Context;
use crate::tui::dialogs::seal::SealDialog;
use crate::tui::dialogs::text_prompt::{PromptPurpose, TextPrompt};
use crate::tui::keymap::{self, DialogKey};
use crate::tui::layer::{Effect, Reaction};
use crate::tui::rules::PLACEHOLDER_REASON;
use crate::tui::style::text::styled;
use crate::tui::style::text::width as cells_of;
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::header::decision_role;
use gonogo_core::checklist::Role;
use gonogo_core::journal::entry::{Decision, Verdict, VerdictReason};
use gonogo_core::run::{Act, CurrentVerdict, judge};
use gonogo_core::text;

/// The width from which reasons stand in a column of their own.
const WIDE: usize = 60;

/// Shows the verdict.
#[derive(Clone, Debug)]
pub struct VerdictDialog;

impl Dialog for VerdictDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        dialog_view(cx, width)
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        match keymap::dialog_key(key) {
            Some(DialogKey::Yes) => record(cx),
            Some(DialogKey::Seal) => Reaction::Handled(vec![request_seal(cx)]),
            Some(DialogKey::Abandon) => Reaction::Close(vec![request_abandon(cx)]),
            Some(DialogKey::Diagnose) => match diagnosis::request_again(cx) {
                Some(dialog) => Reaction::Close(vec![dialog]),
                None => Reaction::Ignored,
            },
            _ => Reaction::Ignored,
        }
    }
}

/// Records the verdict; in a drill, after the diagnosis.
fn record(cx: &Context) -> Reaction {
    let diagnosis = can_record(cx).then(|| diagnosis::request(cx, AfterDiagnosis::Verdict)).flatten();
    match diagnosis {
        Some(diagnosis) => Reaction::Close(vec![diagnosis]),
        None if cx.can_act() && !cx.run.state.is_closing() && !can_record(cx) => {
            Reaction::Handled(vec![Effect::Refuse(is_recorded(cx))])
        }
        None => Reaction::Handled(record_verdict(cx).into_iter().collect()),
    }
}

/// Why the verdict is not recorded again.
fn is_recorded(cx: &Context) -> String {
    let seal = if cx.can_seal() { ": s seals the run" } else { "" };
    format!("this verdict is recorded already{seal}")
}

/// Records the verdict, unless it is recorded already.
fn record_verdict(cx: &Context) -> Option<Effect> {
    if let Some(reason) = cx.read_only_reason() {
        return Some(Effect::Refuse(reason.to_owned()));
    }
    match cx.rejection(Act::Verdict) {
        Some(rejection) => Some(cx.refuse(&rejection)),
        None if !can_record(cx) => None,
        None => Some(Effect::act(cx, Act::Verdict, "the verdict is recorded".into(), None)),
    }
}

fn request_seal(cx: &Context) -> Effect {
    if let Some(reason) = cx.read_only_reason() {
        return Effect::Refuse(reason.to_owned());
    }
    match cx.rejection(Act::Seal) {
        Some(rejection) => cx.refuse(&rejection),
        None => Effect::open(DialogLayer::new(SealDialog)),
    }
}

fn request_abandon(cx: &Context) -> Effect {
    match cx.rejection(Act::Abandon { reason: PLACEHOLDER_REASON.into() }) {
        Some(rejection) => cx.refuse(&rejection),
        None => Effect::open(TextPrompt::new(String::new(), PromptPurpose::Abandon).into_layer()),
    }
}

/// The content of the dialog.
fn dialog_view(cx: &Context, width: usize) -> DialogView {
    let verdict = shown_verdict(cx);
    let mut dialog = DialogView::new("verdict", decision_role(verdict.decision));
    let badge = styled(&format!(" {} ", verdict.decision), cx.theme.badge(decision_role(verdict.decision)));
    let count = format!("  {} of {} done", verdict.done, text::count(to_usize(verdict.total), "point"));
    dialog.put(vec![badge, styled(&count, Theme::text())], width, 0);
    if width >= WIDE || verdict.reasons.is_empty() {
        dialog.put(vec![cx.dim(meaning(verdict.decision))], width, 0);
    }
    // The recorded verdict comes before the reasons, as only the beginning of a long list is in view.
    if let Some(abandonment) = &cx.run.state.abandoned {
        let (operator, reason) = (cx.name_and_role(&abandonment.by), text::line(&abandonment.reason));
        let text = format!("● abandoned by {operator}, {}: {reason}", abandonment.at.wall.readable());
        dialog.put(vec![cx.with_role(&text, StyleRole::Confirmed)], width, 2);
    }
    recorded_section(cx, &mut dialog, width, &verdict);
    skipped_steps(cx, &mut dialog, width);
    diagnoses(cx, &mut dialog, width);
    running_probes(cx, &mut dialog, width);
    reason_lines(cx, &mut dialog, width, &verdict);
    warnings(cx, &mut dialog, width);
    let mut keys = Vec::new();
    let record = format!("record this verdict as {}", cx.short_name(&cx.session.operator.principal));
    if can_record(cx) {
        keys.push(("y", record.as_str()));
    }
    if cx.can_seal() {
        keys.push(("s", "seal"));
    }
    if diagnosis::can_diagnose(cx) {
        keys.push(("d", "diagnosis"));
    }
    keys.push(("Esc", "back"));
    if cx.can_abandon() {
        keys.push(("a", "abandon the run"));
    }
    dialog.keys(cx, &keys, width);
    dialog
}

/// The verdict as of now; the recorded one if the run is sealed or being sealed.
fn shown_verdict(cx: &Context) -> Verdict {
    match &cx.run.state.verdict {
        Some(CurrentVerdict { decision, done: closed, reasons, .. }) if cx.run.state.is_closing() => {
            let total = cx.plan().points().count() as u64;
            Verdict { decision: *decision, done: *closed, total, reasons: reasons.clone() }
        }
        _ => judge(&cx.judgement),
    }
}

fn to_usize(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

const fn meaning(decision: Decision) -> &'static str {
    match decision {
        Decision::Go => "Every point is done.",
        Decision::NoGo => "One of the points or actions below prevents GO.",
        Decision::Pending => "No point has failed, but not every point is done.",
    }
}

/// Whether the verdict differs from the recorded one, so that it can be recorded.
pub fn can_record(cx: &Context) -> bool {
    let (state, verdict) = (&cx.run.state, shown_verdict(cx));
    let is_recorded = |recorded: &CurrentVerdict| {
        recorded.decision == verdict.decision && recorded.reasons == verdict.reasons
    };
    !state.is_closing() && !state.verdict.as_ref().is_some_and(is_recorded)
}

fn reason_lines(cx: &Context, dialog: &mut DialogView, width: usize, verdict: &Verdict) {
    if verdict.reasons.is_empty() {
        return;
    }
    dialog.gap();
    let widest = verdict.reasons.iter().map(|reason| cells_of(&reason.point)).max().unwrap_or(0);
    let column = if width >= WIDE { widest.min(width * 2 / 5) } else { 0 };
    for reason in &verdict.reasons {
        dialog.put(reason_line(cx, reason, column), width, if width >= WIDE { 5 + column } else { 3 });
    }
}

/// What is wrong and fails nothing: who records the verdict has read it.
fn warnings(cx: &Context, dialog: &mut DialogView, width: usize) {
    let results = cx.plan().points().flat_map(|point| {
        let state = cx.run.state.point(&point.id);
        point.probes.iter().filter_map(move |probe| {
            let run = state?.probes.get(&probe.id)?.latest.as_ref()?;
            Some((&point.id, &probe.title, &run.outcome.observations))
        })
    });
    let warnings: Vec<_> = results
        .flat_map(|(id, title, seen)| seen.iter().map(move |seen| (id, title, seen)))
        .filter(|(_, _, seen)| seen.is_warning())
        .collect();
    if !warnings.is_empty() {
        dialog.gap();
    }
    for (id, title, seen) in warnings {
        let text = format!("ℹ {}  {}: {}", text::line(id), text::line(title), text::line(&seen.seen));
        dialog.put(vec![cx.with_role(&text, StyleRole::Attention)], width, 2);
    }
}

/// Why one point prevents GO. Without a column, only what failed is explained: the list would be too long.
fn reason_line(cx: &Context, reason: &VerdictReason, column: usize) -> Vec<Span<'static>> {
    let (symbol, role) = match cx.plan().point(&reason.point) {
        Some(point) => cx.point_status_symbol(point, &cx.status(point)),
        None => ("·", StyleRole::Idle),
    };
    let id = text::line(&reason.point);
    let fill = " ".repeat(column.saturating_sub(cells_of(&id)) + 2);
    let symbol_fill = " ".repeat(3 - cells_of(symbol).min(2));
    let is_no_go = cx.plan().point(&reason.point).is_none_or(|point| cx.status(point).is_no_go());
    let has_room = column > 0 || is_no_go;
    let explanation =
        if reason.why.is_empty() || !has_room { String::new() } else { format!(" · {}", reason.why) };
    vec![
        cx.with_role(&format!("{symbol}{symbol_fill}"), role),
        styled(&format!("{id}{fill}"), Theme::text()),
        cx.with_role(&reason.status, role),
        cx.dim(&explanation),
    ]
}

fn recorded_section(cx: &Context, dialog: &mut DialogView, width: usize, verdict: &Verdict) {
    let Some(recorded) = &cx.run.state.verdict else {
        let text = match &cx.run.state.outdated_verdict {
            None => "No verdict is recorded.".to_owned(),
            Some(CurrentVerdict { decision, seq, .. }) => {
                format!(
                    "No verdict is recorded: {decision} of log #{seq} is outdated by what was logged since."
                )
            }
        };
        return dialog.put(vec![cx.dim(&text)], width, 0);
    };
    let text = format!(
        "● {} is recorded by {}, {} · log #{}",
        recorded.decision,
        cx.name_and_role(&recorded.by),
        cx.ago(&recorded.at),
        recorded.seq
    );
    dialog.put(vec![cx.with_role(&text, StyleRole::Confirmed)], width, 2);
    if recorded.decision != verdict.decision {
        let text = "Time has changed it since: record it again before you seal.";
        dialog.put(vec![cx.with_role(text, StyleRole::Attention)], width, 0);
    }
    seal_lines(cx, dialog, width);
}

/// What was left out of a rollback, and why.
fn skipped_steps(cx: &Context, dialog: &mut DialogView, width: usize) {
    let Some(rollback) = &cx.run.state.rolled_back else { return };
    if rollback.skipped_steps.is_empty() {
        return;
    }
    let steps = rollback.skipped_steps.join(", ");
    let reason = rollback.reason.as_deref().unwrap_or_default();
    let text = format!("Skipped in the rollback: {}: {}", text::line(&steps), text::line(reason));
    dialog.put(vec![cx.with_role(&text, StyleRole::Attention)], width, 2);
}

/// What was said to be broken, in a drill.
fn diagnoses(cx: &Context, dialog: &mut DialogView, width: usize) {
    for (note, fault) in cx.run.state.diagnoses() {
        let text = format!("● diagnosis: {} · log #{}", text::line(fault), note.seq);
        dialog.put(vec![cx.with_role(&text, StyleRole::Confirmed)], width, 2);
    }
}

/// A verdict that is recorded while probes run is outdated by their results.
fn running_probes(cx: &Context, dialog: &mut DialogView, width: usize) {
    let running = cx.run.in_flight.running.len();
    if running == 0 || cx.run.state.is_closing() {
        return;
    }
    let running = text::count(running, "probe");
    let text = format!("Still running: {running}. The next result outdates a verdict recorded now.");
    dialog.put(vec![cx.with_role(&text, StyleRole::Attention)], width, 0);
}

/// Lines for the seals and the missing seals.
pub fn seal_lines(cx: &Context, dialog: &mut DialogView, width: usize) {
    let state = &cx.run.state;
    for seal in &state.seals {
        let text = format!("● sealed by {}, {}", cx.name_and_role(&seal.by), seal.at.wall.readable());
        dialog.put(vec![cx.with_role(&text, StyleRole::Confirmed)], width, 2);
    }
    for role in state.missing_seals().into_iter().filter(|_| state.abandoned.is_none()) {
        dialog.put(
            vec![cx.dim(&format!("○ the {role}'s seal is missing{}", seal_owner(cx, role)))],
            width,
            2,
        );
    }
}

fn seal_owner(cx: &Context, role: Role) -> String {
    let mut names = cx.run.state.roster.iter().filter(|operator| operator.role == role);
    match names.next() {
        Some(operator) if operator.principal == cx.session.operator.principal => ": yours".into(),
        Some(operator) => format!(": {}", cx.short_name(&operator.principal)),
        None => ": nobody takes part as one yet".into(),
    }
}
