//! The line at the bottom: what was just said, or the likeliest next keys; and how far the log is saved.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget as _};

use crate::checklist::Point;
use crate::run::Status;
use crate::tui::app::Focus;
use crate::tui::context::{View, padded, spread};
use crate::tui::keymap::Intent;
use crate::tui::notice::Notice;
use crate::tui::style::layout::Arrangement;
use crate::tui::style::symbols as glyphs;
use crate::tui::style::text::{cells, ink, width, wrap};
use crate::tui::style::theme::{Theme, Tone};
use crate::tui::views::checklist::filter::Filter;
use crate::tui::views::output as pager;
use crate::tui::views::rollback as way_back;

/// The most lines that something said may take.
const MOST: usize = 3;

/// How many cells the likeliest keys take at least.
const NEXT_KEYS: usize = 24;
/// Said while letters do nothing.
const DEAF: &str = " · letters do nothing until you pause";

/// Draws it.
pub fn draw(view: &View, frame: &mut Frame, arrangement: &Arrangement) {
    let area = arrangement.footer;
    let typed = view.app.filter.as_ref().filter(|filter| filter.typing);
    if let Some(filter) = typed {
        asked(view, frame, area, filter);
    }
    if let Some(notice) = &view.app.notice {
        // What is typed stays in view.
        let above = Rect { height: area.height - u16::from(typed.is_some()), ..area };
        return said(view, frame, above, notice);
    }
    if typed.is_some() {
        return;
    }
    let size = usize::from(area.width).saturating_sub(2);
    let saved = saved(view, size);
    let taken: usize = saved.iter().map(Span::width).sum();
    let left = hints(view, arrangement, size.saturating_sub(taken + 2));
    let line = Line::from(spread(left, (" ", Theme::text()), saved, size));
    line.render(Rect { x: area.x + 1, width: cells(size), ..area }, frame.buffer_mut());
}

/// The filter while it is typed, and how much it leaves.
fn asked(view: &View, frame: &mut Frame, area: Rect, filter: &Filter) {
    let size = usize::from(area.width).saturating_sub(2);
    let count = format!("{} of {}", view.app.shown.count(), view.app.summary.total);
    let mut right = vec![ink(&count, Theme::text())];
    for (keys, does) in [("Enter", "keep"), ("Esc", "show all")] {
        if size >= 60 {
            right.extend([view.dim(" · "), ink(keys, view.theme.accent()), view.dim(&format!(" {does}"))]);
        }
    }
    let taken: usize = right.iter().map(Span::width).sum();
    let room = size.saturating_sub(taken + 3);
    let (rows, (row, column)) = filter.field.rows(room);
    let typed = padded(vec![ink(rows.get(row).map_or("", String::as_str), Theme::text())], room);
    let mut left = vec![ink("/", view.theme.accent())];
    left.extend(typed.into_iter().map(|span| span.patch_style(view.theme.field())));
    let line = Line::from(spread(left, (" ", Theme::text()), right, size));
    line.render(Rect { x: area.x + 1, width: cells(size), ..area }, frame.buffer_mut());
    frame.set_cursor_position(Position::new(area.x + 2 + cells(column), area.y));
}

/// What was said, over as many lines as it takes, up to a limit.
fn said(view: &View, frame: &mut Frame, area: Rect, notice: &Notice) {
    let (sign, tone) = if notice.refused { ("✖ ", Tone::Failed) } else { ("● ", Tone::Settled) };
    let style = if notice.refused { view.theme.failed() } else { Theme::text() };
    let size = usize::from(area.width).saturating_sub(2);
    let deaf = if view.app.is_deaf() { DEAF } else { "" };
    let told = vec![view.toned(sign, tone), ink(&notice.text, style), view.toned(deaf, Tone::Needs)];
    let mut lines = wrap(told, size, 2);
    let most = MOST + usize::from(view.app.is_deaf());
    if lines.len() > most {
        lines.truncate(most);
        lines[most - 1].spans.push(ink("…", style));
    }
    let height = cells(lines.len());
    let over = Rect { y: area.bottom() - height, height, ..area };
    Clear.render(over, frame.buffer_mut());
    for (row, line) in (0..).zip(lines) {
        let place = Rect { x: area.x + 1, y: over.y + row, width: cells(size), height: 1 };
        line.render(place, frame.buffer_mut());
    }
}

