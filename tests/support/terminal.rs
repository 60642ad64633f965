//! A pseudo-terminal in which the program runs, and a terminal emulator that parses its output.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use vt100::{Parser, Screen};

use super::wait::{self, TIMEOUT};

/// How long a question must have been on the screen before the program takes an answer, and some more.
const READING_TIME: Duration = Duration::from_millis(700);

/// So many characters at once are a paste, however they are sent.
const BURST: usize = 8;

/// A key of the keyboard.
#[derive(Clone, Copy, Debug)]
pub enum Key {
    Char(char),
    Ctrl(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
}

/// A program in a terminal; killed on drop.
#[must_use]
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    // Kept open while the program runs, so that the terminal settings can be read after its exit.
    slave: Option<Box<dyn SlavePty + Send>>,
    writer: Box<dyn Write + Send>,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

/// The state of the terminal after the exit of the program.
#[must_use]
pub struct TerminalExit {
    /// The exit code; 1 if a signal terminated the program.
    pub code: u32,
    /// The signal that terminated the program.
    pub signal: Option<String>,
    screen: Screen,
    settings: String,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    parser: Parser,
    is_closed: bool,
}

impl Terminal {
    /// Starts `program` in a terminal of `size` columns and rows.
    #[track_caller]
    pub fn open(
        program: &OsString,
        args: &[OsString],
        env: &[(OsString, OsString)],
        dir: &Path,
        size: (u16, u16),
    ) -> Self {
        let pty = native_pty_system().openpty(pty_size(size)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        for (key, value) in env {
            command.env(key, value);
        }
        command.cwd(dir);
        let child = pty.slave.spawn_command(command).expect("the program");
        let shared = Arc::new(Shared::default());
        shared.lock().parser = Parser::new(size.1, size.0, 0);
        let output = pty.master.try_clone_reader().unwrap();
        let reader = Some(thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.follow(output)
        }));
        let writer = pty.master.take_writer().unwrap();
        Self { child, master: pty.master, slave: Some(pty.slave), writer, shared, reader }
    }

    /// Types text. A longer one is pasted: the program takes so many keys at once for a paste, with the keys that
    /// follow them at once.
    #[track_caller]
    pub fn send(&mut self, text: &str) -> &mut Self {
        if text.chars().count() >= BURST && !text.contains(char::is_control) {
            return self.paste(text);
        }
        self.send_raw(text)
    }

    /// Sends text unchanged.
    #[track_caller]
    pub fn send_raw(&mut self, text: &str) -> &mut Self {
        self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush()).expect("an open terminal");
        self
    }

    /// Answers the question of a dialog as a person does: reads it, scrolls to its end, and presses the key. The program
    /// ignores an answer to a question that has only just been shown, whole.
    #[track_caller]
    pub fn answer(&mut self, key: &str) -> &mut Self {
        thread::sleep(READING_TIME);
        while self.screen_text().contains(" more line") {
            let before = self.screen_text();
            self.press(Key::PageDown).wait_for("the next lines", |screen| screen.contents() != before);
            thread::sleep(READING_TIME);
        }
        self.send(key)
    }

    /// Reads the list of what a profile does to its end, page by page, and allows it.
    #[track_caller]
    pub fn allow_list(&mut self) -> &mut Self {
        self.wait_for_text("Space next page");
        while !self.screen_text().contains("end of the list") {
            let before = self.screen_text();
            self.press(Key::Char(' ')).wait_for("the next page", |screen| screen.contents() != before);
        }
        self.answer("y")
    }

    /// Reads the notices at the start of a session, and closes them.
    #[track_caller]
    pub fn close_notices(&mut self) -> &mut Self {
        self.wait_for_text("before you continue")
            .answer(&Key::Enter.sequence())
            .wait_gone("before you continue")
    }

    /// Types the environment's name into a dialog that asks for it, and Enter.
    #[track_caller]
    pub fn type_environment(&mut self, name: &str) -> &mut Self {
        self.send(name).answer(&Key::Enter.sequence())
    }

    /// Presses one key.
    #[track_caller]
    pub fn press(&mut self, key: Key) -> &mut Self {
        self.send_raw(&key.sequence())
    }

    /// Pastes text, bracketed if the program has turned bracketed paste on.
    #[track_caller]
    pub fn paste(&mut self, text: &str) -> &mut Self {
        let bracketed = self.shared.lock().parser.screen().bracketed_paste();
        let text = if bracketed { format!("\x1b[200~{text}\x1b[201~") } else { text.to_owned() };
        self.send_raw(&text)
    }

    /// Waits until the screen meets a condition; panics with the screen if it does not in time.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, condition: impl Fn(&Screen) -> bool) -> &mut Self {
        let start = Instant::now();
        let mut state = self.shared.lock();
        while !condition(state.parser.screen()) {
            let left = TIMEOUT.saturating_sub(start.elapsed());
            let shown = || show(state.parser.screen());
            assert!(!state.is_closed, "the program ended before {what}; the screen:\n{}", shown());
            assert!(!left.is_zero(), "{what}: timed out after {TIMEOUT:?}; the screen:\n{}", shown());
            state = self.shared.changed.wait_timeout(state, left).unwrap().0;
        }
        drop(state);
        self
    }

    /// Waits until the screen contains a text.
    #[track_caller]
    pub fn wait_for_text(&mut self, text: &str) -> &mut Self {
        self.wait_for(&format!("{text:?}"), |screen| screen.contents().contains(text))
    }

    /// Waits until the screen no longer contains a text.
    #[track_caller]
    pub fn wait_gone(&mut self, text: &str) -> &mut Self {
        self.wait_for(&format!("{text:?} gone"), |screen| !screen.contents().contains(text))
    }

    /// Opens the verdict, and waits until no probe runs whose result would outdate it.
    #[track_caller]
    pub fn open_verdict(&mut self) -> &mut Self {
        self.send("v").wait_for_text("record this verdict").wait_gone("Still running")
    }

    /// The text of the screen, one line per row, without trailing blanks.
    pub fn screen_text(&self) -> String {
        self.shared.lock().parser.screen().contents()
    }

    /// The screen with its colours, cursor and modes.
    pub fn screen(&self) -> Screen {
        self.shared.lock().parser.screen().clone()
    }

    /// Whether the program has exited.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Resizes the terminal.
    #[track_caller]
    pub fn resize(&mut self, columns: u16, rows: u16) -> &mut Self {
        self.shared.lock().parser.screen_mut().set_size(rows, columns);
        self.master.resize(pty_size((columns, rows))).expect("an open terminal");
        self
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("a process id")
    }

    /// Waits for the exit of the program; returns the state of the terminal after it.
    #[track_caller]
    pub fn wait_exit(mut self) -> TerminalExit {
        let Some(status) = wait::within(TIMEOUT, || self.child.try_wait().unwrap()) else {
            panic!("still running after {TIMEOUT:?}; the screen:\n{}", show(&self.screen()));
        };
        let settings = settings(self.master.tty_name());
        self.slave.take();
        let closed = wait::within(TIMEOUT, || self.shared.lock().is_closed.then_some(()));
        assert!(
            closed.is_some(),
            "the program has exited, but a process that it started keeps the terminal open"
        );
        let signal = status.signal().map(str::to_owned);
        TerminalExit { code: status.exit_code(), signal, screen: self.screen(), settings }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.slave.take().is_some() {
            // The whole process group: a child that ignores SIGHUP would keep the terminal open.
            kill_group(self.pid());
            let _ = self.child.kill();
            let _ = self.child.wait();
            self.reader.take().map(JoinHandle::join);
        }
    }
}

