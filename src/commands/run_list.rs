//! Summaries of the runs on this machine, from the first and last entries of their logs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use gonogo_core::journal::entry::{Entry, Event, Opened, ReadEntryError, UnsupportedRules};
use gonogo_core::journal::index;
use gonogo_core::journal::run_order::{RunLink, oldest_first};
use gonogo_core::journal::store::LogStore;
use gonogo_core::text::line;
use gonogo_core::time::Utc;

/// How much of the end of a log is read, in bytes: it holds the verdict and the seals.
const MAX_TAIL: u64 = 64 * 1024;

/// The summary of a run.
pub(super) struct RunSummary {
    pub(super) path: PathBuf,
    pub(super) place: RunLink,
    /// Environment, release, time, people, outcome.
    pub(super) cells: [String; 5],
    /// Whether it is a rehearsal.
    pub(super) rehearsal: bool,
    /// Whether it may be open: it is neither sealed nor abandoned.
    pub(super) is_open: bool,
}

/// All runs, newest first.
///
/// # Errors
/// When the directory of logs cannot be read.
pub(super) fn list_runs(store: &LogStore) -> Result<Vec<RunSummary>> {
    let (mut runs, mut unread) = (Vec::new(), Vec::new());
    for path in store.all()? {
        match read_summary(&path) {
            Some(run) => runs.push(run),
            None => unread.push(unreadable_summary(path)),
        }
    }
    // Runs of different environments do not name each other.
    let mut runs = oldest_first(runs, |run| &run.place);
    runs.reverse();
    runs.extend(unread);
    Ok(runs)
}

/// None for a log without a readable first entry; `gonogo verify` reports why.
fn read_summary(path: &Path) -> Option<RunSummary> {
    let (first, tail) = index::first_and_last_lines(path, MAX_TAIL).ok()?;
    let place = RunLink::read(&first)?;
    let first = match Entry::read(&first) {
        Err(ReadEntryError::Rules(rules)) => return Some(other_version_summary(path, place, rules)),
        first => first.ok()?,
    };
    let Event::Opened(opened) = &first.event else { return None };
    let tail: Vec<Entry> = tail.iter().filter_map(|line| Entry::read(line).ok()).collect();
    let mut people = BTreeSet::new();
    people.extend(opened.roster.iter().map(|operator| line(&operator.principal)));
    people.extend(
        tail.iter().filter(|entry| entry.event.needs_signature()).map(|entry| line(&entry.header.by)),
    );
    let (plan, outcome) = (&opened.plan, describe_outcome(opened, &tail));
    let is_open = !outcome.ends_with("sealed") && !outcome.ends_with("abandoned");
    let cells = [
        line(&plan.environment),
        line(&plan.release),
        first.header.at.wall.readable(),
        people.into_iter().collect::<Vec<_>>().join(", "),
        outcome,
    ];
    Some(RunSummary { path: path.to_owned(), place, cells, rehearsal: plan.rehearsal.is_some(), is_open })
}

/// The summary of an unreadable log: only where it is.
fn unreadable_summary(path: PathBuf) -> RunSummary {
    let environment = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let cells = [
        line(&environment),
        String::new(),
        String::new(),
        line(&file),
        "unreadable: see gonogo verify".into(),
    ];
    let place = RunLink { run: String::new(), previous: None, opened: Utc::from_millis(0) };
    RunSummary { path, place, cells, rehearsal: false, is_open: false }
}

/// The summary of a log of another version: where it is, and when it was opened.
fn other_version_summary(path: &Path, place: RunLink, rules: UnsupportedRules) -> RunSummary {
    let environment = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let cells =
        [line(&environment), String::new(), place.opened.readable(), String::new(), rules.to_string()];
    RunSummary { path: path.to_owned(), place, cells, rehearsal: false, is_open: false }
}

fn describe_outcome(opened: &Opened, tail: &[Entry]) -> String {
    let is_abandoned = tail.last().is_some_and(|entry| matches!(entry.event, Event::Abandoned(_)));
    let seals = tail
        .iter()
        .rev()
        .skip(usize::from(is_abandoned))
        .take_while(|entry| matches!(entry.event, Event::Sealed(_)))
        .count();
    let verdict = tail.iter().rposition(|entry| matches!(entry.event, Event::Verdict(_)));
    let verdict = match verdict.map(|at| (&tail[at].event, &tail[at + 1..])) {
        Some((Event::Verdict(verdict), later)) if later.iter().all(|entry| entry.event.keeps_verdict()) => {
            format!("{} {}/{}", verdict.decision, verdict.done, verdict.total)
        }
        Some(_) => "verdict outdated".to_owned(),
        None => "no verdict".to_owned(),
    };
    let needed = opened.plan.seals.len();
    let sealed = match seals {
        _ if is_abandoned => "abandoned".into(),
        0 => "open".into(),
        seals if seals < needed => format!("{seals} of {needed} seals"),
        _ => "sealed".into(),
    };
    format!("{verdict}, {sealed}")
}
