//! Whether a report's properties name the commit. Pure.

use super::JunitReport;

/// The shortest piece of a commit's name that names it.
const MIN_COMMIT_PREFIX: usize = 7;
/// Words of names that hold another commit than the tested one, or something about a commit: CI systems write
/// `CI_COMMIT_BEFORE_SHA`, `GIT_PREVIOUS_COMMIT`, `TRAVIS_PULL_REQUEST_SHA`, `CI_COMMIT_MESSAGE`.
const OTHER_WORDS: [&str; 26] = [
    "before",
    "previous",
    "prev",
    "base",
    "parent",
    "target",
    "range",
    "message",
    "title",
    "description",
    "author",
    "committer",
    "user",
    "date",
    "time",
    "timestamp",
    "count",
    "successful",
    "pull",
    "pr",
    "merge",
    "mr",
    "upstream",
    "submodule",
    "image",
    "compare",
];
/// Names for no commit.
const NONE: &str = "no property names a commit; pytest: record_testsuite_property(\"commit\", …)";

/// What a report says about its commit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NamedCommit {
    /// It is the commit: by this property.
    Same(String),
    /// It is another one, or a changed work tree.
    Other(String),
    /// It names none, and why.
    None(String),
}

/// Suites of several runs can be in one report: each property that names a commit must name this one.
pub(super) fn named(report: &JunitReport, commit: &str) -> NamedCommit {
    let of_suites = of(&report.properties, commit);
    match of_suites {
        NamedCommit::None(_) => match of(&report.test_properties, commit) {
            NamedCommit::None(_) => of_suites,
            of_tests => of_tests,
        },
        named => named,
    }
}

fn of(properties: &[(String, String)], commit: &str) -> NamedCommit {
    let mut same = None;
    let mut unread = None;
    for (name, value) in properties.iter().filter(|(name, _)| names_commit(name)) {
        let shown = || format!("{value} (property {name})");
        match value_of(value, commit) {
            CommitValue::Same => same = same.or_else(|| Some(shown())),
            CommitValue::Other => return NamedCommit::Other(shown()),
            CommitValue::Changed => {
                return NamedCommit::Other(format!("{}: with uncommitted changes", shown()));
            }
            CommitValue::None => unread = unread.or_else(|| Some(shown())),
        }
    }
    let is_dirty = |(name, value): &&(String, String)| {
        words(name).iter().any(|word| word == "dirty")
            && matches!(value.trim(), "true" | "True" | "1" | "yes")
    };
    match (same, properties.iter().find(is_dirty), unread) {
        (Some(same), Some((name, _)), _) => {
            NamedCommit::Other(format!("{same}, with uncommitted changes (property {name})"))
        }
        (Some(same), None, _) => NamedCommit::Same(same),
        (None, _, Some(unread)) => NamedCommit::None(format!("{unread} is not a commit; {NONE}")),
        (None, ..) => NamedCommit::None(NONE.into()),
    }
}

fn names_commit(name: &str) -> bool {
    let words = words(name);
    let is_commit = |word: &String| {
        word.contains("commit")
            || word.contains("revision")
            || word == "rev"
            || word == "sourceversion"
            || word.ends_with("sha")
            || word.ends_with("sha1")
    };
    words.iter().any(is_commit) && !words.iter().any(|word| OTHER_WORDS.contains(&word.as_str()))
}

/// The words of a name, in lower case: `gitCommit`, `GIT_COMMIT` and `git.commit` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

enum CommitValue {
    Same,
    Other,
    /// A commit, and changes on top.
    Changed,
    None,
}

fn value_of(value: &str, commit: &str) -> CommitValue {
    let value = value.trim().to_ascii_lowercase();
    let is_changed = ["-dirty", "+dirty", ".dirty", "-modified", "-broken", " (dirty)", "+"]
        .iter()
        .find_map(|mark| value.strip_suffix(mark));
    let id = is_changed.unwrap_or(&value);
    // git describe: v1.4.0-0-gCOMMIT
    let id = id.rsplit_once("-g").map_or(id, |(_, id)| id);
    let is_id =
        (MIN_COMMIT_PREFIX..=commit.len()).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit());
    let is_same = is_id && commit.starts_with(id);
    // A short number is a revision of another kind, a date or a count.
    let is_number = id.len() < commit.len() && id.bytes().all(|b| b.is_ascii_digit());
    match is_changed {
        Some(id) if !id.is_empty() => CommitValue::Changed,
        _ if is_same => CommitValue::Same,
        _ if is_id && !is_number => CommitValue::Other,
        _ => CommitValue::None,
    }
}
