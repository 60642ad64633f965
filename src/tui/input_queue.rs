//! A bounded queue of input events. While the screen is blocked, for example by a terminal that accepts no output, the
//! input thread stops reading and the rest stays in the terminal's own small buffer.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use crossterm::event::Event;

/// The maximum number of queued events.
const MAX_QUEUED: usize = 256;

/// A queued input event.
#[derive(Clone, Debug)]
pub struct QueuedEvent {
    /// The event.
    pub event: Event,
    /// When it was read.
    pub read_at: Instant,
    /// Released when the event is dropped.
    _slot: Arc<Slot>,
}

impl QueuedEvent {
    /// An event that was read at `read_at`.
    pub(in crate::tui) fn new(event: Event, read_at: Instant, slot: Slot) -> Self {
        Self { event, read_at, _slot: Arc::new(slot) }
    }
}

/// The slots of the queue.
#[derive(Debug)]
pub(in crate::tui) struct Slots {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Slots {
    pub(in crate::tui) fn new() -> Arc<Self> {
        Arc::new(Self { free: Mutex::new(MAX_QUEUED), freed: Condvar::new() })
    }

    /// Acquires a slot, and blocks until one is free.
    pub(in crate::tui) fn acquire(self: &Arc<Self>) -> Slot {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Slot(Arc::clone(self))
    }
}

/// An acquired slot.
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
    use crate::tui::terminal::forward_events;
    use crate::tui::terminal::input_filter::InputFilter;

    /// A key is held down, and the screen handles one event at a time.
    #[test]
    fn queued_events_never_exceed_the_limit() {
        const TOTAL: usize = 10 * MAX_QUEUED;
        let (sender, messages) = mpsc::channel();
        let (handled, largest_queue) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (handled_so_far, max_queue) = (Arc::clone(&handled), Arc::clone(&largest_queue));
        let mut read = 0;
        let typing = std::thread::spawn(move || {
            forward_events(&sender, InputFilter::default(), |_| {
                // All events read before this one are queued or handled.
                max_queue.fetch_max(read - handled_so_far.load(Ordering::SeqCst), Ordering::SeqCst);
                read += 1;
                if read > TOTAL {
                    Err(std::io::ErrorKind::UnexpectedEof.into())
                } else {
                    Ok(Some(Event::FocusGained))
                }
            });
        });
        let mut events = 0;
        for message in messages {
            events += usize::from(matches!(message, Msg::Queued(_)));
            // Counted before its slot is free.
            handled.store(events, Ordering::SeqCst);
            drop(message);
        }
        typing.join().unwrap();
        assert_eq!(events, TOTAL);
        assert!(largest_queue.load(Ordering::SeqCst) <= MAX_QUEUED, "{largest_queue:?}");
    }
}
