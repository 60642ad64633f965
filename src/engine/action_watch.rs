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

use super::action_launch::{ActionEvent, LoggedStart};
use super::supervisor::{ExitRecord, StartMarker, SupervisorFiles, SupervisorState};
use super::system::{HostSystem, System};
use crate::process::{Child, terminate};
use gonogo_core::ansi;
use gonogo_core::checklist::ActionKey;
use gonogo_core::journal::attachments::{self, ActionOutputs};
use gonogo_core::journal::entry::{ActionExit, ActionOutput, StopCause};
use gonogo_core::journal::marks::Marks;
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::run::{Act, ActionRun};
use gonogo_core::text;
use gonogo_core::time::span;

/// How often the output and the state are checked.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long unreadable files are retried.
const UNREADABLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of the end of an output an entry holds, in bytes and in lines.
const TAIL: usize = 2048;
const TAIL_LINES: usize = 20;

/// The result of an action.
#[derive(Debug)]
pub(super) struct ActionResult {
    pub(super) exit: ActionExit,
    cause: Option<StopCause>,
    took_ms: u64,
    pub(super) output: Option<ActionOutput>,
}

impl ActionResult {
    /// The action never started.
    pub(super) fn not_started(why: &str) -> Self {
        Self { exit: ActionExit::NotStarted(text::line(why)), cause: None, took_ms: 0, output: None }
    }

    pub(super) fn into_act(self, action: ActionKey, started: u64) -> Act {
        let Self { exit, cause, took_ms, output } = self;
        Act::FinishAction { action, started, exit, cause, took_ms, output }
    }
}

/// A handle on a watched action.
pub(super) struct WatchHandle {
    /// The position of its start entry.
    pub(super) started: u64,
    stop: Arc<AtomicBool>,
    task: AbortHandle,
}

impl WatchHandle {
    /// Stops the action as soon as it is running.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Drop for WatchHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The watch of one action, with what shows whether it never started.
pub(super) struct ActionWatch {
    pub(super) action: ActionKey,
    /// The position of its start entry.
    pub(super) started: u64,
    /// The hash of the line before its start entry.
    pub(super) prev: Sha256Hex,
    pub(super) log: PathBuf,
    pub(super) marks: Marks,
    pub(super) events: mpsc::Sender<ActionEvent>,
    pub(super) system: Arc<dyn System>,
    /// How long unreadable files are retried.
    pub(super) unreadable_timeout: Duration,
    /// Whether a stop is requested.
    pub(super) is_stop_requested: Arc<AtomicBool>,
    /// Its supervisor, if this process started it.
    pub(super) child: Option<Child>,
    /// The last start marker that was seen.
    pub(super) last_marker: Option<StartMarker>,
    /// Whether the supervisor was asked to stop.
    pub(super) is_stop_sent: bool,
    /// Whether it was reported that the supervisor cannot be asked.
    pub(super) is_stop_failure_reported: bool,
    /// How many bytes it had printed.
    pub(super) bytes: u64,
    /// Since when its files cannot be read.
    pub(super) unreadable_since: Option<Instant>,
}

impl ActionWatch {
    /// The watch of a logged action; nothing of it was seen so far.
    pub(super) fn of(
        logged_start: LoggedStart,
        log: &Path,
        marks: Marks,
        events: mpsc::Sender<ActionEvent>,
        system: Arc<dyn System>,
    ) -> Self {
        let LoggedStart { action, started, prev } = logged_start;
        Self {
            action,
            started,
            prev,
            log: log.to_owned(),
            marks,
            events,
            system,
            unreadable_timeout: UNREADABLE_TIMEOUT,
            is_stop_requested: Arc::default(),
            child: None,
            last_marker: None,
            is_stop_sent: false,
            is_stop_failure_reported: false,
            bytes: 0,
            unreadable_since: None,
        }
    }

    /// Watches it in a separate task, which reports to the engine.
    pub(super) fn spawn(self) -> WatchHandle {
        let (started, stop, events) =
            (self.started, Arc::clone(&self.is_stop_requested), self.events.clone());
        let task = tokio::spawn(async move {
            let action = self.action.clone();
            let result = self.run().await;
            let _ = events.send(ActionEvent::Finished { action, started, result }).await;
        });
        WatchHandle { started, stop, task: task.abort_handle() }
    }

