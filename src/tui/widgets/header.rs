//! The header: environment, release, what is left, operators, elapsed time and verdict; during a rollback, and after it,
//! that.

mod fit;

use std::time::Duration;

use ratatui::text::{Line, Span};

use self::fit::{HeaderPart, fit, join};
use crate::tui::context::{Context, justify};
use crate::tui::style::layout::{Arrangement, ScreenSize};
use crate::tui::style::text::{styled, truncate, width};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::summary::OpenKind;
use crate::tui::widgets::action_text::elapsed_of_deadline;
use gonogo_core::checklist::STANDARD_NAME;
use gonogo_core::journal::entry::Decision;
use gonogo_core::text;
use gonogo_core::time;

/// The maximum width of the filter, in cells.
const MAX_FILTER_WIDTH: usize = 20;
/// The maximum width of an environment's name where there is little room, in cells.
const MAX_SHORT_ENVIRONMENT: usize = 8;
/// The maximum width of the active operator's name, in cells.
const MAX_OPERATOR: usize = 12;
/// The width from which on the clock and the program's name are shown: on narrower screens they would come and go with
/// what else is on the line, and everything else would move.
const MIN_CLOCK_WIDTH: u16 = 100;
/// See [`MIN_CLOCK_WIDTH`].
const MIN_NAME_WIDTH: u16 = 150;

/// The header for an arrangement of the screen.
pub fn line(cx: &Context, arrangement: &Arrangement, filter: Option<&str>) -> Line<'static> {
    let width = usize::from(arrangement.header.width);
    let (mut left, right) = (left_parts(cx, arrangement), right_parts(cx, arrangement));
    if arrangement.size != ScreenSize::Small {
        left.extend(mark_parts(cx, filter));
    }
    let split = left.len();
    // Three cells stay between the two groups: their gaps but one, and the cell before the first.
    let mut shown = fit(left.into_iter().chain(right).collect(), width);
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

fn left_parts(cx: &Context, arrangement: &Arrangement) -> Vec<HeaderPart> {
    let plan = cx.plan();
    let mut parts = Vec::new();
    if arrangement.header.width >= MIN_NAME_WIDTH {
        parts.push(HeaderPart::of(15, vec![styled("gonogo", Theme::strong())]));
    }
    parts.extend(rollback(cx));
    parts.push(environment(cx));
    parts.push(HeaderPart::of(1, vec![styled(&plan.release, Theme::strong())]));
    // In a rollback, it is where things go.
    let rank = if cx.run.state.is_rolling_back() { 1 } else { 5 };
    let previous = plan.previous.iter();
    parts.extend(previous.map(|previous| HeaderPart::of(rank, vec![cx.dim(&format!("← {previous}"))])));
    let counts = |(rank, form)| (rank, open_counts(cx, form));
    let forms =
        [(4, CountForm::Symbols), (7, CountForm::Mixed), (8, CountForm::ShortWords), (13, CountForm::Words)];
    parts.push(HeaderPart::new(forms.map(counts)));
    parts
}

/// That a rollback is in progress, how far it is, and its last step; or that the release was rolled back. As long as the
/// consumers are paused, that they are.
fn rollback(cx: &Context) -> Option<HeaderPart> {
    let state = &cx.run.state;
    let forms = match &state.rolled_back {
        Some(rollback) => {
            let to = text::line(&rollback.release);
            let skipped = match rollback.skipped_steps.len() {
                0 => String::new(),
                skipped => format!(", {} skipped", text::count(skipped, "step")),
            };
            [
                (0, "ROLLED BACK".to_owned()),
                (2, format!("ROLLED BACK{skipped}")),
                (10, format!("ROLLED BACK to {to}{skipped}")),
            ]
        }
        None if state.is_rolling_back() => {
            let steps = cx.plan().rollback.iter().filter(|step| step.is_required()).count();
            let count = format!("ROLLBACK {}/{steps}", state.rollback_steps_done().count());
            let last = state.rollback_steps_done().last();
            let last = last.map_or_else(String::new, |step| format!(" · done: {}", text::line(&step.title)));
            [(0, count.clone()), (2, count.clone()), (10, count + &last)]
        }
        None => return None,
    };
    let [short, longer, longest] = forms;
    let mut forms = vec![short.clone()];
    if state.are_consumers_paused() {
        forms.extend([
            (1, short.1 + " · paused"),
            (2, longer.1.clone() + " · paused"),
            (3, longer.1 + " · consumers paused"),
            (10, longest.1 + " · consumers paused"),
        ]);
    } else {
        forms.extend([longer, longest]);
    }
    let banner = |(rank, text): (u8, String)| (rank, vec![styled(&text, Theme::strong())]);
    Some(HeaderPart::new(forms.into_iter().map(banner)))
}

/// How the counts of what is left are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CountForm {
    Words,
    ShortWords,
    /// What people have to do in short words, the rest as symbols.
    Mixed,
    Symbols,
}

impl CountForm {
    /// Whether a kind of work is written as a symbol.
    const fn is_symbol(self, kind: OpenKind) -> bool {
        match self {
            Self::Words | Self::ShortWords => false,
            Self::Mixed => !matches!(kind, OpenKind::NeedsAction | OpenKind::NeedsConfirmation),
            Self::Symbols => true,
        }
    }
}

