//! Reading of outputs and old entries on another thread, as a slow or unreachable disk must not block the screen.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::diagnostic::please_report;
use crate::tui::app::App;
use crate::tui::reading::ReadResult;

/// How long the screen waits for a read before it draws without the result. A local disk is faster.
const DRAW_WAIT: Duration = Duration::from_millis(15);
/// The polling interval after that.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The running read job, if there is one. Jobs run one at a time.
#[derive(Default)]
pub(in crate::tui) struct ReadWorker(Option<Receiver<ReadResult>>);

impl ReadWorker {
    /// Passes a finished result to the app, starts the next job, and waits briefly for its result.
    pub(in crate::tui) fn poll(&mut self, app: &mut App) {
        self.receive(app, Duration::ZERO);
        if self.0.is_none()
            && let Some(job) = app.next_read_job()
        {
            self.0 = Some(spawn(|| job.run()));
            self.receive(app, DRAW_WAIT);
        }
    }

    fn receive(&mut self, app: &mut App, wait: Duration) {
        match self.0.as_ref().map(|receiver| receiver.recv_timeout(wait)) {
            Some(Ok(result)) => {
                app.on_read(result);
            }
            Some(Err(RecvTimeoutError::Disconnected)) => {
                app.stop_searches();
                app.refuse(&format!("reading crashed; {}", please_report()));
            }
            Some(Err(RecvTimeoutError::Timeout)) | None => return,
        }
        self.0 = None;
    }

    /// Limits how long the screen may wait for messages.
    pub(in crate::tui) fn limit_wait(&self, app: &App, wait: Duration) -> Duration {
        match (&self.0, app.is_searching()) {
            (Some(_), _) => wait.min(POLL_INTERVAL),
            (None, true) => Duration::ZERO,
            (None, false) => wait,
        }
    }
}

fn spawn(read: impl FnOnce() -> ReadResult + Send + 'static) -> Receiver<ReadResult> {
    let (sender, receiver) = mpsc::channel();
    let work = move || {
        // Fails if the session has ended.
        let _ = sender.send(read());
    };
    // If no thread can be started, the sender is dropped, which is reported as a crash.
    let _ = thread::Builder::new().name("read".into()).spawn(work);
    receiver
}

#[cfg(test)]
mod tests {
    use crossterm::event::{Event, KeyCode, KeyEvent};

    use super::*;
    use crate::tui::Msg;
    use crate::tui::tests::buffer::text;
    use crate::tui::tests::layer_focus::{screen_with_output, screen_with_unread_output};
    use crate::tui::tests::test_screen::TestScreen;
    use crate::tui::views::output::OutputView;
    use gonogo_core::checklist::ActionKey;

    const SIZE: (u16, u16) = (80, 24);

    impl ReadWorker {
        /// A worker whose thread has crashed.
        pub fn crashed() -> Self {
            Self(Some(mpsc::channel().1))
        }
    }

    /// Waits for the running job.
    fn wait(worker: &mut ReadWorker, screen: &mut TestScreen) {
        while worker.0.is_some() {
            worker.receive(&mut screen.app, POLL_INTERVAL);
        }
    }

    #[test]
    fn a_blocked_disk_does_not_block_the_screen() {
        let (_dir, mut screen) = screen_with_unread_output(SIZE);
        let (release, blocked) = mpsc::channel::<()>();
        let job = screen.app.next_read_job().unwrap();
        let mut worker = ReadWorker(Some(spawn(move || {
            blocked.recv().unwrap();
            job.run()
        })));
        worker.poll(&mut screen.app);
        assert_eq!(worker.limit_wait(&screen.app, Duration::from_secs(1)), POLL_INTERVAL);
        assert!(text(&screen.draw()).contains("It is being read."));
        // Keys are handled after the read, and no other job is started before.
        screen.app.update(Msg::Input(Event::Key(KeyEvent::from(KeyCode::Char('g')))));
        worker.poll(&mut screen.app);
        release.send(()).unwrap();
        wait(&mut worker, &mut screen);
        assert!(text(&screen.draw()).contains("line 499"));
        worker.poll(&mut screen.app);
        wait(&mut worker, &mut screen);
        assert!(text(&screen.draw()).lines().any(|row| row.trim() == "line 0"));
        assert_eq!(worker.limit_wait(&screen.app, Duration::from_secs(1)), Duration::from_secs(1));
    }

    #[test]
    fn a_result_for_an_output_that_is_no_longer_shown_is_dropped() {
        let (_dir, mut screen) = screen_with_output(SIZE);
        let shown = OutputView::new(ActionKey::new("deploy.rollout", "app"), 7);
        let of_other = OutputView::new(ActionKey::new("deploy.rollout", "app"), 8);
        screen.app.layers.open(Box::new(of_other));
        let other = screen.app.next_read_job().unwrap();
        screen.app.layers.open(Box::new(shown));
        let own = screen.app.next_read_job().unwrap();
        screen.app.on_read(own.run());
        screen.app.on_read(other.run());
        assert!(text(&screen.draw()).contains("line 499"));
    }

    #[test]
    fn a_crash_is_reported_and_not_retried() {
        let (_dir, mut screen) = screen_with_output(SIZE);
        let mut worker = ReadWorker(Some(spawn(|| panic!("as meant"))));
        wait(&mut worker, &mut screen);
        assert!(screen.app.notices.notice.as_ref().is_some_and(|notice| notice.text.contains("crashed")));
        assert!(screen.app.next_read_job().is_none());
    }
}
