//! The probe results of a control point, problems first.

use ratatui::text::Span;

use crate::tui::context::Context;
use crate::tui::reproduce::rank;
use crate::tui::style::symbols::{observation_symbol, outcome_symbol, spinner};
use crate::tui::style::text::{styled, width};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text::format_duration;
use crate::tui::widgets::text_builder::TextBuilder;
use gonogo_core::checklist::{Point, Probe, ProbeKey};
use gonogo_core::outcome::{Class, Observation, Outcome};
use gonogo_core::run::{PointState, ProbeRun, unseen_names};
use gonogo_core::text;
use gonogo_core::time;

/// The indentation of a probe's result.
const INDENT: usize = 2;

/// Adds every probe of a point.
pub fn add(cx: &Context, builder: &mut TextBuilder, point: &Point, state: &PointState) {
    if point.probes.is_empty() {
        builder.heading(cx, "no probe");
        return builder.put(vec![cx.dim("This point is confirmed by people only.")], 0);
    }
    builder.heading(cx, &text::count(point.probes.len(), "probe"));
    for unseen in unseen_names(&cx.run.state, point) {
        builder.put(vec![cx.with_role(&format!("⚠ {}", text::line(&unseen)), StyleRole::Attention)], INDENT);
    }
    let probe_state = |probe: &Probe| state.probes.get(&probe.id);
    let mut probes: Vec<_> = point.probes.iter().collect();
    probes.sort_by_key(|probe| rank(probe_state(probe).and_then(|probe_state| probe_state.latest.as_ref())));
    for probe in probes {
        add_probe(
            cx,
            builder,
            point,
            probe,
            probe_state(probe).and_then(|probe_state| probe_state.latest.as_ref()),
        );
        builder.gap();
    }
    let early_run =
        |probe: &'_ Probe| probe_state(probe).and_then(|probe_state| probe_state.early_run.clone());
    let early_runs: Vec<_> =
        point.probes.iter().filter_map(|probe| Some((probe, early_run(probe)?))).collect();
    if !early_runs.is_empty() {
        let release = cx.plan().previous.as_deref().unwrap_or("the release that runs now");
        builder.heading(cx, &format!("before: {release}"));
        for (probe, probe_run) in early_runs {
            add_result(cx, builder, point, probe, &probe_run);
        }
    }
}

fn add_probe(
    cx: &Context,
    builder: &mut TextBuilder,
    point: &Point,
    probe: &Probe,
    probe_run: Option<&ProbeRun>,
) {
    let running = cx.run.in_flight.running.get(&ProbeKey::new(&point.id, &probe.id));
    match probe_run {
        Some(probe_run) => add_result(cx, builder, point, probe, probe_run),
        None if running.is_some() => builder.put(vec![cx.dim("○ "), styled(&probe.title, Theme::text())], 2),
        None => add_missing_result(cx, builder, point, probe),
    }
    if let Some(running) = running {
        let elapsed = cx.run.now.since(&running.since);
        let tries = if running.tries > 1 { format!(", try {}", running.tries) } else { String::new() };
        let so_far = running.last_seen.as_ref().map(|seen| format!(" · so far: {seen}")).unwrap_or_default();
        let text = format!("  {} running for {}{tries}{so_far}", spinner(elapsed), time::span(elapsed));
        builder.put(vec![cx.with_role(&text, StyleRole::Busy)], 4);
    }
}

fn add_missing_result(cx: &Context, builder: &mut TextBuilder, point: &Point, probe: &Probe) {
    let (symbol, role, text) = match &probe.due {
        _ if !probe.missing.is_empty() => {
            ("∅", StyleRole::Failed, format!("the profile lacks {}", probe.missing.join(", ")))
        }
        Some(due) if !cx.judgement.is_due(probe) => ("◌", StyleRole::Idle, format!("not due (after {due})")),
        _ if !cx.run.state.has_action_result(point, probe) => {
            let action = probe.after_action.as_deref().unwrap_or_default();
            ("○", StyleRole::Idle, format!("runs after {action}"))
        }
        _ if probe.effects => {
            ("○", StyleRole::Idle, "has not run yet; it changes the system, and reports what".into())
        }
        _ => ("○", StyleRole::Idle, "has not run yet".into()),
    };
    builder.put(vec![cx.with_role(&format!("{symbol} "), role), styled(&probe.title, Theme::text())], INDENT);
    let style = if role == StyleRole::Failed { cx.theme.style(role) } else { cx.theme.dim() };
    builder.put(vec![Span::raw("  "), styled(&text, style)], INDENT);
}

