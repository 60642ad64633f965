//! The tables of the manual are those of the code, and its examples are valid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::tui::keymap::{
    DIALOG_KEYS, KeyBinding, MOUSE_ACTIONS, NAVIGATION_KEYS, OUTPUT_KEYS, POINT_KEYS, REVIEW_KEYS,
    ROLLBACK_KEYS, RUN_KEYS, TEXT_KEYS,
};
use crate::tui::style::symbols::OBSERVATION_SYMBOLS;
use gonogo_core::checklist::key_tables::{self, KeyRow};
use gonogo_core::error::EXIT_CODES;
use gonogo_core::run::Status;

use super::markdown::{Block, Look, blocks};
use super::{COMMANDS, PROBES, TOPICS, Topic};

/// A row of a table: what is defined, and its meaning.
type Row = (String, String);

/// All tables of the code, by the names of their markers.
fn tables() -> BTreeMap<String, Vec<Row>> {
    let bindings =
        |keys: &[KeyBinding]| keys.iter().map(|key| (code(key.keys), key.description.to_owned())).collect();
    let pairs =
        |keys: &[(&str, &str)]| keys.iter().map(|(keys, does)| (code(keys), (*does).to_owned())).collect();
    let mut tables: BTreeMap<String, Vec<Row>> = [
        ("keys of a point", bindings(POINT_KEYS)),
        ("keys for moving", bindings(NAVIGATION_KEYS)),
        ("keys for the run", bindings(RUN_KEYS)),
        ("keys of the rollback", pairs(ROLLBACK_KEYS)),
        ("keys of the output", pairs(OUTPUT_KEYS)),
        ("keys of a review", pairs(REVIEW_KEYS)),
        ("keys of a dialog", pairs(DIALOG_KEYS)),
        ("keys of a text", pairs(TEXT_KEYS)),
        ("mouse", pairs(MOUSE_ACTIONS)),
        ("states", Status::meanings().iter().map(state_row).collect()),
        (
            "observations",
            OBSERVATION_SYMBOLS.iter().map(|(sign, _, what)| (code(sign), (*what).to_owned())).collect(),
        ),
        (
            "exit codes",
            EXIT_CODES
                .iter()
                .map(|(exit, what)| (code(&exit.code().to_string()), (*what).to_owned()))
                .collect(),
        ),
        ("kinds", PROBES.iter().map(|topic| (code(topic.name), topic.summary())).collect()),
    ]
    .map(|(name, rows): (&str, Vec<Row>)| (name.to_owned(), rows))
    .into();
    for (name, keys) in key_tables::of_files() {
        tables.insert(format!("keys of {name}"), keys.iter().map(key_row).collect());
    }
    for (kind, keys) in key_tables::of_probes() {
        tables.insert(format!("settings of {kind}"), keys.iter().map(key_row).collect());
    }
    tables
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn state_row((status, what): &(Status, &str)) -> Row {
    (format!("`{}` {}", status.symbol(), status.label()), (*what).to_owned())
}

fn key_row(row: &KeyRow) -> Row {
    let default =
        row.default.as_ref().map(|default| format!(", default {}", code(default))).unwrap_or_default();
    let required = if row.is_required { ", required" } else { "" };
    (code(&row.key), format!("{} *({}{required}{default})*", row.meaning, row.kind))
}

fn markdown(rows: &[Row]) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut text = "\n| | |\n|---|---|\n".to_owned();
    for (term, what) in rows {
        let _ = writeln!(text, "| {} | {} |", cell(term), cell(what));
    }
    text + "\n"
}

/// The text of a topic with the tables of the code.
fn with_tables(topic: &Topic, tables: &BTreeMap<String, Vec<Row>>, used: &mut Vec<String>) -> String {
    let mut out = String::new();
    let mut rest = topic.text;
    while let Some((before, after)) = rest.split_once("<!-- ") {
        let (name, after) = after.split_once(" -->\n").unwrap();
        let (_, after) = after.split_once("<!-- /").unwrap();
        let table = if name == "settings" { format!("settings of {}", topic.name) } else { name.to_owned() };
        let rows = tables.get(&table).unwrap_or_else(|| panic!("{}: no table {table}", topic.name));
        let _ = write!(out, "{before}<!-- {name} -->\n{}<!-- /", markdown(rows));
        used.push(table);
        rest = after;
    }
    out + rest
}

fn path(topic: &Topic, directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/help").join(directory).join(format!("{}.md", topic.name))
}

/// `GONOGO_HELP=write` writes them.
#[test]
fn the_tables_are_those_of_the_code() {
    let tables = tables();
    let mut used = Vec::new();
    for (topics, directory) in [(TOPICS, ""), (PROBES, "probes"), (COMMANDS, "commands")] {
        for topic in topics {
            let expected = with_tables(topic, &tables, &mut used);
            if std::env::var_os("GONOGO_HELP").is_some_and(|value| value == "write") {
                fs::write(path(topic, directory), expected).unwrap();
            } else {
                assert_eq!(topic.text, expected, "{}: run the test with GONOGO_HELP=write", topic.name);
            }
        }
    }
    // Each table is in exactly one place of the manual.
    used.sort();
    assert_eq!(used, tables.into_keys().collect::<Vec<_>>());
}

#[test]
fn every_topic_has_a_title_and_a_summary() {
    for topic in TOPICS.iter().chain(PROBES) {
        let blocks = blocks(topic.text);
        assert!(matches!(&blocks[..2], [Block::Heading(1, _), Block::Paragraph(_)]), "{}", topic.name);
        let summary = topic.summary();
        assert!((10..110).contains(&summary.chars().count()), "{}: {summary}", topic.name);
    }
}

/// The first column of the table in a section.
fn terms(topic: &str, section: &str) -> BTreeSet<String> {
    let text = Topic::find(TOPICS, topic).unwrap();
    let text = if section.is_empty() { text.text } else { text.section(section).unwrap() };
    let cells = blocks(text).into_iter().filter_map(|block| match block {
        Block::Row(cells) => cells.into_iter().next(),
        _ => None,
    });
    cells.flatten().filter(|span| span.look == Look::Code).map(|span| span.text).collect()
}

#[test]
fn every_setting_is_in_the_manual() {
    let error = crate::commands::unknown_setting();
    let names = error.split('`').skip(3).step_by(2).map(str::to_owned).collect();
    assert_eq!(terms("settings", ""), names, "{error}");
}

/// The variables that the code names, except those of other programs that it starts.
#[test]
fn every_variable_is_in_the_manual() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut read = BTreeSet::new();
    for file in rust_files(&source) {
        let text = fs::read_to_string(file).unwrap();
        let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        for before in ["var_os(\"", "::var(\"", "env(\"", "env = \"GONOGO", "VARIABLE: &str = \""] {
            for (at, _) in shipped.match_indices(before) {
                let name = &shipped[at + before.rfind('"').unwrap() + 1..];
                read.insert(name.split('"').next().unwrap().to_owned());
            }
        }
    }
    let documented = terms("files", "Environment");
    let missing: Vec<_> = read.difference(&documented).filter(|name| *name != "PROPTEST_CASES").collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Those of the program, without its tests and the rehearsal.
fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" && name != "rehearsal" {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests.rs" {
            files.push(path);
        }
    }
    files
}
