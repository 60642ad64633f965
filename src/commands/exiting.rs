//! Ends the program soon after a signal, whatever still blocks (a name server that does not respond, a security key
//! that waits for a touch, a terminal that accepts no output).

use std::io::{self, Write as _};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use rustix::process::{getpgid, getppid, getsid};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::process::kill_running;
use crate::stopwatch::Pause;
use crate::tui::terminal::restore;
use gonogo_core::error::Exit;

/// Time limit for ending after a signal, in all: below the documented 2 s.
const EXIT_TIMEOUT: Duration = Duration::from_millis(1700);
/// Time limit for the engine to stop.
const ENGINE_STOP_TIMEOUT: Duration = Duration::from_millis(500);
/// Time limit for restoring the terminal; one that accepts no output is left as it is.
const TERMINAL_RESTORE_TIMEOUT: Duration = Duration::from_millis(200);

/// Pause before the undo is repeated: the interrupted thread may still be changing the terminal.
const UNDO_PAUSE: Duration = Duration::from_millis(50);

/// The request of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalRequest {
    /// End the program.
    End,
    /// Continue, after a stop.
    Continue,
}

/// Signals from before the handler was started.
static HELD_SIGNALS: Mutex<Option<Signals>> = Mutex::new(None);

/// Holds all signals until [`on_signals`] handles them, so that files created meanwhile are removed at the end.
///
/// # Errors
/// When the signals cannot be handled.
#[cfg(feature = "rehearsal")]
pub(super) fn hold_signals() -> io::Result<()> {
    *lock(&HELD_SIGNALS) = Some(signals()?);
    Ok(())
}

fn signals() -> io::Result<Signals> {
    Signals::new([SIGINT, SIGTERM, SIGHUP, SIGCONT])
}

/// Whether SIGINT and SIGQUIT are ignored: they are meant for a program that has the terminal.
static IGNORES_INTERRUPTS: AtomicBool = AtomicBool::new(false);

/// Whether a signal has asked the program to end.
static IS_ASKED_TO_END: AtomicBool = AtomicBool::new(false);

/// SIGINT and SIGQUIT are ignored as long as this exists.
#[must_use]
pub(super) struct IgnoredInterrupts(());

/// Ignores SIGINT and SIGQUIT (Ctrl-C and Ctrl-\\) while another program has the terminal.
pub(super) fn ignore_interrupts() -> IgnoredInterrupts {
    IGNORES_INTERRUPTS.store(true, Ordering::SeqCst);
    IgnoredInterrupts(())
}

impl Drop for IgnoredInterrupts {
    fn drop(&mut self) {
        IGNORES_INTERRUPTS.store(false, Ordering::SeqCst);
    }
}

/// Whether a signal has asked the program to end.
pub(super) fn is_asked_to_end() -> bool {
    IS_ASKED_TO_END.load(Ordering::SeqCst)
}

/// Calls `notify` for each signal, until the process ends. From the first SIGINT, SIGTERM or SIGHUP on, the
/// process has [`EXIT_TIMEOUT`] to end by itself; then it is terminated.
///
/// # Errors
/// When the signals cannot be handled.
pub(super) fn on_signals(notify: impl Fn(SignalRequest) + Send + 'static) -> io::Result<()> {
    let held_signals = lock(&HELD_SIGNALS).take();
    let mut signals = held_signals.map_or_else(signals, Ok)?;
    signals.add_signal(SIGQUIT)?;
    HAS_SIGNAL_HANDLER.store(true, Ordering::SeqCst);
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut is_ending = false;
        for signal in signals.forever() {
            if signal == SIGCONT {
                notify(SignalRequest::Continue);
                continue;
            }
            if [SIGINT, SIGQUIT].contains(&signal) && IGNORES_INTERRUPTS.load(Ordering::SeqCst) {
                continue;
            }
            if signal == SIGQUIT {
                let _ = emulate_default_handler(signal);
            }
            IS_ASKED_TO_END.store(true, Ordering::SeqCst);
            if !std::mem::replace(&mut is_ending, true) {
                exit_after(EXIT_TIMEOUT);
            }
            notify(SignalRequest::End);
        }
    })?;
    Ok(())
}

