//! Lists the runs on this machine, newest first.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::Result;

use crate::cli::ReviewArgs;
use crate::commands::identity::ask;
use crate::commands::loaded_profile::store;
use crate::commands::run_list::{RunSummary, list_runs};
use gonogo_core::error::Exit;
use gonogo_core::journal::log_file::LogFile;
use gonogo_core::journal::raw::forks;
use gonogo_core::text::line;

/// How many runs are shown on a terminal.
const MAX_SHOWN: usize = 30;

/// Prints the runs; on a terminal, asks for one to review.
pub(super) fn list(arguments: &ReviewArgs) -> Result<Exit> {
    let runs = list_runs(&store(arguments.screen.log_dir.as_deref())?)?;
    if runs.is_empty() {
        say!(
            "No runs on this machine yet; `gonogo run PROFILE` opens one, `gonogo review LOG` shows any log."
        );
        return Ok(Exit::Success);
    }
    let is_interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
    let shown = if is_interactive { MAX_SHOWN.min(runs.len()) } else { runs.len() };
    print_runs(&mut io::stdout().lock(), &runs, shown)?;
    if !is_interactive {
        return Ok(Exit::Success);
    }
    loop {
        let answer = ask("Number of the run to review, or Enter to quit: ")?;
        match answer.parse::<usize>().ok().and_then(|number| runs.get(number.checked_sub(1)?)) {
            // A rehearsal has keys of its own, which nobody else trusts.
            Some(run) => return super::open(&run.path, &arguments.trust.for_run(run.rehearsal), arguments),
            None if answer.is_empty() || answer == "q" => return Ok(Exit::Success),
            None => say!("expected a number from 1 to {}", runs.len()),
        }
    }
}

fn print_runs(out: &mut impl io::Write, runs: &[RunSummary], shown: usize) -> io::Result<()> {
    let widths: [usize; 5] = std::array::from_fn(|column| {
        runs.iter().map(|run| run.cells[column].chars().count()).max().unwrap_or(0)
    });
    let run_ids: BTreeSet<&str> = runs.iter().map(|run| run.place.run.as_str()).collect();
    let mut logs_by_run = BTreeMap::<&str, Vec<PathBuf>>::new();
    for run in runs {
        logs_by_run.entry(&run.place.run).or_default().push(run.path.clone());
    }
    for (number, run) in (1..).zip(runs.iter().take(shown)) {
        write!(out, "{number:>3} ")?;
        for (cell, width) in run.cells.iter().zip(widths) {
            write!(out, " {cell:width$}")?;
        }
        writeln!(out)?;
        writeln!(out, "     {}", line(&run.path.display().to_string()))?;
        if let Some(missing) = run.place.previous.as_deref().filter(|id| !run_ids.contains(id)) {
            writeln!(out, "     the previous run, {}, is not on this machine", line(missing))?;
        }
        // Only runs with several logs are read.
        if let Some(logs) = logs_by_run.get(&*run.place.run).filter(|logs| logs.len() > 1) {
            let source = LogFile::open_log(&run.path)?;
            forks(&source, logs).iter().try_for_each(|fork| writeln!(out, "     {fork}"))?;
        }
    }
    if shown < runs.len() {
        writeln!(out, "     and {} older ones", runs.len() - shown)?;
    }
    writeln!(out, "This list is not verified; a log is verified when it is opened.")
}