/// What of the run is on disk; what was asked for and is not yet, is not shown as done.
fn saved(view: &View, size: usize) -> Vec<Span<'static>> {
    if view.app.leaving.is_some() {
        return vec![view.toned("leaving: the log is being closed", Tone::Busy)];
    }
    if view.app.is_saving() {
        let turning = glyphs::spinner(std::time::Duration::from_millis(view.app.now.mono));
        let touch = view.app.me.key.starts_with("sk-");
        let told = match &view.app.live.signing {
            _ if touch => "touch your security key".to_owned(),
            Some(who) => format!("waiting for the key of {}", view.name(who)),
            None => "saving".to_owned(),
        };
        return vec![view.toned(&format!("{turning} {told}"), Tone::Busy)];
    }
    let seq = view.app.state.seq;
    if view.app.review.is_some() {
        return vec![view.dim(&format!("review, seq {seq}"))];
    }
    if view.app.looks_on {
        return vec![view.toned(&format!("looking on, seq {seq}"), Tone::Waived)];
    }
    if let Some(end) = &view.app.state.abandoned {
        return vec![view.toned(&format!("abandoned by {} · seq {seq}", view.name(&end.by)), Tone::Settled)];
    }
    if view.app.state.is_sealed() {
        let by: Vec<_> = view.app.state.seals.iter().map(|seal| view.name(&seal.by)).collect();
        return vec![view.toned(&format!("sealed by {} · seq {seq}", by.join(" and ")), Tone::Settled)];
    }
    if !view.app.state.seals.is_empty() {
        return vec![view.toned(&part_sealed(view, size), Tone::Needs)];
    }
    let told = match size {
        0..60 => format!("saved, seq {seq}"),
        60..140 => format!("log saved, seq {seq}"),
        _ => format!("{} · log saved, seq {seq}", view.app.log.rsplit('/').next().unwrap_or_default()),
    };
    vec![view.dim(&told)]
}

/// Whose seal is missing, where there is room to say it and the next keys.
fn part_sealed(view: &View, size: usize) -> String {
    let (state, told) = (&view.app.state, view.sealing(&[]));
    let given = state.plan.seals.len() - state.missing_seals().len();
    let short = format!("{given} of {} seals", state.plan.seals.len());
    if width(&told) + NEXT_KEYS <= size { told } else { short }
}

type Hint = (&'static str, &'static str);

/// The likeliest next keys, as many as fit; help is always among them.
fn hints(view: &View, arrangement: &Arrangement, size: usize) -> Vec<Span<'static>> {
    if view.app.dialog.is_some() {
        // What lies over the screen lists its own keys; none of these works there.
        return Vec::new();
    }
    let help: Hint = ("?", "help");
    let mut shown = Vec::new();
    let mut left = size.saturating_sub(length(&help));
    for hint in wanted(view, arrangement) {
        if length(&hint) + 3 <= left {
            left -= length(&hint) + 3;
            shown.push(hint);
        }
    }
    shown.push(help);
    let mut spans = Vec::new();
    for (keys, does) in shown {
        if !spans.is_empty() {
            spans.push(view.dim(" · "));
        }
        spans.push(ink(keys, view.theme.accent()));
        spans.push(view.dim(&format!(" {does}")));
    }
    spans
}

fn length(hint: &Hint) -> usize {
    width(hint.0) + 1 + width(hint.1)
}

