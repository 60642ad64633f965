//! The verdict with its reasons.

use crossterm::event::KeyEvent;
use ratatui::text::Span;

use super::{Dialog, DialogLayer};
use crate::checklist::Role;
use crate::journal::entry::{Decision, Verdict, VerdictReason};
use crate::run::{Act, CurrentVerdict, judge};
use crate::text;
use crate::tui::context::Context;
use crate::tui::dialogs::seal::SealDialog;
use crate::tui::dialogs::text_prompt::{Purpose, TextPrompt};
use crate::tui::keymap::{self, Answer};
use crate::tui::layer::{Effect, Reaction};
use crate::tui::rules::SOME;
use crate::tui::style::text::width as cells_of;
use crate::tui::style::text::{at_most, styled, wrap};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::dialog_view::DialogView;
use crate::tui::widgets::header::tone;

/// From how many cells on reasons are told at length; a list that scrolls without end is not read.
const ROOMY: usize = 60;

/// The verdict.
#[derive(Clone, Debug)]
pub struct VerdictDialog;

impl Dialog for VerdictDialog {
    fn view(&self, cx: &Context, width: usize) -> DialogView {
        sheet(cx, width)
    }

    fn key(&mut self, key: KeyEvent, cx: &Context) -> Reaction {
        match keymap::answer(key) {
            Some(Answer::Yes) => Reaction::Handled(record(cx).into_iter().collect()),
            Some(Answer::Seal) => Reaction::Handled(vec![request_seal(cx)]),
            Some(Answer::Abandon) => Reaction::Close(vec![request_abandon(cx)]),
            _ => Reaction::Ignored,
        }
    }
}

/// Only what is offered: the same verdict is not recorded twice.
fn record(cx: &Context) -> Option<Effect> {
    if let Some(why) = cx.read_only_reason() {
        return Some(Effect::Refuse(why.to_owned()));
    }
    match cx.refusal(Act::Verdict) {
        Some(refusal) => Some(cx.refuse_by(&refusal)),
        None if !can_record(cx) => None,
        None => Some(Effect::act(cx, Act::Verdict, "the verdict is recorded".into(), None)),
    }
}

fn request_seal(cx: &Context) -> Effect {
    if let Some(why) = cx.read_only_reason() {
        return Effect::Refuse(why.to_owned());
    }
    match cx.refusal(Act::Seal) {
        Some(refusal) => cx.refuse_by(&refusal),
        None => Effect::open(DialogLayer::new(SealDialog)),
    }
}

fn request_abandon(cx: &Context) -> Effect {
    match cx.refusal(Act::Abandon { reason: SOME.into() }) {
        Some(refusal) => cx.refuse_by(&refusal),
        None => Effect::open(TextPrompt::new(String::new(), Purpose::Abandon).layer()),
    }
}

/// The verdict as of now, why, and what stands recorded.
fn sheet(cx: &Context, width: usize) -> DialogView {
    let now = shown(cx);
    let mut sheet = DialogView::new("verdict", tone(now.decision));
    let badge = styled(&format!(" {} ", now.decision), cx.theme.badge(tone(now.decision)));
    let count = format!("  {} of {} done", now.done, text::count(to_usize(now.total), "point"));
    sheet.put(vec![badge, styled(&count, Theme::text())], width, 0);
    if width >= ROOMY || now.reasons.is_empty() {
        sheet.put(vec![cx.dim(meaning(now.decision))], width, 0);
    }
    // What stands comes before why: of a long list only the beginning is in view.
    if let Some(end) = &cx.run.state.abandoned {
        let (who, reason) = (cx.person(&end.by), text::line(&end.reason));
        let told = format!("● abandoned by {who}, {}: {reason}", end.at.wall.readable());
        sheet.put(vec![cx.toned(&told, StyleRole::Settled)], width, 2);
    }
    standing(cx, &mut sheet, width, &now);
    reasons(cx, &mut sheet, width, &now);
    let mut keys = Vec::new();
    let record = format!("record this verdict as {}", cx.name(&cx.session.me.principal));
    if can_record(cx) {
        keys.push(("y", record.as_str()));
    }
    if cx.can_seal() {
        keys.push(("s", "seal"));
    }
    keys.push(("Esc", "back"));
    if cx.can_abandon() {
        keys.push(("a", "abandon the run"));
    }
    sheet.keys(cx, &keys, width);
    sheet
}

