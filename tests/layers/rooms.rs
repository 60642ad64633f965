//! The table of rooms, and who may import what.

use std::fs;
use std::path::Path;

use super::source::{self, File};

/// A room: the modules in it, and the modules (or parts of modules) outside it that it may import.
struct Room {
    name: &'static str,
    modules: &'static [&'static str],
    may: &'static [&'static str],
    never: &'static [Never],
}

/// A text that must not stand in a room's code, and why.
type Never = (&'static str, &'static str);

const BASE: &[&str] = &[
    "ansi",
    "diagnostic",
    "secret",
    "secret_store",
    "stopwatch",
    "text",
    "error",
    "files",
    "recorded_process",
    "time",
];

const LOG_FILE: Never = ("journal::file", "the engine is the only caller of it; commands open it");
const SECRET: Never = ("secret_store", "secrets start programs, and not the other way round");
const PURE: &[Never] = &[
    ("tokio", "the core is pure"),
    ("std::fs", "the core does no I/O"),
    ("std::net", "the core does no I/O"),
    ("std::process", "the core does no I/O"),
    ("::now(", "time comes in with the command"),
];

const ROOMS: &[Room] = &[
    Room { name: "main", modules: &["main", "lib", "cli", "commands"], may: &["*"], never: &[] },
    Room {
        name: "tui",
        modules: &["tui"],
        may: &["run", "checklist", "outcome", "journal"],
        never: &[LOG_FILE],
    },
    Room {
        name: "report",
        modules: &["headless", "report"],
        may: &["run", "checklist", "outcome", "journal"],
        never: &[LOG_FILE],
    },
    Room {
        name: "engine",
        modules: &["engine"],
        may: &["run", "journal", "probes", "checklist", "outcome", "process"],
        never: &[],
    },
    Room { name: "probes", modules: &["probes"], may: &["checklist", "outcome", "process"], never: &[] },
    Room {
        name: "run",
        modules: &["run"],
        may: &["checklist", "outcome", "journal::entry", "journal::public_key"],
        never: PURE,
    },
    Room { name: "journal", modules: &["journal"], may: &["checklist", "outcome"], never: &[] },
    Room { name: "checklist", modules: &["checklist"], may: &["outcome"], never: &[] },
    Room { name: "fixtures", modules: &["testing"], may: &["*"], never: &[] },
    Room { name: "outcome", modules: &["outcome"], may: &[], never: &[] },
    Room { name: "secrets", modules: &["secret_store"], may: &["process"], never: &[] },
    Room { name: "process", modules: &["process"], may: &[], never: &[SECRET] },
    Room { name: "base", modules: BASE, may: &[], never: &[] },
];

/// The package of the rehearsal, which this table does not reach into: its own manifest says what it may import.
const REHEARSAL: &str = "src/rehearsal/";
/// Who may import it.
const REHEARSES: [&str; 4] =
    ["src/commands/rehearse.rs", "src/commands/rehearse/", "src/commands/report.rs", "src/commands/shim.rs"];

/// Every way in which a file breaks the table, one line each.
fn broken(file: &File) -> Vec<String> {
    let Some(room) = ROOMS.iter().find(|room| room.modules.contains(&file.module())) else {
        return vec![format!("{}: in no room of the table", file.path)];
    };
    let imports = file.imports().into_iter().filter(|import| !allowed(room, &import.path));
    let arrows = imports
        .map(|i| format!("{}:{}: `{}` may not import `crate::{}`", file.path, i.line, room.name, i.path));
    let never = room.never.iter().flat_map(|(text, why)| {
        let lines = file.lines_with(text).into_iter();
        lines.map(move |line| format!("{}:{line}: no `{text}` in `{}`: {why}", file.path, room.name))
    });
    let is_rehearsing = REHEARSES.iter().any(|path| file.path.starts_with(path));
    let rehearsal = file.lines_with("gonogo_rehearsal").into_iter().filter(|_| !is_rehearsing);
    let rehearsal = rehearsal.map(|line| format!("{}:{line}: may not import the rehearsal", file.path));
    arrows.chain(never).chain(rehearsal).collect()
}

