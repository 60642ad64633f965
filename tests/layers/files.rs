//! Files next to a log are opened only by the `files` module, which follows no link and never blocks. It also creates
//! temporary directories, with permissions for the owner only.

use super::source::{self, File};

/// The module that opens files.
const FILES_MODULE: &str = "src/core/files/";
/// The modules that read and write files next to a log and in the state directory.
const RESTRICTED: [&str; 2] = ["src/core/journal/", "src/engine/"];

/// Functions that open a file or change a directory by a path.
const BY_PATH: [&str; 16] = [
    "File::open",
    "File::create",
    "File::options",
    "OpenOptions",
    "DirBuilder",
    "rustix::fs::open",
    "fs::read(",
    "fs::read_to_string",
    "fs::write",
    "fs::rename",
    "fs::hard_link",
    "fs::copy",
    "fs::remove_file",
    "fs::remove_dir_all",
    "fs::create_dir",
    "fs::set_permissions",
];

/// Exceptions: a file, and the function it may use (empty: all).
const ALLOWED: [(&str, &str); 4] = [
    // The log itself, and the directory that it is in.
    ("src/core/journal/disk.rs", "rustix::fs::open"),
    ("src/core/journal/disk.rs", "File::open"),
    // A new key of the user.
    ("src/core/journal/keys.rs", ""),
    // Files in /proc.
    ("src/engine/clock.rs", "fs::read_to_string"),
];

fn violations(file: &File) -> Vec<String> {
    // Test modules that other modules use.
    if file.path.contains("/tests") {
        return Vec::new();
    }
    let is_restricted = RESTRICTED.iter().any(|directory| file.path.starts_with(directory));
    let is_allowed = |text: &str| {
        ALLOWED.iter().any(|(path, allowed)| file.path == *path && (*allowed == text || allowed.is_empty()))
    };
    let by_path = BY_PATH.iter().filter(|text| is_restricted && !is_allowed(text));
    let by_path = by_path.flat_map(|text| file.lines_with(text).into_iter().map(move |line| (line, *text)));
    let temporary = file.after("tempdir").chain(file.after("tempdir_in")).map(|(line, _)| (line, "tempdir"));
    let temporary = temporary.filter(|_| !file.path.starts_with(FILES_MODULE));
    let message = |(line, text)| format!("{}:{line}: `{text}`; see {FILES_MODULE}", file.path);
    by_path.chain(temporary).map(message).collect()
}

fn check(path: &str, text: &str) -> Vec<String> {
    violations(&File::new(path, text))
}

#[test]
fn files_next_to_a_log_are_opened_only_by_the_files_module() {
    let violations: Vec<_> = source::shipped_files().iter().flat_map(violations).collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn other_ways_to_open_a_file_are_found() {
    for text in [
        "fn f() { File::create(&kept); }",
        "fn f() { std::fs::read(path); }",
        "fn f() { fs::OpenOptions::new().open(path); }",
        "use std::fs::{File, OpenOptions};",
        "fn f() { tempfile::tempdir(); }",
        "fn f() { Builder::new().prefix(x).tempdir_in(y); }",
    ] {
        assert_eq!(check("src/core/journal/attachments.rs", text).len(), 1, "{text}");
        assert!(check("src/core/files/directory.rs", text).is_empty(), "{text}");
    }
    assert_eq!(check("src/probes/x.rs", "fn f() { tempfile::tempdir(); }").len(), 1);
    assert!(
        check("src/core/journal/attachments.rs", "use gonogo_core::files::directory::Directory;").is_empty()
    );
}
