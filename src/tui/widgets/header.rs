//! The header: environment, release, what is left, operators, elapsed time and verdict; during a rollback, and after it,
//! that.

use std::time::Duration;

use ratatui::text::{Line, Span};

use crate::tui::context::{Context, justify};
use crate::tui::style::layout::{Arrangement, ScreenSize};
use crate::tui::style::text::{styled, truncate};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::summary::OpenKind;
use crate::tui::widgets::action_text::elapsed_of_deadline;
use gonogo_core::checklist::STANDARD_NAME;
use gonogo_core::journal::entry::Decision;
use gonogo_core::text;
use gonogo_core::time;

/// The maximum width of the filter, in cells.
const MAX_FILTER_WIDTH: usize = 20;
/// Between two parts.
const GAP: usize = 2;

/// A part of the header: its forms, the longest first, and its rank. Parts with rank 0 are always shown; the others are
/// given space in the order of their ranks, each in the longest form that fits.
struct HeaderPart {
    rank: u8,
    forms: Vec<Vec<Span<'static>>>,
}

impl HeaderPart {
    fn new(rank: u8, spans: Vec<Span<'static>>) -> Self {
        Self { rank, forms: vec![spans] }
    }
}

/// The header for an arrangement of the screen.
pub fn line(cx: &Context, arrangement: &Arrangement, filter: Option<&str>) -> Line<'static> {
    let width = usize::from(arrangement.header.width);
    let (mut left, right) = (left_parts(cx), right_parts(cx));
    if arrangement.size != ScreenSize::Small {
        left.extend(mark_parts(cx, filter));
    }
    let split = left.len();
    let mut shown = fit(left.into_iter().chain(right).collect(), width.saturating_sub(GAP));
    let right = join(shown.split_off(split));
    let mut spans = vec![Span::raw(" ")];
    spans.extend(join(shown));
    let line = Line::from(justify(spans, (" ", Theme::text()), right, width)).style(cx.theme.header());
    if rollback(cx).is_some() { in_red(cx, line) } else { line }
}

/// The whole line on red: nothing else on it is as important as a rollback.
fn in_red(cx: &Context, line: Line<'static>) -> Line<'static> {
    let style = cx.theme.badge(StyleRole::Failed);
    let spans = line.spans.into_iter().map(|span| Span::styled(span.content, style));
    Line::from(spans.collect::<Vec<_>>())
}

/// The form of each part that fits; none where no form does. Important parts come first: their shortest forms, then longer
/// ones; what is left is for the others.
fn fit(parts: Vec<HeaderPart>, room: usize) -> Vec<Option<Vec<Span<'static>>>> {
    let size = |spans: &[Span]| spans.iter().map(Span::width).sum::<usize>() + GAP;
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|index| parts[*index].rank);
    let (important, others): (Vec<_>, Vec<_>) = order.into_iter().partition(|index| parts[*index].rank < 5);
    let mut chosen: Vec<Option<usize>> = vec![None; parts.len()];
    let mut left = room;
    for group in [important, others] {
        for index in &group {
            let HeaderPart { rank, forms } = &parts[*index];
            let shortest = forms.last().map_or(0, |form| size(form));
            if shortest <= left || *rank == 0 {
                chosen[*index] = Some(forms.len() - 1);
                left = left.saturating_sub(shortest);
            }
        }
        for index in group {
            let forms = &parts[index].forms;
            let Some(shortest) = chosen[index].and_then(|form| forms.get(form)).map(|form| size(form)) else {
                continue;
            };
            if let Some(longer) = forms.iter().position(|form| size(form) <= left + shortest) {
                left = left + shortest - size(&forms[longer]);
                chosen[index] = Some(longer);
            }
        }
    }
    let form = |(part, form): (HeaderPart, Option<usize>)| part.forms.into_iter().nth(form?);
    parts.into_iter().zip(chosen).map(form).collect()
}

fn join(parts: Vec<Option<Vec<Span<'static>>>>) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for part in parts.into_iter().flatten().filter(|part| !part.is_empty()) {
        if !spans.is_empty() {
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        spans.extend(part);
    }
    spans
}

