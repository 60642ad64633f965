//! What a review has beside the run: what verification found on top, the time line below.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use crate::journal::entry::{Entry, Event};
use crate::journal::keys::fingerprint;
use crate::outcome::Class;
use crate::text::line;
use crate::time;
use crate::tui::context::{View, spread};
use crate::tui::style::text::{cells, ellipsis, ink};
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::views::review::{Found, Mark, Review};
use crate::tui::widgets::dialog_view::Sheet;

/// From how many lines on there is room for two more.
const ROOMY: u16 = 20;
/// The most lines of an entry that are shown.
const MOST: usize = 5000;

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
pub fn draw(view: &View, frame: &mut Frame, review: &Review) {
    let screen = frame.area();
    let width = usize::from(screen.width);
    let top = Rect { height: 1, ..screen };
    banner(view, review, width).render(top, frame.buffer_mut());
    let (_, below) = taken(screen);
    if below == 2 {
        bar(view, review, usize::from(bar_place(screen).width)).render(bar_place(screen), frame.buffer_mut());
    }
    let place = Rect { y: screen.bottom().saturating_sub(1), height: 1, ..screen };
    if let Some(field) = &review.typing {
        let told = [ink(" find ", view.theme.accent()), ink(field.text(), Theme::text())];
        let column = told.iter().map(Span::width).sum::<usize>();
        Line::from(told.to_vec()).render(place, frame.buffer_mut());
        frame.set_cursor_position(Position::new(place.x + cells(column), place.y));
    } else {
        here(view, review, width).render(place, frame.buffer_mut());
    }
}

/// What verification found, in words and in colour.
fn banner(view: &View, review: &Review, width: usize) -> Line<'static> {
    let (word, told, tone) = match &review.found {
        Found::Nothing => ("VERIFYING", "nothing is known of this log yet".to_owned(), Tone::Busy),
        Found::Sealed(told) => ("SEALED", told.clone(), Tone::Good),
        Found::Open(told) => ("OPEN", told.clone(), Tone::Needs),
        Found::Invalid(told, _) => ("INVALID", told.clone(), Tone::Failed),
        Found::Unknown(told) => ("NOT VERIFIED", told.clone(), Tone::Failed),
    };
    let badge = ink(&format!(" {word} "), view.theme.badge(tone));
    let name = line(view.app.log.rsplit('/').next().unwrap_or_default());
    let room = width.saturating_sub(badge.width() + 2);
    let told = ellipsis(&line(&told), room);
    let rest = room.saturating_sub(crate::tui::style::text::width(&told) + 3);
    let right = if rest >= crate::tui::style::text::width(&name) {
        vec![view.dim(&format!("{name} "))]
    } else {
        Vec::new()
    };
    let left = vec![badge, Span::raw(" "), view.toned(&told, tone)];
    Line::from(spread(left, (" ", Theme::text()), right, width))
}

/// The bar: every cell stands for some entries, by the most telling of them.
fn bar(view: &View, review: &Review, width: usize) -> Line<'static> {
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
            Some(Mark::Seal) => ("■", Tone::Good),
            Some(Mark::Verdict) => ("◆", Tone::Settled),
            Some(Mark::Recovered) => ("◷", Tone::Stale),
            Some(Mark::Wrong) => ("✖", Tone::Failed),
            Some(Mark::Unseen) => ("⚠", Tone::Error),
            Some(Mark::Act) => ("●", Tone::Settled),
            Some(Mark::Machine) => ("·", Tone::Idle),
            None if from >= known && from < to => ("×", Tone::Failed),
            None => ("─", Tone::Idle),
        };
        let here = cell == cell_of(review.at);
        let style = if here { view.theme.badge(Tone::Needs) } else { view.theme.tone(tone) };
        spans.push(ink(if here && sign == "─" { "┃" } else { sign }, style));
    }
    Line::from(spans)
}

/// The entry at hand, in a line.
fn here(view: &View, review: &Review, width: usize) -> Line<'static> {
    let state = &view.app.state;
    let since = state.at.since(&state.opened);
    let more = if review.whole { "" } else { "+" };
    let playing = if review.playing.is_some() { "▶ " } else { "" };
    let place = format!(" {playing}{}/{}{more}  +{}  ", review.at + 1, review.shown(), time::span(since));
    let told = review.record.entry(review.at).map(|entry| tell(view, &entry)).unwrap_or_default();
    let room = width.saturating_sub(crate::tui::style::text::width(&place) + 1);
    Line::from(vec![ink(&place, Theme::strong()), ink(&ellipsis(&told, room), Theme::text())])
}

