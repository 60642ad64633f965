//! Setup and restoration of the terminal.

mod bounded;
pub(in crate::tui) mod bursts;
mod calls;
pub(in crate::tui) mod input_filter;
mod input_gate;
pub(in crate::tui) mod replies;

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::mem::ManuallyDrop;
use std::panic::{self, PanicHookInfo};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bounded::BoundedBackend;
pub use calls::{AttentionSetting, TerminalKind};
use calls::{RESTORE_TITLE, SAVE_TITLE};
use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange,
    EnableMouseCapture, Event,
};
use crossterm::style::Print;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
pub use replies::scheme_of_colorfgbg;
use rustix::termios::{QueueSelector, tcflush};

use crate::diagnostic::record_panic;
use crate::stopwatch::Pause;
use crate::tui::input_queue::{QueuedEvent, Slots};
use crate::tui::recorder;
use crate::tui::terminal::input_filter::{FilteredInput, InputFilter};
use crate::tui::terminal::input_gate::InputGate;
use crate::tui::terminal::replies::BACKGROUND_QUERY;
use crate::tui::{Host, Msg};

/// The maximum size of a text for the clipboard; terminals drop what is much longer.
const MAX_CLIPBOARD_BYTES: usize = 64 * 1024;

/// The buffer for a frame; most frames are smaller. Standard output alone buffers only 1 KiB.
const FRAME_BUFFER_SIZE: usize = 64 * 1024;

/// The writer of frames. A frame is flushed when it is complete.
pub type FrameWriter = BufWriter<Stdout>;

/// Panic messages of other threads, to be printed after the terminal is restored.
type PanicMessages = Arc<Mutex<Vec<String>>>;

/// A panic hook.
type PanicHook = Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// The terminal in raw mode, on the alternate screen, with bracketed paste and mouse capture. Restored on drop.
pub struct TerminalGuard {
    panic_messages: PanicMessages,
    previous_hook: PanicHook,
    options: TerminalOptions,
    editor: Option<Box<PrepareEdit>>,
    gate: Arc<InputGate>,
}

/// Prepares the editing of a text in the person's editor, or returns why that is not possible.
pub type PrepareEdit = dyn Fn(&str) -> Result<EditorRun, String> + Send;

/// Runs the editor to its end. Returns the new text, or why there is none.
pub type EditorRun = Box<dyn FnOnce() -> Result<String, String>>;

/// What a session does with the terminal besides drawing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TerminalOptions {
    /// Whether the terminal is asked for its background: nothing else has set the color scheme.
    pub detects_background: bool,
    /// What may call for the person's attention.
    pub attention: AttentionSetting,
    /// What the terminal understands.
    pub kind: TerminalKind,
}

impl TerminalGuard {
    /// Sets the terminal up, and installs a panic hook. A panic on this thread restores the terminal before its message
    /// is printed; messages of other threads are printed on drop, so that they do not corrupt the screen.
    ///
    /// # Errors
    /// When there is no terminal.
    pub fn acquire() -> io::Result<Self> {
        let (panic_messages, previous_hook) = (PanicMessages::default(), PanicHook::from(panic::take_hook()));
        set_panic_hook(&panic_messages, &previous_hook);
        let guard = Self {
            panic_messages,
            previous_hook,
            options: TerminalOptions::default(),
            editor: None,
            gate: Arc::default(),
        };
        enter()?;
        Ok(guard)
    }

    /// Sets what the session does with the terminal besides drawing.
    #[must_use]
    pub const fn with_options(mut self, options: TerminalOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets how a text is edited in the person's editor.
    #[must_use]
    pub fn with_editor(mut self, editor: Box<PrepareEdit>) -> Self {
        self.editor = Some(editor);
        self
    }

    /// Starts the input thread, which sends keys, pastes, mouse events and resizes until the session ends. If the
    /// terminal is closed, it sends [`Msg::Quit`].
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn read_events(&self, sender: Sender<Msg>) -> io::Result<()> {
        let filter = InputFilter::new(self.options.detects_background);
        let gate = Arc::clone(&self.gate);
        let read = move || forward_events(&sender, filter, |limit| gate.read(limit));
        thread::Builder::new().name("input".into()).spawn(read).map(drop)
    }

    /// The terminal to draw on. It is never dropped: ratatui's drop shows the cursor, which [`restore`] does anyway,
    /// and prints an error if it cannot, which panics if the terminal is closed.
    ///
    /// # Errors
    /// When its size cannot be read.
    pub fn terminal(
        &self,
    ) -> io::Result<ManuallyDrop<Terminal<BoundedBackend<CrosstermBackend<FrameWriter>>>>> {
        let frames = BufWriter::with_capacity(FRAME_BUFFER_SIZE, io::stdout());
        Terminal::new(BoundedBackend(CrosstermBackend::new(frames))).map(ManuallyDrop::new)
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
        for message in lock(&self.panic_messages).drain(..) {
            let _ = writeln!(io::stderr(), "{message}");
        }
        if !thread::panicking() {
            let previous_hook = Arc::clone(&self.previous_hook);
            panic::set_hook(Box::new(move |info| previous_hook(info)));
        }
    }
}

fn lock(panic_messages: &PanicMessages) -> MutexGuard<'_, Vec<String>> {
    panic_messages.lock().unwrap_or_else(PoisonError::into_inner)
}