/// Lets Ctrl-Z stop the process as usual, and pauses deadlines meanwhile. For commands without a screen: on the screen,
/// Ctrl-Z is a key.
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

/// Whether a shell has started this process and can continue it. Otherwise the system does not stop it either.
fn can_be_continued() -> bool {
    let group = |of| getpgid(of).ok();
    let session = |of| getsid(of).ok();
    getppid().is_some_and(|shell| group(Some(shell)) != group(None) && session(Some(shell)) == session(None))
}

/// The undo function for a signal that comes during a prompt.
type Undo = Box<dyn Fn() + Send>;

static UNDO: Mutex<Option<Undo>> = Mutex::new(None);

/// Whether [`on_signals`] handles the signals.
static HAS_SIGNAL_HANDLER: AtomicBool = AtomicBool::new(false);

/// Whether the program is ending.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

static PROMPT_HANDLER: Once = Once::new();

/// Runs `work`; on a signal meanwhile, calls `undo` and ends the program. Outside of it, signals have their default
/// effect.
pub(super) fn with_undo_on_signal<T>(undo: impl Fn() + Send + 'static, work: impl FnOnce() -> T) -> T {
    PROMPT_HANDLER.call_once(|| {
        // If no thread can be started, a signal has its default effect.
        let _ = handle_signals_of_prompts();
    });
    *lock(&UNDO) = Some(Box::new(undo));
    let result = work();
    *lock(&UNDO) = None;
    result
}

/// Ends the program as a signal does: calls the undo function, then exits.
pub(super) fn exit_interrupted() -> ! {
    if IS_ENDING.swap(true, Ordering::SeqCst) {
        // Another thread calls the undo function and ends the program.
        loop {
            thread::park();
        }
    }
    if let Some(undo) = lock(&UNDO).take() {
        undo();
        // Once more: the prompt may just have been changing the terminal.
        thread::sleep(UNDO_PAUSE);
        undo();
    }
    kill_running();
    std::process::exit(i32::from(Exit::Interrupted.code()))
}

fn handle_signals_of_prompts() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::Builder::new().name("prompts".into()).spawn(move || {
        for signal in signals.forever() {
            if HAS_SIGNAL_HANDLER.load(Ordering::SeqCst) {
                continue;
            }
            if IS_ENDING.load(Ordering::SeqCst) || lock(&UNDO).is_some() {
                exit_interrupted();
            }
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Terminates the process if it still runs after `limit`.
fn exit_after(limit: Duration) {
    let ends = move || {
        thread::sleep(limit);
        // A terminal that accepts no output would block this thread, too.
        let restoring = thread::spawn(|| {
            restore();
            let _ = writeln!(io::stderr(), "gonogo: ended by a signal; an operation was still blocked");
        });
        thread::sleep(TERMINAL_RESTORE_TIMEOUT);
        drop(restoring);
        kill_running();
        std::process::exit(i32::from(Exit::Interrupted.code()));
    };
    // If no thread can be started, the program still ends by itself.
    let _ = thread::Builder::new().name("end".into()).spawn(ends);
}

/// The threads for probes, actions and the engine. Dropping them does not wait for their tasks.
pub(super) struct WorkerThreads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl WorkerThreads {
    /// Starts this many threads.
    ///
    /// # Errors
    /// When they cannot be started.
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

/// Waits, for a limited time, until the engine stops. Whether it has stopped.
///
/// # Errors
/// When it has crashed.
pub(super) async fn wait_until_stopped(engine: JoinHandle<()>) -> Result<bool> {
    match timeout(ENGINE_STOP_TIMEOUT, engine).await {
        Ok(stopped) => Ok(stopped.map(|()| true)?),
        Err(_) => Ok(false),
    }
}

impl Deref for WorkerThreads {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for WorkerThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