fn left_parts(cx: &Context) -> Vec<HeaderPart> {
    let plan = cx.plan();
    let mut parts = vec![HeaderPart::new(9, vec![styled("gonogo", Theme::strong())])];
    parts.extend(rollback(cx));
    parts.push(HeaderPart::new(0, environment(cx)));
    parts.push(HeaderPart::new(1, vec![styled(&plan.release, Theme::strong())]));
    if let Some(previous) = &plan.previous {
        // In a rollback, it is where things go.
        let rank = if cx.run.state.is_rolling_back() { 1 } else { 3 };
        parts.push(HeaderPart::new(rank, vec![cx.dim(&format!("← {previous}"))]));
    }
    let forms =
        [CountForm::Words, CountForm::ShortWords, CountForm::Symbols].map(|form| open_counts(cx, form));
    parts.push(HeaderPart { rank: 2, forms: forms.into() });
    parts
}

/// That a rollback is in progress, how far it is, and its last step; or that the release was rolled back.
fn rollback(cx: &Context) -> Option<HeaderPart> {
    let state = &cx.run.state;
    let banner = |text: &str| vec![styled(text, Theme::strong())];
    if let Some(rollback) = &state.rolled_back {
        let to = text::line(&rollback.release);
        let forms = match rollback.skipped_steps.len() {
            0 => [format!("ROLLED BACK to {to}"), "ROLLED BACK".to_owned()],
            skipped => {
                let skipped = text::count(skipped, "step");
                [format!("ROLLED BACK to {to}, {skipped} skipped"), format!("ROLLED BACK, {skipped} skipped")]
            }
        };
        return Some(HeaderPart { rank: 0, forms: forms.iter().map(|form| banner(form)).collect() });
    }
    if !state.is_rolling_back() {
        return None;
    }
    let steps = cx.plan().rollback.iter().filter(|step| step.is_required()).count();
    let count = format!("ROLLBACK {}/{steps}", state.rollback_steps_done().count());
    let last =
        state.rollback_steps_done().last().map(|step| format!("{count} · done: {}", text::line(&step.title)));
    let forms = last.iter().map(|last| banner(last)).chain([banner(&count)]);
    Some(HeaderPart { rank: 0, forms: forms.collect() })
}

/// How the counts of what is left are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CountForm {
    Words,
    ShortWords,
    Symbols,
}

/// What is left: how many points for each kind of work, and the running action.
fn open_counts(cx: &Context, form: CountForm) -> Vec<Span<'static>> {
    let counts = cx.run.summary.open_counts.iter().map(|(kind, count)| {
        let (symbol, role, words, short) = describe_open(*kind, *count);
        let text = match form {
            CountForm::Words => format!("{count} {words}"),
            CountForm::ShortWords => format!("{count} {short}"),
            CountForm::Symbols => format!("{symbol}{count}"),
        };
        cx.with_role(&text, role)
    });
    let mut spans: Vec<Span> = Vec::new();
    for count in running_action(cx, form).into_iter().chain(counts) {
        if !spans.is_empty() {
            spans.push(cx.dim(if form == CountForm::Symbols { " " } else { " · " }));
        }
        spans.push(count);
    }
    spans
}

/// The symbol of a kind of work, its role, and its name for a count, in words and in short.
const fn describe_open(
    kind: OpenKind,
    count: usize,
) -> (&'static str, StyleRole, &'static str, &'static str) {
    match kind {
        OpenKind::Failed => ("✖", StyleRole::Failed, "failed", "failed"),
        OpenKind::Error if count == 1 => ("⚠", StyleRole::Error, "error", "error"),
        OpenKind::Error => ("⚠", StyleRole::Error, "errors", "errors"),
        OpenKind::Stale => ("◷", StyleRole::Stale, "stale", "stale"),
        OpenKind::NeedsAction if count == 1 => ("▷", StyleRole::Attention, "needs action", "to run"),
        OpenKind::NeedsAction => ("▷", StyleRole::Attention, "need action", "to run"),
        OpenKind::NeedsConfirmation if count == 1 => {
            ("◐", StyleRole::Attention, "needs confirmation", "to confirm")
        }
        OpenKind::NeedsConfirmation => ("◐", StyleRole::Attention, "need confirmation", "to confirm"),
        OpenKind::Notice if count == 1 => ("ℹ", StyleRole::Waived, "notice", "notice"),
        OpenKind::Notice => ("ℹ", StyleRole::Waived, "notices", "notices"),
    }
}

/// The running action: for how long it has run, and its deadline.
fn running_action(cx: &Context, form: CountForm) -> Option<Span<'static>> {
    let (_, run) = cx.run.state.running_action()?;
    let text = match form {
        CountForm::Symbols => format!("▶ {}", time::span(cx.run.now.since(&run.at))),
        _ => format!("1 running {}", elapsed_of_deadline(cx, run)),
    };
    Some(cx.with_role(&text, StyleRole::Busy))
}

