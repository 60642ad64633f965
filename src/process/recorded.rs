//! Processes that a file names by their id. An id alone is no name: it is given out again, and 0, 1 or a negative one
//! reaches other processes than one. So a process is signalled only when it is shown to be the one that was recorded.

#[cfg(target_os = "linux")]
mod locks;
/// Where no process keeps its memory to itself.
#[cfg(not(target_os = "linux"))]
mod locks {
    pub(super) fn holder(_: &std::path::Path) -> std::io::Result<Option<i32>> {
        Ok(None)
    }
}

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// When a process started: with its id, this names one process and no later one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStart {
    /// The boot of the host (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// Clock ticks since that boot (field 22 of `/proc/PID/stat`, `proc_pid_stat(5)`).
    pub ticks: u64,
}

impl ProcessStart {
    /// When this process started, where the system tells (Linux).
    #[must_use]
    pub fn of_this() -> Option<Self> {
        Some(Self { boot: boot()?, ticks: ticks("self").ok()? })
    }
}

/// Why a process is not shown to be the recorded one, or cannot be signalled.
#[derive(Debug, thiserror::Error)]
pub enum RecordedProcessError {
    /// It would reach a group of processes, all of them, or the first one.
    #[error(
        "process {0} is the first process of a container or a process group, which is not signalled; end it there"
    )]
    Id(i32),
    /// An older version has written the record, or a system without `/proc`.
    #[error("the record does not say when process {0} started, so another process may have that id by now")]
    NoStart(i32),
    /// The host was started since, or this is another one of the same name.
    #[error("process {0} was recorded in another boot of this host, or on another host of its name")]
    OtherBoot(i32),
    /// It has ended.
    #[error("process {0} has ended, or is in a container and not seen from here")]
    Ended(i32),
    /// It has ended, and its id was given out again.
    #[error("process {0} has ended, and another process has that id now")]
    Reused(i32),
    /// It has nothing to do with the file that it should hold.
    #[error("process {pid} does not have {path} open", path = .path.display())]
    NotOpen {
        /// Its id.
        pid: i32,
        /// The file.
        path: PathBuf,
    },
    /// Another one holds the file, whatever this one has open.
    #[error("process {holder} has locked {path}, and not process {pid}", path = .path.display())]
    NotHolder {
        /// Its id.
        pid: i32,
        /// The file.
        path: PathBuf,
        /// The id of the one that has.
        holder: i32,
    },
    /// It is no gonogo, or its file was replaced since it started.
    #[error("process {pid} runs {program}, which is not the file of this gonogo", program = .program.display())]
    OtherProgram {
        /// Its id.
        pid: i32,
        /// What it runs.
        program: PathBuf,
    },
    /// The system does not say, or does not let it.
    #[error("process {pid}: {what}: {source}")]
    System {
        /// Its id.
        pid: i32,
        /// What was asked of the system.
        what: &'static str,
        /// What it said.
        source: io::Error,
    },
}

/// A process that is the recorded one: as long as this is held, a signal reaches it or nothing.
#[derive(Debug)]
pub struct RecordedProcess {
    pid: Pid,
    handle: Handle,
}

impl RecordedProcess {
    /// Opens the process that a record names, if that still runs.
    ///
    /// # Errors
    /// Why it is not shown to be that process.
    pub fn open(pid: i32, start: Option<&ProcessStart>) -> Result<Self, RecordedProcessError> {
        let id = Some(pid).filter(|pid| *pid > 1).and_then(Pid::from_raw);
        let id = id.ok_or(RecordedProcessError::Id(pid))?;
        let start = start.ok_or(RecordedProcessError::NoStart(pid))?;
        if boot().as_ref() != Some(&start.boot) {
            return Err(RecordedProcessError::OtherBoot(pid));
        }
        // Opened first: what is read of it afterwards is of this process, or it has ended and no signal reaches anything.
        let handle = Handle::open(id).map_err(|source| ended_or(pid, "cannot be opened", source))?;
        let process = Self { pid: id, handle };
        process.check_start(start.ticks)?;
        Ok(process)
    }

    fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    fn check_start(&self, recorded: u64) -> Result<(), RecordedProcessError> {
        match ticks(&self.id().to_string()) {
            Ok(ticks) if ticks == recorded => Ok(()),
            Ok(_) => Err(RecordedProcessError::Reused(self.id())),
            Err(source) => Err(ended_or(self.id(), "when it started cannot be read", source)),
        }
    }