fn wanted(view: &View, arrangement: &Arrangement) -> Vec<Hint> {
    if view.app.pager.is_some() {
        let is_at_work = view.app.state.under_way().is_some();
        return pager::KEYS.into_iter().filter(|(key, _)| *key != "S" || is_at_work).collect();
    }
    if view.app.way_back.is_some() {
        return way_back::keys(view);
    }
    if view.app.review.is_some() {
        let scroll = if view.app.focus == Focus::List { ("Enter", "detail") } else { ("Esc", "back") };
        return vec![
            ("← →", "entry"),
            ("[ ]", "act"),
            ("space", "play"),
            ("t", "this entry"),
            ("f", "find"),
            scroll,
            ("/", "filter"),
            ("q", "leave"),
        ];
    }
    let mut hints = Vec::new();
    if view.app.is_detail_alone(arrangement) {
        hints.push(("Esc", "back"));
    } else if view.app.is_filtered() && view.app.focus == Focus::List {
        hints.push(("Esc", "show all"));
    }
    if view.app.looks_on {
        hints.extend([("o", "output"), ("v", "verdict")]);
    } else if !view.app.state.is_closing() {
        hints.extend(view.point().map(|point| for_point(view, point)).unwrap_or_default());
        hints.extend(for_run(view));
    } else if !view.app.state.is_ended() {
        let can = view.app.can_seal();
        hints.extend(Some(("p", "the other operator")).filter(|_| !can));
        hints.push(("v", if can { "verdict and seal" } else { "verdict" }));
    }
    if view.app.focus == Focus::List {
        hints.push(("Enter", "detail"));
    } else {
        hints.push(("PgUp PgDn", "scroll"));
        if !view.app.is_detail_alone(arrangement) {
            hints.push(("Esc", "back"));
        }
    }
    hints.extend([("/", "filter"), ("q", "leave")]);
    hints
}

/// What can be done about a point in its state.
fn for_point(view: &View, point: &Point) -> Vec<Hint> {
    let status = view.status(point);
    let mut hints: Vec<Hint> = match &status {
        Status::NeedsYou { .. } if view.app.state.waits_for_exemption(point) => Vec::new(),
        Status::NeedsYou { .. } if view.is_mine(point, &status) => vec![("space", "confirm")],
        Status::NeedsYou { .. } => vec![("u", "take back")],
        Status::ToRun(_) => vec![("a", "run")],
        Status::Running(_) => vec![("o", "output"), ("S", "stop")],
        Status::Interrupted(_) => vec![("a", "run again"), ("o", "output")],
        Status::Failed if !point.actions.is_empty() => {
            vec![("a", "run again"), ("A", "way back"), ("o", "output")]
        }
        Status::Failed | Status::Error | Status::Stale => vec![("r", "probe again")],
        status if status.is_closed() && has_own_act(view, point) => vec![("u", "take back")],
        _ => Vec::new(),
    };
    if status.is_bad() || matches!(status, Status::NeedsYou { .. }) {
        hints.extend(set_aside(view));
        hints.extend(Some(("y", "copy command")).filter(|_| status.is_bad() && view.app.works(Intent::Copy)));
        hints.push(("n", "note"));
    } else {
        // Nothing is asked of anybody yet.
        hints.push(("n", "note"));
        hints.extend(set_aside(view));
    }
    hints
}

/// The two ways to close a point that has not passed, where the rules allow them.
fn set_aside<'a>(view: &'a View) -> impl Iterator<Item = Hint> + use<'a> {
    let ways = [(Intent::Waive, ("w", "waive")), (Intent::Exempt, ("x", "not applicable"))];
    ways.into_iter().filter(|(intent, _)| view.app.works(*intent)).map(|(_, hint)| hint)
}

fn has_own_act(view: &View, point: &Point) -> bool {
    let me = &view.app.me.principal;
    view.app.state.point(&point.id).is_some_and(|state| {
        state.confirmations.iter().any(|act| act.by == *me)
            || state.waivers.iter().any(|act| act.by == *me)
            || state.exemptions.iter().any(|act| act.by == *me)
    })
}

fn for_run(view: &View) -> Vec<Hint> {
    let summary = &view.app.summary;
    if summary.closed == summary.total as u64 {
        return vec![("v", if view.app.can_seal() { "seal" } else { "verdict" })];
    }
    let here = view.point().is_some_and(|point| view.needs_human(point));
    let waits = summary.need_human > usize::from(here);
    let mut hints: Vec<Hint> = match (&view.app.state.proposal, waits) {
        (Some(_), _) => vec![("!", "proposed plan")],
        (None, true) => vec![("!", "next for you")],
        (None, false) => Vec::new(),
    };
    if summary.is_stale {
        hints.push(("R", "probe the stale"));
    }
    hints.push(("v", "verdict"));
    hints
}
