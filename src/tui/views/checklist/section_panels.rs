//! The lists of points: a panel per section (wide), the open section among bars (medium), or one section under a strip
//! of all (small).

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::View;
use crate::tui::context::justify;
use crate::tui::style::layout::{Arrangement, ScreenSize};
use crate::tui::style::text::{cells, clip_to_cells, styled, truncate_spans, width};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::views::checklist::point_list;
use crate::tui::widgets::header;
use crate::tui::widgets::hit_map::{HitTarget, PlacedLine};

/// The lines of all lists, each with its area and target.
pub fn placed_lines(view: &View, arrangement: &Arrangement) -> Vec<PlacedLine> {
    match (arrangement.size, arrangement.lists.first()) {
        (ScreenSize::Wide, _) => wide(view, &arrangement.lists),
        (ScreenSize::Medium, Some(area)) => medium(view, *area),
        (ScreenSize::Small, Some(area)) => small(view, *area, arrangement),
        _ => Vec::new(),
    }
}

fn skip_rows(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

fn wide(view: &View, lists: &[Rect]) -> Vec<PlacedLine> {
    let panels = lists.iter().enumerate();
    panels.flat_map(|(index, area)| panel(view, index, *area, usize::from(area.height))).collect()
}

/// A section's title, and up to `max_rows` lines of its points.
fn panel(view: &View, index: usize, area: Rect, max_rows: usize) -> Vec<PlacedLine> {
    let Some(section) = view.plan().sections.get(index) else { return Vec::new() };
    let title = point_list::title_line(view, index, section, usize::from(area.width));
    let mut lines = vec![PlacedLine::top(area, Some(HitTarget::Section(index)), title)];
    let points = skip_rows(area, 1);
    let points = Rect { height: points.height.min(cells(max_rows)), ..points };
    lines.extend(PlacedLine::rows(points, point_list::lines(view, index, points)));
    lines
}

fn medium(view: &View, area: Rect) -> Vec<PlacedLine> {
    let sections = view.plan().sections.len();
    let room = usize::from(area.height).saturating_sub(sections);
    let mut lines = Vec::new();
    for index in 0..sections {
        let rest = skip_rows(area, cells(lines.len()));
        if index == view.checklist.selection.section {
            lines.extend(panel(view, index, rest, room));
        } else {
            let line = bar(view, index, usize::from(area.width));
            lines.push(PlacedLine::top(rest, Some(HitTarget::Section(index)), line));
        }
    }
    lines
}

/// A section in one line: its title, how many points are in which status, and how many are done.
fn bar(view: &View, index: usize, size: usize) -> Line<'static> {
    let Some(section) = view.plan().sections.get(index) else { return Line::default() };
    let summary = view.run.summary.section(index);
    let (symbol, role) = summary.symbol;
    let done = [point_list::count_label(view, index, section), view.with_role(symbol, role)];
    // The title, its number, and a piece of the rule.
    let room = size.saturating_sub(width(&section.title) + done.iter().map(Span::width).sum::<usize>() + 6);
    let counts = [point_list::word_counts, point_list::symbol_counts].map(|counts| counts(view, &summary));
    let fits = |counts: &&Vec<Span>| counts.iter().map(Span::width).sum::<usize>() <= room;
    let counts = counts.iter().find(fits).unwrap_or(&counts[1]).clone();
    let right: Vec<_> = [Span::raw(" ")].into_iter().chain(counts).chain(done).collect();
    let used: usize = right.iter().map(Span::width).sum();
    let name = vec![
        view.dim(&format!("{} ", index + 1)),
        styled(&clip_to_cells(&section.title, size), Theme::text()),
    ];
    let mut left = truncate_spans(name, size.saturating_sub(used + 1));
    left.push(Span::raw(" "));
    Line::from(justify(left, ("─", view.theme.rule()), right, size))
}

fn small(view: &View, area: Rect, arrangement: &Arrangement) -> Vec<PlacedLine> {
    let top = Rect { y: arrangement.header.bottom(), height: 1, ..area };
    let mut lines = strip(view, top);
    if !view.checklist.is_detail_fullscreen(arrangement) {
        lines.extend(panel(view, view.checklist.selection.section, area, usize::from(area.height)));
    }
    lines
}

/// All sections in one line, the open one highlighted; then the marks of the plan.
fn strip(view: &View, area: Rect) -> Vec<PlacedLine> {
    let mut lines = Vec::new();
    let all: Vec<_> = (0..view.plan().sections.len()).map(|index| cell(view, index)).collect();
    let size = usize::from(area.width);
    let left = size.saturating_sub(all.iter().map(Line::width).sum::<usize>() + 2);
    let marks = marks_line(view, left.max(size * 2 / 5));
    let mut rest = area;
    for (index, cell) in
        visible_cells(all, view.checklist.selection.section, size.saturating_sub(marks.width() + 2))
    {
        let width = cells(cell.width()).min(rest.width);
        lines.push(PlacedLine::top(Rect { width, ..rest }, Some(HitTarget::Section(index)), cell));
        rest = Rect { x: rest.x + width, width: rest.width - width, ..rest };
    }
    lines.push(PlacedLine::top(rest, None, marks));
    lines
}

/// The cells that fit, with their indexes. The open one is always among them.
fn visible_cells(cells: Vec<Line<'static>>, open: usize, room: usize) -> Vec<(usize, Line<'static>)> {
    let size = |cells: &[Line]| cells.iter().map(Line::width).sum::<usize>();
    let first = (0..open).find(|first| size(&cells[*first..=open]) <= room).unwrap_or(open);
    let last = (first..cells.len()).take_while(|last| size(&cells[first..=*last]) <= room).count();
    cells.into_iter().enumerate().skip(first).take(last.max(1)).collect()
}

/// The filter and the marks of the plan; only the filter if both do not fit.
fn marks_line(view: &View, room: usize) -> Line<'static> {
    let (filter, mut marks) =
        (view.checklist.filter_text().map(header::filter_label), header::plan_marks(view));
    if view.run.state.are_consumers_paused() {
        marks.insert(0, "consumers paused".to_owned());
    }
    let all = |filter: Option<String>| filter.into_iter().chain(marks.clone()).collect::<Vec<_>>();
    let both = all(filter.clone()).join(" · ");
    let text = filter.filter(|_| width(&both) > room).unwrap_or(both);
    Line::from(truncate_spans(vec![view.with_role(&text, StyleRole::Attention)], room)).right_aligned()
}

/// A section in a few cells: its number and its symbol.
fn cell(view: &View, index: usize) -> Line<'static> {
    let (symbol, role) = view.run.summary.section(index).symbol;
    let (number, background) = if index == view.checklist.selection.section {
        (view.theme.selected().patch(view.theme.accent()), view.theme.selected())
    } else {
        (view.theme.dim(), Theme::text())
    };
    let number = styled(&format!(" {}", index + 1), number);
    Line::from(vec![number, styled(symbol, background.patch(view.theme.style(role)))])
}
