//! Draws the detail of the selected point, its border and its scroll bar.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::{Focus, View, detail};
use crate::tui::context::justify;
use crate::tui::style::layout::{Arrangement, ScreenSize};
use crate::tui::style::text::{clip_to_cells, styled, truncate};
use crate::tui::style::theme::Theme;
use crate::tui::widgets::hit_map;
use gonogo_core::text;

/// Draws the detail of the selected point.
pub fn draw(view: &View, frame: &mut Frame, arrangement: &Arrangement) {
    let area = arrangement.detail;
    let lines = detail::lines(view, usize::from(area.width), arrangement.is_detail_below);
    let (total, height) = (lines.len(), usize::from(area.height));
    let scroll = view.checklist.scroll.min(total.saturating_sub(height));
    hit_map::draw_lines(frame, area, lines.into_iter().skip(scroll));
    if arrangement.is_detail_below {
        draw_title_rule(view, frame, area);
    } else if arrangement.size != ScreenSize::Small {
        draw_side_rule(view, frame, area);
    }
    if total > height {
        draw_scrollbar(view, frame, area, (scroll, height, total));
    }
}

fn rule_style(view: &View) -> (ratatui::style::Style, bool) {
    let focused = view.checklist.focus == Focus::Detail;
    (if focused { view.theme.accent() } else { view.theme.rule() }, focused)
}

/// Draws the line above the detail, with the title and id of the point.
fn draw_title_rule(view: &View, frame: &mut Frame, area: Rect) {
    let (style, focused) = rule_style(view);
    let symbol = if focused { "━" } else { "─" };
    let line_area = Rect { y: area.y - 1, height: 1, width: area.width + 2, ..area };
    let Some(point) = view.point() else {
        let line = styled(&symbol.repeat(usize::from(line_area.width)), style);
        return Line::from(line).render(line_area, frame.buffer_mut());
    };
    let right = vec![view.dim(&format!(" {}", detail::id_label(point)))];
    let room = usize::from(line_area.width).saturating_sub(right[0].width() + 3);
    let title = truncate(&text::line(&clip_to_cells(&point.title, room)), room);
    let left = vec![styled(&format!("{title} "), Theme::strong())];
    let line = justify(left, (symbol, style), right, usize::from(line_area.width));
    Line::from(line).render(line_area, frame.buffer_mut());
}

fn draw_side_rule(view: &View, frame: &mut Frame, area: Rect) {
    let (style, focused) = rule_style(view);
    let symbol = if focused { "┃" } else { "│" };
    let line_area = Rect { x: area.x - 2, width: 1, ..area };
    hit_map::draw_lines(
        frame,
        line_area,
        std::iter::repeat_n(Line::from(Span::styled(symbol, style)), area.height.into()),
    );
}

/// Draws the scroll bar at the right edge.
fn draw_scrollbar(
    view: &View,
    frame: &mut Frame,
    area: Rect,
    (scroll, height, total): (usize, usize, usize),
) {
    let track = usize::from(area.height);
    let length = (height * track / total).max(1);
    let from = (scroll * (track - length)).div_ceil((total - height).max(1));
    let (style, _) = rule_style(view);
    let symbol = |row: usize| {
        if (from..from + length).contains(&row) {
            styled("┃", style)
        } else {
            styled("│", view.theme.rule())
        }
    };
    let line_area = Rect { x: area.right() + 1, width: 1, ..area };
    hit_map::draw_lines(frame, line_area, (0..track).map(|row| Line::from(symbol(row))));
}
