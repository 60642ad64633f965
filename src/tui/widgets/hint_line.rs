//! The line at the bottom: a notice, or hints for the most likely next keys and the status of the log.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget as _};

use crate::tui::context::{Context, justify};
use crate::tui::layer::Hint;
use crate::tui::notice::Notice;
use crate::tui::style::layout::bottom_line;
use crate::tui::style::symbols;
use crate::tui::style::text::{cells, limit_lines, styled, width, wrap};
use crate::tui::style::theme::{StyleRole, Theme};

/// The maximum number of lines of a notice.
const MAX_NOTICE_LINES: usize = 3;

/// The minimum width for hints, in cells.
const MIN_HINTS_WIDTH: usize = 24;
/// Added to a notice while the typing guard is on.
const TYPING_GUARD_NOTE: &str = " · letters do nothing until you pause";

/// The content of the line.
pub struct HintLine<'a> {
    /// The notice, which replaces the hints.
    pub notice: Option<&'a Notice>,
    /// Whether the typing guard is on: letters do nothing until there is a pause.
    pub is_guarded: bool,
    /// The most likely next keys; `None` if the top layer draws the line itself.
    pub hints: Option<Vec<Hint>>,
    /// Whether a request waits to be logged.
    pub is_saving: bool,
    /// Whether the program is quitting.
    pub is_quitting: bool,
}

impl HintLine<'_> {
    /// Draws the line.
    pub fn draw(&self, cx: &Context, frame: &mut Frame) {
        let area = bottom_line(cx.area);
        if let Some(covered) = self.notice_area(cx) {
            self.draw_notice(cx, frame, covered);
        }
        let Some(keys) = &self.hints else { return };
        let size = usize::from(area.width).saturating_sub(2);
        let status = self.log_status(cx, size);
        let used: usize = status.iter().map(Span::width).sum();
        let left = hint_spans(cx, keys, size.saturating_sub(used + 2));
        let line = Line::from(justify(left, (" ", Theme::text()), status, size));
        line.render(Rect { x: area.x + 1, width: cells(size), ..area }, frame.buffer_mut());
    }

    /// The area of the notice: as many lines as it needs, up to a limit. The line below stays visible: the keys, or the
    /// top layer's text field.
    pub fn notice_area(&self, cx: &Context) -> Option<Rect> {
        let area = bottom_line(cx.area);
        let height = cells(self.notice_lines(cx, area)?.len());
        Some(Rect { y: area.y.saturating_sub(height), height, ..area })
    }

    fn notice_lines(&self, cx: &Context, area: Rect) -> Option<Vec<Line<'static>>> {
        let notice = self.notice?;
        let (symbol, role) =
            if notice.is_refusal { ("✖ ", StyleRole::Failed) } else { ("• ", StyleRole::Confirmed) };
        let style = if notice.is_refusal { cx.theme.failed() } else { Theme::text() };
        let size = usize::from(area.width).saturating_sub(2);
        let guard_note = if self.is_guarded { TYPING_GUARD_NOTE } else { "" };
        let text = vec![
            cx.with_role(symbol, role),
            styled(&notice.text, style),
            cx.with_role(guard_note, StyleRole::Attention),
        ];
        let max_lines = MAX_NOTICE_LINES + usize::from(self.is_guarded);
        Some(limit_lines(wrap(text, size, 2), max_lines, size))
    }

    fn draw_notice(&self, cx: &Context, frame: &mut Frame, covered: Rect) {
        Clear.render(covered, frame.buffer_mut());
        for (row, line) in (0..).zip(self.notice_lines(cx, covered).into_iter().flatten()) {
            let row_area = Rect { x: covered.x + 1, y: covered.y + row, width: covered.width - 2, height: 1 };
            line.render(row_area, frame.buffer_mut());
        }
    }

    /// The status of the log: quitting, saving, read-only, sealed, or saved up to which entry.
    fn log_status(&self, cx: &Context, size: usize) -> Vec<Span<'static>> {
        if self.is_quitting {
            return vec![cx.with_role("quitting: closing the log", StyleRole::Busy)];
        }
        if self.is_saving {
            let spinner = symbols::spinner(std::time::Duration::from_millis(cx.run.now.mono));
            let touch = cx.session.operator.key.starts_with("sk-");
            let text = match &cx.run.in_flight.awaited_signer {
                _ if touch => "touch your security key".to_owned(),
                Some(who) => format!("waiting for the key of {}", cx.short_name(who)),
                None => "saving".to_owned(),
            };
            return vec![cx.with_role(&format!("{spinner} {text}"), StyleRole::Busy)];
        }
        let seq = cx.run.state.seq;
        if cx.is_review() {
            return vec![cx.dim(&format!("review, seq {seq}"))];
        }
        if cx.is_read_only() {
            return vec![cx.with_role(&format!("read-only, seq {seq}"), StyleRole::Waived)];
        }
        if let Some(end) = &cx.run.state.abandoned {
            return vec![cx.with_role(
                &format!("abandoned by {} · seq {seq}", cx.short_name(&end.by)),
                StyleRole::Confirmed,
            )];
        }
        if cx.run.state.is_sealed() {
            let by: Vec<_> = cx.run.state.seals.iter().map(|seal| cx.short_name(&seal.by)).collect();
            return vec![
                cx.with_role(&format!("sealed by {} · seq {seq}", by.join(" and ")), StyleRole::Confirmed),
            ];
        }
        if !cx.run.state.seals.is_empty() {
            return vec![cx.with_role(&seal_progress(cx, size), StyleRole::Attention)];
        }
        let text = match size {
            0..60 => format!("saved, seq {seq}"),
            60..140 => format!("log saved, seq {seq}"),
            _ => format!(
                "{} · log saved, seq {seq}",
                cx.session.log_name.rsplit('/').next().unwrap_or_default()
            ),
        };
        vec![cx.dim(&text)]
    }
}

/// Whose seal is missing, or just how many are if there is no space for that beside the hints.
fn seal_progress(cx: &Context, size: usize) -> String {
    let (state, text) = (&cx.run.state, cx.describe_seals(&[]));
    let sealed = state.plan.seals.len() - state.missing_seals().len();
    let short = format!("{sealed} of {} seals", state.plan.seals.len());
    if width(&text) + MIN_HINTS_WIDTH <= size { text } else { short }
}

/// As many hints as fit. The last one, help, is always shown.
fn hint_spans(cx: &Context, keys: &[Hint], size: usize) -> Vec<Span<'static>> {
    let Some((last, others)) = keys.split_last() else { return Vec::new() };
    let mut shown = Vec::new();
    let mut left = size.saturating_sub(hint_width(last));
    for hint in others {
        if hint_width(hint) + 3 <= left {
            left -= hint_width(hint) + 3;
            shown.push(hint);
        }
    }
    shown.push(last);
    let mut spans = Vec::new();
    for (keys, description) in shown {
        if !spans.is_empty() {
            spans.push(cx.dim(" · "));
        }
        spans.push(styled(keys, cx.theme.accent()));
        spans.push(cx.dim(&format!(" {description}")));
    }
    spans
}

fn hint_width(hint: &Hint) -> usize {
    width(hint.0) + 1 + width(hint.1)
}
