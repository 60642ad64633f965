//! The real terminal: taken and given back, whatever happens in between.

mod bounded;

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::mem::ManuallyDrop;
use std::panic::{self, PanicHookInfo};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bounded::Bounded;
use crossterm::cursor::Show;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, Event,
    MouseEventKind,
};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::termios::{QueueSelector, tcflush};

use crate::diagnostic::record_panic;
use crate::stopwatch::Pause;
use crate::tui::input_queue::{Slots, Typed};
use crate::tui::recorder;
use crate::tui::{Host, Msg};

/// The longest text that is put into a clipboard, in bytes; terminals drop what is much longer.
const MAX_COPY: usize = 64 * 1024;

/// How many bytes of a frame are written at a time; most frames are smaller. Standard output by itself takes 1 KiB.
const FRAME: usize = 64 * 1024;

/// Where frames are written to. Each is flushed when it is whole.
pub type Frames = BufWriter<Stdout>;

/// What was panicked with on other threads while the screen was taken.
type Panics = Arc<Mutex<Vec<String>>>;

/// What is done at a panic.
type Hook = Arc<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// The terminal, taken: raw, on its other screen, pastes and the mouse told as such. Given back when dropped.
pub struct Taken {
    panics: Panics,
    before: Hook,
}

impl Taken {
    /// Takes the terminal. A panic on this thread gives it back before it is told; one on another
    /// thread is told when the terminal is given back, so that it does not run across the screen.
    ///
    /// # Errors
    /// When there is no terminal.
    pub fn take() -> io::Result<Self> {
        let (panics, before) = (Panics::default(), Hook::from(panic::take_hook()));
        tell_panics(&panics, &before);
        let taken = Self { panics, before };
        enter()?;
        Ok(taken)
    }

    /// What to draw on. It is not dropped: that would show the cursor, as [`restore`] does, and print where it cannot, which
    /// is a panic where the terminal has gone.
    ///
    /// # Errors
    /// When its size cannot be told.
    pub fn terminal(&self) -> io::Result<ManuallyDrop<Terminal<Bounded<CrosstermBackend<Frames>>>>> {
        let frames = BufWriter::with_capacity(FRAME, io::stdout());
        Terminal::new(Bounded(CrosstermBackend::new(frames))).map(ManuallyDrop::new)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        restore();
        for told in lock(&self.panics).drain(..) {
            let _ = writeln!(io::stderr(), "{told}");
        }
        if !thread::panicking() {
            let before = Arc::clone(&self.before);
            panic::set_hook(Box::new(move |info| before(info)));
        }
    }
}

fn lock(panics: &Panics) -> MutexGuard<'_, Vec<String>> {
    panics.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell_panics(panics: &Panics, before: &Hook) {
    let (before, panics, here) = (Arc::clone(before), Arc::clone(panics), thread::current().id());
    panic::set_hook(Box::new(move |info| {
        let inputs = recorder::save().map(|file| format!("gonogo: the last inputs are in {file}"));
        if thread::current().id() == here {
            restore();
            before(info);
            if let Some(told) = inputs {
                let _ = writeln!(io::stderr(), "{told}");
            }
        } else {
            record_panic(info);
            lock(&panics).extend([info.to_string()].into_iter().chain(inputs));
        }
    }));
}

/// Takes the terminal, and throws away what was typed before: nobody saw what it would answer.
fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    let stdin = io::stdin();
    if stdin.is_terminal() {
        tcflush(&stdin, QueueSelector::IFlush)?;
    }
    ask_for(&mut io::stdout())
}

/// Asks the terminal for its other screen, and to tell pastes and the mouse as such.
fn ask_for(out: &mut impl Write) -> io::Result<()> {
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, EnableMouseCapture)
}

/// Gives the terminal back; goes on where something fails, so that as much as possible is undone.
pub fn restore() {
    give_back(&mut io::stdout());
    let _ = disable_raw_mode();
}

fn give_back(out: &mut impl Write) {
    let _ = queue!(out, DisableMouseCapture);
    let _ = queue!(out, DisableBracketedPaste);
    let _ = queue!(out, LeaveAlternateScreen);
    let _ = queue!(out, Show);
    let _ = out.flush();
}

impl Host for Taken {
    fn suspend(&mut self) -> io::Result<()> {
        restore();
        // Taken before: timers fire as soon as the program goes on.
        let _pause = Pause::begin();
        // Not SIGSTOP: where no shell could continue the program, the system ignores this one.
        signal_hook::low_level::raise(signal_hook::consts::SIGTSTP)?;
        enter()
    }

    fn take_again(&mut self) -> io::Result<()> {
        enter()
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        if text.len() > MAX_COPY {
            return Ok(());
        }
        // OSC 52: also reaches the clipboard of the person at the other end of an ssh session.
        let mut out = io::stdout();
        write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
        out.flush()
    }
}

/// Sends what is typed, pasted and resized, until nobody listens. A terminal that has gone is told as
/// a wish to leave.
///
/// # Errors
/// When the thread cannot be started.
pub fn read_events(to: Sender<Msg>) -> io::Result<()> {
    let read = move || forward(&to, crossterm::event::read);
    thread::Builder::new().name("input".into()).spawn(read).map(drop)
}

/// Sends what `read` gives, until it gives nothing more or nobody listens. What has no place waits where it comes from.
pub(in crate::tui) fn forward(to: &Sender<Msg>, mut read: impl FnMut() -> io::Result<Event>) {
    let slots = Slots::new();
    loop {
        let slot = slots.take();
        let event = loop {
            match read() {
                Ok(event) if is_movement(&event) => {}
                Ok(event) => break event,
                Err(_) => {
                    let _ = to.send(Msg::Leave);
                    return;
                }
            }
        };
        if to.send(Msg::Typed(Typed::new(event, slot))).is_err() {
            return;
        }
    }
}

/// Whether it is but the pointer on its way: it means nothing here, and every message draws the screen.
const fn is_movement(event: &Event) -> bool {
    matches!(
        event,
        Event::Mouse(mouse)
            if matches!(mouse.kind, MouseEventKind::Moved | MouseEventKind::Drag(_) | MouseEventKind::Up(_))
    )
}

#[cfg(test)]
mod tests {
    use vt100::{MouseProtocolMode, Parser};

    use super::*;

    #[test]
    fn whatever_was_asked_of_the_terminal_is_given_back() {
        let mut terminal = Parser::default();
        let mut asked = Vec::new();
        ask_for(&mut asked).unwrap();
        terminal.process(&asked);
        let screen = terminal.screen();
        assert!(screen.alternate_screen() && screen.bracketed_paste());
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::AnyMotion);
        let mut given = Vec::new();
        give_back(&mut given);
        terminal.process(&given);
        let screen = terminal.screen();
        assert!(!screen.alternate_screen() && !screen.bracketed_paste() && !screen.hide_cursor());
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::None);
    }
}
