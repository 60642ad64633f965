//! The actions of a control point: what would run, what is running, how it ended.

use std::time::Duration;

use ratatui::style::{Color as Ink, Modifier, Style};
use ratatui::text::{Line, Span};

use crate::ansi;
use crate::checklist::{Action, ActionKey, Point};
use crate::journal::entry::ActionExit;
use crate::run::{ActionEnd, ActionRun};
use crate::text;
use crate::time;
use crate::tui::context::Context;
use crate::tui::style::symbols::spinner;
use crate::tui::style::text::{shorten, styled};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::text_builder::TextBuilder;

/// How many lines of an output stand in a detail.
const TAIL: usize = 12;

/// Puts down every action of a point.
pub fn part(cx: &Context, paper: &mut TextBuilder, point: &Point) {
    if point.actions.is_empty() {
        return;
    }
    paper.part(cx, &text::count(point.actions.len(), "action"));
    for action in &point.actions {
        one(cx, paper, &ActionKey::new(&point.id, &action.id), action);
        paper.gap();
    }
}

/// Puts down one action: its sign and title, the command, how it stands.
pub fn one(cx: &Context, paper: &mut TextBuilder, key: &ActionKey, action: &Action) {
    let known = cx.run.state.action(key);
    let latest = known.and_then(|known| known.latest.as_ref());
    let is_left = action.optional && action.program.is_none();
    let (sign, tone) = if is_left { ("–", StyleRole::Idle) } else { sign(cx, latest) };
    paper.put(vec![cx.toned(&format!("{sign} "), tone), styled(&action.title, Theme::strong())], 2);
    if let Some(program) = &action.program {
        let cwd = program.cwd.as_ref().map(|cwd| format!("cd {} && ", text::shell_word(cwd)));
        let command = format!("{}{}", cwd.unwrap_or_default(), program.command_line(false));
        paper.put(vec![cx.dim("  $ "), styled(&command, cx.theme.tone(StyleRole::Waived))], 4);
    } else {
        let told = format!("  the profile lacks {}", action.missing.join(", "));
        let tone = if action.optional { StyleRole::Idle } else { StyleRole::Failed };
        paper.put(vec![cx.toned(&told, tone)], 4);
    }
    if let Some((_, since)) = cx.run.live.preparing_action.as_ref().filter(|(other, _)| other == key) {
        let elapsed = cx.run.now.since(since);
        let told =
            format!("  {} guards and checks are looking for {}", spinner(elapsed), time::span(elapsed));
        paper.put(vec![cx.toned(&told, StyleRole::Busy)], 4);
    }
    let mut deeds: Vec<_> =
        [known.and_then(|known| known.latest_dry_run.as_ref()), latest].into_iter().flatten().collect();
    deeds.sort_by_key(|deed| std::cmp::Reverse(deed.seq));
    for deed in deeds {
        stands(cx, paper, action, deed);
    }
}

/// The sign of an action by its newest running.
pub fn sign(cx: &Context, latest: Option<&ActionRun>) -> (&'static str, StyleRole) {
    match latest.map(|deed| (deed, &deed.end)) {
        None => ("▷", StyleRole::Idle),
        Some((deed, None)) => (spinner(cx.run.now.since(&deed.at)), StyleRole::Busy),
        Some((_, Some(finished))) => match finished.exit {
            ActionExit::Code(0) => ("✔", StyleRole::Good),
            ActionExit::Unknown(_) => ("↯", StyleRole::Error),
            _ => ("✖", StyleRole::Failed),
        },
    }
}

/// How a running stands, in a few words.
pub fn told(cx: &Context, deed: &ActionRun) -> String {
    let what = if deed.dry_run { "dry run" } else { "run" };
    let head = format!("{what} {} by {}", deed.attempt, cx.name(&deed.by));
    match &deed.end {
        None => {
            let stopped = deed.stopped_by.as_ref().map(|who| format!(" · {} asked to stop it", cx.name(who)));
            let printed = size(cx.run.live.printed_bytes);
            let since = time::span(cx.run.now.since(&deed.at));
            format!("{head} · running {since} · {printed}{}", stopped.unwrap_or_default())
        }
        Some(finished) => format!("{head} · {}", ended(cx, finished)),
    }
}

