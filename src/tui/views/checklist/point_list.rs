//! The points of a section, one line each or a little more.

use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Focus, View};
use crate::checklist::{Point, Section};
use crate::run::{Status, explain};
use crate::text;
use crate::tui::context::{padded, spread};
use crate::tui::style::text::{at_most, clipped, ellipsis, shorten, styled, width, wrap};
use crate::tui::style::theme::{Theme, is_loud};
use crate::tui::summary::SectionSummary;
use crate::tui::widgets::hit_map::HitTarget;

/// From how many cells on every point has its word, and not only those that call for somebody.
const WITH_WORDS: usize = 44;

/// How many cells the mark of the selection, the sign and a space take.
const LEAD: usize = 4;

/// The most lines that a title takes.
const MOST_OF_A_TITLE: usize = 4;

/// The most lines that the reason of a bad state takes.
const MOST_OF_A_REASON: usize = 3;

/// How much a list tells of each point.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Depth {
    title: usize,
    reason: usize,
}

/// A line of a list, and the point that it is about.
pub type Row = (Option<HitTarget>, Line<'static>);

/// The lines of a section's points for a place of that size, the selected one among them.
pub fn lines(view: &View, index: usize, area: Rect) -> Vec<Row> {
    let (size, room) = (usize::from(area.width), usize::from(area.height));
    let depths = [(2, 2), (2, 1), (1, 1), (1, 0)].map(|(title, reason)| Depth { title, reason });
    let count = view.checklist.visible.of(index).len();
    if count == 0 {
        return vec![(None, nothing(view, index, size))];
    }
    // Every point takes a line at least: of a great many, only those are set that are to be seen.
    let fits = |depth| {
        let told = told_each(view, index, 0..count, size, depth);
        (height(&told) <= room).then_some((told, depth))
    };
    let all = if count <= room { depths.into_iter().find_map(fits) } else { None };
    match all {
        Some((told, depth)) => spend(view, index, (size, room), depth, told).concat(),
        None => window(view, index, (size, room), depths[3]),
    }
}

fn height(told: &[Vec<Row>]) -> usize {
    told.iter().map(Vec::len).sum()
}

/// Gives the lines that are left over to the reasons that were cut, from the top, whatever is selected:
/// nothing is to move while somebody moves about.
fn spend(
    view: &View,
    index: usize,
    (size, room): (usize, usize),
    depth: Depth,
    mut told: Vec<Vec<Row>>,
) -> Vec<Vec<Row>> {
    let bad: Vec<_> = view.points(index).map(|point| view.status(point).is_no_go()).collect();
    for reason in depth.reason + 1..=MOST_OF_A_REASON {
        for at in (0..told.len()).filter(|at| bad[*at]) {
            let left = room - height(&told);
            let fuller = told_each(view, index, at..at + 1, size, Depth { reason, ..depth }).concat();
            if fuller.len() <= told[at].len() + left {
                told[at] = fuller;
            }
        }
    }
    told
}

/// The lines of some of the points that are shown, point by point.
fn told_each(view: &View, index: usize, some: Range<usize>, size: usize, depth: Depth) -> Vec<Vec<Row>> {
    let Some(section) = view.plan().sections.get(index) else { return Vec::new() };
    let places = view.checklist.visible.of(index).get(some).unwrap_or_default();
    let points = places.iter().filter_map(|place| Some((place, section.points.get(*place)?)));
    let rows = points.map(|(place, point)| {
        let lines = one(view, index, point, size, depth).into_iter();
        lines.map(|line| (Some(HitTarget::Point(index, *place)), line)).collect()
    });
    rows.collect()
}

/// What stands where a section shows no point.
fn nothing(view: &View, index: usize, size: usize) -> Line<'static> {
    let hidden = view.plan().sections.get(index).map_or(0, |section| section.points.len());
    let told =
        if hidden > 0 { format!("{} hidden", text::count(hidden, "point")) } else { "no points".into() };
    Line::from(shorten(vec![Span::raw("    "), view.dim(&told)], size))
}

/// As many points as fit, a line each, around the selected one.
fn window(view: &View, index: usize, (size, room): (usize, usize), depth: Depth) -> Vec<Row> {
    let count = view.checklist.visible.of(index).len();
    let selected = view.checklist.selection.row(index, &view.checklist.visible).unwrap_or(0);
    // The line below the selected one is kept for what follows, where there is a line to spare.
    let spare = usize::from(room > 1);
    let first = (selected + 1 + spare).saturating_sub(room).min(count.saturating_sub(room));
    let mut lines = told_each(view, index, first..(first + room).min(count), size, depth).concat();
    lines.truncate(room);
    let more = |told: String| Line::from(vec![Span::raw("    "), view.dim(&told)]);
    let beyond = count.saturating_sub(first + room);
    if let Some((_, last)) = lines.last_mut().filter(|_| beyond > 0 && room > 1) {
        *last = more(format!("↓ {} more", beyond + 1));
    }
    if let Some((_, top)) = lines.first_mut().filter(|_| first > 0 && room > 2) {
        *top = more(format!("↑ {} more", first + 1));
    }
    lines
}

