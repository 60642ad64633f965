//! The lists of points: six panels, one open section among bars, or one section under a strip.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::header;
use super::layout::{Arrangement, Size};
use super::list;
use super::paper::{cells, ink, shorten};
use super::theme::{Theme, Tone};
use super::view::{View, padded, spread};

/// Draws the lists.
pub fn draw(view: &View, frame: &mut Frame, arrangement: &Arrangement) {
    match arrangement.size {
        Size::Wide => wide(view, frame, &arrangement.lists),
        Size::Medium => arrangement.lists.iter().for_each(|area| medium(view, frame, *area)),
        Size::Small => small(view, frame, arrangement),
        Size::TooSmall => {}
    }
}

/// Draws lines from the top of a place, as many as fit.
pub fn put(frame: &mut Frame, area: Rect, lines: impl IntoIterator<Item = Line<'static>>) {
    for (row, line) in (0..area.height).zip(lines) {
        line.render(Rect { y: area.y + row, height: 1, ..area }, frame.buffer_mut());
    }
}

fn below(area: Rect, rows: u16) -> Rect {
    let rows = rows.min(area.height);
    Rect { y: area.y + rows, height: area.height - rows, ..area }
}

fn wide(view: &View, frame: &mut Frame, lists: &[Rect]) {
    for (index, (section, area)) in view.plan().sections.iter().zip(lists).enumerate() {
        put(frame, *area, [list::title(view, index, section, usize::from(area.width))]);
        let points = below(*area, 1);
        put(frame, points, list::lines(view, index, points));
    }
}

fn medium(view: &View, frame: &mut Frame, area: Rect) {
    let sections = &view.plan().sections;
    let room = area.height.saturating_sub(cells(sections.len()));
    let mut rest = area;
    for (index, section) in sections.iter().enumerate() {
        let size = usize::from(area.width);
        if index == view.app.place.section {
            put(frame, rest, [list::title(view, index, section, size)]);
            let points = Rect { height: room.min(rest.height.saturating_sub(1)), ..below(rest, 1) };
            let lines = list::lines(view, index, points);
            rest = below(rest, 1 + cells(lines.len()));
            put(frame, points, lines);
        } else {
            put(frame, rest, [bar(view, index, size)]);
            rest = below(rest, 1);
        }
    }
}

/// A section in one line.
fn bar(view: &View, index: usize, size: usize) -> Line<'static> {
    let Some(section) = view.plan().sections.get(index) else { return Line::default() };
    let mut right = vec![Span::raw(" ")];
    right.extend(list::tally(view, section));
    right.push(list::count(view, index, section));
    let (sign, tone) = list::sign(view, section);
    right.push(view.toned(sign, tone));
    let taken: usize = right.iter().map(Span::width).sum();
    let name = vec![view.dim(&format!("{} ", index + 1)), ink(&section.title, Theme::text())];
    let mut left = shorten(name, size.saturating_sub(taken + 1));
    left.push(Span::raw(" "));
    Line::from(spread(left, ("─", view.theme.rule()), right, size))
}

fn small(view: &View, frame: &mut Frame, arrangement: &Arrangement) {
    let Some(area) = arrangement.lists.first() else { return };
    let top = Rect { y: arrangement.header.bottom(), height: 1, ..*area };
    put(frame, top, [strip(view, usize::from(area.width))]);
    if view.app.is_detail_alone(arrangement.size) {
        return;
    }
    let index = view.app.place.section;
    if let Some(section) = view.plan().sections.get(index) {
        put(frame, *area, [list::title(view, index, section, usize::from(area.width))]);
        let points = below(*area, 1);
        put(frame, points, list::lines(view, index, points));
    }
}

/// All sections in one line, the open one marked; and what is unusual about the plan.
fn strip(view: &View, size: usize) -> Line<'static> {
    let mut spans = Vec::new();
    for (index, section) in view.plan().sections.iter().enumerate() {
        let here = index == view.app.place.section;
        let (sign, tone) = list::sign(view, section);
        let (number, ground) = if here {
            (view.theme.accent().patch(view.theme.selected()), view.theme.selected())
        } else {
            (view.theme.dim(), Theme::text())
        };
        spans.push(ink(&format!(" {}", index + 1), number));
        spans.push(ink(sign, view.theme.tone(tone).patch(ground)));
    }
    let filter = view.app.is_filtered().then(|| "filter".to_owned());
    let marks = filter.into_iter().chain(header::marks(view)).collect::<Vec<_>>().join(" ");
    let taken: usize = spans.iter().map(Span::width).sum();
    let room = size.saturating_sub(taken + 2);
    let marks = shorten(vec![view.toned(&marks, Tone::Needs)], room);
    Line::from(spread(padded(spans, taken), (" ", Theme::text()), marks, size))
}
