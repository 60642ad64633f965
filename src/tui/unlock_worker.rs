//! Unlocking of keys on another thread: a passphrase's key derivation is slow on purpose, and an agent may take longer.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use crate::diagnostic::please_report;
use crate::tui::{AddOperatorRequest, Msg, UnlockKey, UnlockResult};

/// How often the result is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The key that is being unlocked, if any. A new request replaces the previous one.
#[derive(Default)]
pub(in crate::tui) struct UnlockWorker(Option<Receiver<Result<UnlockResult, String>>>);

impl UnlockWorker {
    pub(in crate::tui) fn start(&mut self, unlock: &Arc<UnlockKey>, request: AddOperatorRequest) {
        let (sender, receiver) = mpsc::channel();
        let unlock = Arc::clone(unlock);
        let work = move || {
            // Fails if another request has replaced this one.
            let _ = sender.send(unlock(&request));
        };
        self.0 = Some(receiver);
        // If no thread can be started, the sender is dropped, which is reported as a crash.
        let _ = thread::Builder::new().name("unlock".into()).spawn(work);
    }

    /// Takes the result, if there is one.
    pub(in crate::tui) fn poll(&mut self) -> Option<Msg> {
        let result = match self.0.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(format!("unlocking crashed; {}", please_report())),
            Ok(result) => result,
        };
        self.0 = None;
        Some(Msg::KeyUnlocked(result))
    }

    /// Limits how long the screen may wait for messages.
    pub(in crate::tui) fn limit_wait(&self, wait: Duration) -> Duration {
        if self.0.is_some() { wait.min(POLL_INTERVAL) } else { wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> AddOperatorRequest {
        AddOperatorRequest { principal: "bob@x".into(), key: "id".into(), passphrase: None }
    }

    fn wait(worker: &mut UnlockWorker) -> Msg {
        loop {
            if let Some(message) = worker.poll() {
                return message;
            }
            thread::yield_now();
        }
    }

    #[test]
    fn a_slow_key_does_not_block_the_screen() {
        let (release, blocked) = mpsc::channel();
        let blocked = std::sync::Mutex::new(blocked);
        let unlock: Arc<UnlockKey> = Arc::new(move |_: &AddOperatorRequest| {
            blocked.lock().unwrap().recv().unwrap();
            Ok(UnlockResult::NeedsPassphrase)
        });
        let mut worker = UnlockWorker::default();
        worker.start(&unlock, request());
        assert!(worker.poll().is_none());
        assert_eq!(worker.limit_wait(Duration::from_secs(1)), POLL_INTERVAL);
        release.send(()).unwrap();
        assert!(matches!(wait(&mut worker), Msg::KeyUnlocked(Ok(UnlockResult::NeedsPassphrase))));
        assert!(worker.poll().is_none());
        assert_eq!(worker.limit_wait(Duration::from_secs(1)), Duration::from_secs(1));
    }

    #[test]
    fn a_crash_is_reported() {
        let unlock: Arc<UnlockKey> = Arc::new(|_: &AddOperatorRequest| panic!("as meant"));
        let mut worker = UnlockWorker::default();
        worker.start(&unlock, request());
        assert!(matches!(wait(&mut worker), Msg::KeyUnlocked(Err(why)) if why.contains("crashed")));
    }
}
