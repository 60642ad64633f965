//! Watching an action under a supervisor, until it has ended or its outcome is unknown.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::action::{Acted, Entered};
use super::supervisor::{Begun, End, Files, Stands};
use super::system::{Machine, System};
use crate::ansi;
use crate::checklist::ActionKey;
use crate::journal::entry::{Cause, Ended, Output};
use crate::journal::marks::Marks;
use crate::journal::side::{self, Outputs};
use crate::outcome::Sha256Hex;
use crate::process::{Child, ask_to_end};
use crate::run::{Act, Deed};
use crate::text;
use crate::time::span;

/// How often the output and the state are checked.
const WATCH: Duration = Duration::from_millis(50);
/// How long unreadable files are retried.
const UNREADABLE: Duration = Duration::from_secs(10);
/// How much of the end of an output an entry holds, in bytes and in lines.
const TAIL: usize = 2048;
const TAIL_LINES: usize = 20;

/// The result of an action.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) ended: Ended,
    cause: Option<Cause>,
    took_ms: u64,
    pub(super) output: Option<Output>,
}

impl Came {
    /// The action never started.
    pub(super) fn not_begun(why: &str) -> Self {
        Self { ended: Ended::NotStarted(text::line(why)), cause: None, took_ms: 0, output: None }
    }

    pub(super) fn act(self, action: ActionKey, started: u64) -> Act {
        let Self { ended, cause, took_ms, output } = self;
        Act::Ended { action, started, ended, cause, took_ms, output }
    }
}