fn ended(cx: &Context, finished: &ActionEnd) -> String {
    let mut parts = vec![finished.describe()];
    if finished.took_ms > 0 {
        parts.push(took(finished.took_ms));
    }
    parts.extend(finished.output.as_ref().map(|output| size(output.bytes)));
    parts.push(cx.ago(&finished.at));
    parts.join(" · ")
}

fn stands(cx: &Context, paper: &mut TextBuilder, action: &Action, deed: &ActionRun) {
    let (_, tone) = sign(cx, Some(deed));
    let told = format!("  {} · #{}", told(cx, deed), deed.seq);
    paper.put(vec![if tone == StyleRole::Good { cx.dim(&told) } else { cx.toned(&told, tone) }], 4);
    let is_good = deed.end.as_ref().is_some_and(|finished| finished.exit.is_success());
    if !is_good {
        tail(cx, paper, deed);
    }
    let checks = cx.plan().checks_before(Some(action), deed.dry_run);
    for (_, check) in checks.filter(|(key, _)| deed.preflight.iter().any(|seen| seen.has_key(key))) {
        paper.put(vec![cx.dim(&format!("  ✔ before it: {}", text::line(&check.title)))], 6);
    }
}

/// The last lines that it has printed.
fn tail(cx: &Context, paper: &mut TextBuilder, deed: &ActionRun) {
    let room = paper.width.saturating_sub(4);
    let live =
        cx.run.tail.as_ref().filter(|(started, _)| *started == deed.seq).map(|(_, lines)| lines.clone());
    let kept = || {
        let output = deed.end.as_ref().and_then(|finished| finished.output.as_ref());
        ansi::lines(output.map_or("", |output| &output.tail).as_bytes())
    };
    let lines = live.unwrap_or_else(kept);
    for line in &lines[lines.len().saturating_sub(TAIL)..] {
        let mut spans = vec![cx.dim("  │ ")];
        spans.extend(shorten(painted(cx, line), room));
        paper.lines.push(Line::from(spans));
    }
    if !lines.is_empty() {
        paper.put(vec![cx.dim("  o shows all of it")], 4);
    }
}

/// A time that something took.
pub fn took(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => time::span(Duration::from_millis(ms)),
    }
}

/// So many bytes, for people.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{}.{} KiB", bytes >> 10, ((bytes & 1023) * 10) >> 10),
        _ => format!("{}.{} MiB", bytes >> 20, (((bytes >> 10) & 1023) * 10) >> 10),
    }
}

/// A line that a program printed, in its own colours where colours may be used.
pub fn painted(cx: &Context, line: &ansi::Line) -> Vec<Span<'static>> {
    let piece = |(style, text): &(ansi::Style, String)| styled(text, worn(cx, *style));
    line.iter().map(piece).collect()
}

fn worn(cx: &Context, style: ansi::Style) -> Style {
    let color = |color: ansi::Color| match color {
        ansi::Color::Indexed(number) => Ink::Indexed(number),
        ansi::Color::Rgb(r, g, b) => Ink::Rgb(r, g, b),
    };
    let mut worn = Style::new();
    if cx.session.appearance.color {
        (worn.fg, worn.bg) = (style.fg.map(color), style.bg.map(color));
    }
    let modifiers = [
        (style.bold, Modifier::BOLD),
        (style.dim, Modifier::DIM),
        (style.italic, Modifier::ITALIC),
        (style.underline, Modifier::UNDERLINED),
        (style.reverse, Modifier::REVERSED),
    ];
    modifiers
        .into_iter()
        .filter(|(is_set, _)| *is_set)
        .fold(worn, |worn, (_, modifier)| worn.add_modifier(modifier))
}
