//! A run into which one fault is injected.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::runs::world::{ALICE, World, confirm, select};
use crate::support::gonogo::GONOGO;
use crate::support::terminal::{Key, Terminal};
use crate::support::wait;

/// How the program is started.
#[derive(Clone, Copy)]
pub enum Launch {
    Plain,
    /// By an interactive shell.
    FromShell,
    /// By another program, with these arguments before the command of gonogo.
    Through(&'static [&'static str]),
    /// With a wall clock that can be set: `FaultScenario::set_clock`.
    OwnClock,
}

pub struct FaultScenario {
    pub world: World,
    pub terminal: Option<Terminal>,
    /// All screens that were recorded.
    pub transcript: String,
    launch: Launch,
}

impl FaultScenario {
    pub fn new(launch: Launch) -> Self {
        Self { world: World::new(), terminal: None, transcript: String::new(), launch }
    }

    /// Opens or resumes the run; `launch` applies only the first time.
    #[track_caller]
    pub fn open(&mut self, more: &[&str]) {
        let launch = std::mem::replace(&mut self.launch, Launch::Plain);
        let key = self.world.key.path.display().to_string();
        let mut words = vec![GONOGO, "run", "profile.toml", "--as", ALICE, "--key", &key];
        words.extend(more);
        let mut sandbox = std::mem::replace(&mut self.world.sandbox, crate::support::gonogo::Sandbox::new());
        if matches!(launch, Launch::OwnClock) {
            let clock = sandbox.work().join("clock");
            fs::write(&clock, "+0").unwrap();
            sandbox = sandbox
                .env("LD_PRELOAD", faketime().expect("libfaketime"))
                .env("FAKETIME_TIMESTAMP_FILE", clock)
                .env("FAKETIME_NO_CACHE", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let outer: &[&str] = match launch {
            Launch::Through(outer) => outer,
            Launch::FromShell => &["bash", "--norc", "-i"],
            Launch::Plain | Launch::OwnClock => &[],
        };
        let typed = matches!(launch, Launch::FromShell);
        let all: Vec<&str> =
            if typed { outer.to_vec() } else { outer.iter().copied().chain(words.clone()).collect() };
        sandbox = sandbox.program(all[0]).args(all[1..].iter().map(ToString::to_string));
        let mut terminal = sandbox.terminal(180, 40);
        if typed {
            terminal.send(&words.join(" ")).press(Key::Enter);
        }
        self.world.sandbox = sandbox.program(GONOGO);
        self.terminal = Some(terminal);
    }

    /// Confirms a point: the entry that must not be lost.
    #[track_caller]
    pub fn confirm_point(&mut self) {
        let terminal = self.terminal();
        terminal.wait_for_text("1/3");
        select(terminal, '2', 0);
        confirm(terminal, "people.duty");
        terminal.wait_for_text("2/3");
    }

    #[track_caller]
    pub fn terminal(&mut self) -> &mut Terminal {
        self.terminal.as_mut().expect("a terminal")
    }

    /// Adds the screen to the transcript.
    pub fn record_screen(&mut self) {
        let screen = self.terminal().screen_text();
        self.transcript += &screen;
    }

    /// Writes a note of this many bytes.
    #[track_caller]
    pub fn note(&mut self, bytes: usize) {
        self.note_unless(bytes, |_| false);
    }

    /// The same, unless the screen shows before that gonogo has given up.
    #[track_caller]
    pub fn note_unless(&mut self, bytes: usize, is_over: fn(&str) -> bool) {
        let terminal = self.terminal();
        terminal.send("n").wait_for("the note dialog", |screen| {
            let screen = screen.contents();
            screen.contains("The note:") || is_over(&screen)
        });
        if !is_over(&terminal.screen_text()) {
            terminal.paste(&"x".repeat(bytes)).answer("\r");
        }
    }

    /// Another terminal with the same command.
    #[track_caller]
    pub fn second(&mut self) -> Terminal {
        self.world.open_with(&[], 180, 40)
    }

    pub fn set_clock(&self, to: &str) {
        let clock = self.world.sandbox.work().join("clock");
        let new = clock.with_extension("new");
        fs::write(&new, to).unwrap();
        fs::rename(new, clock).unwrap();
    }

    /// Where the only log is.
    #[track_caller]
    pub fn log(&self) -> PathBuf {
        self.world.log()
    }

    pub fn entries(&self) -> Vec<Value> {
        self.world.entries()
    }

    /// Where the content of the small disk is saved when the program ends.
    pub fn saved_disk(&self) -> PathBuf {
        self.world.sandbox.work().with_file_name("saved")
    }

    /// Makes every `fdatasync` of the program fail from now on.
    #[track_caller]
    pub fn break_disk(&mut self) -> BrokenDisk {
        let pid = self.terminal().pid().to_string();
        let messages = self.world.sandbox.work().join("strace");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-p", &pid, "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO"]);
        strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&messages).unwrap());
        let broken = BrokenDisk(strace.spawn().expect("strace"));
        wait::until("strace to attach", || {
            fs::read_to_string(&messages).unwrap().contains("attached").then_some(())
        });
        broken
    }
}

/// A disk that fails until this is dropped.
pub struct BrokenDisk(Child);

impl Drop for BrokenDisk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The library that gives a program its own clock.
pub fn faketime() -> Option<PathBuf> {
    let lib = fs::read_dir("/usr/lib").ok()?;
    let found =
        |dir: fs::DirEntry| Some(dir.path().join("faketime/libfaketimeMT.so.1")).filter(|path| path.exists());
    lib.filter_map(Result::ok).find_map(found)
}

/// The only child of a process.
#[track_caller]
pub fn child_of(pid: u32) -> u32 {
    wait::until("a child", || {
        fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?.trim().parse().ok()
    })
}

/// Waits until a process has ended, which need not be a child of this one.
#[track_caller]
pub fn wait_until_ended(pid: u32) {
    wait::until("the process to end", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A zombie has ended; its parent has not waited for it yet.
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    });
}