/// A handle on a watched action.
pub(super) struct Watching {
    /// The position of its start entry.
    pub(super) started: u64,
    stop: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Watching {
    /// Stops the action as soon as it is running.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The watch of one action, with what shows whether it never started.
pub(super) struct Watch {
    pub(super) action: ActionKey,
    /// The position of its start entry.
    pub(super) started: u64,
    /// The hash of the line before its start entry.
    pub(super) prev: Sha256Hex,
    pub(super) log: PathBuf,
    pub(super) marks: Marks,
    pub(super) tell: mpsc::Sender<Acted>,
    pub(super) system: Arc<dyn System>,
    /// How long unreadable files are retried.
    pub(super) patience: Duration,
    /// Whether a stop is requested.
    pub(super) stop: Arc<AtomicBool>,
    /// Its supervisor, if this process started it.
    pub(super) child: Option<Child>,
    /// The last start marker that was seen.
    pub(super) seen: Option<Begun>,
    /// Whether the supervisor was asked to stop.
    pub(super) asked: bool,
    /// Whether it was reported that the supervisor cannot be asked.
    pub(super) is_refusal_told: bool,
    /// How many bytes it had printed.
    pub(super) bytes: u64,
    /// Since when its files cannot be read.
    pub(super) unread: Option<Instant>,
}

impl Watch {
    /// The watch of a logged action; nothing of it was seen so far.
    pub(super) fn of(
        entered: Entered,
        log: &Path,
        marks: Marks,
        tell: mpsc::Sender<Acted>,
        system: Arc<dyn System>,
    ) -> Self {
        let Entered { action, started, prev } = entered;
        Self {
            action,
            started,
            prev,
            log: log.to_owned(),
            marks,
            tell,
            system,
            patience: UNREADABLE,
            stop: Arc::default(),
            child: None,
            seen: None,
            asked: false,
            is_refusal_told: false,
            bytes: 0,
            unread: None,
        }
    }

    /// Watches it in a separate task, which reports to the engine.
    pub(super) fn spawn(self) -> Watching {
        let (started, stop, tell) = (self.started, Arc::clone(&self.stop), self.tell.clone());
        let task = tokio::spawn(async move {
            let action = self.action.clone();
            let came = self.run().await;
            let _ = tell.send(Acted::Ended { action, started, came }).await;
        });
        Watching { started, stop, task: task.abort_handle() }
    }

    pub(super) async fn run(mut self) -> Came {
        loop {
            if let Some(came) = self.look().await {
                return came;
            }
            tokio::time::sleep(WATCH).await;
        }
    }

    fn files(&self) -> Files {
        Files::of(&self.log, self.started)
    }

    /// The result, as soon as it is known or known to be unknown.
    async fn look(&mut self) -> Option<Came> {
        let (files, outputs, started) = (self.files(), Outputs::beside(&self.log), self.started);
        let seen = blocking(move || Ok((files.stands()?, outputs.length(started).unwrap_or_default())));
        match seen.await {
            Ok((Stands::Ended(end), _)) => Some(self.came(*end).await),
            Ok((Stands::Gone(begun), _)) => {
                self.seen = Some(begun);
                Some(self.gone().await)
            }
            Ok((Stands::AtWork(begun), bytes)) => {
                self.at_work(begun, bytes).await;
                None
            }
            Ok((Stands::NoMark, _)) => self.without_mark().await,
            Ok((Stands::Unreadable(why), _)) => {
                Some(self.interrupted(&format!("its state cannot be read: {why}")).await)
            }
            Err(error) => self.unreadable(&error).await,
        }
    }

    async fn at_work(&mut self, begun: Begun, bytes: u64) {
        self.unread = None;
        if self.is_to_be_asked() && !self.ask_child() {
            self.ask_recorded(&begun).await;
        }
        self.seen = Some(begun);
        if bytes != self.bytes {
            self.bytes = bytes;
            let _ = self.tell.send(Acted::Printed { started: self.started, bytes }).await;
        }
    }

    fn is_to_be_asked(&self) -> bool {
        self.stop.load(Ordering::Relaxed) && !self.asked
    }

    /// Signals the supervisor if it is a child of this process.
    fn ask_child(&mut self) -> bool {
        self.asked = self.child.as_ref().is_some_and(ask_to_end);
        self.asked
    }

    /// Signals the supervisor of the start marker.
    async fn ask_recorded(&mut self, begun: &Begun) {
        let (system, files, recorded) = (Arc::clone(&self.system), self.files(), begun.clone());
        let asked = blocking(move || Ok(system.stop(&recorded, &files))).await;
        let Ok(Err(why)) = asked else {
            self.asked = asked.is_ok();
            return;
        };
        // An incomplete marker is still being written.
        if *begun != Begun::default() && !std::mem::replace(&mut self.is_refusal_told, true) {
            let (action, why) = (&self.action, text::line(&why.to_string()));
            let mark = text::line(&self.files().mark().display().to_string());
            let what = format!(
                "{action} cannot be stopped from here: {why}; no process was signalled. `fuser -v {mark}` lists its \
                 supervisor: end that with SIGTERM"
            );
            let _ = self.tell.send(Acted::Warned { started: self.started, what }).await;
        }
    }

    /// Whether the supervisor is a running child of this process; then it can be stopped.
    fn is_supervised(&mut self) -> bool {
        let Some(child) = &mut self.child else { return false };
        let is_running = matches!(child.try_wait(), Ok(None));
        if is_running && self.is_to_be_asked() {
            self.ask_child();
        }
        is_running
    }

    /// There is no start marker.
    async fn without_mark(&mut self) -> Option<Came> {
        if self.is_supervised() {
            return None;
        }
        if self.seen.is_some() {
            return Some(self.interrupted("its files next to the log are gone").await);
        }
        let why = match &mut self.child {
            Some(child) => last_words(child).await.unwrap_or_default(),
            None => "gonogo was stopped before it started it".to_owned(),
        };
        let (files, marks, started, prev) = (self.files(), self.marks.clone(), self.started, self.prev);
        match blocking(move || Ok((files.give_up()?, marks.are_own(started, prev)))).await {
            Ok((true, true)) => Some(Came::not_begun(&why)),
            Ok((true, false)) => {
                let why = "whether it began cannot be known here: its marks are not beside the log, or another host or \
                           state directory has written the entry";
                Some(self.interrupted(why).await)
            }
            // It has started in between.
            Ok((false, _)) => None,
            Err(error) => self.unreadable(&error).await,
        }
    }

    /// Unreadable files may become readable, so this retries for a while; the action continues meanwhile.
    async fn unreadable(&mut self, error: &io::Error) -> Option<Came> {
        let is_new = self.unread.is_none();
        let since = *self.unread.get_or_insert_with(Instant::now);
        if is_new {
            let (action, patience) = (&self.action, span(self.patience));
            let why = text::line(&error.to_string());
            let what = format!("{action} cannot be monitored: {why}; retrying for {patience}");
            let _ = self.tell.send(Acted::Warned { started: self.started, what }).await;
        }
        if self.is_supervised() || since.elapsed() < self.patience {
            return None;
        }
        Some(self.interrupted(&format!("it can no longer be monitored: {error}")).await)
    }

    async fn gone(&mut self) -> Came {
        let said = match &mut self.child {
            Some(child) => last_words(child).await,
            None => None,
        };
        let why = "there is no record of its end: its supervisor was killed, the machine went down, or its files next to the log are lost";
        self.interrupted(&said.map_or_else(|| why.to_owned(), |said| format!("{why} ({said})"))).await
    }

    /// The outcome is unknown.
    async fn interrupted(&self, why: &str) -> Came {
        let whose = match self.seen.as_ref().and_then(|begun| begun.group) {
            Some(group) => format!("a process of its process group {group}"),
            None => "it".to_owned(),
        };
        let why = format!("{}; check whether {whose} is still running", text::line(why));
        let (outputs, started) = (Outputs::beside(&self.log), self.started);
        let read = blocking(move || {
            let (bytes, sha256) = outputs.digest(started)?;
            Ok((bytes, sha256, tail(&outputs, started, bytes).unwrap_or_default()))
        });
        let read = read.await.ok();
        let output = read.map(|(bytes, sha256, tail)| {
            let redacted = BTreeMap::new();
            Output { bytes, sha256, kept: self.kept(), tail, redacted }
        });
        Came { ended: Ended::Unknown(why), cause: None, took_ms: 0, output }
    }

    /// The result according to the exit record. A missing output is noticed when somebody opens it.
    async fn came(&self, end: End) -> Came {
        let (outputs, started, bytes) = (Outputs::beside(&self.log), self.started, end.bytes);
        let read = blocking(move || tail(&outputs, started, bytes)).await;
        let mut tail =
            read.unwrap_or_else(|error| format!("(cannot read it: {})", text::line(&error.to_string())));
        if let Some(lost) = &end.lost {
            tail = format!("{tail}\n(incomplete: {})", text::line(lost));
        }
        let output = Output { bytes, sha256: end.sha256, kept: self.kept(), tail, redacted: end.redacted };
        Came { ended: end.ended, cause: end.cause, took_ms: end.took_ms, output: Some(output) }
    }

    /// The name of its output in the log.
    fn kept(&self) -> String {
        side::kept_name(&self.log, &format!("{}.out", side::action_name(self.started)))
    }
}

/// The result of an action of a run without a screen, if it has ended or its outcome can no longer be known.
pub(super) fn once(log: &Path, marks: &Marks, action: &ActionKey, deed: &Deed) -> Option<Came> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    let (tell, _told) = mpsc::channel(1);
    let entered = Entered { action: action.clone(), started: deed.seq, prev: deed.prev };
    let mut watch = Watch::of(entered, log, marks.clone(), tell, Arc::new(Machine::default()));
    runtime.block_on(async {
        loop {
            if let Some(came) = watch.look().await {
                return Some(came);
            }
            if watch.unread.is_none() && watch.seen.is_some() {
                return None;
            }
            tokio::time::sleep(WATCH).await;
        }
    })
}

/// Runs blocking work in a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The last lines of an output, without escapes.
fn tail(outputs: &Outputs, started: u64, length: u64) -> io::Result<String> {
    let bytes = outputs.read(started, length.saturating_sub(4 * TAIL as u64), 4 * TAIL)?;
    let plain = ansi::plain(&bytes);
    let lines: Vec<&str> = plain.trim_end().lines().collect();
    let last = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    let from = last.ceil_char_boundary(last.len().saturating_sub(TAIL));
    Ok(text::block(&last[from..]))
}

/// The stderr of a supervisor that has ended, if it has.
pub(super) async fn last_words(child: &mut Child) -> Option<String> {
    let status = child.try_wait().ok().flatten()?;
    let mut said = String::new();
    if let Some(stderr) = &mut child.stderr {
        let _ = stderr.read_to_string(&mut said).await;
    }
    let said = text::line(said.trim());
    Some(if said.is_empty() { format!("its supervisor ended with {status}") } else { said })
}

#[cfg(test)]
mod tests;
