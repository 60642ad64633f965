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

use super::files::{Attachments, Begun, End, Files, write};
use super::keep::Kept;
use super::order::Order;
use crate::journal::entry::{Cause, Ended};
use crate::outcome::Sha256Hex;
use crate::process::recorded::ProcessStart;
use crate::process::{ExitStatus, Launch, Permit, Stdio};
use crate::secret::Stream;

/// The read buffer, in bytes.
const PIECE: usize = 256 << 10;
/// Grace period for draining the output after the exit; descendants may keep it open.
const ECHO: Duration = Duration::from_secs(2);

/// What a supervisor reports once the start marker is written.
pub const BEGUN: &str = "begun";

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The action was already started or given up, or another file has this name.
    #[error("it was already started or given up: {0} exists")]
    Begun(&'static str),
    /// A system error.
    #[error("{what}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// The system error.
        source: io::Error,
    },
}

fn cannot(what: &'static str) -> impl Fn(io::Error) -> Refused {
    move |source| Refused::System { what, source }
}

enum Told {
    Exited(io::Result<ExitStatus>),
    Silent,
    Asked,
}

/// The sink while output is read; removed when the output is no longer waited for.
type Keeping = Arc<Mutex<Option<Kept>>>;

/// Runs the program to its end, and calls `say_begun` when the start marker is written: from then on the supervisor
/// works on its own. If it is refused before, nothing has run.
///
/// # Errors
/// Why nothing was started.
pub fn run(order: &Order, permit: &Permit, say_begun: impl FnOnce()) -> Result<(), Refused> {
    // Fails only for a group leader, for example one that a person started by hand.
    let _ = setsid();
    let (tell, told) = mpsc::channel();
    // Set up before the program starts, so that an early stop request is not lost.
    hear(tell.clone()).map_err(cannot("signals"))?;
    let stream = Stream::new(order.needles.clone())
        .map_err(|error| Refused::System { what: "secrets", source: io::Error::other(error.to_string()) })?;
    let pid = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    let mut begun =
        Begun { supervisor: pid, group: None, at_ms: since_epoch(), started: ProcessStart::of_this() };
    let attachments = order.files.make_directory().map_err(cannot("the directory beside the log"))?;
    let (mut marker, out) = begin(&order.files, &attachments, &begun)?;
    say_begun();
    let at = Instant::now();
    let keeping = Arc::new(Mutex::new(Some(Kept::in_file(out, stream))));
    let end = match spawn(order, permit, tell, Arc::clone(&keeping)) {
        Ok(group) => {
            begun.group = Some(group.as_raw_nonzero().get());
            // Only needed if this process is killed.
            let _ = write(&mut marker, &begun);
            watch(order, &told, group, at, &keeping)
        }
        Err(error) => nothing(Ended::NotStarted(why(order, &error))),
    };
    attachments.end(&end).map_err(cannot("the record of its end"))
}

/// Creates the files, and the start marker last. Files of an earlier start stay unchanged.
fn begin(files: &Files, attachments: &Attachments<'_>, begun: &Begun) -> Result<(File, File), Refused> {
    // Before the marker: without its files the action must not start.
    let end = attachments.reserve_end().map_err(refused("the space for the record of its end"))?;
    let (path, out) = attachments.create_out().map_err(refused("its output file"))?;
    let marker = files.begin(begun).map_err(refused("its start marker"))?;
    end.keep();
    path.keep();
    Ok((marker, out))
}

/// An existing file belongs to another start.
fn refused(what: &'static str) -> impl Fn(io::Error) -> Refused {
    move |error| match error.kind() {
        io::ErrorKind::AlreadyExists => Refused::Begun(what),
        _ => cannot(what)(error),
    }
}

fn since_epoch() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn why(order: &Order, error: &io::Error) -> String {
    let program = order.argv.first().map_or("", String::as_str);
    let program = crate::text::line(program);
    match &order.cwd {
        Some(cwd) if !cwd.is_dir() => format!("there is no directory {}", cwd.display()),
        _ if error.kind() == io::ErrorKind::NotFound => {
            format!("program `{program}` not found; install it, or fix PATH")
        }
        _ => format!("`{program}` cannot be started: {error}"),
    }
}

