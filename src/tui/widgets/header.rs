//! The line on top: what is promoted where, by whom, for how long, and the verdict.

use std::time::Duration;

use ratatui::text::{Line, Span};

use crate::checklist::STANDARD_NAME;
use crate::journal::entry::Decision;
use crate::text;
use crate::tui::context::{View, spread};
use crate::tui::style::layout::{Arrangement, Size};
use crate::tui::style::text::{ellipsis, ink};
use crate::tui::style::theme::{Theme, Tone};

/// How many cells of a filter stand in the line.
const LONGEST_FILTER: usize = 20;

/// Something that stands in the line; with too little room, what has the highest number goes first.
struct Piece {
    keep: u8,
    spans: Vec<Span<'static>>,
}

/// The line, for a screen that is so arranged.
pub fn line(view: &View, arrangement: &Arrangement) -> Line<'static> {
    let width = usize::from(arrangement.header.width);
    let (mut left, mut right) = (left(view), right(view));
    if arrangement.size != Size::Small {
        left.extend(unusual(view));
    }
    while size(&left) + size(&right) + 2 > width && drop_one(&mut left, &mut right) {}
    let (left, right) = (joined(left), joined(right));
    let mut spans = vec![Span::raw(" ")];
    spans.extend(left);
    Line::from(spread(spans, (" ", Theme::text()), right, width)).style(view.theme.band())
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

fn left(view: &View) -> Vec<Piece> {
    let plan = view.plan();
    let mut pieces = vec![
        Piece { keep: 6, spans: vec![ink("gonogo", Theme::strong())] },
        Piece { keep: 0, spans: vec![environment(view)] },
        Piece { keep: 1, spans: vec![ink(&plan.release, Theme::strong())] },
    ];
    if let Some(previous) = &plan.previous {
        pieces.push(Piece { keep: 9, spans: vec![view.dim(&format!("← {previous}"))] });
    }
    pieces
}

/// What has to be known of the plan and of what is shown. A small screen says it below.
fn unusual(view: &View) -> Vec<Piece> {
    let marks = marks(view).join(" · ");
    let marks = Some(marks).filter(|marks| !marks.is_empty()).map(|marks| (3, marks));
    let told = marks.into_iter().chain(filter(view).map(|filter| (2, filter)));
    told.map(|(keep, told)| Piece { keep, spans: vec![view.toned(&told, Tone::Needs)] }).collect()
}

/// What is looked for, if points may be hidden.
pub fn filter(view: &View) -> Option<String> {
    let filter = view.app.filter.as_ref().filter(|_| view.app.is_filtered())?;
    Some(format!("filter “{}”", ellipsis(&text::line(filter.text()), LONGEST_FILTER)))
}

/// The environment; a production one in a field of its own, and by that word.
fn environment(view: &View) -> Span<'static> {
    let plan = view.plan();
    if !plan.production {
        return ink(&plan.environment, Theme::strong());
    }
    let said = plan.environment.to_lowercase().contains("production");
    let word = if said { "" } else { " PRODUCTION" };
    ink(&format!(" {}{word} ", plan.environment), view.theme.badge(Tone::Failed))
}

/// What is unusual about the plan; never left unsaid where there is room.
pub fn marks(view: &View) -> Vec<String> {
    let plan = view.plan();
    let mut marks = Vec::new();
    if plan.rehearsal.is_some() {
        marks.push("rehearsal".to_owned());
    }
    if view.app.state.proposal.is_some() {
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

fn right(view: &View) -> Vec<Piece> {
    let roster = &view.app.state.roster;
    // Whose turn it is, where several act at one keyboard.
    let several = view.app.here.len() > 1;
    let keep = if several { 3 } else { 7 };
    let mut people = Vec::new();
    for who in roster {
        let acts = several && who.principal == view.app.me.principal;
        let (sign, style) = if acts { ("▸", Theme::strong()) } else { ("", Theme::text()) };
        if !people.is_empty() {
            people.push(ink(" · ", Theme::text()));
        }
        people.push(ink(&format!("{sign}{}", view.person(&who.principal)), style));
    }
    vec![
        Piece { keep, spans: people },
        Piece { keep: 4, spans: vec![view.dim(&elapsed(view))] },
        Piece { keep: 0, spans: verdict(view) },
    ]
}

/// The time since the run opened; one that has ended took until its end.
fn elapsed(view: &View) -> String {
    let state = &view.app.state;
    let sealed = state.seals.last().filter(|_| state.is_sealed()).map(|seal| &seal.at);
    let end = state.abandoned.as_ref().map(|end| &end.at).or(sealed).unwrap_or(&view.app.now);
    clock(end.since(&state.opened))
}

fn clock(time: Duration) -> String {
    let s = time.as_secs();
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

/// The tone of a decision.
pub const fn tone(decision: Decision) -> Tone {
    match decision {
        Decision::Go => Tone::Good,
        Decision::NoGo => Tone::Failed,
        Decision::Pending => Tone::Needs,
    }
}

/// Said of a run that ended without being sealed.
const ABANDONED: &str = " ABANDONED";

/// The verdict as of now, and the recorded one while it stands; of a run that is sealed, what was sealed.
fn verdict(view: &View) -> Vec<Span<'static>> {
    let state = &view.app.state;
    let summary = &view.app.summary;
    let total = summary.total;
    let (decision, closed, word) = match &state.verdict {
        Some(standing) if state.abandoned.is_some() => (standing.decision, standing.closed, ABANDONED),
        Some(standing) if state.is_sealed() => (standing.decision, standing.closed, " SEALED"),
        Some(standing) if !state.seals.is_empty() => (standing.decision, standing.closed, " being sealed"),
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
    let badge = ink(&format!(" {decision} {closed}/{total}{word} "), view.theme.badge(tone(decision)));
    vec![badge]
}
