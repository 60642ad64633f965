//! Text for people: one line per point, then the problems.

use std::fmt::Write as _;

use super::notices::notices;
use super::{LeftOut, is_nothing_checked};
use gonogo_core::checklist::{Point, Probe};
use gonogo_core::journal::entry::Verdict;
use gonogo_core::outcome::{Class, Observation};
use gonogo_core::run::{Judgement, ProbeRun, SharedCause, Status, cause, explain, judge};
use gonogo_core::run::{missing_value, shared_causes};
use gonogo_core::text::{count, line};

/// The minimum width of the column of ids, so that short lists stand below each other in the same way.
const MIN_ID_WIDTH: usize = 26;

/// The whole report. With `color`, states are colored; `left_out` lists what was left out on request.
#[must_use]
pub fn human(judgement: &Judgement, left_out: &LeftOut, color: bool) -> String {
    let mut out = String::new();
    let plan = &judgement.state.plan;
    let columns = Columns::of(judgement);
    for section in &plan.sections {
        let _ = writeln!(out, "{}", line(&section.title));
        for point in &section.points {
            let _ = writeln!(out, "{}", point_line(judgement, point, left_out, &columns, color));
        }
    }
    let causes = shared_causes(judgement);
    for cause in &causes {
        let ids: Vec<_> = cause.points.iter().map(|id| line(id)).collect();
        let _ = writeln!(out, "\n{} for one cause: {}", count(ids.len(), "point"), line(&cause.seen));
        let _ = writeln!(out, "  {}", ids.join(", "));
    }
    for point in plan.points().filter(|point| judgement.status(&point.id).is_no_go()) {
        write_problems(&mut out, judgement, point, &causes, color);
    }
    write_notices(&mut out, judgement);
    write_left_out(&mut out, left_out);
    if is_nothing_checked(judgement) {
        let or_else = if plan.points().next().is_none() { "" } else { " or not applicable" };
        let _ = writeln!(out, "\nnothing checked: every point is skipped{or_else}");
        return out;
    }
    let release = if plan.release.is_empty() { String::new() } else { format!(" {}", line(&plan.release)) };
    let _ = writeln!(out, "\n{}  {}{release}", verdict_text(judgement, left_out), line(&plan.environment));
    out
}

/// The verdict, and of which part of the checklist it is one.
fn verdict_text(judgement: &Judgement, left_out: &LeftOut) -> String {
    let Verdict { decision, done, total, .. } = judge(judgement);
    let points = judgement.state.plan.points().count();
    let parts =
        judgement.state.plan.points().filter(|point| left_out.in_part.contains_key(&point.id)).count();
    let parts = if parts > 0 { format!(", {parts} of them in part") } else { String::new() };
    if left_out.points_before > points {
        let before = count(left_out.points_before, "point");
        format!("{decision} for {points} of {before}{parts}: {done}/{total} done")
    } else if left_out.is_partial() {
        format!("{decision} for what was checked: {done}/{total} done")
    } else {
        format!("{decision} {done}/{total}")
    }
}

fn write_notices(out: &mut String, judgement: &Judgement) {
    let notices = notices(judgement);
    if !notices.is_empty() {
        out.push_str("\nnotices\n");
    }
    for notice in notices {
        let _ = writeln!(out, "  {}", line(&notice));
    }
}

fn write_left_out(out: &mut String, left_out: &LeftOut) {
    if !left_out.skipped.is_empty() {
        out.push_str("\nskipped\n");
    }
    let width = left_out.skipped.iter().map(|point| line(&point.id).chars().count());
    let width = width.max().unwrap_or_default().max(MIN_ID_WIDTH);
    for point in &left_out.skipped {
        let _ = writeln!(out, "  ○ {:<width$} {}", line(&point.id), line(&point.why));
    }
    if left_out.skipped.iter().any(|point| point.why.starts_with("not due")) {
        out.push_str("  --after-deploy checks what is not due, too\n");
    }
    if !left_out.notes.is_empty() {
        let _ = writeln!(out, "\nleft out: {}", left_out.notes.join("; "));
    }
}

/// The widths of the columns of the list, in characters: as its longest state and id need.
struct Columns {
    symbol: usize,
    state: usize,
    id: usize,
}

