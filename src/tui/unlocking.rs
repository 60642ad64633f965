//! A newcomer's key is unlocked beside the screen: that takes its time (the passphrase's), and an agent may take longer.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::Duration;

use crate::diagnostic::please_report;
use crate::tui::{Msg, Newcomer, Unlock, Unlocked};

/// How often it is looked whether it is done.
const POLL: Duration = Duration::from_millis(50);

/// What is being unlocked, if anything is. Only the newest one is waited for.
#[derive(Default)]
pub(in crate::tui) struct Unlocking(Option<Receiver<Result<Unlocked, String>>>);

impl Unlocking {
    pub(in crate::tui) fn begin(&mut self, unlock: &Arc<Unlock>, newcomer: Newcomer) {
        let (tell, done) = mpsc::channel();
        let unlock = Arc::clone(unlock);
        let work = move || {
            // Nobody waits any more for one that another has followed.
            let _ = tell.send(unlock(&newcomer));
        };
        self.0 = Some(done);
        // Without a thread the sender is gone, and that is told.
        let _ = thread::Builder::new().name("unlock".into()).spawn(work);
    }

    /// What came of it, once.
    pub(in crate::tui) fn done(&mut self) -> Option<Msg> {
        let came = match self.0.as_ref()?.try_recv() {
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err(format!("unlocking crashed; {}", please_report())),
            Ok(came) => came,
        };
        self.0 = None;
        Some(Msg::Unlocked(came))
    }

    /// How long the screen may wait for something else.
    pub(in crate::tui) fn pause(&self, pause: Duration) -> Duration {
        if self.0.is_some() { pause.min(POLL) } else { pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newcomer() -> Newcomer {
        Newcomer { principal: "bob@x".into(), key: "id".into(), passphrase: None }
    }

    fn wait(unlocking: &mut Unlocking) -> Msg {
        loop {
            if let Some(done) = unlocking.done() {
                return done;
            }
            thread::yield_now();
        }
    }

    #[test]
    fn the_screen_does_not_wait_for_a_key_that_takes_its_time() {
        let (release, held) = mpsc::channel();
        let held = std::sync::Mutex::new(held);
        let unlock: Arc<Unlock> = Arc::new(move |_: &Newcomer| {
            held.lock().unwrap().recv().unwrap();
            Ok(Unlocked::Locked)
        });
        let mut unlocking = Unlocking::default();
        unlocking.begin(&unlock, newcomer());
        assert!(unlocking.done().is_none());
        assert_eq!(unlocking.pause(Duration::from_secs(1)), POLL);
        release.send(()).unwrap();
        assert!(matches!(wait(&mut unlocking), Msg::Unlocked(Ok(Unlocked::Locked))));
        assert!(unlocking.done().is_none());
        assert_eq!(unlocking.pause(Duration::from_secs(1)), Duration::from_secs(1));
    }

    #[test]
    fn a_crash_is_told() {
        let unlock: Arc<Unlock> = Arc::new(|_: &Newcomer| panic!("as meant"));
        let mut unlocking = Unlocking::default();
        unlocking.begin(&unlock, newcomer());
        assert!(matches!(wait(&mut unlocking), Msg::Unlocked(Err(why)) if why.contains("crashed")));
    }
}
