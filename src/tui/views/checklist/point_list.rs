//! The list of a section's points: title, status and reason of each, as far as they fit.

use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Focus, View};
use crate::tui::context::{justify, pad_right};
use crate::tui::fuzzy::MatchMode;
use crate::tui::style::text::{
    clip_to_cells, limit_lines, spans_width, styled, truncate, truncate_spans, width, wrap,
};
use crate::tui::style::theme::{Theme, is_prominent};
use crate::tui::summary::{SectionSummary, StatusCount};
use crate::tui::widgets::hit_map::HitTarget;
use crate::tui::widgets::marked_text::{mark_lines, marked};
use gonogo_core::checklist::{Point, Section};
use gonogo_core::run::{Status, explain};
use gonogo_core::text;

/// From this width on, every point has its status label, and not only the prominent ones.
const MIN_WIDTH_FOR_LABELS: usize = 44;

/// The cells of the selection mark, the symbol and a space.
const MARKER_WIDTH: usize = 4;

/// The maximum number of lines of a title.
const MAX_TITLE_LINES: usize = 4;

/// The maximum number of lines of the reason for a bad status.
const MAX_REASON_LINES: usize = 3;

/// How many lines the title and the reason of a point may take. With a `title` of 1, it is truncated to one line;
/// otherwise it may take `MAX_TITLE_LINES`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct LineLimits {
    title: usize,
    reason: usize,
}

/// A line of a list, and the point that a click on it selects.
pub type ListRow = (Option<HitTarget>, Line<'static>);

/// The lines of a section's points for an area of that size. The selected point is always among them.
pub fn lines(view: &View, index: usize, area: Rect) -> Vec<ListRow> {
    let (size, room) = (usize::from(area.width), usize::from(area.height));
    let choices = [(2, 2), (2, 1), (1, 1), (1, 0)].map(|(title, reason)| LineLimits { title, reason });
    let count = view.checklist.visible.in_section(index).len();
    if count == 0 {
        return vec![(None, empty_line(view, index, size))];
    }
    // Each point takes at least one line. If there are too many, only the visible ones are laid out.
    let fits = |limits| {
        let rows = point_rows(view, index, 0..count, size, limits);
        (line_count(&rows) <= room).then_some((rows, limits))
    };
    let all = if count <= room { choices.into_iter().find_map(fits) } else { None };
    match all {
        Some((rows, limits)) => expand_reasons(view, index, (size, room), limits, rows).concat(),
        None => scrolled_rows(view, index, (size, room), choices[3]),
    }
}

fn line_count(rows: &[Vec<ListRow>]) -> usize {
    rows.iter().map(Vec::len).sum()
}

/// Gives the remaining lines to reasons that were cut, from the top. It ignores the selection, so that nothing moves
/// when the selection does.
fn expand_reasons(
    view: &View,
    index: usize,
    (size, room): (usize, usize),
    limits: LineLimits,
    mut rows: Vec<Vec<ListRow>>,
) -> Vec<Vec<ListRow>> {
    let bad: Vec<_> = view.points(index).map(|point| view.status(point).is_no_go()).collect();
    for reason in limits.reason + 1..=MAX_REASON_LINES {
        for row in (0..rows.len()).filter(|row| bad[*row]) {
            let remaining = room - line_count(&rows);
            let longer =
                point_rows(view, index, row..row + 1, size, LineLimits { reason, ..limits }).concat();
            if longer.len() <= rows[row].len() + remaining {
                rows[row] = longer;
            }
        }
    }
    rows
}

/// The lines of a range of the visible points, point by point.
fn point_rows(
    view: &View,
    index: usize,
    range: Range<usize>,
    size: usize,
    limits: LineLimits,
) -> Vec<Vec<ListRow>> {
    let Some(section) = view.plan().sections.get(index) else { return Vec::new() };
    let indexes = view.checklist.visible.in_section(index).get(range).unwrap_or_default();
    let points =
        indexes.iter().filter_map(|point_index| Some((point_index, section.points.get(*point_index)?)));
    let rows = points.map(|(point_index, point)| {
        let lines = point_lines(view, index, point, size, limits).into_iter();
        lines.map(|line| (Some(HitTarget::Point(index, *point_index)), line)).collect()
    });
    rows.collect()
}

/// The line of a section without visible points.
fn empty_line(view: &View, index: usize, size: usize) -> Line<'static> {
    let hidden = view.plan().sections.get(index).map_or(0, |section| section.points.len());
    let text =
        if hidden > 0 { format!("{} hidden", text::count(hidden, "point")) } else { "no points".into() };
    Line::from(truncate_spans(vec![Span::raw("    "), view.dim(&text)], size))
}

