use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use super::last_seq_shown;
use super::scenario::{FaultScenario, Launch, child_of, faketime, wait_until_ended};
use crate::support::gonogo::signal;
use crate::support::terminal::Key;
use crate::support::wait;

pub struct Row {
    pub fault: &'static str,
    pub launch: Launch,
    /// Whether a run is opened first, and a point confirmed in it.
    pub confirms: bool,
    pub inject: fn(&mut FaultScenario),
    pub ending: Ending,
    /// What must be reported, on the screen or after it.
    pub messages: &'static [&'static str],
    /// How the operator repairs it.
    pub fix: fn(&FaultScenario),
    /// What `verify` reports, besides that the log is open.
    pub verify: &'static [&'static str],
    pub resume: Resume,
}

#[derive(Clone, Copy)]
pub enum Ending {
    Continues,
    Killed,
    ExitCode(u32),
}

#[derive(Clone, Copy)]
pub enum Resume {
    Plain,
    Reported(&'static str),
    Rejected(&'static str),
}

const QUIT_MESSAGE: &[&str] = &["2/3, open", "resume gonogo run profile.toml"];

/// Mounts a small disk on the state directory, and saves its content afterwards.
const SMALL_DISK: &str = r#"
mount -t tmpfs -o size=48k,mode=700 none "$XDG_STATE_HOME" || exit 99
"$@"; code=$?
cp -a "$XDG_STATE_HOME" "$HOME/saved"; exit $code"#;

const READ_ONLY: &str = r#"mount -t tmpfs -o ro none "$XDG_STATE_HOME" || exit 99; exec "$@""#;

fn row(fault: &'static str, inject: fn(&mut FaultScenario)) -> Row {
    Row {
        fault,
        launch: Launch::Plain,
        confirms: true,
        inject,
        ending: Ending::Continues,
        messages: &[],
        fix: |_| {},
        verify: &[],
        resume: Resume::Plain,
    }
}

pub fn rows() -> Vec<Row> {
    let clocks =
        if faketime().is_some() { clocks() } else { skipped("clock faults: libfaketime is not installed") };
    // Only root can mount a disk.
    let disks = if may_mount() { disks() } else { skipped("disk faults: they need root") };
    [signals(), terminals(), disks, logs(), changed_logs(), clocks].into_iter().flatten().collect()
}

/// Rows that cannot run here; in CI that is an error.
fn skipped(what: &str) -> Vec<Row> {
    assert!(std::env::var_os("CI").is_none(), "{what}");
    // Not `eprintln!`, which the test harness captures.
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
    let quits = |row: Row| Row { ending: Ending::ExitCode(130), messages: QUIT_MESSAGE, ..row };
    vec![
        Row {
            ending: Ending::Killed,
            ..row("kill -9", |scenario| signal(scenario.terminal().pid(), "KILL"))
        },
        quits(row("SIGHUP", |scenario| signal(scenario.terminal().pid(), "HUP"))),
        quits(row("SIGTERM", |scenario| signal(scenario.terminal().pid(), "TERM"))),
        quits(row("SIGINT", |scenario| signal(scenario.terminal().pid(), "INT"))),
    ]
}

fn terminals() -> Vec<Row> {
    vec![
        Row {
            launch: Launch::FromShell,
            ending: Ending::ExitCode(5),
            messages: &["Stopped", "2/3, open"],
            ..row("suspended (Ctrl-Z) and resumed (fg)", |scenario| {
                let terminal = scenario.terminal();
                terminal.press(Key::Ctrl('z')).wait_for_text("Stopped");
                let stopped = terminal.screen_text();
                terminal.send("fg\r").wait_for_text("Support is on duty");
                terminal.send("q").wait_for_text("resume");
                terminal.wait_for("the shell", |screen| screen.contents().matches("bash-").count() == 3);
                terminal.send("exit\r");
                scenario.transcript += &stopped;
            })
        },
        Row {
            launch: Launch::Through(&["sh", "-c", "exec script -qec \"exec $*\" /dev/null", "sh"]),
            ending: Ending::Killed,
            ..row("the terminal is closed", |scenario| {
                let outer = scenario.terminal().pid();
                let gonogo = child_of(outer);
                // This process holds the terminal of gonogo.
                signal(outer, "KILL");
                wait_until_ended(gonogo);
            })
        },
        Row {
            messages: &["gonogo needs 40 × 12"],
            ..row("the terminal becomes too small, and large again", |scenario| {
                scenario.terminal().resize(20, 5).wait_for_text("gonogo needs 40 × 12");
                scenario.record_screen();
                scenario.terminal().resize(180, 40);
            })
        },
    ]
}

fn disks() -> Vec<Row> {
    vec![
        Row {
            launch: Launch::Through(&["unshare", "-m", "sh", "-c", SMALL_DISK, "sh"]),
            ending: Ending::ExitCode(74),
            messages: &[
                "no more entries can be written: cannot write: No space left on device",
                "Check the disk and resume the run",
            ],
            fix: |scenario| {
                let (saved, state) = (scenario.saved_disk(), scenario.world.sandbox.state());
                fs::remove_dir_all(&state).unwrap();
                fs::rename(saved, state).unwrap();
            },
            ..row("the disk is full", |scenario| {
                let full: fn(&str) -> bool = |screen| screen.contains("No space left");
                while !full(&scenario.terminal().screen_text()) {
                    let before = last_seq_shown(&scenario.terminal().screen_text());
                    // A probe result may fill the disk as well.
                    scenario.note_unless(4000, full);
                    scenario.terminal().wait_for("the note, or a full disk", |screen| {
                        let screen = screen.contents();
                        full(&screen) || last_seq_shown(&screen) > before
                    });
                }
            })
        },
        Row {
            launch: Launch::Through(&["unshare", "-m", "sh", "-c", READ_ONLY, "sh"]),
            confirms: false,
            ending: Ending::ExitCode(74),
            messages: &["Read-only file system"],
            ..row("the directory of logs is read-only", |_| {})
        },
        Row {
            ending: Ending::ExitCode(74),
            messages: &[
                "no more entries can be written: cannot write: Input/output error",
                "acknowledged entries are safe",
            ],
            ..row("a sync fails", |scenario| {
                let _broken = scenario.break_disk();
                scenario.note(10);
                wait_until_ended(scenario.terminal().pid());
            })
        },
    ]
}

fn logs() -> Vec<Row> {
    vec![
        Row {
            ending: Ending::ExitCode(5),
            messages: QUIT_MESSAGE,
            resume: Resume::Reported("11 bytes of an incomplete line"),
            verify: &["11 bytes after the last line end"],
            fix: |scenario| {
                let mut log = OpenOptions::new().append(true).open(scenario.log()).unwrap();
                log.write_all(b"{\"v\":1,\"run").unwrap();
            },
            ..row("power is lost in the middle of a line", |scenario| {
                scenario.terminal().send("q");
            })
        },
        Row {
            messages: &["another gonogo is writing this run log"],
            ..row("a second gonogo on the same run", |scenario| {
                let second = scenario.second().wait_exit().code(2).left_clean();
                scenario.transcript += &second.screen_text();
            })
        },
        Row {
            ending: Ending::ExitCode(74),
            messages: &[
                "no more entries can be written: the log was moved to",
                "move it back and resume the run",
            ],
            fix: |scenario| {
                fs::rename(scenario.world.sandbox.work().join("moved"), moved_from(scenario)).unwrap();
            },
            ..row("the log is moved away", |scenario| {
                let log = scenario.log();
                fs::write(scenario.world.sandbox.work().join("from"), log.as_os_str().as_encoded_bytes())
                    .unwrap();
                fs::rename(&log, scenario.world.sandbox.work().join("moved")).unwrap();
            })
        },
        Row {
            ending: Ending::ExitCode(74),
            messages: &["the log was deleted; its acknowledged entries were restored to"],
            ..row("the log is deleted", |scenario| fs::remove_file(scenario.log()).unwrap())
        },
    ]
}

/// Changes that are detected at the next start.
fn changed_logs() -> Vec<Row> {
    vec![
        Row {
            ending: Ending::ExitCode(5),
            messages: QUIT_MESSAGE,
            fix: |scenario| fs::set_permissions(scenario.log(), Permissions::from_mode(0o644)).unwrap(),
            resume: Resume::Rejected("others can read or write it"),
            ..row("others may write the log", |scenario| {
                scenario.terminal().send("q");
            })
        },
        Row {
            ending: Ending::ExitCode(5),
            messages: QUIT_MESSAGE,
            fix: |scenario| {
                let text = fs::read_to_string(scenario.log()).unwrap();
                let lines: Vec<&str> = text.split_inclusive('\n').collect();
                fs::write(scenario.log(), lines[..lines.len() - 1].concat()).unwrap();
            },
            resume: Resume::Rejected("the log was changed after this host wrote it"),
            ..row("the last line of the log is removed", |scenario| {
                // The line that is removed.
                scenario.note(10);
                scenario.terminal().wait_for_text("noted").send("q");
            })
        },
    ]
}

fn moved_from(scenario: &FaultScenario) -> String {
    fs::read_to_string(scenario.world.sandbox.work().join("from")).unwrap()
}

fn clocks() -> Vec<Row> {
    let with_own_clock = |row: Row| Row { launch: Launch::OwnClock, ..row };
    vec![
        with_own_clock(Row {
            messages: &["the clock was set forward by 2h"],
            ..row("the clock is set forward by two hours", |scenario| {
                let before = probe_results(scenario);
                scenario.set_clock("+2h");
                scenario.terminal().wait_for_text("the clock was set forward by");
                scenario.record_screen();
                // Results of two hours ago are stale, so the probes run again.
                wait::until("new probe results", || (probe_results(scenario) >= before + 2).then_some(()));
            })
        }),
        with_own_clock(Row {
            messages: &["the clock was set back by 2h"],
            verify: &["the clock went back, from"],
            ..row("the clock is set back by two hours", |scenario| {
                scenario.set_clock("-2h");
                scenario.terminal().wait_for_text("the clock was set back by");
                scenario.record_screen();
                scenario.note(10);
            })
        }),
    ]
}

fn probe_results(scenario: &FaultScenario) -> usize {
    scenario.entries().iter().filter(|entry| entry["kind"] == "probed").count()
}
