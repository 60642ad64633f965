//! What is typed and waits for the screen: so much and no more. A screen that has no time (its terminal takes nothing)
//! leaves the rest with the terminal, which holds little, too.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use crossterm::event::Event;

/// How many events may wait.
const MAX_WAITING: usize = 256;

/// Something typed that waits for the screen.
#[derive(Clone, Debug)]
pub struct Typed {
    /// What it is.
    pub event: Event,
    /// When it was read.
    pub at: Instant,
    /// Free again when it has been taken in.
    _slot: Arc<Slot>,
}

impl Typed {
    /// An event that was just read, in its slot.
    pub(in crate::tui) fn new(event: Event, slot: Slot) -> Self {
        Self { event, at: Instant::now(), _slot: Arc::new(slot) }
    }
}

/// The places for what waits.
#[derive(Debug)]
pub(in crate::tui) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Slots {
    pub(in crate::tui) fn new() -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(MAX_WAITING), freed: Condvar::new() })
    }

    /// Takes a place; waits until one is free.
    pub(in crate::tui) fn take(self: &Arc<Self>) -> Slot {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Slot(Arc::clone(self))
    }
}

/// One of them, taken.
#[derive(Debug)]
pub(in crate::tui) struct Slot(Arc<Slots>);

impl Drop for Slot {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;
    use crate::tui::Msg;
    use crate::tui::terminal::forward;

    /// Somebody holds a key down, and the screen takes in one event at a time.
    #[test]
    fn no_more_waits_than_there_are_places() {
        const ALL: usize = 10 * MAX_WAITING;
        let (to, messages) = mpsc::channel();
        let (taken, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, largest) = (Arc::clone(&taken), Arc::clone(&most));
        let mut read = 0;
        let typing = std::thread::spawn(move || {
            forward(&to, || {
                // All that was read before this one waits, or was taken in.
                largest.fetch_max(read - seen.load(Ordering::SeqCst), Ordering::SeqCst);
                read += 1;
                if read > ALL {
                    Err(std::io::ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(Event::FocusGained)
                }
            });
        });
        let mut events = 0;
        for message in messages {
            events += usize::from(matches!(message, Msg::Typed(_)));
            // Counted before its place is free.
            taken.store(events, Ordering::SeqCst);
            drop(message);
        }
        typing.join().unwrap();
        assert_eq!(events, ALL);
        assert!(most.load(Ordering::SeqCst) <= MAX_WAITING, "{most:?}");
    }
}