/// What is left: how many points for each kind of work, and the running action.
fn open_counts(cx: &Context, form: CountForm) -> Vec<Span<'static>> {
    let counts = cx.run.summary.open_counts.iter().map(|(kind, count)| {
        let (symbol, role, words, short) = describe_open(*kind, *count);
        let text = match form {
            form if form.is_symbol(*kind) => format!("{symbol}{count}"),
            CountForm::Words => format!("{count} {words}"),
            _ => format!("{count} {short}"),
        };
        (form.is_symbol(*kind), cx.with_role(&text, role))
    });
    let running = running_action(cx, form).map(|running| (form == CountForm::Symbols, running));
    let mut spans: Vec<Span> = Vec::new();
    let mut was_symbol = false;
    for (is_symbol, count) in running.into_iter().chain(counts) {
        if !spans.is_empty() {
            spans.push(cx.dim(if is_symbol && was_symbol { " " } else { " · " }));
        }
        spans.push(count);
        was_symbol = is_symbol;
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
        CountForm::Mixed => format!("▶ {}", elapsed_of_deadline(cx, run)),
        CountForm::Words | CountForm::ShortWords => format!("1 running {}", elapsed_of_deadline(cx, run)),
    };
    Some(cx.with_role(&text, StyleRole::Busy))
}

/// The marks of the plan, and the filter. On a small screen they are in the strip below.
fn mark_parts(cx: &Context, filter: Option<&str>) -> Vec<HeaderPart> {
    let marks = plan_marks(cx).join(" · ");
    let marks = Some(marks).filter(|marks| !marks.is_empty()).map(|marks| (14, marks));
    let texts = filter.map(filter_label).map(|filter| (2, filter)).into_iter().chain(marks);
    texts.map(|(rank, text)| HeaderPart::of(rank, vec![cx.with_role(&text, StyleRole::Attention)])).collect()
}

/// The label of a filter by that text.
pub fn filter_label(text: &str) -> String {
    format!("filter “{}”", truncate(&text::line(text), MAX_FILTER_WIDTH))
}

/// The environment. Production and a rehearsal are marked by a badge and by that word, which stays where there is no room
/// for a long name.
fn environment(cx: &Context) -> HeaderPart {
    let plan = cx.plan();
    let name = text::line(&plan.environment);
    let short = truncate(&name, MAX_SHORT_ENVIRONMENT);
    let (word, role) = if plan.rehearsal.is_some() {
        ("REHEARSAL", StyleRole::Busy)
    } else if plan.production {
        ("PRODUCTION", StyleRole::Failed)
    } else {
        let form = |(rank, name): (u8, &str)| (rank, vec![styled(name, Theme::strong())]);
        return HeaderPart::new([(0, short.as_str()), (6, &name)].map(form));
    };
    let is_said = name.to_uppercase().contains(word);
    let full = match (is_said, plan.rehearsal.is_some()) {
        (true, true) => name.to_uppercase(),
        (true, false) => name.clone(),
        (false, _) => format!("{name} {word}"),
    };
    let shortest = if is_said && width(&full) <= word.len() { full.clone() } else { word.to_owned() };
    let forms = [(0, shortest), (3, format!("{short} {word}")), (6, full)];
    // A form that is longer than the full one would take its place.
    let longest = forms.last().map_or(0, |(_, full)| width(full));
    let forms = forms.into_iter().filter(|(_, form)| width(form) <= longest);
    let badge = |(rank, text): (u8, String)| (rank, vec![styled(&format!(" {text} "), cx.theme.badge(role))]);
    HeaderPart::new(forms.map(badge))
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

fn right_parts(cx: &Context, arrangement: &Arrangement) -> Vec<HeaderPart> {
    let clock = Some(elapsed(cx)).filter(|_| arrangement.header.width >= MIN_CLOCK_WIDTH);
    let clock = clock.map(|clock| HeaderPart::of(10, vec![cx.dim(&clock)]));
    [Some(people(cx)), clock, Some(verdict(cx))].into_iter().flatten().collect()
}

/// Who is here. With several operators at this screen, the active one is marked, and always named.
fn people(cx: &Context) -> HeaderPart {
    let several = cx.session.local_operators.len() > 1;
    let active = &cx.session.operator.principal;
    let names = |name: &dyn Fn(&str) -> String| {
        let mut people = Vec::new();
        for operator in &cx.run.state.roster {
            let is_active = several && operator.principal == *active;
            let (marker, style) = if is_active { ("▸", Theme::strong()) } else { ("", Theme::text()) };
            if !people.is_empty() {
                people.push(styled(" · ", Theme::text()));
            }
            people.push(styled(&format!("{marker}{}", name(&operator.principal)), style));
        }
        people
    };
    let short = names(&|principal| cx.short_name(principal));
    let with_roles = names(&|principal| cx.name_and_role(principal));
    let active = truncate(&format!("▸{}", cx.short_name(active)), MAX_OPERATOR);
    let active = several.then(|| (0, vec![styled(&active, Theme::strong())]));
    HeaderPart::new(active.into_iter().chain([(9, short), (12, with_roles)]))
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
fn verdict(cx: &Context) -> HeaderPart {
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
    let style = cx.theme.badge(decision_role(decision));
    let forms = [
        (0, format!(" {decision} ")),
        (2, format!(" {decision}{suffix} ")),
        (2, format!(" {decision} {done}/{total}{suffix} ")),
    ];
    HeaderPart::new(forms.map(|(rank, text)| (rank, vec![styled(&text, style)])))
}
