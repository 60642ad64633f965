//! A value that is computed on a background thread before it is needed.

use std::cell::{OnceCell, RefCell};
use std::thread::{self, JoinHandle};

/// A value that is computed once: in the background, or when it is first needed.
#[derive(Debug)]
pub(super) struct Background<T> {
    value: OnceCell<T>,
    thread: RefCell<Option<JoinHandle<T>>>,
}

impl<T> Default for Background<T> {
    fn default() -> Self {
        Self { value: OnceCell::new(), thread: RefCell::default() }
    }
}

impl<T: Send + 'static> Background<T> {
    /// Starts to compute it. If no thread can be started, [`Self::get`] computes it.
    pub(super) fn start(&self, work: impl FnOnce() -> T + Send + 'static) {
        *self.thread.borrow_mut() = thread::Builder::new().name("ahead".into()).spawn(work).ok();
    }

    /// The value: the one computed in the background, or else the result of `work`.
    pub(super) fn get(&self, work: impl FnOnce() -> T) -> &T {
        self.value.get_or_init(|| {
            let thread = self.thread.borrow_mut().take();
            thread.and_then(|thread| thread.join().ok()).unwrap_or_else(work)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_computed_once_in_the_background_or_when_needed() {
        let value = Background::default();
        value.start(|| thread::current().id());
        let background_thread = *value.get(|| thread::current().id());
        assert_ne!(background_thread, thread::current().id());
        assert_eq!(*value.get(|| thread::current().id()), background_thread);
        assert_eq!(*Background::default().get(|| thread::current().id()), thread::current().id());
    }
}
