//! The screen of a run.
//!
//! Input, engine updates and results of background work arrive as [`Msg`] on one queue. [`run`] drains the queue,
//! passes each message to `App::update`, executes the effects that it returns, and draws one frame. Updating and
//! drawing do no I/O.

mod action_notice;
mod app;
mod context;
mod dialogs;
mod fuzzy;
mod input;
mod input_queue;
pub(crate) mod keymap;
mod latest_state;
mod layer;
mod layers;
mod notice;
mod palette;
mod pending;
mod read_worker;
mod reading;
pub mod recorder;
mod reproduce;
mod review_log;
mod rules;
mod seals;
pub(crate) mod style;
mod summary;
pub mod terminal;
#[cfg(test)]
pub(crate) mod tests;
mod unlock_worker;
mod views;
mod widgets;

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use ratatui::backend::Backend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};

use app::{App, HostEffect};
use gonogo_core::error::{ErrorKind, Failure};
use gonogo_core::journal::attachments::ActionOutputs;
use gonogo_core::journal::entry::EnrolledOperator;
use gonogo_core::run::{NumberedRequest, RunState, Update};
use gonogo_core::secret::Secret;
use gonogo_core::time::Moment;
pub use input_queue::QueuedEvent;
pub use latest_state::{LatestState, forward_updates};
use read_worker::ReadWorker;
pub use style::theme::{Appearance, ColorScheme};
use unlock_worker::UnlockWorker;
pub use views::{long_question, review, start};

/// The parameters of a session.
pub struct Setup {
    /// The operator.
    pub operator: EnrolledOperator,
    /// The name of the log, for display.
    pub log_name: String,
    /// The working directory, in which commands run.
    pub directory: PathBuf,
    /// Colors and character set.
    pub appearance: Appearance,
    /// The clock.
    pub clock: Box<dyn Fn() -> Moment + Send>,
    /// Unlocks the key of an operator to be added, and stores it for the engine.
    pub unlock: Arc<UnlockKey>,
    /// The log to review; `None` for a run.
    pub review: Option<Arc<dyn review::ReviewLog>>,
    /// The output of actions, next to the log.
    pub outputs: Option<ActionOutputs>,
    /// The last sealed run of the environment, for comparison.
    pub last_sealed: Option<Arc<RunState>>,
    /// Whether the run cannot be resumed after this session: a rehearsal, whose stack ends with it.
    pub ends_with_session: bool,
    /// The faults that a diagnosis can name, in a drill.
    pub faults: Vec<String>,
    /// Whether the session only observes a run that another process controls.
    pub read_only: bool,
    /// Notices to show at the start, such as a profile that has changed since the run was opened.
    pub notices: Vec<String>,
}

/// Unlocks an operator's key, or returns the reason why it cannot.
pub type UnlockKey = dyn Fn(&AddOperatorRequest) -> Result<UnlockResult, String> + Send + Sync;

/// A request to add an operator to this session.
#[derive(Clone, Debug)]
pub struct AddOperatorRequest {
    /// The operator's name.
    pub principal: String,
    /// The key as typed: a file, a public key, or the comment of a key in the agent.
    pub key: String,
    /// The passphrase of the key, if it was asked for.
    pub passphrase: Option<Secret>,
}

/// The result of unlocking a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnlockResult {
    /// The key is unlocked: its public key, `ssh-ed25519 AAAA…`.
    Unlocked(String),
    /// The key has a passphrase, which must be asked for.
    NeedsPassphrase,
}

/// A message to the screen.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key, a paste, a mouse event, or a resize.
    Input(crossterm::event::Event),
    /// The same from the input thread, which queues a limited number of events.
    Queued(QueuedEvent),
    /// The state of the run has changed.
    State(LatestState),
    /// An update from the engine.
    Update(Update),
    /// The person's editor has ended: the new text, or why there is none, and when.
    Edited(Result<String, String>, Instant),
    /// The terminal has reported its background.
    Background(ColorScheme),
    /// The result of unlocking the key of an operator to be added.
    KeyUnlocked(Result<UnlockResult, String>),
    /// Progress of reading and verifying the log of a review.
    ReviewProgress(review::ReviewProgress),
    /// A signal asks to quit.
    Quit,
    /// The program was continued (SIGCONT) after it had been stopped from outside.
    Continued,
}

/// What the screen needs of the terminal besides drawing.
pub trait Host {
    /// Restores the terminal, suspends the program until it is continued, and sets the terminal up again.
    ///
    /// # Errors
    /// When the terminal cannot be written or configured.
    fn suspend(&mut self) -> io::Result<()>;

    /// Sets the terminal up again after the program was stopped from outside.
    ///
    /// # Errors
    /// When the terminal cannot be written or configured.
    fn resume(&mut self) -> io::Result<()>;

    /// Restores the terminal, lets the person edit a text in their editor, and sets the terminal up again. Returns the
    /// new text, or why there is none.
    ///
    /// # Errors
    /// When the terminal cannot be written or configured.
    fn edit(&mut self, _text: &str) -> io::Result<Result<String, String>> {
        Ok(Err("no editor can be started here".into()))
    }