/// As many points as fit around the selected one, a line each.
fn scrolled_rows(
    view: &View,
    index: usize,
    (size, room): (usize, usize),
    limits: LineLimits,
) -> Vec<ListRow> {
    let count = view.checklist.visible.in_section(index).len();
    let selected = view.checklist.selection.row(index, &view.checklist.visible).unwrap_or(0);
    // A line below the selected one is kept for "more", if there is space.
    let spare = usize::from(room > 1);
    let first = (selected + 1 + spare).saturating_sub(room).min(count.saturating_sub(room));
    let mut lines = point_rows(view, index, first..(first + room).min(count), size, limits).concat();
    lines.truncate(room);
    let more = |text: String| Line::from(vec![Span::raw("    "), view.dim(&text)]);
    let beyond = count.saturating_sub(first + room);
    if let Some((_, last)) = lines.last_mut().filter(|_| beyond > 0 && room > 1) {
        *last = more(format!("↓ {} more", beyond + 1));
    }
    if let Some((_, top)) = lines.first_mut().filter(|_| first > 0 && room > 2) {
        *top = more(format!("↑ {} more", first + 1));
    }
    lines
}

fn point_lines(
    view: &View,
    section: usize,
    point: &Point,
    size: usize,
    limits: LineLimits,
) -> Vec<Line<'static>> {
    let status = view.status(point);
    let is_selected = view.checklist.selection.section == section
        && view.point().is_some_and(|selected| selected.id == point.id);
    let (symbol, role) = view.point_symbol(point, &status);
    let fill = " ".repeat(3 - width(symbol).min(2));
    let mark = if is_selected { styled("▌", view.theme.accent()) } else { Span::raw(" ") };
    let rows = text_lines(view, point, &status, (size.saturating_sub(MARKER_WIDTH), limits), is_selected);
    let lines = rows.into_iter().enumerate().map(|(row, line)| {
        let lead = if row == 0 { view.with_role(&format!("{symbol}{fill}"), role) } else { Span::raw("   ") };
        let spans = [mark.clone(), lead].into_iter().chain(line.spans).collect();
        Line::from(pad_right(spans, size)).style(row_style(view, is_selected))
    });
    lines.collect()
}

/// A point's title, status label, and the reason for a bad status.
fn text_lines(
    view: &View,
    point: &Point,
    status: &Status,
    (size, limits): (usize, LineLimits),
    is_selected: bool,
) -> Vec<Line<'static>> {
    let (_, role) = view.point_symbol(point, status);
    let (label, style) = (view.status_word(point, status), title_style(view, status, is_selected));
    let is_prominent = is_prominent(role);
    let is_wide = size >= MIN_WIDTH_FOR_LABELS;
    let room = if limits.title == 1 && (is_prominent || is_wide) {
        size.saturating_sub(width(&label) + 2)
    } else {
        size
    };
    let title = shown_title(view, point, size);
    let mut lines = match limits.title {
        1 => vec![Line::from(styled(&truncate(&title, room), style))],
        _ => limit_lines(wrap(vec![styled(&title, style)], size, 0), MAX_TITLE_LINES, size),
    };
    let label =
        marked_label(view, &label, if is_prominent { view.theme.style(role) } else { view.theme.dim() });
    mark_lines(&mut lines, &title, &view.checklist.query(), view.checklist.match_mode());
    let fits = lines.last().is_some_and(|last| last.width() + spans_width(&label) + 2 <= size);
    if fits
        && (is_prominent || is_wide)
        && let Some(last) = lines.last_mut()
    {
        let title = std::mem::take(&mut last.spans);
        *last = Line::from(justify(title, (" ", Style::new()), label, size));
        lines.extend(reason_lines(view, point, status, Vec::new(), size, limits.reason));
    } else if is_prominent {
        lines.extend(reason_lines(view, point, status, label, size, limits.reason.max(1)));
    }
    lines
}

