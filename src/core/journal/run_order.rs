//! The order of an environment's runs, from their logs: each run names the previous one. File names and clocks do not
//! decide: a clock can be set back, and a file renamed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::entry::{ReadEntryError, UnsupportedRules};
use super::read::{EntryReader, LogLines, NextEntryError};
use super::store::StoreError;
use crate::files::open_regular_no_follow;
use crate::time::Utc;

/// What a run's log says about its order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RunLink {
    /// Its id.
    pub run: String,
    /// The id of the previous run.
    #[serde(default, rename = "previous_run", deserialize_with = "id_of")]
    pub previous: Option<String>,
    /// When it was opened, by its host's clock. Decides only between runs that are not linked by other runs.
    #[serde(rename = "t")]
    pub opened: Utc,
}

fn id_of<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct PreviousRunId {
        run: String,
    }
    Ok(Option::<PreviousRunId>::deserialize(from)?.map(|before| before.run))
}

impl RunLink {
    /// Reads it from the first line of a log of any version.
    #[must_use]
    pub fn read(first_line: &[u8]) -> Option<Self> {
        serde_json::from_slice(first_line).ok()
    }
}

/// A log with its link to the previous run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedLog {
    /// Where it is.
    pub path: PathBuf,
    /// The link.
    pub link: RunLink,
    /// Set if the log is of another version.
    pub other_rules: Option<UnsupportedRules>,
}

/// A log whose first line does not open a readable run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedLog {
    /// Its path.
    pub path: PathBuf,
    /// Why it cannot be read.
    pub why: String,
    /// The id of its run, if that can still be read.
    run: Option<String>,
}

/// The logs of an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SortedLogs {
    /// The logs of runs, oldest first.
    pub runs: Vec<LinkedLog>,
    /// Damaged logs that no run names as its previous one: their order is unknown, so one of them may be the newest.
    pub damaged: Vec<DamagedLog>,
    /// Empty logs: left by a crash before the first acknowledged entry, or emptied since.
    pub empty: Vec<PathBuf>,
}

impl DamagedLog {
    /// An empty log that had acknowledged entries.
    #[must_use]
    pub fn missing_entries(path: PathBuf, last: u64) -> Self {
        Self { path, why: format!("it is empty, but this host wrote it up to entry {last}"), run: None }
    }
}

impl SortedLogs {
    /// Sorts logs.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn sort(logs: &[PathBuf]) -> Result<Self, StoreError> {
        let mut order = Self::default();
        for path in logs {
            match read(path)? {
                Some(Ok(log)) => order.runs.push(log),
                Some(Err(damaged)) => order.damaged.push(damaged),
                None => order.empty.push(path.clone()),
            }
        }
        order.runs = oldest_first(order.runs, |log| &log.link);
        let is_named = |run: &String| order.runs.iter().any(|log| log.link.previous.as_ref() == Some(run));
        order.damaged.retain(|log| !log.run.as_ref().is_some_and(is_named));
        Ok(order)
    }
}

fn read(path: &Path) -> Result<Option<Result<LinkedLog, DamagedLog>>, StoreError> {
    let failed = |source| StoreError::new(path, source);
    let file = open_regular_no_follow(path).map_err(failed)?;
    let Some(line) = LogLines::new(BufReader::new(file)).next().transpose().map_err(failed)? else {
        return Ok(None);
    };
    let path = path.to_owned();
    let (place, other_rules) = match (RunLink::read(&line.bytes), EntryReader::default().read(&line.bytes)) {
        (Some(place), Ok(_)) if line.is_terminated => (place, None),
        (Some(place), Err(NextEntryError::Entry(ReadEntryError::Rules(rules)))) if line.is_terminated => {
            (place, Some(rules))
        }
        (place, entry) => {
            let why = match entry {
                _ if !line.is_terminated => "its first line is incomplete".to_owned(),
                Err(why) => why.to_string(),
                Ok(_) => "its first line does not open a run".to_owned(),
            };
            let run = place.map(|place| place.run);
            return Ok(Some(Err(DamagedLog { path, why, run })));
        }
    };
    Ok(Some(Ok(LinkedLog { path, link: place, other_rules })))
}

