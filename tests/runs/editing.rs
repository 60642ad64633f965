//! Texts edited in the person's editor (Ctrl-E).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::world::{World, quit, select};
use crate::support::gonogo::is_private;
use crate::support::need;
use crate::support::terminal::{Key, Terminal};

/// A world whose editor is a shell script, and the terminal with an open note: `so far`.
fn note_with_editor(script: &str) -> (World, Terminal) {
    let mut world = World::new();
    let editor = write_editor(&world, script);
    world.sandbox = world.sandbox.env("EDITOR", editor);
    let terminal = open_note(&mut world);
    (world, terminal)
}

fn write_editor(world: &World, script: &str) -> PathBuf {
    let editor = world.sandbox.work().join("editor.sh");
    fs::write(&editor, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    editor
}

fn open_note(world: &mut World) -> Terminal {
    let mut terminal = world.open(130, 40);
    terminal.wait_for_text("1/3");
    select(&mut terminal, '2', 0);
    terminal.send("n").wait_for_text("The note:").send("so far").wait_for_text("so far");
    terminal
}

fn notes(world: &World) -> Vec<String> {
    let entries = world.entries().into_iter().filter(|entry| entry["kind"] == "noted");
    entries.map(|entry| entry["text"].as_str().unwrap().to_owned()).collect()
}

/// What an editor has left of its files.
fn files_left(world: &World) -> Vec<PathBuf> {
    let directory = world.sandbox.state().join("gonogo/edited");
    fs::read_dir(directory)
        .map_or_else(|_| Vec::new(), |all| all.map(|entry| entry.unwrap().path()).collect())
}

#[test]
fn a_text_is_edited_in_the_editor_and_only_then_submitted() {
    need!("ssh-keygen");
    // It reads the terminal: what is typed meanwhile is all its own, `q` and Ctrl-C too.
    let script = r#"
        cp "$1" before.txt; stat -c %a "$1" > mode.txt; printf %s "$1" > path.txt
        trap 'echo interrupted' INT
        echo ready to edit
        until read -r first; do :; done
        read -r second
        printf '%s\n%s\n' "$first" "$second" > "$1"
    "#;
    let (world, mut terminal) = note_with_editor(script);
    let at = |name: &str| world.sandbox.work().join(name);
    terminal.press(Key::Ctrl('e')).wait_for_text("ready to edit");
    assert!(!terminal.screen().alternate_screen(), "the editor has the terminal");
    let path = PathBuf::from(fs::read_to_string(at("path.txt")).unwrap());
    assert!(is_private(&path) && is_private(path.parent().unwrap()), "{}", path.display());
    assert_eq!(fs::read_to_string(at("mode.txt")).unwrap(), "600\n");
    assert_eq!(fs::read_to_string(at("before.txt")).unwrap(), "so far\n");
    terminal.press(Key::Ctrl('c')).wait_for_text("interrupted");
    terminal.resize(100, 30);
    terminal.send_raw("quiet night, qqq\nand a second line\n");
    terminal.wait_for("the text in the field", |screen| {
        let shown = screen.contents();
        screen.alternate_screen() && shown.contains("quiet night, qqq and a second line")
    });
    // The whole screen is drawn again, in its new size.
    terminal.wait_for("the new size", |screen| {
        screen.contents().lines().nth(29).is_some_and(|last| last.contains("log saved"))
    });
    assert_eq!(notes(&world), [] as [&str; 0], "nothing is submitted by itself");
    terminal.answer("\r").wait_for_text("noted on people.duty");
    quit(terminal);
    assert_eq!(notes(&world), ["quiet night, qqq and a second line"]);
    assert_eq!(files_left(&world), [] as [PathBuf; 0]);
}

#[test]
fn a_failed_or_missing_editor_says_so_and_keeps_the_text() {
    need!("ssh-keygen");
    let (mut world, mut terminal) = note_with_editor("echo lost > \"$1\"; exit 3");
    terminal.press(Key::Ctrl('e')).wait_for_text("failed with exit code 3; the text is unchanged");
    terminal.wait_for_text("so far").answer("\r").wait_for_text("noted on people.duty");
    quit(terminal);
    world.sandbox = world.sandbox.env("VISUAL", "gonogo-no-editor --wait");
    let mut terminal = world.open_with(&[], 130, 40);
    terminal.wait_for_text("1/3");
    select(&mut terminal, '2', 0);
    terminal.send("n").wait_for_text("The note:").send("again").wait_for_text("again");
    terminal.press(Key::Ctrl('e')).wait_for_text("did not start");
    terminal.answer("\r").wait_for_text("noted on people.duty");
    quit(terminal);
    assert_eq!(notes(&world), ["so far", "again"]);
    assert_eq!(files_left(&world), [] as [PathBuf; 0]);
}