/// An entry in a line.
fn tell(view: &View, entry: &Entry) -> String {
    let by = view.name(&entry.header.by);
    let told = match &entry.event {
        Event::Opened(_) => format!("{by} opened the run"),
        Event::Joined(event) => format!("{by} takes part as {}", event.role),
        Event::Resumed(event) => format!("the run goes on, on {}", event.host),
        Event::Recovered(_) => "what a crash left was set aside".into(),
        Event::Probed(event) => {
            let came = match event.outcome.class {
                Class::Pass if event.outcome.tries > 1 => "passed on retry",
                Class::Pass => "passed",
                Class::Fail => "failed",
                Class::Error => "could not look",
            };
            format!("{}/{} {came}", event.point, event.probe)
        }
        Event::Confirmed(event) => format!("{by} confirmed {}", event.point),
        Event::Waived(event) => format!("{by} waived {}: {}", event.point, event.reason),
        Event::NotApplicable(event) => format!("{by}: {} does not apply: {}", event.point, event.reason),
        Event::Noted(event) => format!("{by} noted: {}", event.text),
        Event::Retracted(event) => format!("{by} took back {}", event.point),
        Event::ReplanProposed(_) => format!("{by} proposed a looser plan"),
        Event::ReplanWithdrawn(_) => format!("{by} withdrew the proposed plan"),
        Event::Replanned(event) if event.proposal.is_some() => format!("{by} accepted the proposed plan"),
        Event::Replanned(_) => format!("{by} replaced the plan"),
        Event::ActionStarted(event) => {
            let what = if event.dry { "tries" } else { "runs" };
            format!("{by} {what} {}", event.action)
        }
        Event::ActionStopped(event) => format!("{by} stops {}", event.action),
        Event::ActionFinished(event) => match event.cause {
            Some(cause) => format!("{} {cause}, {}", event.action, event.ended),
            None => format!("{} ended: {}", event.action, event.ended),
        },
        Event::RolledBack(event) => format!("{by} rolled back to {}", event.release),
        Event::TakenOver(event) => format!("{by} took the run over from {} on {}", event.from, event.host),
        Event::Verdict(event) => {
            format!("{by} put {} {}/{} on record", event.decision, event.closed, event.total)
        }
        Event::Sealed(_) => format!("{by} sealed the run"),
        Event::Abandoned(event) => format!("{by} abandoned the run: {}", event.reason),
    };
    line(&told)
}

/// The entry at hand, all of it.
pub fn sheet(view: &View, width: usize) -> Sheet {
    let mut sheet = Sheet::new("entry", Tone::Settled);
    let review = view.app.review.as_ref();
    let entry = review.and_then(|review| review.record.entry(review.at));
    let (Some(review), Some(entry)) = (review, entry) else { return sheet };
    sheet.title = format!("entry {} · {}", entry.header.seq, entry.event.kind());
    sheet.put(vec![ink(&tell(view, &entry), Theme::strong())], width, 0);
    let key = view.app.state.operator(&entry.header.by).and_then(|who| fingerprint(&who.key));
    let signed = match (&entry.sig, key) {
        (Some(_), Some(key)) => format!("signed by {} with {key}", line(&entry.header.by)),
        (Some(_), None) => format!("signed by {}", line(&entry.header.by)),
        (None, _) => "a machine's entry, vouched for by the next signature".into(),
    };
    sheet.put(vec![view.dim(&signed)], width, 2);
    sheet.put(vec![view.dim(&format!("SHA-256 {}", entry.hash))], width, 2);
    for told in review.record.trust() {
        sheet.put(vec![view.dim(&told)], width, 2);
    }
    if let Event::Recovered(event) = &entry.event
        && let Some(torn) = &event.torn
    {
        sheet.gap();
        let (told, tone) = match review.record.side(torn) {
            Ok(content) => {
                (format!("✔ {} is what the log has the digest of:\n{content}", torn.kept), Tone::Good)
            }
            Err(why) => (format!("✖ side file {why}"), Tone::Failed),
        };
        for told in told.lines() {
            sheet.put(vec![view.toned(&line(told), tone)], width, 2);
        }
    }
    sheet.gap();
    let raw = review.record.raw(review.at).unwrap_or_default();
    for told in pretty(&raw).lines().take(MOST) {
        sheet.put(vec![ink(&line(told), Theme::text())], width, 4);
    }
    sheet.keys(view, &[("↑ ↓", "scroll"), ("Esc", "back")], width);
    sheet
}

/// A line of the log, spread over lines.
fn pretty(raw: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(raw);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| raw.to_owned())
}
