//! The runs of this machine, newest first.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::ReviewArgs;
use crate::commands::identity::ask;
use crate::commands::load::store;
use crate::error::Exit;
use crate::journal::entry::{Entry, Event, Opened};
use crate::journal::index;
use crate::journal::store::Store;
use crate::text::line;
use crate::time::Utc;

/// How much of a log's end is read for its list, in bytes: seals and the verdict are near it.
const TAIL: u64 = 64 * 1024;
/// How many runs are shown on a terminal.
const SHOWN: usize = 30;

/// A run, as far as the ends of its log tell.
struct Run {
    path: PathBuf,
    id: String,
    at: Utc,
    cells: [String; 5],
    previous: Option<String>,
}

/// Prints the runs; on a terminal, asks for one to look through.
pub(super) fn list(arguments: &ReviewArgs) -> Result<Exit> {
    let runs = runs(&store(arguments.screen.log_dir.as_deref())?)?;
    if runs.is_empty() {
        println!(
            "There are no runs here yet; `gonogo run PROFILE` opens one, `gonogo review LOG` shows any log."
        );
        return Ok(Exit::Good);
    }
    let asks = io::stdin().is_terminal() && io::stdout().is_terminal();
    let shown = if asks { SHOWN.min(runs.len()) } else { runs.len() };
    print(&mut io::stdout().lock(), &runs, shown)?;
    if !asks {
        return Ok(Exit::Good);
    }
    loop {
        let answer = ask("Which one? Its number, or Enter for none: ")?;
        match answer.parse::<usize>().ok().and_then(|number| runs.get(number.checked_sub(1)?)) {
            Some(run) => return super::open(&run.path, arguments),
            None if answer.is_empty() || answer == "q" => return Ok(Exit::Good),
            None => println!("expected a number from 1 to {}", runs.len()),
        }
    }
}

fn runs(store: &Store) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = store.all()?.iter().filter_map(|path| read(path)).collect();
    runs.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.path.cmp(&b.path)));
    Ok(runs)
}

/// A log that tells nothing is no run; `gonogo verify` says more of it.
fn read(path: &Path) -> Option<Run> {
    let (first, tail) = index::ends(path, TAIL).ok()?;
    let first = Entry::read(&first).ok()?;
    let Event::Opened(opened) = &first.event else { return None };
    let tail: Vec<Entry> = tail.iter().filter_map(|line| Entry::read(line).ok()).collect();
    let mut who = BTreeSet::new();
    who.extend(opened.roster.iter().map(|one| line(&one.principal)));
    who.extend(tail.iter().filter(|entry| entry.event.is_act()).map(|entry| line(&entry.header.by)));
    let plan = &opened.plan;
    let cells = [
        line(&plan.environment),
        line(&plan.release),
        first.header.at.wall.readable(),
        who.into_iter().collect::<Vec<_>>().join(", "),
        outcome(opened, &tail),
    ];
    let previous = opened.previous_run.as_ref().map(|run| run.run.clone());
    Some(Run {
        path: path.to_owned(),
        id: first.header.run.clone(),
        at: first.header.at.wall,
        cells,
        previous,
    })
}

fn outcome(opened: &Opened, tail: &[Entry]) -> String {
    let seals = tail.iter().rev().take_while(|entry| matches!(entry.event, Event::Sealed(_))).count();
    let verdict = tail.iter().rev().find_map(|entry| match &entry.event {
        Event::Verdict(verdict) => Some(format!("{} {}/{}", verdict.decision, verdict.closed, verdict.total)),
        _ => None,
    });
    let verdict = verdict.filter(|_| seals > 0).unwrap_or_else(|| "no verdict".into());
    let needed = opened.plan.seals.len();
    let sealed = match seals {
        0 => "open".into(),
        seals if seals < needed => format!("{seals} of {needed} seals"),
        _ => "sealed".into(),
    };
    format!("{verdict}, {sealed}")
}

fn print(out: &mut impl io::Write, runs: &[Run], shown: usize) -> io::Result<()> {
    let widths: [usize; 5] = std::array::from_fn(|column| {
        runs.iter().map(|run| run.cells[column].chars().count()).max().unwrap_or(0)
    });
    let known: BTreeSet<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    for (number, run) in (1..).zip(runs.iter().take(shown)) {
        write!(out, "{number:>3} ")?;
        for (cell, width) in run.cells.iter().zip(widths) {
            write!(out, " {cell:width$}")?;
        }
        writeln!(out)?;
        writeln!(out, "     {}", line(&run.path.display().to_string()))?;
        if let Some(missing) = run.previous.as_deref().filter(|id| !known.contains(id)) {
            writeln!(out, "     the run before it, {}, is not here", line(missing))?;
        }
    }
    if shown < runs.len() {
        writeln!(out, "     and {} older ones", runs.len() - shown)?;
    }
    writeln!(out, "Nothing of this is verified; a log that is opened is.")
}
