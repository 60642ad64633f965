//! Every snapshot belongs to an existing assertion.

use std::fs;
use std::path::{Path, PathBuf};

use super::source::visit_files;

/// Why no assertion uses this snapshot; `None` if one does.
fn orphaned(name: &str, snapshot: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    if name.ends_with(".snap.new") {
        return Some("not reviewed".to_owned());
    }
    let Some(source) = snapshot.lines().find_map(|line| line.strip_prefix("source: ")) else {
        return Some("names no source".to_owned());
    };
    let Some(code) = read(source.trim_matches('"')) else {
        return Some(format!("its source {source} is gone"));
    };
    let own = own_name(name);
    // insta names a snapshot after the text given to it, or after the test without `test_`, counted from 2.
    let test = own.rsplit_once('-').filter(|(_, n)| n.parse::<u32>().is_ok()).map_or(own, |(test, _)| test);
    let asserted = [format!("\"{own}\""), format!("fn {test}("), format!("fn test_{test}(")];
    // The snapshots of a table have a common prefix and the row.
    let prefixes =
        code.match_indices("format!(\"").filter_map(|(at, open)| code[at + open.len()..].split_once('{'));
    let in_table =
        prefixes.map(|(prefix, _)| prefix).any(|prefix| prefix.len() > 3 && own.starts_with(prefix));
    let found = code.contains("snapshot!") && (in_table || asserted.iter().any(|text| code.contains(text)));
    (!found).then(|| format!("{source} asserts no {own}"))
}

/// `gonogo__ui__app__tests__name@suffix.snap` → `name`.
fn own_name(file: &str) -> &str {
    let stem = file.trim_end_matches(".snap");
    let stem = stem.split_once('@').map_or(stem, |(stem, _)| stem);
    stem.rsplit_once("__").map_or(stem, |(_, name)| name)
}

#[test]
fn every_snapshot_has_an_assertion() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |source: &str| fs::read_to_string(root.join(source)).ok();
    let mut orphans = Vec::new();
    let mut check = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        let why = orphaned(&name, &fs::read_to_string(path).unwrap(), &read);
        orphans.extend(why.map(|why| format!("{}: {why}", path.display())));
    };
    for (dir, extension) in [("src", "snap"), ("tests", "snap"), ("src", "new"), ("tests", "new")] {
        visit_files(&root.join(dir), extension, &mut check);
    }
    assert!(orphans.is_empty(), "\n{}\n", orphans.join("\n"));
}

#[test]
fn a_snapshot_without_its_assertion_is_reported() {
    let code = "#[test]\nfn board_is_drawn() { assert_snapshot!(x); assert_snapshot!(\"named\", y); }";
    let read = |source: &str| (source == "src/tui/app.rs").then(|| code.to_owned());
    let why = |name: &str| orphaned(name, "---\nsource: src/tui/app.rs\nexpression: x\n---\n", &read);
    for name in
        ["gonogo__ui__app__tests__board_is_drawn.snap", "a__board_is_drawn-2.snap", "a__named@80.snap"]
    {
        assert_eq!(why(name), None);
    }
    assert!(why("a__board.snap").is_some() && why("a__named.snap.new").is_some());
    let table = |_: &str| Some("assert_snapshot!(format!(\"size_{}\", n), x)".to_owned());
    assert_eq!(orphaned("a__size_80.snap", "source: src/tui/app.rs", &table), None);
    assert!(orphaned("a__wide.snap", "source: src/tui/app.rs", &table).is_some());
    assert!(orphaned("a__named.snap", "source: src/gone.rs", &read).unwrap().contains("gone"));
    assert!(orphaned("a__named.snap", "", &read).is_some());
}