fn set_panic_hook(panic_messages: &PanicMessages, previous_hook: &PanicHook) {
    let (previous_hook, panic_messages, screen_thread) =
        (Arc::clone(previous_hook), Arc::clone(panic_messages), thread::current().id());
    panic::set_hook(Box::new(move |info| {
        let inputs = recorder::save().map(|file| format!("gonogo: the last inputs are in {file}"));
        if thread::current().id() == screen_thread {
            restore();
            previous_hook(info);
            if let Some(message) = inputs {
                let _ = writeln!(io::stderr(), "{message}");
            }
        } else {
            record_panic(info);
            lock(&panic_messages).extend([info.to_string()].into_iter().chain(inputs));
        }
    }));
}

/// Sets the terminal up, and discards input that was typed before the screen was shown.
fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    let stdin = io::stdin();
    if stdin.is_terminal() {
        tcflush(&stdin, QueueSelector::IFlush)?;
    }
    set_modes(&mut io::stdout())
}

/// Saves the window title, and enables the alternate screen, bracketed paste, mouse capture and reports of the focus.
fn set_modes(out: &mut impl Write) -> io::Result<()> {
    execute!(
        out,
        Print(SAVE_TITLE),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableMouseCapture,
        EnableFocusChange
    )
}

/// Restores the terminal. Errors are ignored, so that as much as possible is restored.
pub fn restore() {
    reset_modes(&mut io::stdout());
    let _ = disable_raw_mode();
}

fn reset_modes(out: &mut impl Write) {
    let _ = queue!(out, DisableFocusChange);
    let _ = queue!(out, DisableMouseCapture);
    let _ = queue!(out, DisableBracketedPaste);
    let _ = queue!(out, LeaveAlternateScreen);
    let _ = queue!(out, Show);
    let _ = queue!(out, Print(RESTORE_TITLE));
    let _ = out.flush();
}

impl Host for TerminalGuard {
    fn suspend(&mut self) -> io::Result<()> {
        restore();
        // Before the signal: timers fire as soon as the program continues.
        let _pause = Pause::begin();
        // Not SIGSTOP: the system ignores SIGTSTP where no shell could continue the program.
        signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
        enter()
    }

    fn resume(&mut self) -> io::Result<()> {
        enter()
    }

    fn edit(&mut self, text: &str) -> io::Result<Result<String, String>> {
        let Some(prepare) = &self.editor else { return Ok(Err("no editor can be started here".into())) };
        let run = match prepare(text) {
            Ok(run) => run,
            Err(why) => return Ok(Err(why)),
        };
        // The input thread would take the editor's keys.
        let Some(_closed) = self.gate.close() else {
            return Ok(Err("too many keys are waiting to be read; press Ctrl-E again".into()));
        };
        restore();
        let edited = run();
        enter()?;
        Ok(edited)
    }

    fn copy_to_clipboard(&mut self, text: &str) -> io::Result<()> {
        if text.len() > MAX_CLIPBOARD_BYTES {
            return Ok(());
        }
        // OSC 52 also works over ssh.
        write_now(&format!("\x1b]52;c;{}\x07", STANDARD.encode(text)))
    }

    fn query_background(&mut self) -> io::Result<bool> {
        if self.options.detects_background {
            write_now(BACKGROUND_QUERY)?;
        }
        Ok(self.options.detects_background)
    }

    fn call(&mut self, text: &str) -> io::Result<()> {
        write_now(&calls::call(self.options.attention, self.options.kind, text))
    }

    fn set_title(&mut self, title: &str) -> io::Result<()> {
        write_now(&calls::title(self.options.attention, self.options.kind, title))
    }
}

/// Writes a control sequence between two frames.
fn write_now(sequence: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(sequence.as_bytes())?;
    out.flush()
}

/// Sends the events from `read` until it fails or the session ends. Does not read while the queue is full.
pub(in crate::tui) fn forward_events(
    sender: &Sender<Msg>,
    mut filter: InputFilter,
    mut read: impl FnMut(Option<Duration>) -> io::Result<Option<Event>>,
) {
    let slots = Slots::new();
    loop {
        let Ok(inputs) = filter.read(None, &mut read) else {
            let _ = sender.send(Msg::Quit);
            return;
        };
        for input in inputs {
            let message = match input {
                FilteredInput::Event(event, at) => Msg::Queued(QueuedEvent::new(event, at, slots.acquire())),
                FilteredInput::Background(scheme) => Msg::Background(scheme),
            };
            if sender.send(message).is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use vt100::{MouseProtocolMode, Parser};

    use super::*;

    #[test]
    fn every_mode_that_is_set_is_reset() {
        let mut terminal = Parser::default();
        let mut set = Vec::new();
        set_modes(&mut set).unwrap();
        terminal.process(&set);
        let screen = terminal.screen();
        assert!(screen.alternate_screen() && screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::AnyMotion);
        let mut reset = Vec::new();
        reset_modes(&mut reset);
        terminal.process(&reset);
        let screen = terminal.screen();
        assert!(!screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor());
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::None);
    }
}
