//! How the program ends: soon after it was asked to, whatever still blocks then (a name server that does not
//! answer, a key that waits to be touched, a terminal that takes no more).

use std::io::{self, Write as _};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use rustix::process::{getpgid, getppid, getsid};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::error::Exit;
use crate::process::kill_left;
use crate::stopwatch::Pause;
use crate::tui::terminal::restore;

/// How long after a signal the program may still be there, in all: below the 2 s that are promised.
const LIMIT: Duration = Duration::from_millis(1700);
/// How long the engine is waited for once it was asked to stop.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a terminal may take to be restored; one that takes no more is left as it is.
const RESTORING: Duration = Duration::from_millis(200);

/// How long what is undone may still be done by whoever was interrupted.
const UNDONE: Duration = Duration::from_millis(50);

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalRequest {
    /// To end.
    End,
    /// To go on, after a stop.
    Continue,
}

/// What came before anybody listened.
static HELD: Mutex<Option<Signals>> = Mutex::new(None);

/// From here on no signal ends the process before [`on_signals`] hears of it: what is made until then is removed in the end.
///
/// # Errors
/// When the signals cannot be handled.
#[cfg(feature = "rehearsal")]
pub(super) fn hold_signals() -> io::Result<()> {
    *lock(&HELD) = Some(signals()?);
    Ok(())
}

fn signals() -> io::Result<Signals> {
    Signals::new([SIGINT, SIGTERM, SIGHUP, SIGCONT])
}

/// Calls `notify` for each signal, to the end of the process. From the first SIGINT, SIGTERM or SIGHUP on, the
/// process has [`LIMIT`] to end by itself; then it is ended.
///
/// # Errors
/// When the signals cannot be handled.
pub(super) fn on_signals(notify: impl Fn(SignalRequest) + Send + 'static) -> io::Result<()> {
    let held = lock(&HELD).take();
    let mut signals = held.map_or_else(signals, Ok)?;
    HEARD_ELSEWHERE.store(true, Ordering::SeqCst);
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut is_ending = false;
        for signal in signals.forever() {
            if signal == SIGCONT {
                notify(SignalRequest::Continue);
                continue;
            }
            if !std::mem::replace(&mut is_ending, true) {
                end_after(LIMIT);
            }
            notify(SignalRequest::End);
        }
    })?;
    Ok(())
}

/// Lets Ctrl-Z stop the process as ever, and no deadline run meanwhile. For a command without a screen: with one, Ctrl-Z
/// is a key.
///
/// # Errors
/// When the signal cannot be handled.
pub(super) fn pause_when_stopped() -> io::Result<()> {
    let mut signals = Signals::new([SIGTSTP])?;
    thread::Builder::new().name("stops".into()).spawn(move || {
        for signal in signals.forever() {
            let _pause = Pause::begin();
            if can_be_continued() {
                let _ = emulate_default_handler(signal);
            }
        }
    })?;
    Ok(())
}

/// Whether a shell has started this, that could continue it. Where none could, the system stops nothing either.
fn can_be_continued() -> bool {
    let group = |of| getpgid(of).ok();
    let session = |of| getsid(of).ok();
    getppid().is_some_and(|shell| group(Some(shell)) != group(None) && session(Some(shell)) == session(None))
}

/// What is undone when a signal comes while a person is asked.
type Undo = Box<dyn Fn() + Send>;

static UNDO: Mutex<Option<Undo>> = Mutex::new(None);

/// Whether something else hears the signals.
static HEARD_ELSEWHERE: AtomicBool = AtomicBool::new(false);

/// Whether the program ends while something is undone.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

static HEARING: Once = Once::new();

/// Does something that a signal may interrupt: then this is undone, and the program ends. Outside of it, signals do what
/// they always do.
pub(super) fn undone_by_signals<T>(undo: impl Fn() + Send + 'static, work: impl FnOnce() -> T) -> T {
    HEARING.call_once(|| {
        // Where no thread can be had, a signal ends the program as it always does.
        let _ = undo_at_signals();
    });
    *lock(&UNDO) = Some(Box::new(undo));
    let done = work();
    *lock(&UNDO) = None;
    done
}

/// Ends the program as the signals that ask for that do here, what is undone then undone.
pub(super) fn end_interrupted() -> ! {
    if IS_ENDING.swap(true, Ordering::SeqCst) {
        // Another thread ends it, and undoes what is to be undone.
        loop {
            thread::park();
        }
    }
    if let Some(undo) = lock(&UNDO).take() {
        undo();
        // Once more: whoever asks may just have been about to do what is undone.
        thread::sleep(UNDONE);
        undo();
    }
    kill_left();
    std::process::exit(i32::from(Exit::Interrupted.code()))
}

fn undo_at_signals() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::Builder::new().name("prompts".into()).spawn(move || {
        for signal in signals.forever() {
            if HEARD_ELSEWHERE.load(Ordering::SeqCst) {
                continue;
            }
            if IS_ENDING.load(Ordering::SeqCst) || lock(&UNDO).is_some() {
                end_interrupted();
            }
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process when it is still there after `limit`.
fn end_after(limit: Duration) {
    let ends = move || {
        thread::sleep(limit);
        // A terminal that takes no more would keep this thread, too.
        let restoring = thread::spawn(|| {
            restore();
            let _ = writeln!(
                io::stderr(),
                "gonogo: ended by a signal; something that blocked was not waited for"
            );
        });
        thread::sleep(RESTORING);
        drop(restoring);
        kill_left();
        std::process::exit(i32::from(Exit::Interrupted.code()));
    };
    // Where no thread can be had, the program still ends by itself.
    let _ = thread::Builder::new().name("end".into()).spawn(ends);
}

/// The threads that probes, actions and the engine run on. Dropped, they are not waited for.
pub(super) struct Workers {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Workers {
    /// So many threads.
    ///
    /// # Errors
    /// When they cannot be started.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

/// Waits for an engine that was asked to stop, but not for what keeps it. Whether it has stopped.
///
/// # Errors
/// When it has crashed.
pub(super) async fn stopped(engine: JoinHandle<()>) -> Result<bool> {
    match timeout(PATIENCE, engine).await {
        Ok(stopped) => Ok(stopped.map(|()| true)?),
        Err(_) => Ok(false),
    }
}

impl Deref for Workers {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
