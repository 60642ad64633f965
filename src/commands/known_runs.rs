//! The runs of this machine, as far as the ends of their logs tell.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::journal::entry::{Entry, Event, Opened, OtherRules, ReadEntryError};
use crate::journal::index;
use crate::journal::order::{Place, oldest_first};
use crate::journal::store::Store;
use crate::text::line;
use crate::time::Utc;

/// How much of a log's end is read, in bytes: seals and the verdict are near it.
const TAIL: u64 = 64 * 1024;

/// A run, as far as the ends of its log tell.
pub(super) struct Run {
    pub(super) path: PathBuf,
    pub(super) place: Place,
    /// Environment, release, when, who, what it came to.
    pub(super) cells: [String; 5],
    /// Whether it is a rehearsal.
    pub(super) rehearsal: bool,
}

/// All of them, newest first.
///
/// # Errors
/// When the directory of logs cannot be read.
pub(super) fn runs(store: &Store) -> Result<Vec<Run>> {
    let (mut runs, mut unread) = (Vec::new(), Vec::new());
    for path in store.all()? {
        match read(&path) {
            Some(run) => runs.push(run),
            None => unread.push(unreadable(path)),
        }
    }
    // Runs of different environments do not name each other.
    let mut runs = oldest_first(runs, |run| &run.place);
    runs.reverse();
    runs.extend(unread);
    Ok(runs)
}

/// A log that tells nothing is no run; `gonogo verify` says more of it.
fn read(path: &Path) -> Option<Run> {
    let (first, tail) = index::ends(path, TAIL).ok()?;
    let place = Place::read(&first)?;
    let first = match Entry::read(&first) {
        Err(ReadEntryError::Rules(rules)) => return Some(of_another_version(path, place, rules)),
        first => first.ok()?,
    };
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
    Some(Run { path: path.to_owned(), place, cells, rehearsal: plan.rehearsal.is_some() })
}

/// A log whose beginning tells nothing: where it is.
fn unreadable(path: PathBuf) -> Run {
    let environment = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let cells = [
        line(&environment),
        String::new(),
        String::new(),
        line(&file),
        "cannot be read: gonogo verify tells why".into(),
    ];
    let place = Place { run: String::new(), previous: None, opened: Utc::from_millis(0) };
    Run { path, place, cells, rehearsal: false }
}

/// What can be told of a log that this gonogo cannot read: where it is, and since when.
fn of_another_version(path: &Path, place: Place, rules: OtherRules) -> Run {
    let environment = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let cells =
        [line(&environment), String::new(), place.opened.readable(), String::new(), rules.to_string()];
    Run { path: path.to_owned(), place, cells, rehearsal: false }
}

fn outcome(opened: &Opened, tail: &[Entry]) -> String {
    let is_abandoned = tail.last().is_some_and(|entry| matches!(entry.event, Event::Abandoned(_)));
    let seals = tail
        .iter()
        .rev()
        .skip(usize::from(is_abandoned))
        .take_while(|entry| matches!(entry.event, Event::Sealed(_)))
        .count();
    let verdict = tail.iter().rev().find_map(|entry| match &entry.event {
        Event::Verdict(verdict) => Some(format!("{} {}/{}", verdict.decision, verdict.closed, verdict.total)),
        _ => None,
    });
    let verdict = verdict.filter(|_| seals > 0).unwrap_or_else(|| "no verdict".into());
    let needed = opened.plan.seals.len();
    let sealed = match seals {
        _ if is_abandoned => "abandoned".into(),
        0 => "open".into(),
        seals if seals < needed => format!("{seals} of {needed} seals"),
        _ => "sealed".into(),
    };
    format!("{verdict}, {sealed}")
}
