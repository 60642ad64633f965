//! The table of layers, and what each may import.

use std::fs;
use std::path::Path;

use super::source::{self, File};

/// A layer: its modules, and the modules (or parts of modules) of other layers that it may import.
struct Layer {
    name: &'static str,
    modules: &'static [&'static str],
    may_import: &'static [&'static str],
    forbidden: &'static [Forbidden],
}

/// A text that must not be in the code of a layer, and why.
type Forbidden = (&'static str, &'static str);

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

const LOG_FILE: Forbidden = ("journal::file", "only the engine uses it; commands open it");
const SECRET: Forbidden = ("secret_store", "secrets start programs, not the other way round");
const PURE: &[Forbidden] = &[
    ("tokio", "the core is pure"),
    ("std::fs", "the core does no I/O"),
    ("std::net", "the core does no I/O"),
    ("std::process", "the core does no I/O"),
    ("::now(", "the command has the time"),
];

const LAYERS: &[Layer] = &[
    Layer { name: "main", modules: &["main", "lib", "cli", "commands"], may_import: &["*"], forbidden: &[] },
    Layer {
        name: "tui",
        modules: &["tui"],
        may_import: &["run", "checklist", "outcome", "journal"],
        forbidden: &[LOG_FILE],
    },
    Layer { name: "manual", modules: &["help"], may_import: &[], forbidden: &[] },
    Layer {
        name: "report",
        modules: &["headless", "report"],
        may_import: &["run", "checklist", "outcome", "journal"],
        forbidden: &[LOG_FILE],
    },
    Layer {
        name: "engine",
        modules: &["engine"],
        may_import: &["run", "journal", "probes", "checklist", "outcome", "process"],
        forbidden: &[],
    },
    Layer {
        name: "probes",
        modules: &["probes"],
        may_import: &["checklist", "outcome", "process"],
        forbidden: &[],
    },
    Layer {
        name: "run",
        modules: &["run"],
        may_import: &["checklist", "outcome", "journal::entry", "journal::public_key"],
        forbidden: PURE,
    },
    Layer { name: "journal", modules: &["journal"], may_import: &["checklist", "outcome"], forbidden: &[] },
    Layer { name: "checklist", modules: &["checklist"], may_import: &["outcome"], forbidden: &[] },
    Layer { name: "fixtures", modules: &["testing"], may_import: &["*"], forbidden: &[] },
    Layer { name: "outcome", modules: &["outcome"], may_import: &[], forbidden: &[] },
    Layer { name: "secrets", modules: &["secret_store"], may_import: &["process"], forbidden: &[] },
    Layer { name: "process", modules: &["process"], may_import: &[], forbidden: &[SECRET] },
    Layer { name: "base", modules: BASE, may_import: &[], forbidden: &[] },
];

/// The package of the rehearsal. This table does not cover it; its manifest lists what it may import.
const REHEARSAL: &str = "src/rehearsal/";
/// The modules that may import it.
const MAY_IMPORT_REHEARSAL: [&str; 4] =
    ["src/commands/rehearse.rs", "src/commands/rehearse/", "src/commands/report.rs", "src/commands/shim.rs"];

/// The violations in a file, one line each.
fn violations(file: &File) -> Vec<String> {
    let Some(layer) = LAYERS.iter().find(|layer| layer.modules.contains(&file.module())) else {
        return vec![format!("{}: in no layer of the table", file.path)];
    };
    let imports = file.imports().into_iter().filter(|import| !allowed(layer, &import.path));
    let imports = imports
        .map(|i| format!("{}:{}: `{}` may not import `crate::{}`", file.path, i.line, layer.name, i.path));
    let forbidden = layer.forbidden.iter().flat_map(|(text, why)| {
        let lines = file.lines_with(text).into_iter();
        lines.map(move |line| format!("{}:{line}: no `{text}` in `{}`: {why}", file.path, layer.name))
    });
    let may_import_rehearsal = MAY_IMPORT_REHEARSAL.iter().any(|path| file.path.starts_with(path));
    let rehearsal = file.lines_with("gonogo_rehearsal").into_iter().filter(|_| !may_import_rehearsal);
    let rehearsal = rehearsal.map(|line| format!("{}:{line}: may not import the rehearsal", file.path));
    imports.chain(forbidden).chain(rehearsal).collect()
}

