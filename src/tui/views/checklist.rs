//! The whole screen.

pub mod confirmations;
pub mod copy;
pub mod detail;
pub mod filter;
pub mod mouse;
pub mod navigation;
pub mod point_list;
pub mod probe_results;
pub mod section_panels;
pub mod selection;
pub mod visible_points;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use crate::text;
use crate::tui::app::{App, Focus};
use crate::tui::context::{View, spread};
use crate::tui::style::layout::{Arrangement, LEAST, Size};
use crate::tui::style::symbols as glyphs;
use crate::tui::style::text::{clipped, ellipsis, ink, wrap};
use crate::tui::style::theme::Theme;
use crate::tui::views::checklist::section_panels as panels;
use crate::tui::views::output as pager;
use crate::tui::views::review::timeline;
use crate::tui::views::rollback as way_back;
use crate::tui::widgets::dialog_view::Sheet;
use crate::tui::widgets::header;
use crate::tui::widgets::hint_line as footer;

/// Draws the screen. Pure: what is drawn depends on the app alone.
pub fn draw(app: &App, frame: &mut Frame) {
    let view = View::new(app);
    let arrangement = app.arrangement();
    if arrangement.size == Size::TooSmall {
        too_small(frame);
    } else {
        header::line(&view, &arrangement).render(arrangement.header, frame.buffer_mut());
        for placed in panels::placed(&view, &arrangement) {
            placed.draw(frame);
        }
        if has_detail(app, &arrangement) {
            detail_pane(&view, frame, &arrangement);
        }
        if let Some(at) = app.way_back {
            way_back::draw(&view, frame, at);
        }
        if let Some(pager) = &app.pager {
            pager::draw(&view, frame, pager);
        }
        footer::draw(&view, frame, &arrangement);
        if let Some(review) = &app.review {
            timeline::draw(&view, frame, review);
        }
        if let Some(dialog) = &app.dialog {
            Sheet::of(&view, dialog).draw(&view, frame, dialog.scroll());
            if app.notice.is_some() {
                footer::draw(&view, frame, &arrangement);
            }
        }
    }
    if app.look.ascii {
        glyphs::to_ascii(frame.buffer_mut());
    }
}

/// Whether the detail is to be seen.
pub fn has_detail(app: &App, arrangement: &Arrangement) -> bool {
    match arrangement.size {
        Size::Wide | Size::Medium => true,
        Size::Small => arrangement.below || app.focus == Focus::Detail,
        Size::TooSmall => false,
    }
}

fn too_small(frame: &mut Frame) {
    let area = frame.area();
    let told =
        format!("gonogo needs {} × {} cells; here are {} × {}", LEAST.0, LEAST.1, area.width, area.height);
    panels::put(frame, area, wrap(vec![ink(&told, Theme::strong())], usize::from(area.width), 0));
}

fn detail_pane(view: &View, frame: &mut Frame, arrangement: &Arrangement) {
    let area = arrangement.detail;
    let lines = detail::lines(view, usize::from(area.width), arrangement.below);
    let (total, shown) = (lines.len(), usize::from(area.height));
    let scroll = view.app.scroll.min(total.saturating_sub(shown));
    panels::put(frame, area, lines.into_iter().skip(scroll));
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
    let focused = view.app.focus == Focus::Detail;
    (if focused { view.theme.accent() } else { view.theme.rule() }, focused)
}

/// The line above the detail carries the point's title and id.
fn rule_above(view: &View, frame: &mut Frame, area: Rect) {
    let (style, focused) = line_style(view);
    let sign = if focused { "━" } else { "─" };
    let place = Rect { y: area.y - 1, height: 1, width: area.width + 2, ..area };
    let Some(point) = view.point() else {
        let line = ink(&sign.repeat(usize::from(place.width)), style);
        return Line::from(line).render(place, frame.buffer_mut());
    };
    let right = vec![view.dim(&format!(" {}", detail::name(point)))];
    let room = usize::from(place.width).saturating_sub(right[0].width() + 3);
    let title = ellipsis(&text::line(&clipped(&point.title, room)), room);
    let left = vec![ink(&format!("{title} "), Theme::strong())];
    let line = spread(left, (sign, style), right, usize::from(place.width));
    Line::from(line).render(place, frame.buffer_mut());
}

fn rule_beside(view: &View, frame: &mut Frame, area: Rect) {
    let (style, focused) = line_style(view);
    let sign = if focused { "┃" } else { "│" };
    let place = Rect { x: area.x - 2, width: 1, ..area };
    panels::put(frame, place, std::iter::repeat_n(Line::from(Span::styled(sign, style)), area.height.into()));
}

/// Where in the detail one is: a mark at the right edge, and how much follows.
fn mark(view: &View, frame: &mut Frame, area: Rect, (scroll, shown, total): (usize, usize, usize)) {
    let track = usize::from(area.height);
    let length = (shown * track / total).max(1);
    let from = (scroll * (track - length)).div_ceil((total - shown).max(1));
    let (style, _) = line_style(view);
    let sign = |row: usize| {
        if (from..from + length).contains(&row) { ink("┃", style) } else { ink("│", view.theme.rule()) }
    };
    let place = Rect { x: area.right() + 1, width: 1, ..area };
    panels::put(frame, place, (0..track).map(|row| Line::from(sign(row))));
}
