//! The screen of a run: what people in a deployment window look at and type into.
//!
//! Everything that happens comes in as a [`Msg`] on one queue. [`run`] drains it, lets the app take each
//! message in, does what comes of it, and draws once. Taking in and drawing are pure.

mod action_news;
mod app;
mod context;
mod dialogs;
mod input;
mod input_queue;
mod keymap;
mod layer;
mod layers;
mod newest;
mod notice;
mod pending;
mod reader;
mod reading;
mod record;
pub mod recorder;
mod reproduce;
mod rules;
mod seals;
mod style;
mod summary;
pub mod terminal;
#[cfg(test)]
pub(crate) mod tests;
mod unlocking;
mod views;
mod widgets;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use ratatui::backend::Backend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal};

use crate::error::{ErrorKind, Failure};
use crate::journal::attachments::ActionOutputs;
use crate::journal::entry::EnrolledOperator;
use crate::run::{NumberedRequest, RunState, Update};
use crate::secret::Secret;
use crate::time::Moment;
use app::{App, HostEffect};
pub use input_queue::Typed;
pub use newest::{Newest, forward};
use reader::Reading;
pub use style::theme::{Look, Shade};
use unlocking::Unlocking;
pub use views::{review, start};

/// What a session at the screen needs to know.
pub struct Setup {
    /// Who sits at it.
    pub me: EnrolledOperator,
    /// The log's name, as it is shown.
    pub log: String,
    /// How it looks.
    pub look: Look,
    /// Tells the time.
    pub clock: Box<dyn Fn() -> Moment + Send>,
    /// Finds the key of somebody else who wants to act here, and keeps it for the engine.
    pub unlock: Arc<Unlock>,
    /// The log that is looked through, if nothing is to be added to it.
    pub review: Option<Arc<dyn review::Record>>,
    /// What actions have printed, beside the log.
    pub outputs: Option<ActionOutputs>,
    /// The last sealed run of the environment, to compare with.
    pub last: Option<Arc<RunState>>,
    /// Whether the person only looks on while somebody else acts.
    pub looks_on: bool,
    /// What is to be told at the start: that the profile has changed since the run opened, and the like.
    pub notices: Vec<String>,
}

/// Finds a newcomer's key, or says why it cannot.
pub type Unlock = dyn Fn(&Newcomer) -> Result<Unlocked, String> + Send + Sync;

/// Somebody else who wants to act at this keyboard.
#[derive(Clone, Debug)]
pub struct Newcomer {
    /// Their name.
    pub principal: String,
    /// What they typed for their key: a file, a public key, or the comment of one that the agent holds.
    pub key: String,
    /// The key's passphrase, once it was asked for.
    pub passphrase: Option<Secret>,
}

/// What came of a newcomer's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlocked {
    /// It is here: its public half, `ssh-ed25519 AAAA…`.
    Key(String),
    /// It has a passphrase, which is to be asked for.
    Locked,
}

/// Everything that can happen to the screen.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key, a paste, the mouse, another size.
    Input(crossterm::event::Event),
    /// The same, from the thread that reads them: only so many wait at a time.
    Typed(Typed),
    /// The run stands another way than before.
    State(Newest),
    /// The engine tells something.
    Update(Update),
    /// What came of a newcomer's key.
    Unlocked(Result<Unlocked, String>),
    /// How far a log that is looked through has been read.
    Reviewed(review::Progress),
    /// A signal asks to leave.
    Leave,
    /// The program goes on after it was stopped from outside.
    Continued,
}

/// The terminal beyond its cells.
pub trait Host {
    /// Gives the terminal back, stops the program until it is continued, and takes the terminal again.
    ///
    /// # Errors
    /// When the terminal refuses.
    fn suspend(&mut self) -> io::Result<()>;

    /// Takes the terminal again after the program was stopped from outside.
    ///
    /// # Errors
    /// When the terminal refuses.
    fn take_again(&mut self) -> io::Result<()>;

    /// Puts a text into the clipboard of the person who looks at the terminal.
    ///
    /// # Errors
    /// When the terminal refuses.
    fn copy(&mut self, text: &str) -> io::Result<()>;
}

/// How a session ended.
#[derive(Clone, Debug)]
pub struct Left {
    /// The run as it stood last.
    pub state: Arc<RunState>,
    /// Whether a signal asked for the end.
    pub signalled: bool,
    /// Why the engine stopped without being asked to.
    pub broken: Option<Failure>,
}

/// Shows a run until the person leaves, or the engine stops.
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
) -> io::Result<Left>
where
    B: Backend,
    B::Error: Send + Sync + 'static,
{
    let size = terminal.size().map_err(io::Error::other)?;
    let mut app = App::new(setup, state, Rect::new(0, 0, size.width, size.height));
    let (mut unlocking, mut reading) = (Unlocking::default(), Reading::default());
    loop {
        app.tick((setup.clock)());
        reading.go_on(&mut app);
        if app.has_waited() {
            return Ok(app.left());
        }
        let draw = |frame: &mut Frame| {
            app.draw_in(frame);
            app.are_drawn(Instant::now());
        };
        match terminal.draw(draw).map(|_| ()).map_err(io::Error::other) {
            Err(error) if has_gone(&error) => {
                app.ending.signalled = true;
                return Ok(app.left());
            }
            drawn => drawn?,
        }
        let mut waiting = next(messages, reading.pause(&app, unlocking.pause(app.pause())));
        waiting.extend(unlocking.done());
        while let Some(message) = waiting.pop_front() {
            app.tick((setup.clock)());
            app.record(&message);
            for effect in app.update(message) {
                match effect {
                    HostEffect::Send(request) => send(request),
                    HostEffect::Copy(text) => host.copy(&text)?,
                    HostEffect::Unlock(newcomer) => unlocking.begin(&setup.unlock, newcomer),
                    HostEffect::Suspend => again(terminal, host.suspend())?,
                    HostEffect::Redraw => again(terminal, host.take_again())?,
                    HostEffect::End => return Ok(app.left()),
                }
            }
        }
    }
}

/// Whether nothing can be drawn any more as the terminal was closed (EIO), which asks for the end as SIGHUP does.
fn has_gone(error: &io::Error) -> bool {
    let of_system = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>());
    of_system.and_then(io::Error::raw_os_error) == Some(rustix::io::Errno::IO.raw_os_error())
}

/// Draws everything anew: the terminal was in other hands.
fn again<B: Backend>(terminal: &mut Terminal<B>, taken: io::Result<()>) -> io::Result<()>
where
    B::Error: Send + Sync + 'static,
{
    taken?;
    // Not `clear`, which asks the terminal where the cursor is, and would wait for an answer that the
    // thread that reads keys takes away.
    let size = terminal.size().map_err(io::Error::other)?;
    terminal.resize(size.into()).map_err(io::Error::other)
}

/// What has come in: waits for the first message, takes the others along. Nothing after the pause. If
/// nobody can send any more, the engine has gone.
fn next(messages: &Receiver<Msg>, pause: Duration) -> VecDeque<Msg> {
    match messages.recv_timeout(pause) {
        Ok(first) => std::iter::once(first).chain(messages.try_iter()).collect(),
        Err(RecvTimeoutError::Timeout) => VecDeque::new(),
        Err(RecvTimeoutError::Disconnected) => {
            [Msg::Update(Update::Failed(Failure::new(ErrorKind::Internal, "the engine has gone")))].into()
        }
    }
}
