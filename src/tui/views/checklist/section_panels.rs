//! The lists of points: six panels, one open section among bars, or one section under a strip.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::View;
use crate::tui::context::spread;
use crate::tui::style::layout::{Arrangement, Size};
use crate::tui::style::text::{cells, clipped, shorten, styled, width};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::views::checklist::point_list;
use crate::tui::widgets::header;
use crate::tui::widgets::hit_map::{HitTarget, Placed};

/// The lines of the lists, each at its place.
pub fn placed(view: &View, arrangement: &Arrangement) -> Vec<Placed> {
    match (arrangement.size, arrangement.lists.first()) {
        (Size::Wide, _) => wide(view, &arrangement.lists),
        (Size::Medium, Some(area)) => medium(view, *area),
        (Size::Small, Some(area)) => small(view, *area, arrangement),
        _ => Vec::new(),
    }
}

fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

fn wide(view: &View, lists: &[Rect]) -> Vec<Placed> {
    let panels = lists.iter().enumerate();
    panels.flat_map(|(index, area)| panel(view, index, *area, usize::from(area.height))).collect()
}

/// A section's title, and so many lines of its points below.
fn panel(view: &View, index: usize, area: Rect, room: usize) -> Vec<Placed> {
    let Some(section) = view.plan().sections.get(index) else { return Vec::new() };
    let title = point_list::title(view, index, section, usize::from(area.width));
    let mut placed = vec![Placed::top(area, Some(HitTarget::Section(index)), title)];
    let points = below(area, 1);
    let points = Rect { height: points.height.min(cells(room)), ..points };
    placed.extend(Placed::rows(points, point_list::lines(view, index, points)));
    placed
}

fn medium(view: &View, area: Rect) -> Vec<Placed> {
    let sections = view.plan().sections.len();
    let room = usize::from(area.height).saturating_sub(sections);
    let mut placed = Vec::new();
    for index in 0..sections {
        let rest = below(area, cells(placed.len()));
        if index == view.checklist.selection.section {
            placed.extend(panel(view, index, rest, room));
        } else {
            let line = bar(view, index, usize::from(area.width));
            placed.push(Placed::top(rest, Some(HitTarget::Section(index)), line));
        }
    }
    placed
}

/// A section in one line.
fn bar(view: &View, index: usize, size: usize) -> Line<'static> {
    let Some(section) = view.plan().sections.get(index) else { return Line::default() };
    let mut right = vec![Span::raw(" ")];
    let summary = view.run.summary.section(index);
    right.extend(point_list::tally(view, &summary));
    right.push(point_list::count(view, index, section));
    let (sign, tone) = summary.sign;
    right.push(view.toned(sign, tone));
    let taken: usize = right.iter().map(Span::width).sum();
    let name =
        vec![view.dim(&format!("{} ", index + 1)), styled(&clipped(&section.title, size), Theme::text())];
    let mut left = shorten(name, size.saturating_sub(taken + 1));
    left.push(Span::raw(" "));
    Line::from(spread(left, ("─", view.theme.rule()), right, size))
}

fn small(view: &View, area: Rect, arrangement: &Arrangement) -> Vec<Placed> {
    let top = Rect { y: arrangement.header.bottom(), height: 1, ..area };
    let mut placed = strip(view, top);
    if !view.checklist.is_detail_alone(arrangement) {
        placed.extend(panel(view, view.checklist.selection.section, area, usize::from(area.height)));
    }
    placed
}

/// All sections in one line, the open one marked; and what is unusual about the plan.
fn strip(view: &View, area: Rect) -> Vec<Placed> {
    let mut placed = Vec::new();
    let all: Vec<_> = (0..view.plan().sections.len()).map(|index| cell(view, index)).collect();
    let size = usize::from(area.width);
    let left = size.saturating_sub(all.iter().map(Line::width).sum::<usize>() + 2);
    let marks = marks(view, left.max(size * 2 / 5));
    let mut rest = area;
    for (index, cell) in
        in_view(all, view.checklist.selection.section, size.saturating_sub(marks.width() + 2))
    {
        let width = cells(cell.width()).min(rest.width);
        placed.push(Placed::top(Rect { width, ..rest }, Some(HitTarget::Section(index)), cell));
        rest = Rect { x: rest.x + width, width: rest.width - width, ..rest };
    }
    placed.push(Placed::top(rest, None, marks));
    placed
}

/// The cells that fit, with their numbers; the open one is always among them.
fn in_view(cells: Vec<Line<'static>>, open: usize, room: usize) -> Vec<(usize, Line<'static>)> {
    let size = |cells: &[Line]| cells.iter().map(Line::width).sum::<usize>();
    let first = (0..open).find(|first| size(&cells[*first..=open]) <= room).unwrap_or(open);
    let last = (first..cells.len()).take_while(|last| size(&cells[first..=*last]) <= room).count();
    cells.into_iter().enumerate().skip(first).take(last.max(1)).collect()
}

/// What has to be known of the plan and of what is shown; that there is a filter rather than which.
fn marks(view: &View, room: usize) -> Line<'static> {
    let (filter, marks) = (view.checklist.filter_text().map(header::filter), header::marks(view));
    let all = |filter: Option<String>| filter.into_iter().chain(marks.clone()).collect::<Vec<_>>();
    let short = all(filter.as_ref().map(|_| "filter".into()));
    let told = [all(filter).join(" · "), short.join(" · "), short.join(" ")];
    let told = told.iter().find(|told| width(told) <= room).unwrap_or(&told[2]);
    Line::from(shorten(vec![view.toned(told, StyleRole::Needs)], room)).right_aligned()
}

/// A section in a few cells: its number and its sign.
fn cell(view: &View, index: usize) -> Line<'static> {
    let (sign, tone) = view.run.summary.section(index).sign;
    let (number, ground) = if index == view.checklist.selection.section {
        (view.theme.accent().patch(view.theme.selected()), view.theme.selected())
    } else {
        (view.theme.dim(), Theme::text())
    };
    let number = styled(&format!(" {}", index + 1), number);
    Line::from(vec![number, styled(sign, view.theme.tone(tone).patch(ground))])
}
