//! What a review has beside the run: what verification found on top, the time line below.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use crate::text::line;
use crate::time;
use crate::tui::context::{Context, spread};
use crate::tui::style::text::{cells, ellipsis, styled};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::views::review::{Found, Mark, Review};
use crate::tui::widgets::entry_text::tell;

/// From how many lines on there is room for two more.
const ROOMY: u16 = 20;

/// How many lines a review takes of a screen: on top, and below.
#[must_use]
pub const fn taken(screen: Rect) -> (u16, u16) {
    if screen.height >= ROOMY { (1, 2) } else { (1, 1) }
}

/// Where the bar is.
#[must_use]
pub fn bar_place(screen: Rect) -> Rect {
    let (_, below) = taken(screen);
    let x = screen.x + 1;
    let height = below.saturating_sub(1);
    Rect { x, y: screen.bottom().saturating_sub(2), width: screen.width.saturating_sub(2), height }
}

/// Draws what a review has beside the run.
pub fn draw(cx: &Context, frame: &mut Frame, review: &Review) {
    let screen = frame.area();
    let width = usize::from(screen.width);
    let top = Rect { height: 1, ..screen };
    banner(cx, review, width).render(top, frame.buffer_mut());
    let (_, below) = taken(screen);
    if below == 2 {
        bar(cx, review, usize::from(bar_place(screen).width)).render(bar_place(screen), frame.buffer_mut());
    }
    let place = Rect { y: screen.bottom().saturating_sub(1), height: 1, ..screen };
    if let Some(field) = &review.typing {
        let told = [styled(" find ", cx.theme.accent()), styled(field.text(), Theme::text())];
        let column = told.iter().map(Span::width).sum::<usize>();
        Line::from(told.to_vec()).render(place, frame.buffer_mut());
        frame.set_cursor_position(Position::new(place.x + cells(column), place.y));
    } else {
        here(cx, review, width).render(place, frame.buffer_mut());
    }
}

/// What verification found, in words and in colour.
fn banner(cx: &Context, review: &Review, width: usize) -> Line<'static> {
    let (word, told, tone) = match &review.found {
        Found::Nothing => ("VERIFYING", "nothing is known of this log yet".to_owned(), StyleRole::Busy),
        Found::Sealed(told) => ("SEALED", told.clone(), StyleRole::Good),
        Found::Open(told) => ("OPEN", told.clone(), StyleRole::Needs),
        Found::Invalid(told, _) => ("INVALID", told.clone(), StyleRole::Failed),
        Found::Unknown(told) => ("NOT VERIFIED", told.clone(), StyleRole::Failed),
    };
    let badge = styled(&format!(" {word} "), cx.theme.badge(tone));
    let name = line(cx.session.log.rsplit('/').next().unwrap_or_default());
    let room = width.saturating_sub(badge.width() + 2);
    let told = ellipsis(&line(&told), room);
    let rest = room.saturating_sub(crate::tui::style::text::width(&told) + 3);
    let right = if rest >= crate::tui::style::text::width(&name) {
        vec![cx.dim(&format!("{name} "))]
    } else {
        Vec::new()
    };
    let left = vec![badge, Span::raw(" "), cx.toned(&told, tone)];
    Line::from(spread(left, (" ", Theme::text()), right, width))
}

/// The bar: every cell stands for some entries, by the most telling of them.
fn bar(cx: &Context, review: &Review, width: usize) -> Line<'static> {
    let (all, known) = (review.record.len(), review.shown());
    let cell_of = |at: usize| (at * width).checked_div(all).unwrap_or(0).min(width.saturating_sub(1));
    let mut spans = Vec::with_capacity(width);
    for cell in 0..width {
        let from = (cell * all).div_ceil(width.max(1));
        let to = ((cell + 1) * all).div_ceil(width.max(1));
        // A long log has more entries to a cell than there is time to look at.
        let step = ((to.saturating_sub(from)) / 64).max(1);
        let mark = (from..to.min(known)).step_by(step).filter_map(|at| review.record.mark(at)).max();
        let (sign, tone) = match mark {
            Some(Mark::Seal) => ("■", StyleRole::Good),
            Some(Mark::Verdict) => ("◆", StyleRole::Settled),
            Some(Mark::Recovered) => ("◷", StyleRole::Stale),
            Some(Mark::Wrong) => ("✖", StyleRole::Failed),
            Some(Mark::Unseen) => ("⚠", StyleRole::Error),
            Some(Mark::Act) => ("●", StyleRole::Settled),
            Some(Mark::Machine) => ("·", StyleRole::Idle),
            None if from >= known && from < to => ("×", StyleRole::Failed),
            None => ("─", StyleRole::Idle),
        };
        let here = cell == cell_of(review.at);
        let style = if here { cx.theme.badge(StyleRole::Needs) } else { cx.theme.tone(tone) };
        spans.push(styled(if here && sign == "─" { "┃" } else { sign }, style));
    }
    Line::from(spans)
}

/// The entry at hand, in a line.
fn here(cx: &Context, review: &Review, width: usize) -> Line<'static> {
    let state = &cx.run.state;
    let since = state.at.since(&state.opened_at);
    let more = if review.whole { "" } else { "+" };
    let playing = if review.playing.is_some() { "▶ " } else { "" };
    let place = format!(" {playing}{}/{}{more}  +{}  ", review.at + 1, review.shown(), time::span(since));
    let told = review.record.entry(review.at).map(|entry| tell(cx, &entry)).unwrap_or_default();
    let room = width.saturating_sub(crate::tui::style::text::width(&place) + 1);
    Line::from(vec![styled(&place, Theme::strong()), styled(&ellipsis(&told, room), Theme::text())])
}
