//! What lies beside a log is opened in one room, which follows no link and waits for nothing; temporary directories are
//! made there too, for their owner only.

use super::source::{self, File};

/// The room.
const ROOM: &str = "src/core/files/";
/// Who reads and writes what lies beside a log, and what the state directory holds of it.
const USERS: [&str; 2] = ["src/core/journal/", "src/engine/"];

/// What opens a file, or changes a directory, by a path.
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

/// Who may, and what.
const MAY: [(&str, &str); 4] = [
    // The log itself, and the directory that it is in.
    ("src/core/journal/disk.rs", "rustix::fs::open"),
    ("src/core/journal/disk.rs", "File::open"),
    // A new key of the user's.
    ("src/core/journal/keys.rs", ""),
    // What the system tells in /proc.
    ("src/engine/clock.rs", "fs::read_to_string"),
];

fn broken(file: &File) -> Vec<String> {
    // Modules of tests that others see.
    if file.path.contains("/tests") {
        return Vec::new();
    }
    let is_user = USERS.iter().any(|room| file.path.starts_with(room));
    let may =
        |text: &str| MAY.iter().any(|(path, may)| file.path == *path && (*may == text || may.is_empty()));
    let by_path = BY_PATH.iter().filter(|text| is_user && !may(text));
    let by_path = by_path.flat_map(|text| file.lines_with(text).into_iter().map(move |line| (line, *text)));
    let temporary = file.after("tempdir").chain(file.after("tempdir_in")).map(|(line, _)| (line, "tempdir"));
    let temporary = temporary.filter(|_| !file.path.starts_with(ROOM));
    let told = |(line, text)| format!("{}:{line}: `{text}`; see {ROOM}", file.path);
    by_path.chain(temporary).map(told).collect()
}

fn judge(path: &str, text: &str) -> Vec<String> {
    broken(&File::new(path, text))
}

#[test]
fn what_lies_beside_a_log_is_opened_in_one_room() {
    let broken: Vec<_> = source::shipped().iter().flat_map(broken).collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
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
        assert_eq!(judge("src/core/journal/attachments.rs", text).len(), 1, "{text}");
        assert!(judge("src/core/files/directory.rs", text).is_empty(), "{text}");
    }
    assert_eq!(judge("src/probes/x.rs", "fn f() { tempfile::tempdir(); }").len(), 1);
    assert!(
        judge("src/core/journal/attachments.rs", "use gonogo_core::files::directory::Directory;").is_empty()
    );
}
