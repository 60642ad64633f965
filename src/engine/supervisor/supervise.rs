//! The work of a supervisor: start the program, read its output, wait, and record its exit.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, PipeReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process_group, setsid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::files::{ActionAttachments, ExitRecord, StartMarker, SupervisorFiles, write};
use super::launch_spec::LaunchSpec;
use super::output_sink::OutputSink;
use crate::process::{ExitStatus, Launch, Permit, Stdio};
use gonogo_core::journal::entry::{ActionExit, StopCause};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::recorded_process::ProcessStart;
use gonogo_core::secret::RedactingStream;

/// The read buffer, in bytes.
const READ_SIZE: usize = 256 << 10;
/// Grace period for draining the output after the exit; descendants may keep it open.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// What a supervisor reports once the start marker is written.
pub const STARTED: &str = "begun";

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The action was already started or given up, or another file has this name.
    #[error("it was already started or given up: {0} exists")]
    AlreadyStarted(&'static str),
    /// A system error.
    #[error("{what}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// The system error.
        source: io::Error,
    },
}

fn system_error(what: &'static str) -> impl Fn(io::Error) -> LaunchError {
    move |source| LaunchError::System { what, source }
}

enum ChildEvent {
    Exited(io::Result<ExitStatus>),
    OutputClosed,
    StopRequested,
}

/// The sink while output is read; removed when the output is no longer waited for.
type SharedSink = Arc<Mutex<Option<OutputSink>>>;

/// Runs the program to its end, and calls `on_start` when the start marker is written: from then on the supervisor
/// works on its own. If it is refused before, nothing has run.
///
/// # Errors
/// Why nothing was started.
pub fn run(spec: &LaunchSpec, permit: &Permit, on_start: impl FnOnce()) -> Result<(), LaunchError> {
    // Fails only for a group leader, for example one that a person started by hand.
    let _ = setsid();
    let (sender, events) = mpsc::channel();
    // Set up before the program starts, so that an early stop request is not lost.
    listen_for_stop(sender.clone()).map_err(system_error("signals"))?;
    let stream = RedactingStream::new(spec.needles.clone()).map_err(|error| LaunchError::System {
        what: "secrets",
        source: io::Error::other(error.to_string()),
    })?;
    let pid = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    let mut marker =
        StartMarker { supervisor: pid, group: None, at_ms: since_epoch(), started: ProcessStart::of_this() };
    let attachments = spec.files.make_directory().map_err(system_error("the directory next to the log"))?;
    let (mut marker_file, out) = create_files(&spec.files, &attachments, &marker)?;
    on_start();
    let started_at = Instant::now();
    let shared_sink = Arc::new(Mutex::new(Some(OutputSink::to_file(out, stream))));
    let end = match spawn(spec, permit, sender, Arc::clone(&shared_sink)) {
        Ok(group) => {
            marker.group = Some(group.as_raw_nonzero().get());
            // Only needed if this process is killed.
            let _ = write(&mut marker_file, &marker);
            wait_for_exit(spec, &events, group, started_at, &shared_sink)
        }
        Err(error) => empty_record(ActionExit::NotStarted(explain_start_error(spec, &error))),
    };
    attachments.write_exit_record(&end).map_err(system_error("the record of its end"))
}

/// Creates the files, and the start marker last. Files of an earlier start stay unchanged.
fn create_files(
    files: &SupervisorFiles,
    attachments: &ActionAttachments<'_>,
    marker: &StartMarker,
) -> Result<(File, File), LaunchError> {
    // Before the marker: without its files the action must not start.
    let end =
        attachments.reserve_exit_record().map_err(already_started("the space for the record of its end"))?;
    let (path, out) = attachments.create_output().map_err(already_started("its output file"))?;
    let marker_file = files.write_start_marker(marker).map_err(already_started("its start marker"))?;
    end.keep();
    path.keep();
    Ok((marker_file, out))
}

/// An existing file belongs to another start.
fn already_started(what: &'static str) -> impl Fn(io::Error) -> LaunchError {
    move |error| match error.kind() {
        io::ErrorKind::AlreadyExists => LaunchError::AlreadyStarted(what),
        _ => system_error(what)(error),
    }
}

fn since_epoch() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn explain_start_error(spec: &LaunchSpec, error: &io::Error) -> String {
    let program = spec.argv.first().map_or("", String::as_str);
    let program = gonogo_core::text::line(program);
    match &spec.cwd {
        Some(cwd) if !cwd.is_dir() => format!("there is no directory {}", cwd.display()),
        _ if error.kind() == io::ErrorKind::NotFound => {
            format!("program `{program}` not found; install it, or fix PATH")
        }
        _ => format!("`{program}` cannot be started: {error}"),
    }
}

