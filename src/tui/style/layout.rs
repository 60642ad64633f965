//! The layout of the checklist by the size of the screen.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use crate::tui::style::text::{cells, styled, wrap};
use crate::tui::style::theme::Theme;

/// The size class of a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenSize {
    /// A panel for each section, and the detail.
    Wide,
    /// The open section among bars for the others; the detail below or beside.
    Medium,
    /// The open section or the detail; both if there is space.
    Small,
    /// Nothing but a message is shown.
    TooSmall,
}

/// The smallest screen that is drawn on: columns and rows.
const MIN_SIZE: (u16, u16) = (40, 12);

/// The columns between two panels.
const PANEL_GAP: u16 = 2;

/// The areas of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// The size class.
    pub size: ScreenSize,
    /// The header, one line.
    pub header: Rect,
    /// The panels of the sections if wide, else one list.
    pub lists: Vec<Rect>,
    /// The text of the detail, without its border.
    pub detail: Rect,
    /// Whether the detail is below the list rather than beside it.
    pub is_detail_below: bool,
}

impl Arrangement {
    /// The section whose list is at a position. `open` is the open section.
    pub fn section_at(&self, position: Position, open: usize) -> Option<usize> {
        let list = self.lists.iter().position(|list| list.contains(position))?;
        Some(if self.size == ScreenSize::Wide { list } else { open })
    }
}

/// The line at the bottom, of the hints and notices.
pub fn bottom_line(area: Rect) -> Rect {
    Rect { y: area.bottom().saturating_sub(1), height: 1.min(area.height), ..area }
}

/// Lays out an area. `sections` is the number of rows that each section needs and `open` the open section.
/// `reserved_rows` are used by something else on the screen; they count for its size class.
pub fn arrange(area: Rect, sections: &[usize], open: usize, reserved_rows: u16) -> Arrangement {
    let header = Rect { height: 1.min(area.height), ..area };
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
    let whole = Rect { height: area.height + reserved_rows, ..area };
    let (size, lists, detail, is_detail_below) = match screen_size(whole, sections.len()) {
        ScreenSize::Wide => wide(body, sections.len()),
        ScreenSize::Medium => medium(body, sections, open),
        ScreenSize::Small => small(body, sections, open),
        ScreenSize::TooSmall => (ScreenSize::TooSmall, Vec::new(), area, false),
    };
    Arrangement { size, header, lists, detail, is_detail_below }
}

fn screen_size(area: Rect, sections: usize) -> ScreenSize {
    let rows = sections.div_ceil(2).max(3);
    match (area.width, area.height) {
        _ if is_too_small(area) => ScreenSize::TooSmall,
        (w, h) if w >= 120 && h >= 36 && usize::from(h) >= rows * 10 + 6 => ScreenSize::Wide,
        (w, h) if w >= 80 && h >= 24 && usize::from(h) >= sections + 14 => ScreenSize::Medium,
        _ => ScreenSize::Small,
    }
}

/// Whether a screen is too small for anything but a message.
pub const fn is_too_small(screen: Rect) -> bool {
    screen.width < MIN_SIZE.0 || screen.height < MIN_SIZE.1
}

/// Draws the message that the screen is too small.
pub fn draw_too_small(frame: &mut Frame) {
    let area = frame.area();
    let message = format!(
        "gonogo needs {} × {} cells; here are {} × {}",
        MIN_SIZE.0, MIN_SIZE.1, area.width, area.height
    );
    let lines = wrap(vec![styled(&message, Theme::strong())], usize::from(area.width), 0);
    for (row, line) in area.rows().zip(lines) {
        frame.render_widget(line, row);
    }
}

type LayoutParts = (ScreenSize, Vec<Rect>, Rect, bool);

fn wide(body: Rect, sections: usize) -> LayoutParts {
    let left = (body.width * 62 / 100).clamp(77, 124);
    let columns = cells(sections.clamp(1, 2));
    let panel = (left - 1 - PANEL_GAP * (columns - 1)) / columns;
    let rows = cells(sections.div_ceil(2).max(1));
    // An empty line above and below.
    let (top, room) = (body.y + 1, body.height - 2);
    let lists = (0..sections).map(|index| {
        let (row, column) = (cells(index / 2), cells(index % 2));
        let (from, to) = (room * row / rows, room * (row + 1) / rows);
        let x = body.x + 1 + column * (panel + PANEL_GAP);
        Rect { x, y: top + from, width: panel, height: to - from - u16::from(row + 1 < rows) }
    });
    let lists = lists.collect();
    let x = body.x + 1 + columns * panel + PANEL_GAP * (columns - 1) + 3;
    let detail = Rect { x, y: top, width: body.right() - x - 3, height: room };
    (ScreenSize::Wide, lists, detail, false)
}

fn medium(body: Rect, sections: &[usize], open: usize) -> LayoutParts {
    let points = sections.get(open).copied().unwrap_or(0);
    // An empty line below the header, if there is space.
    let empty_rows = u16::from(body.height > 24);
    let body = Rect {
        x: body.x + 1,
        y: body.y + empty_rows,
        width: body.width - 2,
        height: body.height - empty_rows,
    };
    if body.width >= 108 {
        let left = body.width * 45 / 100;
        let detail = Rect { x: body.x + left + 3, width: body.width - left - 5, ..body };
        return (ScreenSize::Medium, vec![Rect { width: left, ..body }], detail, false);
    }
    // The bars and the points of the open section.
    let (list, detail) = split_list_and_detail(body, cells(sections.len() + points));
    (ScreenSize::Medium, vec![list], detail, true)
}

/// Splits an area into a list of that height and the detail below. The detail keeps nine lines and its title.
fn split_list_and_detail(body: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(body.height - 10);
    let below = Rect { y: body.y + height + 1, height: body.height - height - 1, ..body };
    (Rect { height, ..body }, Rect { width: body.width - 2, ..below })
}

fn small(body: Rect, sections: &[usize], open: usize) -> LayoutParts {
    let body = Rect { x: body.x + 1, width: body.width - 2, ..body };
    let below_strip = Rect { y: body.y + 1, height: body.height - 1, ..body };
    if body.width >= 58 && below_strip.height >= 16 {
        let points = sections.get(open).copied().unwrap_or(0);
        let (list, detail) = split_list_and_detail(below_strip, cells(1 + points));
        return (ScreenSize::Small, vec![list], detail, true);
    }
    (ScreenSize::Small, vec![below_strip], Rect { width: body.width - 2, ..below_strip }, false)
}
