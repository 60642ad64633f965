//! Outputs and old entries are read beside the screen: a disk may take its time, and a server that holds it may be gone.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::diagnostic::please_report;
use crate::tui::app::App;
use crate::tui::reading::Read;

/// How long the screen waits for what it reads before it draws without it. A disk of this machine is faster.
const BLINK: Duration = Duration::from_millis(15);
/// How often it is looked after that whether it has been read.
const POLL: Duration = Duration::from_millis(50);
/// What is being read, if anything is. One job runs at a time.
#[derive(Default)]
pub(in crate::tui) struct Reading(Option<Receiver<Read>>);

impl Reading {
    /// Has read what there is to be read, takes in what was, and waits a blink for what is about to be.
    pub(in crate::tui) fn go_on(&mut self, app: &mut App) {
        self.take_in(app, Duration::ZERO);
        if self.0.is_none()
            && let Some(job) = app.unread()
        {
            self.0 = Some(begin(|| job.run()));
            self.take_in(app, BLINK);
        }
    }

    fn take_in(&mut self, app: &mut App, wait: Duration) {
        match self.0.as_ref().map(|done| done.recv_timeout(wait)) {
            Some(Ok(read)) => {
                app.read(read);
            }
            Some(Err(RecvTimeoutError::Disconnected)) => {
                app.stop_searches();
                app.refuse(&format!("reading crashed; {}", please_report()));
            }
            Some(Err(RecvTimeoutError::Timeout)) | None => return,
        }
        self.0 = None;
    }

    /// How long the screen may wait for something else.
    pub(in crate::tui) fn pause(&self, app: &App, pause: Duration) -> Duration {
        match (&self.0, app.is_searching()) {
            (Some(_), _) => pause.min(POLL),
            (None, true) => Duration::ZERO,
            (None, false) => pause,
        }
    }
}

fn begin(read: impl FnOnce() -> Read + Send + 'static) -> Receiver<Read> {
    let (tell, done) = mpsc::channel();
    let work = move || {
        // Nobody waits any more once the screen has ended.
        let _ = tell.send(read());
    };
    // Without a thread the sender is gone, and that is told.
    let _ = thread::Builder::new().name("read".into()).spawn(work);
    done
}

#[cfg(test)]
mod tests {
    use crossterm::event::{Event, KeyCode, KeyEvent};

    use super::*;
    use crate::checklist::ActionKey;
    use crate::tui::Msg;
    use crate::tui::tests::buffer::text;
    use crate::tui::tests::keys::Screen;
    use crate::tui::tests::top::{paged, unread};
    use crate::tui::views::output::Pager;

    const SIZE: (u16, u16) = (80, 24);

    impl Reading {
        /// One whose thread is gone.
        pub fn crashed() -> Self {
            Self(Some(mpsc::channel().1))
        }
    }

    /// Waits for what is being read, however long it takes.
    fn wait(reading: &mut Reading, screen: &mut Screen) {
        while reading.0.is_some() {
            reading.take_in(&mut screen.app, POLL);
        }
    }

    #[test]
    fn the_screen_does_not_wait_for_a_disk_that_does_not_answer() {
        let (_dir, mut screen) = unread(SIZE);
        let (release, held) = mpsc::channel::<()>();
        let job = screen.app.unread().unwrap();
        let mut reading = Reading(Some(begin(move || {
            held.recv().unwrap();
            job.run()
        })));
        reading.go_on(&mut screen.app);
        assert_eq!(reading.pause(&screen.app, Duration::from_secs(1)), POLL);
        assert!(text(&screen.draw()).contains("It is being read."));
        // What is typed meanwhile is done afterwards, and nothing else is begun before.
        screen.app.update(Msg::Input(Event::Key(KeyEvent::from(KeyCode::Char('g')))));
        reading.go_on(&mut screen.app);
        release.send(()).unwrap();
        wait(&mut reading, &mut screen);
        assert!(text(&screen.draw()).contains("line 499"));
        reading.go_on(&mut screen.app);
        wait(&mut reading, &mut screen);
        assert!(text(&screen.draw()).lines().any(|row| row.trim() == "line 0"));
        assert_eq!(reading.pause(&screen.app, Duration::from_secs(1)), Duration::from_secs(1));
    }

    #[test]
    fn what_was_read_for_an_output_that_is_shown_no_more_is_not_shown() {
        let (_dir, mut screen) = paged(SIZE);
        let shown = Pager::new(ActionKey::new("deploy.rollout", "app"), 7);
        let of_other = Pager::new(ActionKey::new("deploy.rollout", "app"), 8);
        screen.app.layers.open(Box::new(of_other));
        let other = screen.app.unread().unwrap();
        screen.app.layers.open(Box::new(shown));
        let own = screen.app.unread().unwrap();
        screen.app.read(own.run());
        screen.app.read(other.run());
        assert!(text(&screen.draw()).contains("line 499"));
    }

    #[test]
    fn a_crash_is_told_and_not_tried_again() {
        let (_dir, mut screen) = paged(SIZE);
        let mut reading = Reading(Some(begin(|| panic!("as meant"))));
        wait(&mut reading, &mut screen);
        assert!(screen.app.notices.notice.as_ref().is_some_and(|notice| notice.text.contains("crashed")));
        assert!(screen.app.unread().is_none());
    }
}
