//! Draws the output view.

use aho_corasick::AhoCorasick;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::{OutputView, text_area};
use crate::tui::context::{Context, justify, pad_right};
use crate::tui::style::text::{fold, styled, truncate_spans};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text::{ansi_spans, describe_run};
use crate::tui::widgets::hit_map;
use gonogo_core::run::ActionRun;
use gonogo_core::text;

/// Draws the output over everything between the header and the hint line.
pub fn draw(cx: &Context, frame: &mut Frame, output: &OutputView) {
    let area = text_area(cx.area);
    let covered = Rect { y: cx.area.y + 1, height: cx.area.height.saturating_sub(2), ..cx.area };
    frame.render_widget(ratatui::widgets::Clear, covered);
    hit_map::draw_lines(
        frame,
        Rect { y: area.y - 1, height: 1, ..area },
        [title_line(cx, output, area.width.into())],
    );
    let width = usize::from(area.width);
    let mut rows: Vec<Line> = Vec::new();
    for (_, line) in &output.excerpt.page {
        let spans = highlight_matches(ansi_spans(cx, line), output.query.text().trim());
        if output.excerpt.wrap {
            rows.extend(fold(spans, width));
        } else {
            rows.push(Line::from(truncate_spans(spans, width)));
        }
    }
    let height = usize::from(area.height);
    let skipped = if output.excerpt.follow { rows.len().saturating_sub(height) } else { output.excerpt.skip };
    hit_map::draw_lines(frame, area, rows.into_iter().skip(skipped).take(height));
    if output.excerpt.page.is_empty() {
        hit_map::draw_lines(frame, area, fold(vec![cx.dim(&empty_text(cx, output))], width));
    }
}

/// Why no output is shown: none yet, unreadable, or not read yet.
fn empty_text(cx: &Context, output: &OutputView) -> String {
    if !output.excerpt.is_read {
        return "It is being read.".into();
    }
    let finished = action_run(cx, output).and_then(|run| run.end.as_ref());
    match finished.and_then(|finished| finished.output.as_ref()) {
        Some(output) if output.bytes > 0 => {
            format!(
                "What it printed ({}) cannot be read: {} beside the log.",
                text::bytes(output.bytes),
                output.file
            )
        }
        _ => "It has printed nothing.".into(),
    }
}

fn action_run<'a>(cx: &'a Context, output: &OutputView) -> Option<&'a ActionRun> {
    let progress = cx.run.state.action(&output.key)?;
    [&progress.latest, &progress.latest_dry_run]
        .into_iter()
        .flatten()
        .find(|run| run.seq == output.excerpt.started)
}

fn title_line(cx: &Context, output: &OutputView, width: usize) -> Line<'static> {
    let mut left = vec![styled(&format!("{} ", output.key), Theme::strong())];
    left.extend(action_run(cx, output).map(|run| cx.dim(&format!("· {} ", describe_run(cx, run)))));
    let right = if output.is_typing {
        let typed = pad_right(vec![styled(output.query.text(), Theme::text())], 20);
        let mut spans = vec![styled(" /", cx.theme.accent())];
        spans.extend(typed.into_iter().map(|span| span.patch_style(cx.theme.field())));
        spans
    } else if let Some(message) = &output.excerpt.message {
        vec![cx.with_role(&format!(" {message}"), StyleRole::Failed)]
    } else if output.excerpt.follow {
        vec![cx.with_role(" following", StyleRole::Busy)]
    } else {
        let end = output.excerpt.page.last().map_or(output.excerpt.top, |(offset, _)| *offset);
        vec![cx.dim(&format!(" {} of {}", text::bytes(end), text::bytes(output.excerpt.length)))]
    };
    let room = width.saturating_sub(right.iter().map(Span::width).sum());
    Line::from(justify(truncate_spans(left, room), ("─", cx.theme.rule()), right, width))
}

/// Shows matches of the search text in reverse video.
fn highlight_matches(spans: Vec<Span<'static>>, query: &str) -> Vec<Span<'static>> {
    let text: String = spans.iter().map(|span| span.content.as_ref()).collect();
    let matcher = AhoCorasick::builder().ascii_case_insensitive(true).build([query]);
    let (Ok(matcher), false) = (matcher, query.is_empty()) else { return spans };
    let ranges: Vec<_> = matcher.find_iter(&text).map(|hit| hit.range()).collect();
    if ranges.is_empty() {
        return spans;
    }
    let (mut highlighted, mut offset) = (Vec::new(), 0);
    for span in spans {
        let content = span.content.into_owned();
        for (index, part) in content.char_indices().map(|(index, c)| (offset + index, c)).collect::<Vec<_>>()
        {
            let is_match = ranges.iter().any(|range| range.contains(&index));
            let style = if is_match { span.style.add_modifier(Modifier::REVERSED) } else { span.style };
            match highlighted.last_mut() {
                Some(Span { content, style: last }) if *last == style => {
                    let content: &mut std::borrow::Cow<'static, str> = content;
                    content.to_mut().push(part);
                }
                _ => highlighted.push(Span::styled(part.to_string(), style)),
            }
        }
        offset += content.len();
    }
    highlighted
}