    /// Goes on if it has the only lock of a file; or where none is seen, if it has the file open, under whatever name. Of a
    /// process that keeps its memory to itself, as gonogo does, nobody but root can tell the latter.
    ///
    /// # Errors
    /// That it does not, or that the system does not say.
    pub fn has_open(self, path: &Path) -> Result<Self, RecordedProcessError> {
        let (pid, path) = (self.id(), path.to_owned());
        match locks::holder(&path) {
            Ok(Some(holder)) if holder == pid => Ok(self),
            Ok(Some(holder)) => Err(RecordedProcessError::NotHolder { pid, path, holder }),
            // Where the system tells of no lock, the files tell.
            Ok(None) | Err(_) if self.lists(&path)? => Ok(self),
            Ok(None) | Err(_) => Err(RecordedProcessError::NotOpen { pid, path }),
        }
    }

    /// Whether a file is among those that it has open.
    fn lists(&self, path: &Path) -> Result<bool, RecordedProcessError> {
        let unread = |source| self.unread("which files it has open cannot be read", source);
        let file = fs::symlink_metadata(path).map_err(unread)?;
        let mut refused = None;
        for entry in fs::read_dir(self.proc("fd")).map_err(unread)?.flatten() {
            match fs::metadata(entry.path()) {
                Ok(open) if is_same(&open, &file) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused = Some(error),
                _ => {}
            }
        }
        refused.map_or(Ok(false), |error| Err(unread(error)))
    }

    /// Goes on if it runs the same file as this process, as far as the system says: of a process that keeps its memory to
    /// itself it does not.
    ///
    /// # Errors
    /// That it does not.
    pub fn is_this_program(self) -> Result<Self, RecordedProcessError> {
        let unread = |source| self.unread("which program it runs cannot be read", source);
        let own = fs::metadata("/proc/self/exe").map_err(unread)?;
        let its = match fs::metadata(self.proc("exe")) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(self),
            its => its.map_err(unread)?,
        };
        if is_same(&own, &its) {
            return Ok(self);
        }
        let program = fs::read_link(self.proc("exe")).map_err(unread)?;
        Err(RecordedProcessError::OtherProgram { pid: self.id(), program })
    }

    /// Asks it to end (SIGTERM), and to go on for that if it was stopped (SIGCONT).
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn terminate(&self) -> Result<(), RecordedProcessError> {
        let sent = self.handle.signal(self.pid, Signal::TERM);
        // It may have ended by now.
        let _ = self.handle.signal(self.pid, Signal::CONT);
        sent.map_err(|source| ended_or(self.id(), "cannot be signalled", source))
    }

    /// Whether it is stopped, as by Ctrl-Z: in the background of a shell it stays so whoever tells it to go on.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(self.proc("stat")).unwrap_or_default();
        after_name(&stat).is_some_and(|mut fields| fields.next() == Some("T"))
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.id().to_string()).join(name)
    }

    fn unread(&self, what: &'static str, source: io::Error) -> RecordedProcessError {
        RecordedProcessError::System { pid: self.id(), what, source }
    }
}

/// What a signal goes to.
#[derive(Debug)]
enum Handle {
    /// The process itself (Linux 5.3 and newer).
    #[cfg(target_os = "linux")]
    Process(std::os::fd::OwnedFd),
    /// Whatever has the id at that moment. Where the system has nothing better, the time between check and signal is short.
    Id,
}

impl Handle {
    #[cfg(target_os = "linux")]
    fn open(pid: Pid) -> io::Result<Self> {
        use rustix::io::Errno;
        use rustix::process::{PidfdFlags, pidfd_open};
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => Ok(Self::Process(process)),
            // An old kernel, or a container whose filter does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => Ok(Self::Id),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, reason = "it is as on Linux")]
    fn open(_: Pid) -> io::Result<Self> {
        Ok(Self::Id)
    }

    fn signal(&self, pid: Pid, signal: Signal) -> io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Self::Process(process) => Ok(rustix::process::pidfd_send_signal(process, signal)?),
            Self::Id => Ok(kill_process(pid, signal)?),
        }
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn ended_or(pid: i32, what: &'static str, source: io::Error) -> RecordedProcessError {
    let has_ended = source.kind() == io::ErrorKind::NotFound
        || source.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error());
    if has_ended {
        RecordedProcessError::Ended(pid)
    } else {
        RecordedProcessError::System { pid, what, source }
    }
}

fn boot() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

/// When a process started, in clock ticks since the boot.
fn ticks(process: &str) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    start_in(&stat).ok_or_else(|| io::Error::other("/proc/PID/stat has another form than expected"))
}

/// Field 22.
fn start_in(stat: &str) -> Option<u64> {
    after_name(stat)?.nth(22 - 3)?.parse().ok()
}

/// The fields from the third on. The second one is the program's name in brackets, which may hold brackets and spaces of
/// its own.
fn after_name(stat: &str) -> Option<impl Iterator<Item = &str>> {
    Some(stat.rsplit_once(')')?.1.split_whitespace())
}

#[cfg(test)]
mod tests;