/// What is sealed stays as it was judged; anything else is judged now.
fn shown(cx: &Context) -> Verdict {
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
        Decision::NoGo => "A point has failed, has an error, or is not configured.",
        Decision::Pending => "No point has failed, but not every point is done.",
    }
}

/// Recording the same verdict again says nothing new.
fn can_record(cx: &Context) -> bool {
    let (state, now) = (&cx.run.state, shown(cx));
    let same =
        |standing: &CurrentVerdict| standing.decision == now.decision && standing.reasons == now.reasons;
    !state.is_closing() && !state.verdict.as_ref().is_some_and(same)
}

fn reasons(cx: &Context, sheet: &mut DialogView, width: usize, verdict: &Verdict) {
    if verdict.reasons.is_empty() {
        return;
    }
    sheet.gap();
    let longest = verdict.reasons.iter().map(|reason| cells_of(&reason.point)).max().unwrap_or(0);
    let column = longest.min(width * 2 / 5);
    for reason in &verdict.reasons {
        let lines = wrap(against(cx, reason, column), width, if width >= ROOMY { 5 + column } else { 3 });
        let most = match cx.plan().point(&reason.point).map(|point| cx.status(point)) {
            _ if width >= ROOMY => lines.len(),
            Some(status) if status.is_no_go() => 2,
            _ => 1,
        };
        sheet.body.extend(at_most(lines, most, width));
    }
}

/// What speaks against GO at one point.
fn against(cx: &Context, reason: &VerdictReason, column: usize) -> Vec<Span<'static>> {
    let (sign, tone) = match cx.plan().point(&reason.point) {
        Some(point) => cx.settled_sign(point, &cx.status(point)),
        None => ("·", StyleRole::Idle),
    };
    let id = text::line(&reason.point);
    let fill = " ".repeat(column.saturating_sub(cells_of(&id)) + 2);
    let sign_fill = " ".repeat(3 - cells_of(sign).min(2));
    let why = if reason.why.is_empty() { String::new() } else { format!(" · {}", reason.why) };
    vec![
        cx.toned(&format!("{sign}{sign_fill}"), tone),
        styled(&format!("{id}{fill}"), Theme::text()),
        cx.toned(&reason.status, tone),
        cx.dim(&why),
    ]
}

fn standing(cx: &Context, sheet: &mut DialogView, width: usize, now: &Verdict) {
    let Some(standing) = &cx.run.state.verdict else {
        let told = "No verdict is recorded, or something has changed since.";
        return sheet.put(vec![cx.dim(told)], width, 0);
    };
    let by = format!(
        "● {} is recorded by {}, {} · log #{}",
        standing.decision,
        cx.person(&standing.by),
        cx.ago(&standing.at),
        standing.seq
    );
    sheet.put(vec![cx.toned(&by, StyleRole::Settled)], width, 2);
    if standing.decision != now.decision {
        let told = "Time has changed it since: record it again before you seal.";
        sheet.put(vec![cx.toned(told, StyleRole::Needs)], width, 0);
    }
    seals(cx, sheet, width);
}

/// Which seals stand, and which are missing.
pub fn seals(cx: &Context, sheet: &mut DialogView, width: usize) {
    let state = &cx.run.state;
    for seal in &state.seals {
        let told = format!("● sealed by {}, {}", cx.person(&seal.by), seal.at.wall.readable());
        sheet.put(vec![cx.toned(&told, StyleRole::Settled)], width, 2);
    }
    for role in state.missing_seals().into_iter().filter(|_| state.abandoned.is_none()) {
        sheet.put(vec![cx.dim(&format!("○ the {role}'s seal is missing{}", who(cx, role)))], width, 2);
    }
}

fn who(cx: &Context, role: Role) -> String {
    let mut names = cx.run.state.roster.iter().filter(|operator| operator.role == role);
    match names.next() {
        Some(operator) if operator.principal == cx.session.me.principal => ": yours".into(),
        Some(operator) => format!(": {}", cx.name(&operator.principal)),
        None => ": nobody takes part as one yet".into(),
    }
}