fn allowed(room: &Room, import: &str) -> bool {
    let first = import.split("::").next().unwrap_or_default();
    let knows_base = BASE.contains(&first);
    let within = |module: &&str| {
        let rest = import.strip_prefix(*module);
        *module == "*" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    room.modules.contains(&first) || knows_base || room.may.iter().any(within)
}

/// All that is wrong with one text at one path.
fn judge(path: &str, text: &str) -> Vec<String> {
    broken(&File::new(path, text))
}

#[test]
fn every_room_imports_only_from_rooms_below() {
    let files = source::shipped();
    assert!(files.len() > 5, "found only {} source files", files.len());
    let of_the_program = files.iter().filter(|file| !file.path.starts_with(REHEARSAL));
    let broken: Vec<_> = of_the_program.flat_map(broken).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn an_arrow_upwards_is_named_with_its_line() {
    let text = "use std::fmt;\n\nuse crate::engine::Engine;\n";
    assert_eq!(
        judge("src/tui/app.rs", text),
        ["src/tui/app.rs:3: `tui` may not import `crate::engine::Engine`"]
    );
    assert_eq!(judge("src/tui/mod.rs", "use crate::probes;").len(), 1);
    assert_eq!(judge("src/probes/redis.rs", "use gonogo_core::journal::entry::Entry;").len(), 1);
    assert_eq!(judge("src/core/outcome.rs", "use gonogo_core::checklist::Plan;").len(), 1);
    assert_eq!(judge("src/core/text.rs", "use gonogo_core::outcome::Class;").len(), 1);
    assert_eq!(judge("src/tui/app.rs", "use gonogo_rehearsal::drills;").len(), 1);
    assert_eq!(judge("src/commands/run.rs", "fn f() { gonogo_rehearsal::drills::random(1); }").len(), 1);
}

/// What the manifest of a package in this directory lists under `table`.
fn dependencies(directory: &str, table: &str) -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory).join("Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    manifest[table].as_table().unwrap().clone()
}

#[test]
fn the_core_has_no_runtime_no_terminal_and_no_network() {
    let names = dependencies("src/core", "dependencies");
    assert!(names.contains_key("serde"));
    for absent in [
        "tokio",
        "tokio-util",
        "futures-util",
        "ratatui",
        "crossterm",
        "reqwest",
        "redis",
        "lapin",
        "tracing",
    ] {
        assert!(!names.contains_key(absent), "{absent}");
    }
}

#[test]
fn the_rehearsal_imports_nothing_of_gonogo() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for table in ["dependencies", "dev-dependencies"] {
        let names = dependencies(REHEARSAL, table);
        let own: Vec<_> = names.iter().filter(|(_, how)| how.get("path").is_some()).collect();
        assert!(!names.is_empty() && own.is_empty(), "{own:?}");
    }
    let shipped = source::shipped();
    let rehearsal = shipped.iter().filter(|file| file.path.starts_with(REHEARSAL));
    let included: Vec<_> = rehearsal.flat_map(|file| includes(root, file)).collect();
    let outside: Vec<_> = included.iter().filter(|line| !stays_in_its_directory(line)).collect();
    assert!(!included.is_empty() && outside.is_empty(), "{outside:?}");
    assert!(!stays_in_its_directory("include_str!(\"../../config/checklist.toml\")"));
    assert!(!stays_in_its_directory("include_str!(concat!(\"../\", \"a\"))"));
}

/// The lines of a file that include another one.
fn includes(root: &Path, file: &File) -> Vec<String> {
    let text = fs::read_to_string(root.join(&file.path)).unwrap();
    let line = |number: usize| text.lines().nth(number - 1).unwrap().to_owned();
    file.after("include_str").map(|(number, _)| line(number)).collect()
}

/// Whether what a line includes lies beside the file itself.
fn stays_in_its_directory(line: &str) -> bool {
    line.split_once("include_str!(\"").is_some_and(|(_, path)| !path.contains('/'))
}

#[test]
fn an_arrow_downwards_is_fine() {
    let text = "use crate::{text, run::{Command, RunState}, journal::entry as e};\nuse crate::tui::theme;";
    assert!(judge("src/tui/app.rs", text).is_empty());
    assert!(judge("src/main.rs", "use crate::engine::Engine; use gonogo::tui;").is_empty());
    assert!(judge("src/commands/rehearse.rs", "use gonogo_rehearsal::drills;").is_empty());
    assert!(judge("src/core/secret.rs", "use gonogo_core::text;").is_empty());
}

#[test]
fn groups_inline_paths_and_super_hide_nothing() {
    let names = |path, text| judge(path, text).len();
    assert_eq!(names("src/tui/app.rs", "use crate::{\n    text,\n    probes::{redis, http as h},\n};"), 2);
    assert_eq!(names("src/tui/app.rs", "fn f() { crate::engine::start(); }"), 1);
    assert_eq!(names("src/tui/app.rs", "pub(crate) use crate::engine::*;"), 1);
    assert_eq!(names("src/tui/app.rs", "use super::super::engine::Engine;"), 1);
    assert_eq!(names("src/tui/mod.rs", "use super::engine::Engine;"), 1);
    assert_eq!(names("src/core/outcome.rs", "use super::checklist;"), 1);
    assert_eq!(names("src/tui/app.rs", "use super::pane; use crate :: engine;"), 1);
    assert_eq!(names("src/tui/app.rs", "use crate as house;"), 1);
}

#[test]
fn comments_strings_and_tests_do_not_count() {
    let text = r##"
        //! See crate::engine.
        /* crate::engine /* nested */ crate::engine */
        const A: (&str, &str, char) = ("\" crate::engine", r#"crate::"engine"#, '"');
        fn f<'a>(x: &'a str) {}
        #[cfg(test)]
        mod tests { use crate::engine::Engine; fn g() { "}"; } }
        #[cfg(test)]
        use crate::engine::Engine;
    "##;
    assert_eq!(judge("src/tui/app.rs", text), Vec::<String>::new());
    let after = format!("{text}\nuse crate::engine::Engine;");
    assert_eq!(judge("src/tui/app.rs", &after).len(), 1);
}

#[test]
fn the_core_is_pure_and_sees_only_the_entries() {
    assert!(judge("src/core/run/state.rs", "use gonogo_core::journal::entry::Entry;").is_empty());
    assert_eq!(judge("src/core/run/state.rs", "use gonogo_core::journal::entry_file::X;").len(), 1);
    assert_eq!(judge("src/core/run/state.rs", "use gonogo_core::journal::{entry::Entry, chain};").len(), 1);
    assert_eq!(judge("src/core/run/decide.rs", "async fn f() { tokio::spawn(x); Instant::now(); }").len(), 2);
}

#[test]
fn only_the_engine_and_commands_touch_the_log_file() {
    let text = "use gonogo_core::journal::file::LogFile;";
    assert!(judge("src/engine/log.rs", text).is_empty() && judge("src/commands/run.rs", text).is_empty());
    assert_eq!(judge("src/tui/app.rs", text).len(), 1);
    assert_eq!(judge("src/headless.rs", "use gonogo_core::journal::{entry, file};").len(), 1);
}

#[test]
fn a_module_the_table_does_not_know_is_told() {
    assert_eq!(judge("src/helpers.rs", ""), ["src/helpers.rs: in no room of the table"]);
}