fn allowed(layer: &Layer, import: &str) -> bool {
    let first = import.split("::").next().unwrap_or_default();
    let is_base = BASE.contains(&first);
    let within = |module: &&str| {
        let rest = import.strip_prefix(*module);
        *module == "*" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    layer.modules.contains(&first) || is_base || layer.may_import.iter().any(within)
}

/// The violations in this text, as the file at this path.
fn check(path: &str, text: &str) -> Vec<String> {
    violations(&File::new(path, text))
}

#[test]
fn every_layer_imports_only_from_lower_layers() {
    let files = source::shipped_files();
    assert!(files.len() > 5, "found only {} source files", files.len());
    let own_files = files.iter().filter(|file| !file.path.starts_with(REHEARSAL));
    let violations: Vec<_> = own_files.flat_map(violations).collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn an_import_from_a_higher_layer_is_reported_with_its_line() {
    let text = "use std::fmt;\n\nuse crate::engine::Engine;\n";
    assert_eq!(
        check("src/tui/app.rs", text),
        ["src/tui/app.rs:3: `tui` may not import `crate::engine::Engine`"]
    );
    assert_eq!(check("src/tui/mod.rs", "use crate::probes;").len(), 1);
    assert_eq!(check("src/probes/redis.rs", "use gonogo_core::journal::entry::Entry;").len(), 1);
    assert_eq!(check("src/core/outcome.rs", "use gonogo_core::checklist::Plan;").len(), 1);
    assert_eq!(check("src/core/text.rs", "use gonogo_core::outcome::Class;").len(), 1);
    assert_eq!(check("src/tui/app.rs", "use gonogo_rehearsal::drills;").len(), 1);
    assert_eq!(check("src/commands/run.rs", "fn f() { gonogo_rehearsal::drills::random(1); }").len(), 1);
}

/// A table of dependencies in the manifest of the package in this directory.
fn dependencies(directory: &str, table: &str) -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory).join("Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    manifest[table].as_table().unwrap().clone()
}

#[test]
fn the_core_has_no_runtime_no_terminal_and_no_network() {
    let count = dependencies("src/core", "dependencies");
    assert!(count.contains_key("serde"));
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
        assert!(!count.contains_key(absent), "{absent}");
    }
}

#[test]
fn the_rehearsal_imports_nothing_of_gonogo() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for table in ["dependencies", "dev-dependencies"] {
        let count = dependencies(REHEARSAL, table);
        let own: Vec<_> = count.iter().filter(|(_, how)| how.get("path").is_some()).collect();
        assert!(!count.is_empty() && own.is_empty(), "{own:?}");
    }
    let shipped = source::shipped_files();
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

/// Whether the included file is in the directory of the including file.
fn stays_in_its_directory(line: &str) -> bool {
    line.split_once("include_str!(\"").is_some_and(|(_, path)| !path.contains('/'))
}

#[test]
fn an_import_from_a_lower_layer_is_allowed() {
    let text = "use crate::{text, run::{Command, RunState}, journal::entry as e};\nuse crate::tui::theme;";
    assert!(check("src/tui/app.rs", text).is_empty());
    assert!(check("src/main.rs", "use crate::engine::Engine; use gonogo::tui;").is_empty());
    assert!(check("src/commands/rehearse.rs", "use gonogo_rehearsal::drills;").is_empty());
    assert!(check("src/core/secret.rs", "use gonogo_core::text;").is_empty());
}

#[test]
fn imports_by_groups_inline_paths_and_super_are_found() {
    let count = |path, text| check(path, text).len();
    assert_eq!(count("src/tui/app.rs", "use crate::{\n    text,\n    probes::{redis, http as h},\n};"), 2);
    assert_eq!(count("src/tui/app.rs", "fn f() { crate::engine::start(); }"), 1);
    assert_eq!(count("src/tui/app.rs", "pub(crate) use crate::engine::*;"), 1);
    assert_eq!(count("src/tui/app.rs", "use super::super::engine::Engine;"), 1);
    assert_eq!(count("src/tui/mod.rs", "use super::engine::Engine;"), 1);
    assert_eq!(count("src/core/outcome.rs", "use super::checklist;"), 1);
    assert_eq!(count("src/tui/app.rs", "use super::pane; use crate :: engine;"), 1);
    assert_eq!(count("src/tui/app.rs", "use crate as house;"), 1);
}

#[test]
fn comments_strings_and_tests_are_ignored() {
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
    assert_eq!(check("src/tui/app.rs", text), Vec::<String>::new());
    let after = format!("{text}\nuse crate::engine::Engine;");
    assert_eq!(check("src/tui/app.rs", &after).len(), 1);
}

#[test]
fn the_core_is_pure_and_imports_only_the_entries_of_the_journal() {
    assert!(check("src/core/run/state.rs", "use gonogo_core::journal::entry::Entry;").is_empty());
    assert_eq!(check("src/core/run/state.rs", "use gonogo_core::journal::entry_file::X;").len(), 1);
    assert_eq!(check("src/core/run/state.rs", "use gonogo_core::journal::{entry::Entry, chain};").len(), 1);
    assert_eq!(check("src/core/run/decide.rs", "async fn f() { tokio::spawn(x); Instant::now(); }").len(), 2);
}

#[test]
fn only_the_engine_and_commands_use_the_log_file() {
    let text = "use gonogo_core::journal::file::LogFile;";
    assert!(check("src/engine/log.rs", text).is_empty() && check("src/commands/run.rs", text).is_empty());
    assert_eq!(check("src/tui/app.rs", text).len(), 1);
    assert_eq!(check("src/headless.rs", "use gonogo_core::journal::{entry, file};").len(), 1);
}

#[test]
fn a_module_missing_from_the_table_is_reported() {
    assert_eq!(check("src/helpers.rs", ""), ["src/helpers.rs: in no layer of the table"]);
}
