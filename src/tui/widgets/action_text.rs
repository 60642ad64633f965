//! The actions of a control point: the command, the run, its result.

use std::time::Duration;

use ratatui::style::{Color as Ink, Modifier, Style};
use ratatui::text::{Line, Span};

use crate::tui::context::Context;
use crate::tui::style::symbols::spinner;
use crate::tui::style::text::{styled, truncate_spans};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::text_builder::TextBuilder;
use gonogo_core::ansi;
use gonogo_core::checklist::{Action, ActionKey, Point};
use gonogo_core::journal::entry::ActionExit;
use gonogo_core::run::{ActionEnd, ActionRun, RunState};
use gonogo_core::text;
use gonogo_core::time;

/// How many of the last lines of the output are shown.
const TAIL_LINES: usize = 12;

/// Adds the actions of a point.
pub fn add_actions(cx: &Context, builder: &mut TextBuilder, point: &Point) {
    if point.actions.is_empty() {
        return;
    }
    builder.heading(cx, &text::count(point.actions.len(), "action"));
    for action in &point.actions {
        add_action(cx, builder, &ActionKey::new(&point.id, &action.id), action);
        builder.gap();
    }
}

/// Adds an action: symbol and title, the command, its newest run and dry run.
pub fn add_action(cx: &Context, builder: &mut TextBuilder, key: &ActionKey, action: &Action) {
    let progress = cx.run.state.action(key);
    let latest = progress.and_then(|progress| progress.latest.as_ref());
    let is_omitted = action.optional && action.program.is_none();
    let (symbol, role) = if is_omitted { ("–", StyleRole::Idle) } else { action_symbol(cx, latest) };
    builder.put(vec![cx.with_role(&format!("{symbol} "), role), styled(&action.title, Theme::strong())], 2);
    if let Some(program) = &action.program {
        let cwd = program.cwd.as_ref().map(|cwd| format!("cd {} && ", text::shell_word(cwd)));
        let command = format!(
            "{}{}",
            cwd.unwrap_or_default(),
            program.command_line(false, cx.run.state.noted_replicas)
        );
        builder.put(vec![cx.dim("  $ "), styled(&command, cx.theme.style(StyleRole::Waived))], 4);
    } else {
        let text = format!("  the profile lacks {}", action.missing.join(", "));
        let role = if action.optional { StyleRole::Idle } else { StyleRole::Failed };
        builder.put(vec![cx.with_role(&text, role)], 4);
    }
    if let Some((_, since)) = cx.run.in_flight.preparing_action.as_ref().filter(|(other, _)| other == key) {
        let elapsed = cx.run.now.since(since);
        let text =
            format!("  {} guards and checks are looking for {}", spinner(elapsed), time::span(elapsed));
        builder.put(vec![cx.with_role(&text, StyleRole::Busy)], 4);
    }
    let mut runs: Vec<_> = [progress.and_then(|progress| progress.latest_dry_run.as_ref()), latest]
        .into_iter()
        .flatten()
        .collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.seq));
    for run in runs {
        add_run(cx, builder, action, run);
    }
}

/// The symbol of an action by its newest run, and its role.
pub fn action_symbol(cx: &Context, latest: Option<&ActionRun>) -> (&'static str, StyleRole) {
    match latest.map(|run| (run, &run.end)) {
        None => ("▷", StyleRole::Idle),
        Some((run, None)) => (spinner(cx.run.now.since(&run.at)), StyleRole::Busy),
        Some((_, Some(finished))) => match finished.exit {
            ActionExit::Code(0) => ("✔", StyleRole::Good),
            ActionExit::Unknown(_) => ("↯", StyleRole::Error),
            _ => ("✖", StyleRole::Failed),
        },
    }
}

/// Describes a run: who started it, and its progress or its result.
pub fn describe_run(cx: &Context, run: &ActionRun) -> String {
    let what = if run.dry_run { "dry run" } else { "run" };
    let head = format!("{what} {} by {}", run.attempt, cx.short_name(&run.by));
    match &run.end {
        None => {
            let stopped =
                run.stopped_by.as_ref().map(|who| format!(" · {} asked to stop it", cx.short_name(who)));
            let printed = text::bytes(cx.run.in_flight.printed_bytes);
            format!("{head} · running {} · {printed}{}", progress(cx, run), stopped.unwrap_or_default())
        }
        Some(finished) => format!("{head} · {}", describe_end(cx, finished)),
    }
}

