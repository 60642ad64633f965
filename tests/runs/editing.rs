//! Texts edited in the person's editor (Ctrl-E).

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::world::{World, quit, select};
use crate::support::gonogo::{is_private, signal};
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
    let [kept] = files_left(&world).try_into().expect("what it wrote");
    assert_eq!(fs::read_to_string(kept.join("text.txt")).unwrap(), "lost\n");
    fs::remove_dir_all(kept).unwrap();
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

/// The text may be longer than a note, or not a text at all: it is the person's all the same.
#[test]
fn what_an_editor_saved_and_cannot_be_taken_is_kept() {
    need!("ssh-keygen");
    for (script, why, size) in [
        (r#"head -c 100000 /dev/zero | tr '\0' x > "$1""#, "larger than 64 KiB", 100_000),
        (r#"printf '\377\376' > "$1"; chmod 644 "$1""#, "it is not UTF-8", 2),
    ] {
        let (world, mut terminal) = note_with_editor(script);
        terminal.press(Key::Ctrl('e')).wait_for_text(why).wait_for_text("is kept in");
        let [directory] = files_left(&world).try_into().expect("what it wrote");
        let kept = directory.join("text.txt");
        assert_eq!((fs::metadata(&kept).unwrap().len(), is_private(&kept)), (size, true));
        // The notice may be wrapped.
        let words = |text: &str| text.split_whitespace().collect::<String>();
        let shown = words(&terminal.screen_text());
        assert!(shown.contains(&words(&kept.display().to_string())), "{shown}");
        terminal.wait_for_text("so far").press(Key::Esc).wait_gone("The note:");
        quit(terminal);
        assert!(kept.exists());
    }
}

/// Ctrl-\ belongs to the editor, as Ctrl-C does; a signal to gonogo ends both, and what the editor has started.
#[test]
fn an_editor_takes_ctrl_backslash_and_ends_with_gonogo() {
    need!("ssh-keygen");
    let script = r#"
        trap 'echo quit was caught' QUIT
        trap 'echo half a thought > "$1"; exit 1' TERM
        sh -c 'trap "" HUP INT QUIT; sleep 300' &
        echo ready to edit
        until wait; do :; done
    "#;
    let (world, mut terminal) = note_with_editor(script);
    terminal.press(Key::Ctrl('e')).wait_for_text("ready to edit");
    terminal.press(Key::Ctrl('\\')).wait_for_text("quit was caught");
    signal(terminal.pid(), "TERM");
    // No process keeps the terminal open.
    let _ = terminal.wait_exit().code(130).left_clean();
    let [kept] = files_left(&world).try_into().expect("what it wrote");
    assert_eq!(fs::read_to_string(kept.join("text.txt")).unwrap(), "half a thought\n");
}
