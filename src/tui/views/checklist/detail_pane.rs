//! Where the detail of the selected point stands, and where in it one is.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::{Focus, View, detail};
use crate::text;
use crate::tui::context::spread;
use crate::tui::style::layout::{Arrangement, Size};
use crate::tui::style::text::{clipped, ellipsis, styled};
use crate::tui::style::theme::Theme;
use crate::tui::widgets::hit_map;

/// Draws the detail of the selected point.
pub fn draw(view: &View, frame: &mut Frame, arrangement: &Arrangement) {
    let area = arrangement.detail;
    let lines = detail::lines(view, usize::from(area.width), arrangement.below);
    let (total, shown) = (lines.len(), usize::from(area.height));
    let scroll = view.checklist.scroll.min(total.saturating_sub(shown));
    hit_map::put(frame, area, lines.into_iter().skip(scroll));
    if arrangement.below {
        rule_above(view, frame, area);
    } else if arrangement.size != Size::Small {
        rule_beside(view, frame, area);
    }
    if total > shown {
        mark(view, frame, area, (scroll, shown, total));
    }
}

fn line_style(view: &View) -> (ratatui::style::Style, bool) {
    let focused = view.checklist.focus == Focus::Detail;
    (if focused { view.theme.accent() } else { view.theme.rule() }, focused)
}

/// The line above the detail carries the point's title and id.
fn rule_above(view: &View, frame: &mut Frame, area: Rect) {
    let (style, focused) = line_style(view);
    let sign = if focused { "━" } else { "─" };
    let place = Rect { y: area.y - 1, height: 1, width: area.width + 2, ..area };
    let Some(point) = view.point() else {
        let line = styled(&sign.repeat(usize::from(place.width)), style);
        return Line::from(line).render(place, frame.buffer_mut());
    };
    let right = vec![view.dim(&format!(" {}", detail::name(point)))];
    let room = usize::from(place.width).saturating_sub(right[0].width() + 3);
    let title = ellipsis(&text::line(&clipped(&point.title, room)), room);
    let left = vec![styled(&format!("{title} "), Theme::strong())];
    let line = spread(left, (sign, style), right, usize::from(place.width));
    Line::from(line).render(place, frame.buffer_mut());
}

fn rule_beside(view: &View, frame: &mut Frame, area: Rect) {
    let (style, focused) = line_style(view);
    let sign = if focused { "┃" } else { "│" };
    let place = Rect { x: area.x - 2, width: 1, ..area };
    hit_map::put(
        frame,
        place,
        std::iter::repeat_n(Line::from(Span::styled(sign, style)), area.height.into()),
    );
}

/// Where in the detail one is: a mark at the right edge, and how much follows.
fn mark(view: &View, frame: &mut Frame, area: Rect, (scroll, shown, total): (usize, usize, usize)) {
    let track = usize::from(area.height);
    let length = (shown * track / total).max(1);
    let from = (scroll * (track - length)).div_ceil((total - shown).max(1));
    let (style, _) = line_style(view);
    let sign = |row: usize| {
        if (from..from + length).contains(&row) {
            styled("┃", style)
        } else {
            styled("│", view.theme.rule())
        }
    };
    let place = Rect { x: area.right() + 1, width: 1, ..area };
    hit_map::put(frame, place, (0..track).map(|row| Line::from(sign(row))));
}
