//! The line on top: what is promoted where, by whom, for how long, and the verdict.

use std::time::Duration;

use ratatui::text::{Line, Span};

use crate::checklist::STANDARD_NAME;
use crate::journal::entry::Decision;
use crate::text;
use crate::tui::context::{Context, spread};
use crate::tui::style::layout::{Arrangement, Size};
use crate::tui::style::text::{ellipsis, styled};
use crate::tui::style::theme::{StyleRole, Theme};

/// How many cells of a filter stand in the line.
const LONGEST_FILTER: usize = 20;

/// Something that stands in the line; with too little room, what has the highest number goes first.
struct Piece {
    keep: u8,
    spans: Vec<Span<'static>>,
}

/// The line, for a screen that is so arranged.
pub fn line(cx: &Context, arrangement: &Arrangement, filter: Option<&str>) -> Line<'static> {
    let width = usize::from(arrangement.header.width);
    let (mut left, mut right) = (left(cx), right(cx));
    if arrangement.size != Size::Small {
        left.extend(unusual(cx, filter));
    }
    while size(&left) + size(&right) + 2 > width && drop_one(&mut left, &mut right) {}
    let (left, right) = (joined(left), joined(right));
    let mut spans = vec![Span::raw(" ")];
    spans.extend(left);
    Line::from(spread(spans, (" ", Theme::text()), right, width)).style(cx.theme.band())
}

fn size(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| piece.spans.iter().map(Span::width).sum::<usize>() + 2).sum()
}

fn joined(pieces: Vec<Piece>) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    for piece in pieces {
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        spans.extend(piece.spans);
    }
    spans
}

fn drop_one(left: &mut Vec<Piece>, right: &mut Vec<Piece>) -> bool {
    let least = |pieces: &[Piece]| pieces.iter().map(|piece| piece.keep).max().unwrap_or(0);
    let (of_left, of_right) = (least(left), least(right));
    let pieces = if of_left >= of_right { left } else { right };
    let worst = of_left.max(of_right);
    if worst == 0 {
        return false;
    }
    pieces.retain(|piece| piece.keep != worst);
    true
}

fn left(cx: &Context) -> Vec<Piece> {
    let plan = cx.plan();
    let mut pieces = vec![
        Piece { keep: 6, spans: vec![styled("gonogo", Theme::strong())] },
        Piece { keep: 0, spans: vec![environment(cx)] },
        Piece { keep: 1, spans: vec![styled(&plan.release, Theme::strong())] },
    ];
    if let Some(previous) = &plan.previous {
        pieces.push(Piece { keep: 9, spans: vec![cx.dim(&format!("← {previous}"))] });
    }
    pieces
}

/// What has to be known of the plan and of what is shown. A small screen says it below.
fn unusual(cx: &Context, sought: Option<&str>) -> Vec<Piece> {
    let marks = marks(cx).join(" · ");
    let marks = Some(marks).filter(|marks| !marks.is_empty()).map(|marks| (3, marks));
    let told = marks.into_iter().chain(sought.map(filter).map(|filter| (2, filter)));
    told.map(|(keep, told)| Piece { keep, spans: vec![cx.toned(&told, StyleRole::Needs)] }).collect()
}

/// That points may be hidden, by the text that they have to contain.
pub fn filter(text: &str) -> String {
    format!("filter “{}”", ellipsis(&text::line(text), LONGEST_FILTER))
}

/// The environment; a production one in a field of its own, and by that word.
fn environment(cx: &Context) -> Span<'static> {
    let plan = cx.plan();
    if !plan.production {
        return styled(&plan.environment, Theme::strong());
    }
    let said = plan.environment.to_lowercase().contains("production");
    let word = if said { "" } else { " PRODUCTION" };
    styled(&format!(" {}{word} ", plan.environment), cx.theme.badge(StyleRole::Failed))
}

/// What is unusual about the plan; never left unsaid where there is room.
pub fn marks(cx: &Context) -> Vec<String> {
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

fn right(cx: &Context) -> Vec<Piece> {
    let roster = &cx.run.state.roster;
    // Whose turn it is, where several act at one keyboard.
    let several = cx.session.local_operators.len() > 1;
    let keep = if several { 3 } else { 7 };
    let mut people = Vec::new();
    for who in roster {
        let acts = several && who.principal == cx.session.me.principal;
        let (sign, style) = if acts { ("▸", Theme::strong()) } else { ("", Theme::text()) };
        if !people.is_empty() {
            people.push(styled(" · ", Theme::text()));
        }
        people.push(styled(&format!("{sign}{}", cx.person(&who.principal)), style));
    }
    vec![
        Piece { keep, spans: people },
        Piece { keep: 4, spans: vec![cx.dim(&elapsed(cx))] },
        Piece { keep: 0, spans: verdict(cx) },
    ]
}

/// The time since the run opened; one that has ended took until its end.
fn elapsed(cx: &Context) -> String {
    let state = &cx.run.state;
    let sealed = state.seals.last().filter(|_| state.is_sealed()).map(|seal| &seal.at);
    let end = state.abandoned.as_ref().map(|end| &end.at).or(sealed).unwrap_or(&cx.run.now);
    clock(end.since(&state.opened_at))
}

fn clock(time: Duration) -> String {
    let s = time.as_secs();
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// The tone of a decision.
pub const fn tone(decision: Decision) -> StyleRole {
    match decision {
        Decision::Go => StyleRole::Good,
        Decision::NoGo => StyleRole::Failed,
        Decision::Pending => StyleRole::Needs,
    }
}

/// Said of a run that ended without being sealed.
const ABANDONED: &str = " ABANDONED";

/// The verdict as of now, and the recorded one while it stands; of a run that is sealed, what was sealed.
fn verdict(cx: &Context) -> Vec<Span<'static>> {
    let state = &cx.run.state;
    let summary = &cx.run.summary;
    let total = summary.total;
    let (decision, closed, word) = match &state.verdict {
        Some(standing) if state.abandoned.is_some() => (standing.decision, standing.done, ABANDONED),
        Some(standing) if state.is_sealed() => (standing.decision, standing.done, " SEALED"),
        Some(standing) if !state.seals.is_empty() => (standing.decision, standing.done, " being sealed"),
        recorded => {
            let (decision, closed) = (summary.decision, summary.closed);
            let same = recorded.as_ref().is_some_and(|recorded| recorded.decision == decision);
            let word = match &state.abandoned {
                Some(_) => ABANDONED,
                None if same => " recorded",
                None => "",
            };
            (decision, closed, word)
        }
    };
    let badge = styled(&format!(" {decision} {closed}/{total}{word} "), cx.theme.badge(tone(decision)));
    vec![badge]
}
