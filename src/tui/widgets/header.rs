//! The header: environment, release, operators, elapsed time and verdict.

use std::time::Duration;

use ratatui::text::{Line, Span};

use crate::tui::context::{Context, justify};
use crate::tui::style::layout::{Arrangement, ScreenSize};
use crate::tui::style::text::{styled, truncate};
use crate::tui::style::theme::{StyleRole, Theme};
use gonogo_core::checklist::STANDARD_NAME;
use gonogo_core::journal::entry::Decision;
use gonogo_core::text;

/// The maximum width of the filter, in cells.
const MAX_FILTER_WIDTH: usize = 20;

/// A part of the header. If there is too little space, those with the highest `drop_order` are dropped first; those
/// with 0 are always shown.
struct HeaderPart {
    drop_order: u8,
    spans: Vec<Span<'static>>,
}

/// The header for an arrangement of the screen.
pub fn line(cx: &Context, arrangement: &Arrangement, filter: Option<&str>) -> Line<'static> {
    let width = usize::from(arrangement.header.width);
    let (mut left, mut right) = (left_parts(cx), right_parts(cx));
    if arrangement.size != ScreenSize::Small {
        left.extend(mark_parts(cx, filter));
    }
    while parts_width(&left) + parts_width(&right) + 2 > width && drop_one(&mut left, &mut right) {}
    let (left, right) = (join_parts(left), join_parts(right));
    let mut spans = vec![Span::raw(" ")];
    spans.extend(left);
    Line::from(justify(spans, (" ", Theme::text()), right, width)).style(cx.theme.header())
}

fn parts_width(parts: &[HeaderPart]) -> usize {
    parts.iter().map(|part| part.spans.iter().map(Span::width).sum::<usize>() + 2).sum()
}

fn join_parts(parts: Vec<HeaderPart>) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for part in parts {
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.extend(part.spans);
    }
    spans
}

fn drop_one(left: &mut Vec<HeaderPart>, right: &mut Vec<HeaderPart>) -> bool {
    let highest_order = |parts: &[HeaderPart]| parts.iter().map(|part| part.drop_order).max().unwrap_or(0);
    let (highest_left, highest_right) = (highest_order(left), highest_order(right));
    let parts = if highest_left >= highest_right { left } else { right };
    let highest = highest_left.max(highest_right);
    if highest == 0 {
        return false;
    }
    parts.retain(|part| part.drop_order != highest);
    true
}

fn left_parts(cx: &Context) -> Vec<HeaderPart> {
    let plan = cx.plan();
    let mut parts = vec![
        HeaderPart { drop_order: 6, spans: vec![styled("gonogo", Theme::strong())] },
        HeaderPart { drop_order: 0, spans: vec![environment(cx)] },
        HeaderPart { drop_order: 1, spans: vec![styled(&plan.release, Theme::strong())] },
    ];
    if let Some(previous) = &plan.previous {
        parts.push(HeaderPart { drop_order: 9, spans: vec![cx.dim(&format!("← {previous}"))] });
    }
    parts
}

/// The marks of the plan, and the filter. On a small screen they are in the strip below.
fn mark_parts(cx: &Context, filter: Option<&str>) -> Vec<HeaderPart> {
    let marks = plan_marks(cx).join(" · ");
    let marks = Some(marks).filter(|marks| !marks.is_empty()).map(|marks| (3, marks));
    let texts = marks.into_iter().chain(filter.map(filter_label).map(|filter| (2, filter)));
    texts
        .map(|(drop_order, texts)| HeaderPart {
            drop_order,
            spans: vec![cx.with_role(&texts, StyleRole::Attention)],
        })
        .collect()
}

/// The label of a filter by that text.
pub fn filter_label(text: &str) -> String {
    format!("filter “{}”", truncate(&text::line(text), MAX_FILTER_WIDTH))
}