/// How long a running action has been running, its deadline, and how long it took last time, in this run or in the
/// last sealed one of the environment: `2m 05s of 10m 00s · last time 1m 40s`.
pub fn progress(cx: &Context, run: &ActionRun) -> String {
    let elapsed = elapsed_of_deadline(cx, run);
    let running = cx.run.state.running_action().filter(|(_, running)| running.seq == run.seq);
    let Some((key, _)) = running else { return elapsed };
    let took = |state: &RunState| state.action(key).and_then(|action| action.last_took_ms);
    let last = took(&cx.run.state).or_else(|| cx.run.last_sealed.as_deref().and_then(took));
    let last = last.filter(|_| !run.dry_run).map(|ms| format!(" · last time {}", format_duration(ms)));
    format!("{elapsed}{}", last.unwrap_or_default())
}

/// How long the running action has been running, and its deadline: `2m 05s of 10m 00s`.
pub fn elapsed_of_deadline(cx: &Context, run: &ActionRun) -> String {
    let elapsed = time::span(cx.run.now.since(&run.at));
    let running = cx.run.state.running_action().filter(|(_, running)| running.seq == run.seq);
    match running.and_then(|(key, _)| cx.plan().action(key)) {
        Some(action) => format!("{elapsed} of {}", time::span(Duration::from_millis(action.deadline_ms))),
        None => elapsed,
    }
}

fn describe_end(cx: &Context, finished: &ActionEnd) -> String {
    let mut parts = vec![finished.describe()];
    if finished.took_ms > 0 {
        parts.push(format_duration(finished.took_ms));
    }
    parts.extend(finished.output.as_ref().map(|output| text::bytes(output.bytes)));
    parts.push(cx.ago(&finished.at));
    parts.join(" · ")
}

fn add_run(cx: &Context, builder: &mut TextBuilder, action: &Action, run: &ActionRun) {
    let (_, role) = action_symbol(cx, Some(run));
    let text = format!("  {} · #{}", describe_run(cx, run), run.seq);
    builder.put(vec![if role == StyleRole::Good { cx.dim(&text) } else { cx.with_role(&text, role) }], 4);
    let is_good = run.end.as_ref().is_some_and(|finished| finished.exit.is_success());
    if !is_good {
        add_output_tail(cx, builder, run);
    }
    let checks = cx.plan().checks_before(Some(action), run.dry_run);
    for (_, check) in checks.filter(|(key, _)| run.preflight.iter().any(|seen| seen.has_key(key))) {
        builder.put(vec![cx.dim(&format!("  ✔ before it: {}", text::line(&check.title)))], 6);
    }
}

/// Adds the last lines of the output.
fn add_output_tail(cx: &Context, builder: &mut TextBuilder, run: &ActionRun) {
    let room = builder.width.saturating_sub(4);
    let live =
        cx.run.tail.as_ref().filter(|(started, _)| *started == run.seq).map(|(_, lines)| lines.clone());
    let logged = || {
        let output = run.end.as_ref().and_then(|finished| finished.output.as_ref());
        ansi::lines(output.map_or("", |output| &output.tail).as_bytes())
    };
    let lines = live.unwrap_or_else(logged);
    for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
        let mut spans = vec![cx.dim("  │ ")];
        spans.extend(truncate_spans(ansi_spans(cx, line), room));
        builder.lines.push(Line::from(spans));
    }
    if !lines.is_empty() {
        builder.put(vec![cx.dim("  o shows all of it")], 4);
    }
}

/// A duration, for people.
pub fn format_duration(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        _ => time::span(Duration::from_millis(ms)),
    }
}

/// A line of output, in its own colours if colours are used.
pub fn ansi_spans(cx: &Context, line: &ansi::Line) -> Vec<Span<'static>> {
    let piece = |(style, text): &(ansi::Style, String)| styled(text, ansi_style(cx, *style));
    line.iter().map(piece).collect()
}

fn ansi_style(cx: &Context, style: ansi::Style) -> Style {
    let color = |color: ansi::Color| match color {
        ansi::Color::Indexed(number) => Ink::Indexed(number),
        ansi::Color::Rgb(r, g, b) => Ink::Rgb(r, g, b),
    };
    let mut base = Style::new();
    if cx.session.appearance.color {
        (base.fg, base.bg) = (style.fg.map(color), style.bg.map(color));
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
        .fold(base, |base, (_, modifier)| base.add_modifier(modifier))
}
