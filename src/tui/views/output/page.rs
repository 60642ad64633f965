//! How a place in an output is drawn.

use aho_corasick::AhoCorasick;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::{Pager, place};
use crate::run::ActionRun;
use crate::tui::context::{Context, padded, spread};
use crate::tui::style::text::{fold, shorten, styled};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text::{painted, size, told};
use crate::tui::widgets::hit_map;

/// Draws the output over everything between the lines on top and at the bottom.
pub fn draw(cx: &Context, frame: &mut Frame, pager: &Pager) {
    let area = place(cx.area);
    let over = Rect { y: cx.area.y + 1, height: cx.area.height.saturating_sub(2), ..cx.area };
    frame.render_widget(ratatui::widgets::Clear, over);
    hit_map::put(frame, Rect { y: area.y - 1, height: 1, ..area }, [head(cx, pager, area.width.into())]);
    let width = usize::from(area.width);
    let mut rows: Vec<Line> = Vec::new();
    for (_, line) in &pager.excerpt.page {
        let spans = found(painted(cx, line), pager.find.text().trim());
        if pager.excerpt.wrap {
            rows.extend(fold(spans, width));
        } else {
            rows.push(Line::from(shorten(spans, width)));
        }
    }
    let height = usize::from(area.height);
    let skipped = if pager.excerpt.follow { rows.len().saturating_sub(height) } else { pager.excerpt.skip };
    hit_map::put(frame, area, rows.into_iter().skip(skipped).take(height));
    if pager.excerpt.page.is_empty() {
        hit_map::put(frame, area, fold(vec![cx.dim(&why_empty(cx, pager))], width));
    }
}

/// Why nothing is shown. What is not there is not the same as nothing.
fn why_empty(cx: &Context, pager: &Pager) -> String {
    if !pager.excerpt.is_read {
        return "It is being read.".into();
    }
    let finished = deed(cx, pager).and_then(|deed| deed.end.as_ref());
    match finished.and_then(|finished| finished.output.as_ref()) {
        Some(output) if output.bytes > 0 => {
            format!(
                "What it printed ({}) cannot be read: {} beside the log.",
                size(output.bytes),
                output.file
            )
        }
        _ => "It has printed nothing.".into(),
    }
}

fn deed<'a>(cx: &'a Context, pager: &Pager) -> Option<&'a ActionRun> {
    let known = cx.run.state.action(&pager.key)?;
    [&known.latest, &known.latest_dry_run]
        .into_iter()
        .flatten()
        .find(|deed| deed.seq == pager.excerpt.started)
}

fn head(cx: &Context, pager: &Pager, width: usize) -> Line<'static> {
    let mut left = vec![styled(&format!("{} ", pager.key), Theme::strong())];
    left.extend(deed(cx, pager).map(|deed| cx.dim(&format!("· {} ", told(cx, deed)))));
    let right = if pager.typing {
        let typed = padded(vec![styled(pager.find.text(), Theme::text())], 20);
        let mut spans = vec![styled(" /", cx.theme.accent())];
        spans.extend(typed.into_iter().map(|span| span.patch_style(cx.theme.field())));
        spans
    } else if let Some(said) = &pager.excerpt.said {
        vec![cx.toned(&format!(" {said}"), StyleRole::Failed)]
    } else if pager.excerpt.follow {
        vec![cx.toned(" following", StyleRole::Busy)]
    } else {
        let until = pager.excerpt.page.last().map_or(pager.excerpt.top, |(at, _)| *at);
        vec![cx.dim(&format!(" {} of {}", size(until), size(pager.excerpt.length)))]
    };
    let room = width.saturating_sub(right.iter().map(Span::width).sum());
    Line::from(spread(shorten(left, room), ("─", cx.theme.rule()), right, width))
}

/// The same with what is searched for in reverse.
fn found(spans: Vec<Span<'static>>, sought: &str) -> Vec<Span<'static>> {
    let text: String = spans.iter().map(|span| span.content.as_ref()).collect();
    let matcher = AhoCorasick::builder().ascii_case_insensitive(true).build([sought]);
    let (Ok(matcher), false) = (matcher, sought.is_empty()) else { return spans };
    let marks: Vec<_> = matcher.find_iter(&text).map(|found| found.range()).collect();
    if marks.is_empty() {
        return spans;
    }
    let (mut marked, mut at) = (Vec::new(), 0);
    for span in spans {
        let content = span.content.into_owned();
        for (index, part) in content.char_indices().map(|(index, c)| (at + index, c)).collect::<Vec<_>>() {
            let is_in = marks.iter().any(|mark| mark.contains(&index));
            let style = if is_in { span.style.add_modifier(Modifier::REVERSED) } else { span.style };
            match marked.last_mut() {
                Some(Span { content, style: last }) if *last == style => {
                    let content: &mut std::borrow::Cow<'static, str> = content;
                    content.to_mut().push(part);
                }
                _ => marked.push(Span::styled(part.to_string(), style)),
            }
        }
        at += content.len();
    }
    marked
}