fn nothing(ended: Ended) -> End {
    let sha256 = Sha256Hex::of(b"");
    End { ended, cause: None, took_ms: 0, bytes: 0, sha256, redacted: BTreeMap::new(), lost: None }
}

/// SIGTERM requests a stop. A terminal that goes away is no reason to stop.
fn hear(tell: Sender<Told>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    thread::spawn(move || {
        for _ in signals.forever().filter(|signal| *signal == SIGTERM) {
            let _ = tell.send(Told::Asked);
        }
    });
    Ok(())
}

/// Starts the program in its own group, and the threads that read its output and wait for it.
fn spawn(order: &Order, permit: &Permit, tell: Sender<Told>, keeping: Keeping) -> io::Result<Pid> {
    let (reader, writer) = io::pipe()?;
    let env = order.env.iter().map(|(name, value)| (name, value.as_str()));
    // One pipe for both streams keeps the order of the output.
    let launch = Launch::of(&order.argv)?.own_group().envs(env);
    let mut launch = launch.streams(Stdio::null(), writer.try_clone()?, writer);
    if let Some(cwd) = &order.cwd {
        launch = launch.directory(cwd);
    }
    let mut child = launch.spawn_blocking(permit)?;
    let group =
        Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX)).ok_or(io::ErrorKind::NotFound)?;
    let silent = tell.clone();
    thread::spawn(move || {
        read(reader, &keeping);
        silent.send(Told::Silent)
    });
    thread::spawn(move || tell.send(Told::Exited(child.wait())));
    Ok(group)
}

/// Reads to the end, even what cannot be recorded: a full disk does not stop a deployment.
fn read(mut from: PipeReader, keeping: &Keeping) {
    let mut piece = vec![0; PIECE];
    loop {
        let length = match from.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(length) => length,
            Err(_) => 0,
        };
        let mut kept = keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = kept.as_mut() else { return };
        if length == 0 {
            return kept.end();
        }
        kept.push(&piece[..length]);
    }
}

/// Waits for the exit; stops the program at the deadline or on request.
fn watch(order: &Order, told: &Receiver<Told>, group: Pid, at: Instant, keeping: &Keeping) -> End {
    let mut watched = Watched { group, until: at + Duration::from_millis(order.deadline_ms), cause: None };
    let grace = Duration::from_millis(order.grace_ms);
    let (mut status, mut silent, mut took) = (None, false, Duration::ZERO);
    while status.is_none() || !silent {
        match told.recv_timeout(watched.until.saturating_duration_since(Instant::now())) {
            Ok(Told::Exited(exited)) => {
                took = at.elapsed();
                status = Some(exited);
                watched.until = Instant::now() + ECHO;
            }
            Ok(Told::Silent) => silent = true,
            Ok(Told::Asked) if status.is_none() => watched.stop(Cause::Stopped, grace),
            Ok(Told::Asked) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) if status.is_some() => break,
            Err(_) => watched.stop(Cause::Deadline, grace),
        }
    }
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let end = End { cause: watched.cause, took_ms, ..nothing(ended(status)) };
    let kept = keeping.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut end = match kept {
        Some(kept) => kept.told(end),
        None => end,
    };
    if !silent {
        let why = "a process that it started kept its output open; later output is not recorded";
        end.lost.get_or_insert_with(|| why.into());
    }
    end
}

fn ended(status: Option<io::Result<ExitStatus>>) -> Ended {
    match status {
        Some(Ok(status)) => match (status.code(), status.signal()) {
            (Some(code), _) => Ended::Exit(code),
            (None, signal) => Ended::Signal(signal.unwrap_or_default()),
        },
        Some(Err(error)) => Ended::Unknown(error.to_string()),
        None => Ended::Unknown("its exit status was not read".into()),
    }
}

struct Watched {
    group: Pid,
    until: Instant,
    cause: Option<Cause>,
}

impl Watched {
    /// Sends SIGTERM to the group; after the grace period, SIGKILL.
    fn stop(&mut self, cause: Cause, grace: Duration) {
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