fn empty_record(exit: ActionExit) -> ExitRecord {
    let sha256 = Sha256Hex::of(b"");
    ExitRecord { exit, cause: None, took_ms: 0, bytes: 0, sha256, redacted: BTreeMap::new(), lost: None }
}

/// SIGTERM requests a stop. A terminal that goes away is no reason to stop.
fn listen_for_stop(sender: Sender<ChildEvent>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    thread::spawn(move || {
        for _ in signals.forever().filter(|signal| *signal == SIGTERM) {
            let _ = sender.send(ChildEvent::StopRequested);
        }
    });
    Ok(())
}

/// Starts the program in its own group, and the threads that read its output and wait for it.
fn spawn(
    spec: &LaunchSpec,
    permit: &Permit,
    sender: Sender<ChildEvent>,
    shared_sink: SharedSink,
) -> io::Result<Pid> {
    let (reader, writer) = io::pipe()?;
    let env = spec.env.iter().map(|(name, value)| (name, value.as_str()));
    // One pipe for both streams keeps the order of the output.
    let launch = Launch::of(&spec.argv)?.own_group().envs(env);
    let mut launch = launch.streams(Stdio::null(), writer.try_clone()?, writer);
    if let Some(cwd) = &spec.cwd {
        launch = launch.directory(cwd);
    }
    let mut child = launch.spawn_blocking(permit)?;
    let group =
        Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX)).ok_or(io::ErrorKind::NotFound)?;
    let output_sender = sender.clone();
    thread::spawn(move || {
        copy_output(reader, &shared_sink);
        output_sender.send(ChildEvent::OutputClosed)
    });
    thread::spawn(move || sender.send(ChildEvent::Exited(child.wait())));
    Ok(group)
}

/// Reads to the end, even what cannot be recorded: a full disk does not stop a deployment.
fn copy_output(mut from: PipeReader, shared_sink: &SharedSink) {
    let mut piece = vec![0; READ_SIZE];
    loop {
        let length = match from.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(length) => length,
            Err(_) => 0,
        };
        let mut guard = shared_sink.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sink) = guard.as_mut() else { return };
        if length == 0 {
            return sink.finish();
        }
        sink.push(&piece[..length]);
    }
}

/// Waits for the exit; stops the program at the deadline or on request.
fn wait_for_exit(
    spec: &LaunchSpec,
    events: &Receiver<ChildEvent>,
    group: Pid,
    started_at: Instant,
    shared_sink: &SharedSink,
) -> ExitRecord {
    let mut stop_state =
        StopState { group, until: started_at + Duration::from_millis(spec.deadline_ms), cause: None };
    let grace = Duration::from_millis(spec.grace_ms);
    let (mut status, mut is_output_closed, mut took) = (None, false, Duration::ZERO);
    while status.is_none() || !is_output_closed {
        match events.recv_timeout(stop_state.until.saturating_duration_since(Instant::now())) {
            Ok(ChildEvent::Exited(exited)) => {
                took = started_at.elapsed();
                status = Some(exited);
                stop_state.until = Instant::now() + DRAIN_TIMEOUT;
            }
            Ok(ChildEvent::OutputClosed) => is_output_closed = true,
            Ok(ChildEvent::StopRequested) if status.is_none() => stop_state.stop(StopCause::Stopped, grace),
            Ok(ChildEvent::StopRequested) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) if status.is_some() => break,
            Err(_) => stop_state.stop(StopCause::Deadline, grace),
        }
    }
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let end = ExitRecord { cause: stop_state.cause, took_ms, ..empty_record(action_exit(status)) };
    let sink = shared_sink.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut end = match sink {
        Some(sink) => sink.complete_record(end),
        None => end,
    };
    if !is_output_closed {
        let why = "a process that it started kept its output open; later output is not recorded";
        end.lost.get_or_insert_with(|| why.into());
    }
    end
}

fn action_exit(status: Option<io::Result<ExitStatus>>) -> ActionExit {
    match status {
        Some(Ok(status)) => match (status.code(), status.signal()) {
            (Some(code), _) => ActionExit::Code(code),
            (None, signal) => ActionExit::Signal(signal.unwrap_or_default()),
        },
        Some(Err(error)) => ActionExit::Unknown(error.to_string()),
        None => ActionExit::Unknown("its exit status was not read".into()),
    }
}

struct StopState {
    group: Pid,
    until: Instant,
    cause: Option<StopCause>,
}

impl StopState {
    /// Sends SIGTERM to the group; after the grace period, SIGKILL.
    fn stop(&mut self, cause: StopCause, grace: Duration) {
        let now = Instant::now();
        let signal = match self.cause {
            None => Signal::TERM,
            Some(_) if self.until <= now => Signal::KILL,
            Some(_) => return,
        };
        self.cause.get_or_insert(cause);
        self.until = now + grace;
        // An empty group is what we want.
        let _ = kill_process_group(self.group, signal);
    }
}
