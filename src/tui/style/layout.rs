//! Where everything stands, by the size of the screen.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use crate::tui::style::text::{cells, styled, wrap};
use crate::tui::style::theme::Theme;

/// The three sizes a screen can have, and too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// All panels and the detail.
    Wide,
    /// One section open, the others as bars, the detail below or beside.
    Medium,
    /// One section, or the detail; both where there is room below.
    Small,
    /// Nothing can be shown.
    TooSmall,
}

/// The least that can be drawn on.
const LEAST: (u16, u16) = (40, 12);

/// How many cells the panels have between them.
const GAP: u16 = 2;

/// Where everything stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// Which of the sizes it is.
    pub size: Size,
    /// The line on top.
    pub header: Rect,
    /// The panels (wide, one per section), or the one list.
    pub lists: Vec<Rect>,
    /// The text of the detail.
    pub detail: Rect,
    /// Whether the detail stands below the list and not beside it.
    pub below: bool,
}

impl Arrangement {
    /// The section whose list is at a position, `open` being the one that is open.
    pub fn section_at(&self, at: Position, open: usize) -> Option<usize> {
        let list = self.lists.iter().position(|list| list.contains(at))?;
        Some(if self.size == Size::Wide { list } else { open })
    }
}

/// The line at the bottom.
pub fn bottom_line(area: Rect) -> Rect {
    Rect { y: area.bottom().saturating_sub(1), height: 1.min(area.height), ..area }
}

/// Arranges a screen for a plan whose sections have so many points, the open one being `open`;
/// `beside` more lines of the screen are taken by something else, and count for its size.
pub fn arrange(area: Rect, sections: &[usize], open: usize, beside: u16) -> Arrangement {
    let header = Rect { height: 1.min(area.height), ..area };
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area };
    let whole = Rect { height: area.height + beside, ..area };
    let (size, lists, detail, below) = match size(whole, sections.len()) {
        Size::Wide => wide(body, sections.len()),
        Size::Medium => medium(body, sections, open),
        Size::Small => small(body, sections, open),
        Size::TooSmall => (Size::TooSmall, Vec::new(), area, false),
    };
    Arrangement { size, header, lists, detail, below }
}

fn size(area: Rect, sections: usize) -> Size {
    let rows = sections.div_ceil(2).max(3);
    match (area.width, area.height) {
        _ if is_too_small(area) => Size::TooSmall,
        (w, h) if w >= 120 && h >= 36 && usize::from(h) >= rows * 10 + 6 => Size::Wide,
        (w, h) if w >= 80 && h >= 24 && usize::from(h) >= sections + 14 => Size::Medium,
        _ => Size::Small,
    }
}

/// Whether nothing can be shown on a screen.
pub const fn is_too_small(screen: Rect) -> bool {
    screen.width < LEAST.0 || screen.height < LEAST.1
}

/// Says what is needed.
pub fn too_small(frame: &mut Frame) {
    let area = frame.area();
    let told =
        format!("gonogo needs {} × {} cells; here are {} × {}", LEAST.0, LEAST.1, area.width, area.height);
    let lines = wrap(vec![styled(&told, Theme::strong())], usize::from(area.width), 0);
    for (row, line) in area.rows().zip(lines) {
        frame.render_widget(line, row);
    }
}

type Parts = (Size, Vec<Rect>, Rect, bool);

fn wide(body: Rect, sections: usize) -> Parts {
    let left = (body.width * 62 / 100).clamp(77, 124);
    let columns = cells(sections.clamp(1, 2));
    let panel = (left - 1 - GAP * (columns - 1)) / columns;
    let rows = cells(sections.div_ceil(2).max(1));
    // One line of air above and below.
    let (top, room) = (body.y + 1, body.height - 2);
    let lists = (0..sections).map(|index| {
        let (row, column) = (cells(index / 2), cells(index % 2));
        let (from, to) = (room * row / rows, room * (row + 1) / rows);
        let x = body.x + 1 + column * (panel + GAP);
        Rect { x, y: top + from, width: panel, height: to - from - u16::from(row + 1 < rows) }
    });
    let lists = lists.collect();
    let x = body.x + 1 + columns * panel + GAP * (columns - 1) + 3;
    let detail = Rect { x, y: top, width: body.right() - x - 3, height: room };
    (Size::Wide, lists, detail, false)
}

fn medium(body: Rect, sections: &[usize], open: usize) -> Parts {
    let points = sections.get(open).copied().unwrap_or(0);
    // A line of air below the top, where there is room for it.
    let air = u16::from(body.height > 24);
    let body = Rect { x: body.x + 1, y: body.y + air, width: body.width - 2, height: body.height - air };
    if body.width >= 108 {
        let left = body.width * 45 / 100;
        let detail = Rect { x: body.x + left + 3, width: body.width - left - 5, ..body };
        return (Size::Medium, vec![Rect { width: left, ..body }], detail, false);
    }
    // The bars and the open section's points.
    let (list, detail) = halves(body, cells(sections.len() + points));
    (Size::Medium, vec![list], detail, true)
}

/// A list that high, and the detail below; the detail keeps at least nine lines below its title.
fn halves(body: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(body.height - 10);
    let below = Rect { y: body.y + height + 1, height: body.height - height - 1, ..body };
    (Rect { height, ..body }, Rect { width: body.width - 2, ..below })
}

fn small(body: Rect, sections: &[usize], open: usize) -> Parts {
    let body = Rect { x: body.x + 1, width: body.width - 2, ..body };
    let below_strip = Rect { y: body.y + 1, height: body.height - 1, ..body };
    if body.width >= 58 && below_strip.height >= 16 {
        let points = sections.get(open).copied().unwrap_or(0);
        let (list, detail) = halves(below_strip, cells(1 + points));
        return (Size::Small, vec![list], detail, true);
    }
    (Size::Small, vec![below_strip], Rect { width: body.width - 2, ..below_strip }, false)
}