    /// Copies a text to the clipboard of the terminal's user.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    fn copy_to_clipboard(&mut self, text: &str) -> io::Result<()>;

    /// Asks the terminal for its background colour, if that is wanted. The answer comes as [`Msg::Background`]. Returns
    /// whether it was asked.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    fn query_background(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    /// Calls the person, who looks elsewhere.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    fn call(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }

    /// Sets the window title.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    fn set_title(&mut self, _title: &str) -> io::Result<()> {
        Ok(())
    }
}

/// How a session ended.
#[derive(Clone, Debug)]
pub struct SessionEnd {
    /// The last state of the run.
    pub state: Arc<RunState>,
    /// Whether a signal ended the session.
    pub signalled: bool,
    /// Whether to open a run next in which the release is rolled back.
    pub opens_rollback_run: bool,
    /// Why the engine failed, if it did.
    pub engine_failure: Option<Failure>,
}

/// Shows a run until the user quits or the engine stops.
///
/// # Errors
/// When the terminal cannot be drawn on.
pub fn run<B>(
    terminal: &mut Terminal<B>,
    host: &mut dyn Host,
    setup: &Setup,
    state: Arc<RunState>,
    messages: &Receiver<Msg>,
    send: &mut dyn FnMut(NumberedRequest),
) -> io::Result<SessionEnd>
where
    B: Backend,
    B::Error: Send + Sync + 'static,
{
    let size = terminal.size().map_err(io::Error::other)?;
    let mut app = App::new(setup, state, Rect::new(0, 0, size.width, size.height));
    let (mut unlocker, mut reader) = (UnlockWorker::default(), ReadWorker::default());
    let mut is_first_frame = true;
    loop {
        app.tick((setup.clock)());
        reader.poll(&mut app);
        if app.has_quit_timed_out() {
            return Ok(app.into_session_end());
        }
        match draw_frame(terminal, &mut app) {
            Err(error) if is_terminal_closed(&error) => {
                app.quit_state.signalled = true;
                return Ok(app.into_session_end());
            }
            drawn => drawn?,
        }
        if mem::take(&mut is_first_frame) && host.query_background()? {
            app.input.background_query = Some(app.run.now.clone());
        }
        if let Some(title) = app.new_title() {
            host.set_title(&title)?;
        }
        let mut queue =
            next_messages(messages, reader.limit_wait(&app, unlocker.limit_wait(app.redraw_interval())));
        queue.extend(unlocker.poll());
        while let Some(message) = queue.pop_front() {
            app.tick((setup.clock)());
            app.record_input(&message);
            for effect in app.update(message) {
                match effect {
                    HostEffect::Send(request) => send(request),
                    HostEffect::Call(text) => host.call(&text)?,
                    HostEffect::Copy(text) => host.copy_to_clipboard(&text)?,
                    HostEffect::Unlock(request) => unlocker.start(&setup.unlock, request),
                    HostEffect::Suspend => redraw_all(terminal, &mut app, host.suspend())?,
                    HostEffect::Redraw => redraw_all(terminal, &mut app, host.resume())?,
                    HostEffect::Edit(text) => {
                        let edited = host.edit(&text)?;
                        redraw_all(terminal, &mut app, Ok(()))?;
                        queue.push_front(Msg::Edited(edited, Instant::now()));
                    }
                    HostEffect::Quit => return Ok(app.into_session_end()),
                }
            }
        }
    }
}

fn draw_frame<B: Backend>(terminal: &mut Terminal<B>, app: &mut App) -> io::Result<()>
where
    B::Error: Send + Sync + 'static,
{
    let draw = |frame: &mut Frame| {
        app.draw(frame);
        app.mark_drawn(Instant::now());
    };
    terminal.draw(draw).map(|_| ()).map_err(io::Error::other)
}

/// Whether the terminal was closed (EIO), which ends the session like SIGHUP.
fn is_terminal_closed(error: &io::Error) -> bool {
    let of_system = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>());
    of_system.and_then(io::Error::raw_os_error) == Some(rustix::io::Errno::IO.raw_os_error())
}

/// Redraws the whole screen after another program used the terminal.
fn redraw_all<B: Backend>(terminal: &mut Terminal<B>, app: &mut App, result: io::Result<()>) -> io::Result<()>
where
    B::Error: Send + Sync + 'static,
{
    result?;
    app.forget_title();
    // Not `clear`: it asks the terminal for the cursor position, and the input thread would read the reply.
    let size = terminal.size().map_err(io::Error::other)?;
    terminal.resize(size.into()).map_err(io::Error::other)
}

/// Waits for a message until `timeout`, and returns it with all others that are queued. A closed queue means that
/// the engine has gone.
fn next_messages(messages: &Receiver<Msg>, timeout: Duration) -> VecDeque<Msg> {
    match messages.recv_timeout(timeout) {
        Ok(first) => std::iter::once(first).chain(messages.try_iter()).collect(),
        Err(RecvTimeoutError::Timeout) => VecDeque::new(),
        Err(RecvTimeoutError::Disconnected) => {
            [Msg::Update(Update::Failed(Failure::new(ErrorKind::Internal, "the engine has gone")))].into()
        }
    }
}