/// Sorts runs: each after its previous run, otherwise by their clocks. Runs that form a circle, which no gonogo
/// writes, come last.
#[must_use]
pub fn oldest_first<T>(mut runs: Vec<T>, place: impl Fn(&T) -> &RunLink) -> Vec<T> {
    runs.sort_by(|a, b| {
        let (a, b) = (place(a), place(b));
        (a.opened, &a.run).cmp(&(b.opened, &b.run))
    });
    let mut waiting: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let present: BTreeSet<&str> = runs.iter().map(|run| place(run).run.as_str()).collect();
    let mut ready = BTreeSet::new();
    for (index, run) in runs.iter().enumerate() {
        match place(run).previous.as_ref().filter(|before| present.contains(before.as_str())) {
            Some(before) => waiting.entry(before.clone()).or_default().push(index),
            None => {
                ready.insert(index);
            }
        }
    }
    let mut order = Vec::new();
    while let Some(index) = ready.pop_first() {
        ready.extend(waiting.remove(&place(&runs[index]).run).unwrap_or_default());
        order.push(index);
    }
    order.extend(waiting.into_values().flatten());
    let mut runs: Vec<Option<T>> = runs.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| runs[index].take()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: &str, previous: &str, opened: i64) -> RunLink {
        let previous = Some(previous).filter(|previous| !previous.is_empty()).map(str::to_owned);
        RunLink { run: id.into(), previous, opened: Utc::from_millis(opened) }
    }

    fn ordered(runs: &[RunLink]) -> String {
        oldest_first(runs.to_vec(), |run| run)
            .iter()
            .map(|run| run.run.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn each_run_comes_after_its_previous_run_whatever_the_clocks_say() {
        let set_back = [run("c", "b", 3), run("b", "a", 5), run("a", "", 9)];
        assert_eq!(ordered(&set_back), "a b c");
        // One whose previous run is missing, and one without a previous run, by their clocks.
        assert_eq!(ordered(&[run("a", "", 9), run("d", "gone", 4), run("b", "a", 5)]), "d a b");
        // Two runs with the same previous run, and two copies of one run.
        assert_eq!(ordered(&[run("c", "a", 7), run("b", "a", 5), run("a", "", 6)]), "a b c");
        assert_eq!(ordered(&[run("b", "a", 5), run("a", "", 6), run("b", "a", 5)]), "a b b");
        // No circle is dropped.
        assert_eq!(ordered(&[run("a", "b", 1), run("b", "a", 2), run("c", "", 3)]), "c b a");
    }

    #[test]
    fn the_link_of_a_run_is_read_from_a_first_line_of_any_version() {
        let line = br#"{"v":9,"run":"aa","seq":0,"t":"2026-09-20T10:00:00.000Z","new":1,"previous_run":{"run":"bb","x":2}}"#;
        let place = RunLink::read(line).unwrap();
        assert_eq!((place.run.as_str(), place.previous.as_deref()), ("aa", Some("bb")));
        assert_eq!(
            RunLink::read(br#"{"run":"aa","t":"2026-09-20T10:00:00.000Z","previous_run":null}"#)
                .unwrap()
                .previous,
            None
        );
        assert_eq!(RunLink::read(b"[]"), None);
    }

    #[test]
    fn a_log_with_an_incomplete_first_line_is_damaged() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run.jsonl");
        let entry = crate::testing::first_line();
        std::fs::write(&path, &entry).unwrap();
        let order = SortedLogs::sort(std::slice::from_ref(&path)).unwrap();
        assert!(order.damaged.is_empty() && order.runs.len() == 1);
        std::fs::write(&path, entry.trim_ascii_end()).unwrap();
        let order = SortedLogs::sort(std::slice::from_ref(&path)).unwrap();
        assert!(order.runs.is_empty() && order.damaged[0].why == "its first line is incomplete", "{order:?}");
        let other = String::from_utf8(entry).unwrap().replacen("\"rules\":", "\"rules\":9", 1);
        for (text, is_run) in [(other.as_str(), true), (other.trim_end(), false)] {
            std::fs::write(&path, text).unwrap();
            let order = SortedLogs::sort(std::slice::from_ref(&path)).unwrap();
            assert_eq!((order.runs.len(), order.damaged.len()), (usize::from(is_run), usize::from(!is_run)));
        }
    }

    /// The clock was set back between them, so their file names have the wrong order.
    #[test]
    fn logs_are_sorted_by_their_links() {
        let home = tempfile::tempdir().unwrap();
        let (first, second) = ("aa".repeat(16), "bb".repeat(16));
        let write = |name: &str, line: Vec<u8>| {
            let path = home.path().join(name);
            std::fs::write(&path, line).unwrap();
            path
        };
        let lines = crate::testing::first_line_of;
        let logs = [
            write("20260101.jsonl", lines(&second, Some(&first), 1000)),
            write("20260102.jsonl", lines(&first, None, 9000)),
        ];
        let runs = SortedLogs::sort(&logs).unwrap().runs;
        assert!(runs.iter().map(|log| &log.link.run).eq([&first, &second]), "{runs:?}");
    }
}