/// A point's title, and its id where a filter has found that: the list shows why a point is in it.
fn shown_title(view: &View, point: &Point, size: usize) -> String {
    let title = text::line(&clip_to_cells(&point.title, size * MAX_TITLE_LINES));
    let (query, mode) = (view.checklist.query(), view.checklist.match_mode());
    let is_whole = query.cost(&[&title], mode).is_some();
    if is_whole || query.positions(&point.id, mode).is_empty() {
        return title;
    }
    format!("{title} · {}", text::line(&point.id))
}

/// The status label; a filter by letters does not search it.
fn marked_label(view: &View, label: &str, style: Style) -> Vec<Span<'static>> {
    match view.checklist.match_mode() {
        MatchMode::Exact => marked(label, style, &view.checklist.query(), MatchMode::Exact),
        MatchMode::Fuzzy => vec![styled(label, style)],
    }
}

fn title_style(view: &View, status: &Status, is_selected: bool) -> Style {
    match status {
        _ if is_selected => Theme::strong(),
        Status::Blocked(_) | Status::NotDue(_) | Status::NotApplicable => view.theme.dim(),
        _ => Theme::text(),
    }
}

fn row_style(view: &View, is_selected: bool) -> Style {
    if is_selected && view.checklist.focus == Focus::List { view.theme.selected() } else { Style::new() }
}

/// The reason for a bad status. `prefix` is the status label if it did not fit beside the title.
fn reason_lines(
    view: &View,
    point: &Point,
    status: &Status,
    mut prefix: Vec<Span<'static>>,
    size: usize,
    max_lines: usize,
) -> Vec<Line<'static>> {
    if status.is_no_go() && max_lines > 0 {
        let gap = if prefix.is_empty() { "" } else { " · " };
        let why = clip_to_cells(&explain(&view.judgement, &point.id, status), size * (max_lines + 1));
        prefix.push(view.dim(&format!("{gap}{why}")));
    }
    match max_lines {
        _ if prefix.is_empty() => Vec::new(),
        1 => vec![Line::from(truncate_spans(prefix, size))],
        _ => limit_lines(wrap(prefix, size, 0), max_lines, size),
    }
}

/// How many of a section's points are done; with a filter, how many are visible.
pub fn count_label(view: &View, index: usize, section: &Section) -> Span<'static> {
    let (shown, all) = (view.checklist.visible.in_section(index).len(), section.points.len());
    let done = || view.run.summary.section(index).done;
    match view.checklist.is_filtered() {
        true if shown > 0 => styled(&format!(" {shown} of {all} "), Theme::text()),
        true => view.dim(&format!(" 0 of {all} ")),
        false => view.dim(&format!(" {}/{all} ", done())),
    }
}

/// The title line of a section: number, title, count, symbol.
pub fn title_line(view: &View, index: usize, section: &Section, size: usize) -> Line<'static> {
    let is_selected = view.checklist.selection.section == index;
    let focused = is_selected && view.checklist.focus == Focus::List;
    let style = if focused { view.theme.accent() } else { Theme::strong() };
    let (symbol, role) = view.run.summary.section(index).symbol;
    let right = vec![count_label(view, index, section), view.with_role(symbol, role)];
    let used: usize = right.iter().map(Span::width).sum();
    let name = vec![
        styled(&format!("{} ", index + 1), if focused { style } else { view.theme.dim() }),
        styled(&clip_to_cells(&section.title, size), style),
    ];
    let mut left = truncate_spans(name, size.saturating_sub(used + 1));
    left.push(Span::raw(" "));
    let fill = if focused { ("━", view.theme.accent()) } else { ("─", view.theme.rule()) };
    Line::from(justify(left, fill, right, size))
}

/// How many points of a section are in each status, the prominent ones first.
pub fn word_counts(view: &View, section: &SectionSummary) -> Vec<Span<'static>> {
    let each = section.status_counts.iter().enumerate();
    let each = each.flat_map(|(index, status)| {
        let gap = if index == 0 { "" } else { " · " };
        [view.dim(gap), view.with_role(&format!("{} {}", status.count, status.word), status.symbol.1)]
    });
    each.chain([Span::raw(" ")]).collect()
}

/// The same with symbols, where the words do not fit.
pub fn symbol_counts(view: &View, section: &SectionSummary) -> Vec<Span<'static>> {
    let each = section.status_counts.iter().map(|StatusCount { symbol: (symbol, role), count, .. }| {
        view.with_role(&format!("{symbol}{count} "), *role)
    });
    each.collect()
}
