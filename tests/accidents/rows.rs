use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::last_shown;
use super::scene::{Launch, Scene, child_of, faketime, wait_gone};
use crate::bench::gonogo::signal;
use crate::bench::terminal::Key;
use crate::bench::wait;

pub struct Row {
    pub accident: &'static str,
    pub launch: Launch,
    /// Whether there is a run before it happens, in which somebody acts.
    pub acts: bool,
    pub happens: fn(&mut Scene),
    pub ends: Ends,
    /// What is told, on the screen or after it.
    pub told: &'static [&'static str],
    /// What a person does about it.
    pub mend: fn(&Scene),
    /// What `verify` says besides that the log is open.
    pub verify: &'static [&'static str],
    pub resume: Resume,
}

#[derive(Clone, Copy)]
pub enum Ends {
    GoesOn,
    Killed,
    With(u32),
}

#[derive(Clone, Copy)]
pub enum Resume {
    Plain,
    Told(&'static str),
    Refused(&'static str),
}

const LEFT: &[&str] = &["2/3, open", "resume gonogo run profile.toml"];

/// A small disk in place of the state directory, and what is on it afterwards.
const SMALL_DISK: &str = r#"
mount -t tmpfs -o size=48k,mode=700 none "$XDG_STATE_HOME" || exit 99
"$@"; code=$?
cp -a "$XDG_STATE_HOME" "$HOME/kept"; exit $code"#;

const READ_ONLY: &str = r#"mount -t tmpfs -o ro none "$XDG_STATE_HOME" || exit 99; exec "$@""#;

fn row(accident: &'static str, happens: fn(&mut Scene)) -> Row {
    Row {
        accident,
        launch: Launch::Plain,
        acts: true,
        happens,
        ends: Ends::GoesOn,
        told: &[],
        mend: |_| {},
        verify: &[],
        resume: Resume::Plain,
    }
}

pub fn rows() -> Vec<Row> {
    let clocks =
        if faketime().is_some() { clocks() } else { skipped("the clock: libfaketime is not installed") };
    // Only root makes a disk, or lets one fail.
    let disks = if may_mount() { disks() } else { skipped("the disks: this is not root") };
    [signals(), terminals(), disks, logs(), changed_logs(), clocks].into_iter().flatten().collect()
}

/// What cannot be tried here, which is fine on a person's machine only.
fn skipped(what: &str) -> Vec<Row> {
    assert!(std::env::var_os("CI").is_none(), "{what}");
    // Not `eprintln!`: the harness would swallow it.
    let _ = writeln!(std::io::stderr(), "SKIPPED {what}");
    Vec::new()
}

fn may_mount() -> bool {
    Command::new("unshare")
        .args(["-m", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn signals() -> Vec<Row> {
    let left = |row: Row| Row { ends: Ends::With(130), told: LEFT, ..row };
    vec![
        Row { ends: Ends::Killed, ..row("kill -9", |scene| signal(scene.terminal().pid(), "KILL")) },
        left(row("SIGHUP", |scene| signal(scene.terminal().pid(), "HUP"))),
        left(row("SIGTERM", |scene| signal(scene.terminal().pid(), "TERM"))),
        left(row("SIGINT", |scene| signal(scene.terminal().pid(), "INT"))),
    ]
}

fn terminals() -> Vec<Row> {
    vec![
        Row {
            launch: Launch::FromShell,
            ends: Ends::With(5),
            told: &["Stopped", "2/3, open"],
            ..row("suspended (Ctrl-Z) and resumed (fg)", |scene| {
                let terminal = scene.terminal();
                terminal.press(Key::Ctrl('z')).wait_for_text("Stopped");
                let stopped = terminal.screen_text();
                terminal.send("fg\r").wait_for_text("Support is told");
                terminal.send("q").wait_for_text("resume");
                terminal.wait_for("the shell", |screen| screen.contents().matches("bash-").count() == 3);
                terminal.send("exit\r");
                scene.heard += &stopped;
            })
        },
        Row {
            launch: Launch::Through(&["sh", "-c", "exec script -qec \"exec $*\" /dev/null", "sh"]),
            ends: Ends::Killed,
            ..row("its terminal is closed", |scene| {
                let outer = scene.terminal().pid();
                let gonogo = child_of(outer);
                // This one holds the terminal that gonogo is in.
                signal(outer, "KILL");
                wait_gone(gonogo);
            })
        },
        Row {
            told: &["gonogo needs 40 × 12"],
            ..row("its terminal becomes too small, and large again", |scene| {
                scene.terminal().resize(20, 5).wait_for_text("gonogo needs 40 × 12");
                scene.hear();
                scene.terminal().resize(180, 40);
            })
        },
    ]
}

fn disks() -> Vec<Row> {
    vec![
        Row {
            launch: Launch::Through(&["unshare", "-m", "sh", "-c", SMALL_DISK, "sh"]),
            ends: Ends::With(74),
            told: &[
                "the log takes no more entries: cannot write: No space left on device",
                "Check the disk and resume the run",
            ],
            mend: |scene| {
                let (kept, state) = (scene.kept(), scene.world.sandbox.state());
                fs::remove_dir_all(&state).unwrap();
                fs::rename(kept, state).unwrap();
            },
            ..row("the disk is full", |scene| {
                let full: fn(&str) -> bool = |screen| screen.contains("No space left");
                while !full(&scene.terminal().screen_text()) {
                    let before = last_shown(&scene.terminal().screen_text());
                    // What a probe saw may fill it as well.
                    scene.note_unless(4000, full);
                    scene.terminal().wait_for("the note, or a full disk", |screen| {
                        let screen = screen.contents();
                        full(&screen) || last_shown(&screen) > before
                    });
                }
            })
        },
        Row {
            launch: Launch::Through(&["unshare", "-m", "sh", "-c", READ_ONLY, "sh"]),
            acts: false,
            ends: Ends::With(74),
            told: &["Read-only file system"],
            ..row("the directory of logs is read-only", |_| {})
        },
        Row {
            ends: Ends::With(74),
            told: &[
                "the log takes no more entries: cannot write: Input/output error",
                "acknowledged entries are safe",
            ],
            ..row("a sync fails", |scene| {
                let _broken = scene.break_disk();
                scene.note(10);
                wait_gone(scene.terminal().pid());
            })
        },
    ]
}

fn logs() -> Vec<Row> {
    vec![
        Row {
            ends: Ends::With(5),
            told: LEFT,
            resume: Resume::Told("11 bytes of an incomplete line"),
            verify: &["11 bytes after the last line end"],
            mend: |scene| {
                let mut log = OpenOptions::new().append(true).open(scene.log()).unwrap();
                log.write_all(b"{\"v\":1,\"run").unwrap();
            },
            ..row("the power goes in the middle of a line", |scene| {
                scene.terminal().send("q");
            })
        },
        Row {
            told: &["another gonogo is writing this run log"],
            ..row("a second gonogo on the same run", |scene| {
                let second = scene.second().wait_exit().code(2).left_clean();
                scene.heard += &second.screen_text();
            })
        },
        Row {
            ends: Ends::With(74),
            told: &["the log takes no more entries: the log was moved to", "move it back and resume the run"],
            mend: |scene| fs::rename(scene.world.sandbox.work().join("moved"), moved_from(scene)).unwrap(),
            ..row("the log is moved away", |scene| {
                let log = scene.log();
                fs::write(scene.world.sandbox.work().join("from"), log.as_os_str().as_encoded_bytes())
                    .unwrap();
                fs::rename(&log, scene.world.sandbox.work().join("moved")).unwrap();
            })
        },
        Row {
            ends: Ends::With(74),
            told: &["the log was deleted; its acknowledged entries were restored to"],
            ..row("the log is deleted", |scene| fs::remove_file(scene.log()).unwrap())
        },
    ]
}

/// What is found out at the next start.
fn changed_logs() -> Vec<Row> {
    vec![
        Row {
            ends: Ends::With(5),
            told: LEFT,
            mend: |scene| fs::set_permissions(scene.log(), Permissions::from_mode(0o644)).unwrap(),
            resume: Resume::Refused("others can read or write it"),
            ..row("others may write the log", |scene| {
                scene.terminal().send("q");
            })
        },
        Row {
            ends: Ends::With(5),
            told: LEFT,
            mend: |scene| {
                let text = fs::read_to_string(scene.log()).unwrap();
                let lines: Vec<&str> = text.split_inclusive('\n').collect();
                fs::write(scene.log(), lines[..lines.len() - 1].concat()).unwrap();
            },
            resume: Resume::Refused("the log was changed after this host wrote it"),
            ..row("the last line of the log is taken away", |scene| {
                // Something to be taken away.
                scene.note(10);
                scene.terminal().wait_for_text("noted").send("q");
            })
        },
    ]
}

fn moved_from(scene: &Scene) -> String {
    fs::read_to_string(scene.world.sandbox.work().join("from")).unwrap()
}

fn clocks() -> Vec<Row> {
    let own = |row: Row| Row { launch: Launch::OwnClock, ..row };
    vec![
        own(Row {
            told: &["the clock was set forward by 2h"],
            ..row("the clock is set forward by two hours", |scene| {
                let before = probed(scene);
                scene.set_clock("+2h");
                scene.terminal().wait_for_text("the clock was set forward by");
                scene.hear();
                // What was seen two hours ago is stale, and is looked at again.
                wait::until("new looks", || (probed(scene) >= before + 2).then_some(()));
            })
        }),
        own(Row {
            told: &["the clock was set back by 2h"],
            verify: &["the clock went back, from"],
            ..row("the clock is set back by two hours", |scene| {
                scene.set_clock("-2h");
                scene.terminal().wait_for_text("the clock was set back by");
                scene.hear();
                scene.note(10);
            })
        }),
    ]
}

fn probed(scene: &Scene) -> usize {
    scene.entries().iter().filter(|entry| entry["kind"] == "probed").count()
}
