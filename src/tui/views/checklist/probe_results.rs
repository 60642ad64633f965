//! The probes of a control point: what they saw, the trouble first.

use ratatui::text::Span;

use crate::checklist::{Point, Probe, ProbeKey};
use crate::outcome::{Class, Observation, Outcome};
use crate::run::{PointState, ProbeRun};
use crate::text;
use crate::time;
use crate::tui::context::Context;
use crate::tui::reproduce::rank;
use crate::tui::style::symbols::{of_class, of_seen, spinner};
use crate::tui::style::text::{styled, width};
use crate::tui::style::theme::{StyleRole, Theme};
use crate::tui::widgets::action_text::took;
use crate::tui::widgets::text_builder::TextBuilder;

/// How far the observations of a probe stand in.
const IN: usize = 2;

/// Puts down every probe of a point.
pub fn part(cx: &Context, paper: &mut TextBuilder, point: &Point, state: &PointState) {
    if point.probes.is_empty() {
        paper.part(cx, "no probe");
        return paper.put(vec![cx.dim("This point is confirmed by people only.")], 0);
    }
    paper.part(cx, &text::count(point.probes.len(), "probe"));
    let known = |probe: &Probe| state.probes.get(&probe.id);
    let mut probes: Vec<_> = point.probes.iter().collect();
    probes.sort_by_key(|probe| rank(known(probe).and_then(|known| known.latest.as_ref())));
    for probe in probes {
        one(cx, paper, point, probe, known(probe).and_then(|known| known.latest.as_ref()));
        paper.gap();
    }
    let before = |probe: &'_ Probe| known(probe).and_then(|known| known.early_run.clone());
    let before: Vec<_> = point.probes.iter().filter_map(|probe| Some((probe, before(probe)?))).collect();
    if !before.is_empty() {
        let release = cx.plan().previous.as_deref().unwrap_or("the release that runs now");
        paper.part(cx, &format!("before: {release}"));
        for (probe, look) in before {
            looked(cx, paper, point, probe, &look);
        }
    }
}

fn one(cx: &Context, paper: &mut TextBuilder, point: &Point, probe: &Probe, look: Option<&ProbeRun>) {
    match look {
        Some(look) => looked(cx, paper, point, probe, look),
        None => not_looked(cx, paper, point, probe),
    }
    let key = ProbeKey::new(&point.id, &probe.id);
    if let Some(running) = cx.run.live.running.get(&key) {
        let elapsed = cx.run.now.since(&running.since);
        let tries = if running.tries > 1 { format!(", try {}", running.tries) } else { String::new() };
        let so_far = running.last_seen.as_ref().map(|seen| format!(" · so far: {seen}")).unwrap_or_default();
        let told = format!(
            "  {} attempt {} for {}{tries}{so_far}",
            spinner(elapsed),
            running.attempt,
            time::span(elapsed)
        );
        paper.put(vec![cx.toned(&told, StyleRole::Busy)], 4);
    }
}

fn not_looked(cx: &Context, paper: &mut TextBuilder, point: &Point, probe: &Probe) {
    let (sign, tone, told) = match &probe.due {
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
    paper.put(vec![cx.toned(&format!("{sign} "), tone), styled(&probe.title, Theme::text())], IN);
    let style = if tone == StyleRole::Failed { cx.theme.tone(tone) } else { cx.theme.dim() };
    paper.put(vec![Span::raw("  "), styled(&told, style)], IN);
}

fn looked(cx: &Context, paper: &mut TextBuilder, point: &Point, probe: &Probe, look: &ProbeRun) {
    let outcome = &look.outcome;
    let (sign, tone) = of_class(outcome.class);
    paper.put(vec![cx.toned(&format!("{sign} "), tone), styled(&probe.title, Theme::strong())], IN);
    let stale = if cx.run.now.since(&look.at) > point.freshness() { "stale · " } else { "" };
    let facts = [
        told(outcome),
        format!("{stale}{}", cx.ago(&look.at)),
        took(look.took_ms),
        format!("#{}:{}", look.seq, look.outcome.evidence_hash().short()),
    ];
    paper.put(vec![Span::raw("  "), cx.dim(&facts.join(" · "))], IN);
    let column =
        outcome.observations.iter().filter(|seen| seen.ok == Some(true)).map(|seen| width(&seen.what));
    let column = column.filter(|size| *size <= paper.width * 2 / 5).max().unwrap_or(0);
    let good = outcome.observations.iter().filter(|seen| seen.ok == Some(true));
    for seen in outcome.problems().chain(good) {
        observation(cx, paper, seen, column);
        last_time(cx, paper, point, probe, seen);
    }
    for effect in &outcome.effects {
        paper.put(vec![cx.dim("  ~ "), styled(&text::line(effect), cx.theme.dim())], 4);
    }
    if !outcome.reproduce.is_empty() {
        paper.put(vec![cx.dim("  $ "), styled(&outcome.reproduce, cx.theme.tone(StyleRole::Waived))], 4);
    }
}

/// What the last sealed run saw in the same place, if it was something else.
fn last_time(cx: &Context, paper: &mut TextBuilder, point: &Point, probe: &Probe, seen: &Observation) {
    let Some(run) = cx.run.last.as_ref().filter(|_| !seen.measured) else { return };
    let look = run.point(&point.id).and_then(|state| state.probes.get(&probe.id)?.latest.as_ref());
    let then = look.and_then(|look| look.outcome.observations.iter().find(|then| then.what == seen.what));
    if let Some(then) = then.filter(|then| then.seen != seen.seen) {
        let release = text::line(&run.plan.release);
        paper.put(vec![cx.dim(&format!("      last time ({release}): {}", text::line(&then.seen)))], 8);
    }
}

fn told(outcome: &Outcome) -> String {
    let word = match outcome.class {
        Class::Pass => "passed",
        Class::Fail => "failed",
        Class::Error => "error",
    };
    if outcome.tries > 1 { format!("{word} on try {}", outcome.tries) } else { word.into() }
}

fn observation(cx: &Context, paper: &mut TextBuilder, seen: &Observation, column: usize) {
    let (sign, tone) = of_seen(seen.ok);
    let sign = cx.toned(&format!("  {sign} "), tone);
    if seen.ok == Some(true) {
        return good(cx, paper, sign, seen, column);
    }
    paper.put(vec![sign, styled(&seen.what, Theme::text())], 4);
    paper.put(vec![cx.dim("    expected  "), styled(&seen.expected, Theme::text())], 14);
    let label = if seen.ok.is_none() { "    instead   " } else { "    seen      " };
    paper.put(vec![cx.dim(label), styled(&seen.seen, cx.theme.prose(tone))], 14);
}

/// What is as it must be takes one line where it can; what is longer than the column stands alone.
fn good(cx: &Context, paper: &mut TextBuilder, sign: Span<'static>, seen: &Observation, column: usize) {
    let what = text::line(&seen.what);
    let value = styled(&seen.seen, Theme::text());
    let plain = seen.expected == seen.seen || seen.expected == "recorded";
    let asked = if plain { String::new() } else { format!("  ({})", seen.expected) };
    if width(&what) > column {
        paper.put(vec![sign, cx.dim(&what)], 4);
        return paper.put(vec![Span::raw("      "), value, cx.dim(&asked)], 6);
    }
    let fill = " ".repeat(column - width(&what) + 2);
    paper.put(vec![sign, cx.dim(&format!("{what}{fill}")), value, cx.dim(&asked)], 6 + column);
}