impl Columns {
    fn of(judgement: &Judgement) -> Self {
        let mut columns = Self { symbol: 1, state: 0, id: MIN_ID_WIDTH };
        for point in judgement.state.plan.points() {
            let status = judgement.status(&point.id);
            columns.symbol = columns.symbol.max(status.symbol().chars().count());
            columns.state = columns.state.max(status.label().chars().count());
            columns.id = columns.id.max(line(&point.id).chars().count());
        }
        columns
    }
}

/// A point that passed in part has another symbol and no green: what was not checked is unknown.
fn point_line(
    judgement: &Judgement,
    point: &Point,
    left_out: &LeftOut,
    columns: &Columns,
    color: bool,
) -> String {
    let Columns { symbol: symbol_width, state: width, id: id_width } = *columns;
    let status = judgement.status(&point.id);
    let why = explain(judgement, &point.id, &status);
    let label = format!("{:width$}", status.label());
    let rest = if why.is_empty() { line(&left_out.title(point)) } else { line(&why) };
    let (symbol, label) = if status.is_satisfied() && left_out.in_part.contains_key(&point.id) {
        ("◑", colored(&label, "33", color))
    } else {
        (status.symbol(), paint(&label, &status, color))
    };
    format!("  {symbol:<symbol_width$} {label} {:<id_width$} {rest}", line(&point.id))
}

/// ANSI colors that also differ in lightness: cyan for passed, bold red and magenta for problems.
fn paint(word: &str, status: &Status, color: bool) -> String {
    let code = match status {
        Status::Passed | Status::PassedOnRetry(_) | Status::Confirmed => "36",
        Status::Failed => "1;31",
        Status::Error | Status::Interrupted(_) | Status::Unconfigured(_) => "1;35",
        Status::NeedsConfirmation { .. } | Status::NeedsAction(_) | Status::Running(_) | Status::Stale => {
            "33"
        }
        _ => "2",
    };
    colored(word, code, color)
}

fn colored(word: &str, code: &str, color: bool) -> String {
    if color { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
}

fn write_problems(
    out: &mut String,
    judgement: &Judgement,
    point: &Point,
    causes: &[SharedCause],
    color: bool,
) {
    let status = judgement.status(&point.id);
    let _ = writeln!(
        out,
        "\n{} {}: {}",
        status.symbol(),
        line(&point.id),
        paint(&status.label(), &status, color)
    );
    if let Status::Unconfigured(missing) = &status {
        let is_shared = |name: &&String| causes.iter().any(|cause| cause.seen == missing_value(name));
        let own: Vec<_> = missing.iter().filter(|name| !is_shared(name)).map(String::as_str).collect();
        if !own.is_empty() {
            let _ = writeln!(out, "  {}", line(&missing_value(&own.join(", "))));
        }
        if own.len() < missing.len() {
            let _ = writeln!(out, "  the cause above");
        }
    }
    let Some(state) = judgement.state.point(&point.id) else { return };
    for probe in &point.probes {
        let run = state.probes.get(&probe.id).and_then(|probe| probe.latest.as_ref());
        if let Some(run) = run.filter(|run| run.outcome.class != Class::Pass) {
            write_probe_problems(out, probe, run, causes);
        }
    }
}

/// What is seen for a cause that is reported above is not repeated.
fn write_probe_problems(out: &mut String, probe: &Probe, run: &ProbeRun, causes: &[SharedCause]) {
    let tries = if run.outcome.tries > 1 { format!(", {} tries", run.outcome.tries) } else { String::new() };
    let _ = writeln!(out, "  {} ({} ms{tries})", line(&probe.title), run.took_ms);
    for seen in run.outcome.problems() {
        let _ = writeln!(out, "    {} {}", observation_symbol(seen), line(&seen.what));
        if causes.iter().any(|shared| shared.seen == cause(seen)) {
            let _ = writeln!(out, "        the cause above");
            continue;
        }
        let _ = writeln!(out, "        expected {}", line(&seen.expected));
        let _ = writeln!(
            out,
            "        {} {}",
            if seen.ok.is_none() { "error   " } else { "seen    " },
            line(&seen.seen)
        );
    }
    for effect in &run.outcome.effects {
        let _ = writeln!(out, "    effect: {}", line(effect));
    }
    if !run.outcome.reproduce.is_empty() {
        let _ = writeln!(out, "    try: {}", line(&run.outcome.reproduce));
    }
}

fn observation_symbol(seen: &Observation) -> &'static str {
    if seen.ok.is_none() { "⚠" } else { "✖" }
}
