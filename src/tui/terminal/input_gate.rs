//! Stops the input thread while another program reads the terminal.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossterm::event::Event;
use signal_hook::consts::SIGWINCH;

use crate::tui::terminal::input_filter::read_event;

/// How long the input thread may take to stop: it does not while its queue is full.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the input thread passes before each read.
#[derive(Debug, Default)]
pub struct InputGate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    is_closed: bool,
    /// Whether the input thread waits at it.
    is_waiting: bool,
}

/// The gate is closed as long as this exists.
#[must_use]
#[derive(Debug)]
pub struct ClosedGate(Arc<InputGate>);

impl InputGate {
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the gate, and waits until the input thread reads nothing any more. None if it does not stop.
    pub fn close(self: &Arc<Self>) -> Option<ClosedGate> {
        self.close_with(|| {
            // Ends a read that waits: crossterm reports a resize.
            let _ = signal_hook::low_level::raise(SIGWINCH);
        })
    }

    fn close_with(self: &Arc<Self>, end_read: impl FnOnce()) -> Option<ClosedGate> {
        self.lock().is_closed = true;
        let closed = ClosedGate(Arc::clone(self));
        end_read();
        let waited = self.changed.wait_timeout_while(self.lock(), CLOSE_TIMEOUT, |state| !state.is_waiting);
        let is_waiting = waited.unwrap_or_else(PoisonError::into_inner).0.is_waiting;
        is_waiting.then_some(closed)
    }

    /// Waits while the gate is closed. Returns whether it was.
    pub fn pass(&self) -> bool {
        let mut state = self.lock();
        if !state.is_closed {
            return false;
        }
        state.is_waiting = true;
        self.changed.notify_all();
        state =
            self.changed.wait_while(state, |state| state.is_closed).unwrap_or_else(PoisonError::into_inner);
        state.is_waiting = false;
        true
    }

    /// Reads an event through the gate, see [`read_event`]. What was typed before the gate was closed, and is not read
    /// yet, is dropped.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub fn read(&self, limit: Option<Duration>) -> io::Result<Option<Event>> {
        if !self.pass() {
            return read_event(limit);
        }
        let mut resize = None;
        while let Some(event) = read_event(Some(Duration::ZERO))? {
            resize = Some(event).filter(|event| matches!(event, Event::Resize(..))).or(resize);
        }
        Ok(resize)
    }
}

impl Drop for ClosedGate {
    fn drop(&mut self) {
        self.0.lock().is_closed = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn nothing_is_read_while_the_gate_is_closed() {
        let gate = Arc::new(InputGate::default());
        let (wake, woken) = mpsc::channel::<()>();
        let (report, reported) = mpsc::channel();
        let reader = thread::spawn({
            let gate = Arc::clone(&gate);
            move || {
                // A read ends when something comes.
                while woken.recv().is_ok() {
                    report.send(gate.pass()).unwrap();
                }
            }
        });
        wake.send(()).unwrap();
        assert!(!reported.recv().unwrap(), "an open gate");
        let closed = gate.close_with(|| wake.send(()).unwrap()).expect("the reader waits");
        assert_eq!(reported.try_recv(), Err(mpsc::TryRecvError::Empty));
        drop(closed);
        assert!(reported.recv().unwrap());
        wake.send(()).unwrap();
        assert!(!reported.recv().unwrap());
        drop(wake);
        reader.join().unwrap();
        assert!(gate.close_with(|| ()).is_none(), "nobody stops at it");
        assert!(!gate.pass(), "it is open again");
    }
}