/// The environment. Production is marked by a badge and by that word.
fn environment(cx: &Context) -> Span<'static> {
    let plan = cx.plan();
    if !plan.production {
        return styled(&plan.environment, Theme::strong());
    }
    let says_production = plan.environment.to_lowercase().contains("production");
    let word = if says_production { "" } else { " PRODUCTION" };
    styled(&format!(" {}{word} ", plan.environment), cx.theme.badge(StyleRole::Failed))
}

/// What is unusual about the plan.
pub fn plan_marks(cx: &Context) -> Vec<String> {
    let plan = cx.plan();
    let mut marks = Vec::new();
    if plan.rehearsal.is_some() {
        marks.push("rehearsal".to_owned());
    }
    if cx.run.state.proposal.is_some() {
        marks.push("plan proposed (!)".to_owned());
    }
    if plan.solo {
        marks.push("solo".to_owned());
    }
    if plan.checklist != STANDARD_NAME {
        marks.push(format!("checklist {}", plan.checklist));
    }
    if !plan.tailored.is_empty() {
        marks.push("tailored".to_owned());
    }
    marks
}

fn right_parts(cx: &Context) -> Vec<HeaderPart> {
    let roster = &cx.run.state.roster;
    // With several operators at this screen, the active one is marked.
    let several = cx.session.local_operators.len() > 1;
    let drop_order = if several { 3 } else { 7 };
    let mut people = Vec::new();
    for operator in roster {
        let is_active = several && operator.principal == cx.session.operator.principal;
        let (marker, style) = if is_active { ("▸", Theme::strong()) } else { ("", Theme::text()) };
        if !people.is_empty() {
            people.push(styled(" · ", Theme::text()));
        }
        people.push(styled(&format!("{marker}{}", cx.name_and_role(&operator.principal)), style));
    }
    vec![
        HeaderPart { drop_order, spans: people },
        HeaderPart { drop_order: 4, spans: vec![cx.dim(&elapsed(cx))] },
        HeaderPart { drop_order: 0, spans: verdict(cx) },
    ]
}

/// The time since the run opened, until now or until the run ended.
fn elapsed(cx: &Context) -> String {
    let state = &cx.run.state;
    let sealed = state.seals.last().filter(|_| state.is_sealed()).map(|seal| &seal.at);
    let end = state.abandoned.as_ref().map(|end| &end.at).or(sealed).unwrap_or(&cx.run.now);
    format_clock(end.since(&state.opened_at))
}

fn format_clock(time: Duration) -> String {
    let s = time.as_secs();
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// The role of a decision.
pub const fn decision_role(decision: Decision) -> StyleRole {
    match decision {
        Decision::Go => StyleRole::Good,
        Decision::NoGo => StyleRole::Failed,
        Decision::Pending => StyleRole::Attention,
    }
}

/// The label of a run that was abandoned.
const ABANDONED: &str = " ABANDONED";

/// The current verdict, and whether the same one is recorded. Once sealing has started or the run was abandoned, the
/// recorded one.
fn verdict(cx: &Context) -> Vec<Span<'static>> {
    let state = &cx.run.state;
    let summary = &cx.run.summary;
    let total = summary.total;
    let (decision, done, suffix) = match &state.verdict {
        Some(recorded) if state.abandoned.is_some() => (recorded.decision, recorded.done, ABANDONED),
        Some(recorded) if state.is_sealed() => (recorded.decision, recorded.done, " SEALED"),
        Some(recorded) if !state.seals.is_empty() => (recorded.decision, recorded.done, " being sealed"),
        recorded => {
            let (decision, done) = (summary.decision, summary.done);
            let same = recorded.as_ref().is_some_and(|recorded| recorded.decision == decision);
            let suffix = match &state.abandoned {
                Some(_) => ABANDONED,
                None if same => " recorded",
                None => "",
            };
            (decision, done, suffix)
        }
    };
    let badge =
        styled(&format!(" {decision} {done}/{total}{suffix} "), cx.theme.badge(decision_role(decision)));
    vec![badge]
}