/// The marks of the plan, and the filter. On a small screen they are in the strip below.
fn mark_parts(cx: &Context, filter: Option<&str>) -> Vec<HeaderPart> {
    let marks = plan_marks(cx).join(" · ");
    let marks = Some(marks).filter(|marks| !marks.is_empty()).map(|marks| (7, marks));
    let texts = filter.map(filter_label).map(|filter| (2, filter)).into_iter().chain(marks);
    texts.map(|(rank, text)| HeaderPart::new(rank, vec![cx.with_role(&text, StyleRole::Attention)])).collect()
}

/// The label of a filter by that text.
pub fn filter_label(text: &str) -> String {
    format!("filter “{}”", truncate(&text::line(text), MAX_FILTER_WIDTH))
}

/// The environment. Production and a rehearsal are marked by a badge and by that word.
fn environment(cx: &Context) -> Vec<Span<'static>> {
    let plan = cx.plan();
    let (word, role) = if plan.rehearsal.is_some() {
        ("REHEARSAL", StyleRole::Busy)
    } else if plan.production {
        ("PRODUCTION", StyleRole::Failed)
    } else {
        return vec![styled(&plan.environment, Theme::strong())];
    };
    let says_it = plan.environment.to_uppercase().contains(word);
    let text = match (says_it, plan.rehearsal.is_some()) {
        (true, true) => format!(" {} ", plan.environment.to_uppercase()),
        (true, false) => format!(" {} ", plan.environment),
        (false, _) => format!(" {} {word} ", plan.environment),
    };
    vec![styled(&text, cx.theme.badge(role))]
}

/// What is unusual about the plan.
pub fn plan_marks(cx: &Context) -> Vec<String> {
    let plan = cx.plan();
    let mut marks = Vec::new();
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
        marks.push(format!("tailored: {}", text::count(plan.tailored.len(), "change")));
    }
    marks
}

fn right_parts(cx: &Context) -> Vec<HeaderPart> {
    let roster = &cx.run.state.roster;
    // With several operators at this screen, the active one is marked.
    let several = cx.session.local_operators.len() > 1;
    let mut people = Vec::new();
    for operator in roster {
        let is_active = several && operator.principal == cx.session.operator.principal;
        let (marker, style) = if is_active { ("▸", Theme::strong()) } else { ("", Theme::text()) };
        if !people.is_empty() {
            people.push(styled(" · ", Theme::text()));
        }
        people.push(styled(&format!("{marker}{}", cx.name_and_role(&operator.principal)), style));
    }
    let names: Vec<_> = roster.iter().map(|operator| cx.short_name(&operator.principal)).collect();
    let active = format!("▸{}", cx.short_name(&cx.session.operator.principal));
    let short =
        if several { styled(&active, Theme::strong()) } else { styled(&names.join(" · "), Theme::text()) };
    vec![
        HeaderPart { rank: 4, forms: vec![people, vec![short]] },
        HeaderPart::new(4, vec![cx.dim(&elapsed(cx))]),
        HeaderPart::new(0, verdict(cx)),
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

/// The verdict, and its standing: not recorded, recorded, outdated by something since, with a seal missing, or sealed. Once sealing has
/// started or the run was abandoned, it is the recorded one.
fn verdict(cx: &Context) -> Vec<Span<'static>> {
    let state = &cx.run.state;
    let summary = &cx.run.summary;
    let total = summary.total;
    let (decision, done, suffix) = match &state.verdict {
        Some(recorded) if state.abandoned.is_some() => (recorded.decision, recorded.done, ABANDONED),
        Some(recorded) if state.is_sealed() => (recorded.decision, recorded.done, " SEALED"),
        Some(recorded) if !state.seals.is_empty() => (recorded.decision, recorded.done, " seal missing"),
        recorded => {
            let (decision, done) = (summary.decision, summary.done);
            let suffix = match recorded {
                _ if state.abandoned.is_some() => ABANDONED,
                Some(recorded) if recorded.decision == decision => " recorded",
                // A GO that nobody has recorded is no verdict in force.
                None if state.outdated_verdict.is_none() && decision == Decision::Go => " not recorded",
                None if state.outdated_verdict.is_none() => "",
                _ => " verdict outdated",
            };
            (decision, done, suffix)
        }
    };
    let text = format!(" {decision} {done}/{total}{suffix} ");
    vec![styled(&text, cx.theme.badge(decision_role(decision)))]
}
