//! The banner with the result of verification above a review, and the time line below it.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use crate::tui::context::{Context, justify};
use crate::tui::style::text::{cells, styled, truncate};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::views::review::{EntryMark, Review, VerificationResult};
use crate::tui::widgets::entry_text::describe;
use gonogo_core::text::line;
use gonogo_core::time;

/// The time line has its bar on screens of this height and more.
const MIN_HEIGHT_FOR_BAR: u16 = 20;

/// The lines that the review itself needs: above and below the checklist.
#[must_use]
pub const fn reserved_rows(screen: Rect) -> (u16, u16) {
    if screen.height >= MIN_HEIGHT_FOR_BAR { (1, 2) } else { (1, 1) }
}

/// The area of the bar.
#[must_use]
pub fn bar_area(screen: Rect) -> Rect {
    let (_, below) = reserved_rows(screen);
    let x = screen.x + 1;
    let height = below.saturating_sub(1);
    Rect { x, y: screen.bottom().saturating_sub(2), width: screen.width.saturating_sub(2), height }
}

/// Draws the banner and the time line.
pub fn draw(cx: &Context, frame: &mut Frame, review: &Review) {
    let screen = frame.area();
    let width = usize::from(screen.width);
    let top = Rect { height: 1, ..screen };
    banner(cx, review, width).render(top, frame.buffer_mut());
    let (_, below) = reserved_rows(screen);
    if below == 2 {
        bar(cx, review, usize::from(bar_area(screen).width)).render(bar_area(screen), frame.buffer_mut());
    }
    let area = Rect { y: screen.bottom().saturating_sub(1), height: 1, ..screen };
    if let Some(field) = &review.search_field {
        let text = [styled(" find ", cx.theme.accent()), styled(field.text(), Theme::text())];
        let column = text.iter().map(Span::width).sum::<usize>();
        Line::from(text.to_vec()).render(area, frame.buffer_mut());
        frame.set_cursor_position(Position::new(area.x + cells(column), area.y));
    } else {
        position_line(cx, review, width).render(area, frame.buffer_mut());
    }
}

/// The result of verification.
fn banner(cx: &Context, review: &Review, width: usize) -> Line<'static> {
    let (word, text, role) = match &review.verification {
        VerificationResult::Pending => {
            ("VERIFYING", "nothing is known of this log yet".to_owned(), StyleRole::Busy)
        }
        VerificationResult::Sealed(text) => ("SEALED", text.clone(), StyleRole::Good),
        VerificationResult::Open(text) => ("OPEN", text.clone(), StyleRole::Attention),
        VerificationResult::Invalid(text, _) => ("INVALID", text.clone(), StyleRole::Failed),
        VerificationResult::Unknown(text) => ("NOT VERIFIED", text.clone(), StyleRole::Failed),
    };
    let badge = styled(&format!(" {word} "), cx.theme.badge(role));
    let name = line(cx.session.log_name.rsplit('/').next().unwrap_or_default());
    let room = width.saturating_sub(badge.width() + 2);
    let text = truncate(&line(&text), room);
    let rest = room.saturating_sub(crate::tui::style::text::width(&text) + 3);
    let right = if rest >= crate::tui::style::text::width(&name) {
        vec![cx.dim(&format!("{name} "))]
    } else {
        Vec::new()
    };
    let left = vec![badge, Span::raw(" "), cx.with_role(&text, role)];
    Line::from(justify(left, (" ", Theme::text()), right, width))
}

/// The bar: each cell shows the most important of its entries.
fn bar(cx: &Context, review: &Review, width: usize) -> Line<'static> {
    let (all, shown) = (review.log.len(), review.shown_entries());
    let cell_of =
        |position: usize| (position * width).checked_div(all).unwrap_or(0).min(width.saturating_sub(1));
    let mut spans = Vec::with_capacity(width);
    for cell in 0..width {
        let from = (cell * all).div_ceil(width.max(1));
        let to = ((cell + 1) * all).div_ceil(width.max(1));
        // In a long log, only some of a cell's entries are looked at.
        let step = ((to.saturating_sub(from)) / 64).max(1);
        let mark = (from..to.min(shown)).step_by(step).filter_map(|position| review.log.mark(position)).max();
        let (symbol, role) = match mark {
            Some(EntryMark::Seal) => ("■", StyleRole::Good),
            Some(EntryMark::Verdict) => ("◆", StyleRole::Confirmed),
            Some(EntryMark::Recovered) => ("◷", StyleRole::Stale),
            Some(EntryMark::Failed) => ("✖", StyleRole::Failed),
            Some(EntryMark::Error) => ("⚠", StyleRole::Error),
            Some(EntryMark::Signed) => ("●", StyleRole::Confirmed),
            Some(EntryMark::Machine) => ("·", StyleRole::Idle),
            None if from >= shown && from < to => ("×", StyleRole::Failed),
            None => ("─", StyleRole::Idle),
        };
        let is_current = cell == cell_of(review.position);
        let style = if is_current { cx.theme.badge(StyleRole::Attention) } else { cx.theme.style(role) };
        spans.push(styled(if is_current && symbol == "─" { "┃" } else { symbol }, style));
    }
    Line::from(spans)
}

/// The position, and the entry there in one line.
fn position_line(cx: &Context, review: &Review, width: usize) -> Line<'static> {
    let state = &cx.run.state;
    let since = state.at.since(&state.opened_at);
    let more = if review.is_fully_read { "" } else { "+" };
    let playing = if review.playback.is_some() { "▶ " } else { "" };
    let position = format!(
        " {playing}{}/{}{more}  +{}  ",
        review.position + 1,
        review.shown_entries(),
        time::span(since)
    );
    let text = review.log.entry(review.position).map(|entry| describe(cx, &entry)).unwrap_or_default();
    let room = width.saturating_sub(crate::tui::style::text::width(&position) + 1);
    Line::from(vec![styled(&position, Theme::strong()), styled(&truncate(&text, room), Theme::text())])
}