impl TerminalExit {
    /// Asserts this exit code.
    #[track_caller]
    pub fn code(self, expected: u32) -> Self {
        assert_eq!(self.code, expected, "signal {:?}; the screen:\n{}", self.signal, show(&self.screen));
        self
    }

    /// Asserts that the terminal is restored for the shell: main screen, visible cursor, no bracketed paste, no mouse
    /// reports, line editing and echo on.
    #[track_caller]
    pub fn left_clean(self) -> Self {
        let screen = &self.screen;
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is still hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is still on");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        let on = |flag: &str| self.settings.split_whitespace().any(|word| word == flag);
        assert!(on("icanon") && on("echo") && on("isig"), "still raw: {}", self.settings);
        self
    }

    /// The text of the screen after the exit of the program.
    pub fn screen_text(&self) -> String {
        self.screen.contents()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn follow(&self, mut output: Box<dyn Read + Send>) {
        let mut chunk = [0; 4096];
        // A closed pseudo-terminal is an error on Linux, and the end of the stream on other systems.
        while let Ok(n @ 1..) = output.read(&mut chunk) {
            self.lock().parser.process(&chunk[..n]);
            self.changed.notify_all();
        }
        self.lock().is_closed = true;
        self.changed.notify_all();
    }
}

impl Key {
    fn sequence(self) -> String {
        match self {
            Self::Char(c) => c.to_string(),
            Self::Ctrl(c) => char::from(u8::try_from(c).expect("an ASCII letter") & 0x1f).to_string(),
            Self::F(n @ 1..=4) => format!("\x1bO{}", char::from(b'O' + n)),
            Self::F(n) => format!("\x1b[{}~", [15, 17, 18, 19, 20, 21, 23, 24][usize::from(n) - 5]),
            key => key.fixed().to_owned(),
        }
    }

    fn fixed(self) -> &'static str {
        match self {
            Self::Enter => "\r",
            Self::Tab => "\t",
            Self::BackTab => "\x1b[Z",
            Self::Backspace => "\x7f",
            Self::Delete => "\x1b[3~",
            Self::Up => "\x1b[A",
            Self::Down => "\x1b[B",
            Self::Right => "\x1b[C",
            Self::Left => "\x1b[D",
            Self::Home => "\x1b[H",
            Self::End => "\x1b[F",
            Self::PageUp => "\x1b[5~",
            Self::PageDown => "\x1b[6~",
            _ => "\x1b",
        }
    }
}

fn kill_group(leader: u32) {
    let _ = Command::new("sh").args(["-c", r#"kill -KILL "-$0""#, &leader.to_string()]).status();
}

fn pty_size((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

fn settings(tty: Option<PathBuf>) -> String {
    let output = Command::new("stty").arg("-a").arg("-F").arg(tty.expect("a terminal's name")).output();
    String::from_utf8_lossy(&output.expect("stty").stdout).into_owned()
}

fn show(screen: &Screen) -> String {
    let width = usize::from(screen.size().1);
    let rows: Vec<_> = screen.rows(0, screen.size().1).map(|row| format!("│{row:width$}│")).collect();
    let edge = "─".repeat(width);
    format!("┌{edge}┐\n{}\n└{edge}┘", rows.join("\n"))
}
