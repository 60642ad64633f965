//! The person's editor for a text of the screen: `$VISUAL`, else `$EDITOR`, else `vi` if it is installed.

mod edited_file;

use std::ffi::OsString;
use std::path::Path;
use std::thread;
use std::time::Duration;

use gonogo_core::files::read_regular_text;
use gonogo_core::text;

use self::edited_file::EditedFile;
use super::exiting::{ignore_interrupts, is_asked_to_end};
use super::loaded_profile::state_dir;
use crate::process::{BlockingChild, ExitStatus, Launch, Permit, ProcessTree, find_program};
use crate::tui::terminal::{EditorRun, PrepareEdit};

/// The editor where no variable names one.
const DEFAULT_EDITOR: &str = "vi";
/// The maximum size of the text, in bytes.
const MAX_TEXT: u64 = 64 << 10;
/// How often is checked whether the editor has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long the editor may take to end after SIGTERM, before SIGKILL: less than gonogo itself may take.
const GRACE: Duration = Duration::from_millis(500);
/// Characters for which the command needs a shell, as in git's `run-command.c`.
const SHELL_CHARACTERS: &str = "|&;<>()$`\\\"' \t\n*?[#~=%";

/// A command, and the variable that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Editor {
    command: String,
    source: &'static str,
}

/// Prepares the editing of a text: finds the editor, and writes the text to a private file.
pub(super) fn prepare_edit() -> Box<PrepareEdit> {
    Box::new(|text| {
        let editor = find_editor(|name| std::env::var_os(name), |name| find_program(name).is_some())?;
        let file = state_dir().and_then(|state| EditedFile::create(&state.join("edited"), text));
        let file = file.map_err(|why| format!("the text cannot be written for the editor: {why}"))?;
        let run: EditorRun = Box::new(move || {
            let edited = run_editor(&editor, file.path()).and_then(|()| read_text(file.path()));
            edited.map_err(|why| keep(file, &why))
        });
        Ok(run)
    })
}

/// Why a text was not taken, and where it is kept if the editor wrote one.
fn keep(file: EditedFile, why: &str) -> String {
    let kept = file.keep().map(|kept| text::line(&kept.display().to_string()));
    kept.map_or_else(|| why.to_owned(), |kept| format!("{why}; what it wrote is kept in {kept}"))
}

/// The editor that the environment names. An empty variable names none.
fn find_editor(
    variable: impl Fn(&str) -> Option<OsString>,
    is_installed: impl Fn(&str) -> bool,
) -> Result<Editor, String> {
    for source in ["VISUAL", "EDITOR"] {
        let Some(command) = variable(source).filter(|command| !command.is_empty()) else { continue };
        let command = command.into_string().map_err(|_| format!("{source} is not UTF-8"))?;
        return Ok(Editor { command, source });
    }
    if is_installed(DEFAULT_EDITOR) {
        return Ok(Editor { command: DEFAULT_EDITOR.into(), source: "the default" });
    }
    Err("no editor: set VISUAL or EDITOR before gonogo starts (vi is not installed)".into())
}

fn read_text(file: &Path) -> Result<String, String> {
    read_regular_text(file, MAX_TEXT).map_err(|why| unchanged(&format!("what the editor saved: {why}")))
}

fn unchanged(why: &str) -> String {
    format!("{why}; the text is unchanged")
}

fn run_editor(editor: &Editor, file: &Path) -> Result<(), String> {
    // Ctrl-C is meant for the editor.
    let _ignored = ignore_interrupts();
    let name = text::line(&format!("{} ({})", editor.command, editor.source));
    let not_started = |why: &dyn std::fmt::Display| unchanged(&format!("editor {name} did not start: {why}"));
    let child = launch(&editor.command, file).spawn_blocking(&Permit::for_editor());
    let status = wait(child.map_err(|error| not_started(&error))?)?;
    match status.code() {
        Some(0) => Ok(()),
        // How a shell reports that there is no such command.
        Some(127) => Err(not_started(&"exit code 127, command not found")),
        Some(code) => Err(unchanged(&format!("editor {name} failed with exit code {code}"))),
        None => Err(unchanged(&format!("editor {name} was ended by a signal"))),
    }
}

/// The editor on a file. A command with characters for a shell goes through one, with the file as its last argument.
fn launch(command: &str, file: &Path) -> Launch {
    if !command.contains(|c| SHELL_CHARACTERS.contains(c)) {
        return Launch::new(command).args([file]);
    }
    let script = format!("{command} \"$@\"");
    Launch::new("sh").args(["-c", &script, command]).args([file])
}

/// Waits for the editor. If gonogo is asked to end meanwhile, the editor ends first, with what it has started: it shares
/// the terminal's foreground group with gonogo, so it has no group of its own to signal.
fn wait(mut child: BlockingChild) -> Result<ExitStatus, String> {
    let mut tree = ProcessTree::of_blocking(&child);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                // What it has left running is meant to go on.
                tree.release();
                return Ok(status);
            }
            Ok(None) if is_asked_to_end() => {
                tree.end(&mut child, GRACE);
                return Err(unchanged("gonogo was asked to quit"));
            }
            Ok(None) => thread::sleep(POLL_INTERVAL),
            Err(error) => return Err(unchanged(&format!("the editor: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn visual_comes_before_editor_and_vi_only_if_it_is_installed() {
        let find = |variables: &[(&str, &str)], has_vi: bool| {
            let variable = |name: &str| {
                variables.iter().find(|(other, _)| *other == name).map(|(_, value)| OsString::from(value))
            };
            find_editor(variable, |name| has_vi && name == "vi").map(|editor| editor.command)
        };
        let both = [("VISUAL", "code --wait"), ("EDITOR", "nano")];
        assert_eq!(find(&both, true), Ok("code --wait".into()));
        assert_eq!(find(&both[1..], true), Ok("nano".into()));
        assert_eq!(find(&[("VISUAL", ""), ("EDITOR", "nano")], true), Ok("nano".into()));
        assert_eq!(find(&[("EDITOR", "")], true), Ok("vi".into()));
        assert!(find(&[], false).is_err_and(|why| why.contains("set VISUAL or EDITOR")));
    }

    #[test]
    fn a_command_is_split_by_a_shell_and_the_file_is_one_argument() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a b'c.txt");
        for command in ["sh -c 'printf %s edited > \"$1\"' -", "f() { printf %s edited > \"$1\"; }; f"] {
            fs::write(&file, "old").unwrap();
            let editor = Editor { command: command.into(), source: "EDITOR" };
            assert_eq!(run_editor(&editor, &file), Ok(()), "{command}");
            assert_eq!(fs::read_to_string(&file).unwrap(), "edited", "{command}");
        }
    }

    #[test]
    fn a_failed_editor_is_named_with_what_is_wrong() {
        let run = |command: &str| {
            let editor = Editor { command: command.into(), source: "EDITOR" };
            run_editor(&editor, Path::new("/dev/null")).unwrap_err()
        };
        assert_eq!(run("false"), "editor false (EDITOR) failed with exit code 1; the text is unchanged");
        for missing in ["gonogo-no-editor", "gonogo-no-editor --wait"] {
            let why = run(missing);
            assert!(why.starts_with(&format!("editor {missing} (EDITOR) did not start: ")), "{why}");
        }
        assert!(run("kill -9 $$; true").contains("was ended by a signal"));
    }
}