fn one(view: &View, section: usize, point: &Point, size: usize, depth: Depth) -> Vec<Line<'static>> {
    let status = view.status(point);
    let here =
        view.checklist.selection.section == section && view.point().is_some_and(|here| here.id == point.id);
    let (sign, tone) = view.sign(point, &status);
    let fill = " ".repeat(3 - width(sign).min(2));
    let mark = if here { styled("▌", view.theme.accent()) } else { Span::raw(" ") };
    let told = told(view, point, &status, (size.saturating_sub(LEAD), depth), here);
    let framed = told.into_iter().enumerate().map(|(row, line)| {
        let lead = if row == 0 { view.toned(&format!("{sign}{fill}"), tone) } else { Span::raw("   ") };
        let spans = [mark.clone(), lead].into_iter().chain(line.spans).collect();
        Line::from(padded(spans, size)).style(ground(view, here))
    });
    framed.collect()
}

/// A point's title, the word for its state, and what is behind it if it is bad.
fn told(
    view: &View,
    point: &Point,
    status: &Status,
    (size, depth): (usize, Depth),
    here: bool,
) -> Vec<Line<'static>> {
    let (_, tone) = view.sign(point, status);
    let (word, style) = (view.word(point, status), title_style(view, status, here));
    let loud = is_loud(tone);
    let wide = size >= WITH_WORDS;
    let room = if depth.title == 1 && (loud || wide) { size.saturating_sub(width(&word) + 2) } else { size };
    let title = text::line(&clipped(&point.title, size * MOST_OF_A_TITLE));
    let mut lines = match depth.title {
        1 => vec![Line::from(styled(&ellipsis(&title, room), style))],
        _ => at_most(wrap(vec![styled(&title, style)], size, 0), MOST_OF_A_TITLE, size),
    };
    let word = styled(&word, if loud { view.theme.tone(tone) } else { view.theme.dim() });
    let fits = lines.last().is_some_and(|last| last.width() + word.width() + 2 <= size);
    if fits
        && (loud || wide)
        && let Some(last) = lines.last_mut()
    {
        let title = std::mem::take(&mut last.spans);
        *last = Line::from(spread(title, (" ", Style::new()), vec![word], size));
        lines.extend(reasons(view, point, status, Vec::new(), size, depth.reason));
    } else if loud {
        lines.extend(reasons(view, point, status, vec![word], size, depth.reason.max(1)));
    }
    lines
}

fn title_style(view: &View, status: &Status, here: bool) -> Style {
    match status {
        _ if here => Theme::strong(),
        Status::Blocked(_) | Status::NotDue(_) | Status::NotApplicable => view.theme.dim(),
        _ => Theme::text(),
    }
}

fn ground(view: &View, here: bool) -> Style {
    if here && view.checklist.focus == Focus::List { view.theme.selected() } else { Style::new() }
}

/// What is behind a bad state, after the word for it where that had no room beside the title.
fn reasons(
    view: &View,
    point: &Point,
    status: &Status,
    mut told: Vec<Span<'static>>,
    size: usize,
    most: usize,
) -> Vec<Line<'static>> {
    if status.is_no_go() && most > 0 {
        let gap = if told.is_empty() { "" } else { " · " };
        let why = clipped(&explain(&view.judgement, &point.id, status), size * (most + 1));
        told.push(view.dim(&format!("{gap}{why}")));
    }
    match most {
        _ if told.is_empty() => Vec::new(),
        1 => vec![Line::from(shorten(told, size))],
        _ => at_most(wrap(told, size, 0), most, size),
    }
}

/// How many of a section's points are closed; while points are hidden, how many are shown.
pub fn count(view: &View, index: usize, section: &Section) -> Span<'static> {
    let (shown, all) = (view.checklist.visible.of(index).len(), section.points.len());
    let closed = || view.run.summary.section(index).closed;
    match view.checklist.is_filtered() {
        true if shown > 0 => styled(&format!(" {shown} of {all} "), Theme::text()),
        true => view.dim(&format!(" 0 of {all} ")),
        false => view.dim(&format!(" {}/{all} ", closed())),
    }
}

/// The line over a section's points: number, title, count, sign.
pub fn title(view: &View, index: usize, section: &Section, size: usize) -> Line<'static> {
    let here = view.checklist.selection.section == index;
    let focused = here && view.checklist.focus == Focus::List;
    let style = if focused { view.theme.accent() } else { Theme::strong() };
    let (sign, tone) = view.run.summary.section(index).sign;
    let right = vec![count(view, index, section), view.toned(sign, tone)];
    let taken: usize = right.iter().map(Span::width).sum();
    let name = vec![
        styled(&format!("{} ", index + 1), if focused { style } else { view.theme.dim() }),
        styled(&clipped(&section.title, size), style),
    ];
    let mut left = shorten(name, size.saturating_sub(taken + 1));
    left.push(Span::raw(" "));
    let rule = if focused { ("━", view.theme.accent()) } else { ("─", view.theme.rule()) };
    Line::from(spread(left, rule, right, size))
}

/// How often each sign stands in a section, the loudest first.
pub fn tally(view: &View, section: &SectionSummary) -> Vec<Span<'static>> {
    let each = section.signs.iter();
    each.map(|((sign, tone), count)| view.toned(&format!("{sign}{count} "), *tone)).collect()
}
