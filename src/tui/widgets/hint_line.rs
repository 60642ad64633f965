//! The line at the bottom: what was just said, or the likeliest next keys; and how far the log is saved.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget as _};

use crate::tui::context::{Context, spread};
use crate::tui::layer::Hint;
use crate::tui::notice::Notice;
use crate::tui::style::layout::bottom_line;
use crate::tui::style::symbols;
use crate::tui::style::text::{cells, styled, width, wrap};
use crate::tui::style::theme::{StyleRole, Theme};

/// The most lines that something said may take.
const MOST: usize = 3;

/// How many cells the likeliest keys take at least.
const NEXT_KEYS: usize = 24;
/// Said while letters do nothing.
const DEAF: &str = " · letters do nothing until you pause";

/// What stands in the line.
pub struct HintLine<'a> {
    /// What was said.
    pub notice: Option<&'a Notice>,
    /// Whether letters do nothing until there is a pause.
    pub is_guarded: bool,
    /// The likeliest next keys; none where the layer on top has the line.
    pub hints: Option<Vec<Hint>>,
    /// Whether something is being put on record.
    pub is_saving: bool,
    /// Whether the engine was asked to stop.
    pub is_leaving: bool,
}

impl HintLine<'_> {
    /// Draws it.
    pub fn draw(&self, cx: &Context, frame: &mut Frame) {
        let area = bottom_line(cx.area);
        if let Some(notice) = self.notice {
            // What is typed stays in view.
            let above =
                Rect { height: area.height - u16::from(self.hints.is_none()).min(area.height), ..area };
            return self.said(cx, frame, above, notice);
        }
        let Some(keys) = &self.hints else { return };
        let size = usize::from(area.width).saturating_sub(2);
        let saved = self.saved(cx, size);
        let taken: usize = saved.iter().map(Span::width).sum();
        let left = hints(cx, keys, size.saturating_sub(taken + 2));
        let line = Line::from(spread(left, (" ", Theme::text()), saved, size));
        line.render(Rect { x: area.x + 1, width: cells(size), ..area }, frame.buffer_mut());
    }

    /// What was said, over as many lines as it takes, up to a limit.
    fn said(&self, cx: &Context, frame: &mut Frame, area: Rect, notice: &Notice) {
        let (sign, tone) =
            if notice.refused { ("✖ ", StyleRole::Failed) } else { ("● ", StyleRole::Settled) };
        let style = if notice.refused { cx.theme.failed() } else { Theme::text() };
        let size = usize::from(area.width).saturating_sub(2);
        let deaf = if self.is_guarded { DEAF } else { "" };
        let told = vec![cx.toned(sign, tone), styled(&notice.text, style), cx.toned(deaf, StyleRole::Needs)];
        let mut lines = wrap(told, size, 2);
        let most = MOST + usize::from(self.is_guarded);
        if lines.len() > most {
            lines.truncate(most);
            lines[most - 1].spans.push(styled("…", style));
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
    fn saved(&self, cx: &Context, size: usize) -> Vec<Span<'static>> {
        if self.is_leaving {
            return vec![cx.toned("quitting: closing the log", StyleRole::Busy)];
        }
        if self.is_saving {
            let turning = symbols::spinner(std::time::Duration::from_millis(cx.run.now.mono));
            let touch = cx.session.me.key.starts_with("sk-");
            let told = match &cx.run.live.awaited_signer {
                _ if touch => "touch your security key".to_owned(),
                Some(who) => format!("waiting for the key of {}", cx.name(who)),
                None => "saving".to_owned(),
            };
            return vec![cx.toned(&format!("{turning} {told}"), StyleRole::Busy)];
        }
        let seq = cx.run.state.seq;
        if cx.is_review() {
            return vec![cx.dim(&format!("review, seq {seq}"))];
        }
        if cx.read_only() {
            return vec![cx.toned(&format!("read-only, seq {seq}"), StyleRole::Waived)];
        }
        if let Some(end) = &cx.run.state.abandoned {
            return vec![
                cx.toned(&format!("abandoned by {} · seq {seq}", cx.name(&end.by)), StyleRole::Settled),
            ];
        }
        if cx.run.state.is_sealed() {
            let by: Vec<_> = cx.run.state.seals.iter().map(|seal| cx.name(&seal.by)).collect();
            return vec![
                cx.toned(&format!("sealed by {} · seq {seq}", by.join(" and ")), StyleRole::Settled),
            ];
        }
        if !cx.run.state.seals.is_empty() {
            return vec![cx.toned(&part_sealed(cx, size), StyleRole::Needs)];
        }
        let told = match size {
            0..60 => format!("saved, seq {seq}"),
            60..140 => format!("log saved, seq {seq}"),
            _ => format!("{} · log saved, seq {seq}", cx.session.log.rsplit('/').next().unwrap_or_default()),
        };
        vec![cx.dim(&told)]
    }
}

/// Whose seal is missing, where there is room to say it and the next keys.
fn part_sealed(cx: &Context, size: usize) -> String {
    let (state, told) = (&cx.run.state, cx.sealing(&[]));
    let given = state.plan.seals.len() - state.missing_seals().len();
    let short = format!("{given} of {} seals", state.plan.seals.len());
    if width(&told) + NEXT_KEYS <= size { told } else { short }
}

/// The keys, as many as fit; the last of them is always among them.
fn hints(cx: &Context, keys: &[Hint], size: usize) -> Vec<Span<'static>> {
    let Some((last, others)) = keys.split_last() else { return Vec::new() };
    let mut shown = Vec::new();
    let mut left = size.saturating_sub(length(last));
    for hint in others {
        if length(hint) + 3 <= left {
            left -= length(hint) + 3;
            shown.push(hint);
        }
    }
    shown.push(last);
    let mut spans = Vec::new();
    for (keys, does) in shown {
        if !spans.is_empty() {
            spans.push(cx.dim(" · "));
        }
        spans.push(styled(keys, cx.theme.accent()));
        spans.push(cx.dim(&format!(" {does}")));
    }
    spans
}

fn length(hint: &Hint) -> usize {
    width(hint.0) + 1 + width(hint.1)
}