    pub(super) async fn run(mut self) -> ActionResult {
        loop {
            if let Some(result) = self.poll().await {
                return result;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn files(&self) -> SupervisorFiles {
        SupervisorFiles::of(&self.log, self.started)
    }

    /// The result, as soon as it is known or known to be unknown.
    async fn poll(&mut self) -> Option<ActionResult> {
        let (files, outputs, started) = (self.files(), ActionOutputs::beside(&self.log), self.started);
        let reading = run_blocking(move || Ok((files.state()?, outputs.length(started).unwrap_or_default())));
        match reading.await {
            Ok((SupervisorState::Finished(end), _)) => Some(self.finished_result(*end).await),
            Ok((SupervisorState::Gone(marker), _)) => {
                self.last_marker = Some(marker);
                Some(self.on_gone().await)
            }
            Ok((SupervisorState::Running(marker), bytes)) => {
                self.on_running(marker, bytes).await;
                None
            }
            Ok((SupervisorState::NotStarted, _)) => self.on_no_marker().await,
            Ok((SupervisorState::Unreadable(why), _)) => {
                Some(self.unknown_result(&format!("its state cannot be read: {why}")).await)
            }
            Err(error) => self.on_unreadable(&error).await,
        }
    }

    async fn on_running(&mut self, marker: StartMarker, bytes: u64) {
        self.unreadable_since = None;
        if self.needs_stop() && !self.stop_child() {
            self.stop_recorded(&marker).await;
        }
        self.last_marker = Some(marker);
        if bytes != self.bytes {
            self.bytes = bytes;
            let _ = self.events.send(ActionEvent::Printed { started: self.started, bytes }).await;
        }
    }

    fn needs_stop(&self) -> bool {
        self.is_stop_requested.load(Ordering::Relaxed) && !self.is_stop_sent
    }

    /// Signals the supervisor if it is a child of this process.
    fn stop_child(&mut self) -> bool {
        self.is_stop_sent = self.child.as_ref().is_some_and(terminate);
        self.is_stop_sent
    }

    /// Signals the supervisor of the start marker.
    async fn stop_recorded(&mut self, marker: &StartMarker) {
        let (system, files, recorded) = (Arc::clone(&self.system), self.files(), marker.clone());
        let response = run_blocking(move || Ok(system.stop(&recorded, &files))).await;
        let Ok(Err(why)) = response else {
            self.is_stop_sent = response.is_ok();
            return;
        };
        // An incomplete marker is still being written.
        if *marker != StartMarker::default() && !std::mem::replace(&mut self.is_stop_failure_reported, true) {
            let (action, why) = (&self.action, text::line(&why.to_string()));
            let mark = text::line(&self.files().marker_path().display().to_string());
            let what = format!(
                "{action} cannot be stopped from here: {why}; no process was signalled. `fuser -v {mark}` lists its \
                 supervisor: end that with SIGTERM"
            );
            let _ = self.events.send(ActionEvent::Warning { started: self.started, what }).await;
        }
    }

    /// Whether the supervisor is a running child of this process; then it can be stopped.
    fn is_supervised(&mut self) -> bool {
        let Some(child) = &mut self.child else { return false };
        let is_running = matches!(child.try_wait(), Ok(None));
        if is_running && self.needs_stop() {
            self.stop_child();
        }
        is_running
    }

    /// There is no start marker.
    async fn on_no_marker(&mut self) -> Option<ActionResult> {
        if self.is_supervised() {
            return None;
        }
        if self.last_marker.is_some() {
            return Some(self.unknown_result("its files next to the log are gone").await);
        }
        let why = match &mut self.child {
            Some(child) => final_message(child).await.unwrap_or_default(),
            None => "gonogo was stopped before it started it".to_owned(),
        };
        let (files, marks, started, prev) = (self.files(), self.marks.clone(), self.started, self.prev);
        match run_blocking(move || Ok((files.prevent_start()?, marks.is_own(started, prev)))).await {
            Ok((true, true)) => Some(ActionResult::not_started(&why)),
            Ok((true, false)) => {
                let why = "whether it began cannot be known here: its marks are not beside the log, or another host or \
                           state directory has written the entry";
                Some(self.unknown_result(why).await)
            }
            // It has started in between.
            Ok((false, _)) => None,
            Err(error) => self.on_unreadable(&error).await,
        }
    }

    /// Unreadable files may become readable, so this retries for a while; the action continues meanwhile.
    async fn on_unreadable(&mut self, error: &io::Error) -> Option<ActionResult> {
        let is_new = self.unreadable_since.is_none();
        let since = *self.unreadable_since.get_or_insert_with(Instant::now);
        if is_new {
            let (action, patience) = (&self.action, span(self.unreadable_timeout));
            let why = text::line(&error.to_string());
            let what = format!("{action} cannot be monitored: {why}; retrying for {patience}");
            let _ = self.events.send(ActionEvent::Warning { started: self.started, what }).await;
        }
        if self.is_supervised() || since.elapsed() < self.unreadable_timeout {
            return None;
        }
        Some(self.unknown_result(&format!("it can no longer be monitored: {error}")).await)
    }

    async fn on_gone(&mut self) -> ActionResult {
        let message = match &mut self.child {
            Some(child) => final_message(child).await,
            None => None,
        };
        let why = "there is no record of its end: its supervisor was killed, the machine went down, or its files next to the log are lost";
        self.unknown_result(&message.map_or_else(|| why.to_owned(), |message| format!("{why} ({message})")))
            .await
    }

    /// The outcome is unknown.
    async fn unknown_result(&self, why: &str) -> ActionResult {
        let process = match self.last_marker.as_ref().and_then(|marker| marker.group) {
            Some(group) => format!("a process of its process group {group}"),
            None => "it".to_owned(),
        };
        let why = format!("{}; check whether {process} is still running", text::line(why));
        let (outputs, started) = (ActionOutputs::beside(&self.log), self.started);
        let read = run_blocking(move || {
            let (bytes, sha256) = outputs.digest(started)?;
            Ok((bytes, sha256, tail(&outputs, started, bytes).unwrap_or_default()))
        });
        let read = read.await.ok();
        let output = read.map(|(bytes, sha256, tail)| {
            let redacted = BTreeMap::new();
            ActionOutput { bytes, sha256, file: self.output_name(), tail, redacted }
        });
        ActionResult { exit: ActionExit::Unknown(why), cause: None, took_ms: 0, output }
    }

    /// The result according to the exit record. A missing output is reported when it is opened.
    async fn finished_result(&self, end: ExitRecord) -> ActionResult {
        let (outputs, started, bytes) = (ActionOutputs::beside(&self.log), self.started, end.bytes);
        let read = run_blocking(move || tail(&outputs, started, bytes)).await;
        let mut tail =
            read.unwrap_or_else(|error| format!("(cannot read it: {})", text::line(&error.to_string())));
        if let Some(lost) = &end.lost {
            tail = format!("{tail}\n(incomplete: {})", text::line(lost));
        }
        let output = ActionOutput {
            bytes,
            sha256: end.sha256,
            file: self.output_name(),
            tail,
            redacted: end.redacted,
        };
        ActionResult { exit: end.exit, cause: end.cause, took_ms: end.took_ms, output: Some(output) }
    }

    /// The name of its output in the log.
    fn output_name(&self) -> String {
        attachments::attachment_name(&self.log, &format!("{}.out", attachments::action_name(self.started)))
    }
}

/// The result of an action of a run without a screen, if it has ended or its outcome can no longer be known.
pub(super) fn poll_once(
    log: &Path,
    marks: &Marks,
    action: &ActionKey,
    action_run: &ActionRun,
) -> Option<ActionResult> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().ok()?;
    let (sender, _receiver) = mpsc::channel(1);
    let logged_start = LoggedStart { action: action.clone(), started: action_run.seq, prev: action_run.prev };
    let mut watch =
        ActionWatch::of(logged_start, log, marks.clone(), sender, Arc::new(HostSystem::default()));
    runtime.block_on(async {
        loop {
            if let Some(result) = watch.poll().await {
                return Some(result);
            }
            if watch.unreadable_since.is_none() && watch.last_marker.is_some() {
                return None;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    })
}

/// Runs blocking work in a blocking thread.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The last lines of an output, without escapes.
fn tail(outputs: &ActionOutputs, started: u64, length: u64) -> io::Result<String> {
    let bytes = outputs.read(started, length.saturating_sub(4 * TAIL as u64), 4 * TAIL)?;
    let plain = ansi::plain(&bytes);
    let lines: Vec<&str> = plain.trim_end().lines().collect();
    let last = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    let from = last.ceil_char_boundary(last.len().saturating_sub(TAIL));
    Ok(text::block(&last[from..]))
}

/// The stderr of a supervisor that has ended, if it has.
pub(super) async fn final_message(child: &mut Child) -> Option<String> {
    let status = child.try_wait().ok().flatten()?;
    let mut message = String::new();
    if let Some(stderr) = &mut child.stderr {
        let _ = stderr.read_to_string(&mut message).await;
    }
    let message = text::line(message.trim());
    Some(if message.is_empty() { format!("its supervisor ended with {status}") } else { message })
}

#[cfg(test)]
mod tests;