fn add_result(cx: &Context, builder: &mut TextBuilder, point: &Point, probe: &Probe, probe_run: &ProbeRun) {
    let outcome = &probe_run.outcome;
    let (symbol, role) = outcome_symbol(outcome.class);
    builder
        .put(vec![cx.with_role(&format!("{symbol} "), role), styled(&probe.title, Theme::strong())], INDENT);
    let stale = if cx.judgement.is_stale(point, probe) { "stale · " } else { "" };
    let parts = [
        result_label(outcome),
        format!("{stale}{}", cx.ago(&probe_run.at)),
        format_duration(probe_run.took_ms),
        format!("#{}:{}", probe_run.seq, probe_run.outcome.evidence_hash().short()),
    ];
    builder.put(vec![Span::raw("  "), cx.dim(&parts.join(" · "))], INDENT);
    let column =
        outcome.observations.iter().filter(|seen| seen.ok == Some(true)).map(|seen| width(&seen.what));
    let column = column.filter(|size| *size <= builder.width * 2 / 5).max().unwrap_or(0);
    let good = outcome.observations.iter().filter(|seen| seen.ok == Some(true));
    for seen in outcome.problems().chain(good) {
        add_observation(cx, builder, seen, column);
        add_previous_value(cx, builder, point, probe, seen);
    }
    for (seen, n) in outcome.failed_tries.iter().zip(1..) {
        builder.put(vec![cx.dim(&format!("  try {n}: {}", text::line(seen)))], 4);
    }
    for effect in &outcome.effects {
        builder.put(vec![cx.dim("  ~ "), styled(&text::line(effect), cx.theme.dim())], 4);
    }
    if !outcome.reproduce.is_empty() {
        builder.put(vec![cx.dim("  $ "), styled(&outcome.reproduce, cx.theme.style(StyleRole::Waived))], 4);
    }
}

/// Adds what the last sealed run saw for an observation, if it was something else.
fn add_previous_value(
    cx: &Context,
    builder: &mut TextBuilder,
    point: &Point,
    probe: &Probe,
    seen: &Observation,
) {
    let Some(run) = cx.run.last_sealed.as_ref().filter(|_| !seen.measured) else { return };
    let probe_run = run.point(&point.id).and_then(|state| state.probes.get(&probe.id)?.latest.as_ref());
    let previous = probe_run.and_then(|probe_run| {
        probe_run.outcome.observations.iter().find(|previous| previous.what == seen.what)
    });
    if let Some(previous) = previous.filter(|previous| previous.seen != seen.seen) {
        let release = text::line(&run.plan.release);
        builder.put(vec![cx.dim(&format!("      last time ({release}): {}", text::line(&previous.seen)))], 8);
    }
}

fn result_label(outcome: &Outcome) -> String {
    let word = match outcome.class {
        Class::Pass => "passed",
        Class::Fail => "failed",
        Class::Error => "error",
    };
    if outcome.tries > 1 { format!("{word} on try {}", outcome.tries) } else { word.into() }
}

fn add_observation(cx: &Context, builder: &mut TextBuilder, seen: &Observation, column: usize) {
    let (symbol, role) = observation_symbol(seen);
    let symbol = cx.with_role(&format!("  {symbol} "), role);
    if seen.ok == Some(true) {
        return add_passed_observation(cx, builder, symbol, seen, column);
    }
    builder.put(vec![symbol, styled(&seen.what, Theme::text())], 4);
    builder.put(vec![cx.dim("    expected  "), styled(&seen.expected, Theme::text())], 14);
    let label = if seen.ok.is_none() { "    error     " } else { "    seen      " };
    builder.put(vec![cx.dim(label), styled(&seen.seen, cx.theme.prose(role))], 14);
}

/// Adds a passed observation: one line, or two if its name is longer than the column.
fn add_passed_observation(
    cx: &Context,
    builder: &mut TextBuilder,
    symbol: Span<'static>,
    seen: &Observation,
    column: usize,
) {
    let what = text::line(&seen.what);
    let value = styled(&seen.seen, Theme::text());
    let is_as_expected = seen.expected == seen.seen || seen.is_recorded();
    let expected = if is_as_expected { String::new() } else { format!("  ({})", seen.expected) };
    if width(&what) > column {
        builder.put(vec![symbol, cx.dim(&what)], 4);
        return builder.put(vec![Span::raw("      "), value, cx.dim(&expected)], 6);
    }
    let fill = " ".repeat(column - width(&what) + 2);
    builder.put(vec![symbol, cx.dim(&format!("{what}{fill}")), value, cx.dim(&expected)], 6 + column);
}
