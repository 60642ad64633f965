//! Processes that a file names by their id. An id alone is not safe: ids are reused, and 0, 1 or a negative id reach
//! other processes or several. So a process is signalled only if it is shown to be the recorded one.

#[cfg(target_os = "linux")]
mod locks;
/// On systems where a process cannot hide its memory.
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

/// When a process started. Together with the id, this identifies a process for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStart {
    /// The boot of the host (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// Clock ticks since that boot (field 22 of `/proc/PID/stat`, `proc_pid_stat(5)`).
    pub ticks: u64,
}

impl ProcessStart {
    /// The start of this process, if the system provides it (Linux).
    #[must_use]
    pub fn of_this() -> Option<Self> {
        Some(Self { boot: boot()?, ticks: ticks("self").ok()? })
    }
}

/// Why a process is not shown to be the recorded one, or cannot be signalled.
#[derive(Debug, thiserror::Error)]
pub enum RecordedProcessError {
    /// The id would reach a process group, all processes, or the first one.
    #[error(
        "process {0} is the first process of a container or a process group, which is not signalled; end it there"
    )]
    Id(i32),
    /// The record was written by an older version, or on a system without `/proc`.
    #[error("the record does not say when process {0} started, so another process may have that id by now")]
    NoStart(i32),
    /// The host was rebooted since, or this is another host with the same name.
    #[error("process {0} was recorded before this host booted, or on another host with this name")]
    OtherBoot(i32),
    /// The process has ended.
    #[error("process {0} has ended, or runs in a container and is not visible here")]
    Ended(i32),
    /// The process has ended, and its id is reused.
    #[error("process {0} has ended, and another process has that id now")]
    Reused(i32),
    /// The process does not have the file open.
    #[error("process {pid} does not have {path} open", path = .path.display())]
    NotOpen {
        /// Its id.
        pid: i32,
        /// The file.
        path: PathBuf,
    },
    /// Another process has locked the file.
    #[error("process {holder} has locked {path}, not process {pid}", path = .path.display())]
    NotHolder {
        /// Its id.
        pid: i32,
        /// The file.
        path: PathBuf,
        /// The id of that process.
        holder: i32,
    },
    /// The process is not this gonogo, or its file was replaced since it started.
    #[error("process {pid} runs {program}, which is not the file of this gonogo", program = .program.display())]
    OtherProgram {
        /// Its id.
        pid: i32,
        /// The program that it runs.
        program: PathBuf,
    },
    /// A system error.
    #[error("process {pid}: {what}: {source}")]
    System {
        /// Its id.
        pid: i32,
        /// What failed.
        what: &'static str,
        /// The system error.
        source: io::Error,
    },
}

/// A process that is the recorded one. As long as this is held, a signal reaches it or nothing.
#[derive(Debug)]
pub struct RecordedProcess {
    pid: Pid,
    handle: ProcessHandle,
}

impl RecordedProcess {
    /// Opens the recorded process, if it is still running.
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
        // Opened first: everything that is read later is about this process; or it has ended, and signals reach
        // nothing.
        let handle = ProcessHandle::open(id).map_err(|source| ended_or(pid, "cannot be opened", source))?;
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

    /// Continues if the process has the only lock of a file; or, if no lock is visible, if it has the file open, under
    /// any name. For a process with protected memory, as gonogo is, only root can see its open files.
    ///
    /// # Errors
    /// When it does not, or the system does not say.
    pub fn require_lock(self, path: &Path) -> Result<Self, RecordedProcessError> {
        let (pid, path) = (self.id(), path.to_owned());
        match locks::holder(&path) {
            Ok(Some(holder)) if holder == pid => Ok(self),
            Ok(Some(holder)) => Err(RecordedProcessError::NotHolder { pid, path, holder }),
            // If the system shows no lock, the open files decide.
            Ok(None) | Err(_) if self.has_file_open(&path)? => Ok(self),
            Ok(None) | Err(_) => Err(RecordedProcessError::NotOpen { pid, path }),
        }
    }

    /// Whether a file is among its open files.
    fn has_file_open(&self, path: &Path) -> Result<bool, RecordedProcessError> {
        let system_error = |source| self.system_error("which files it has open cannot be read", source);
        let file = fs::symlink_metadata(path).map_err(system_error)?;
        let mut refused = None;
        for entry in fs::read_dir(self.proc("fd")).map_err(system_error)?.flatten() {
            match fs::metadata(entry.path()) {
                Ok(open) if is_same(&open, &file) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused = Some(error),
                _ => {}
            }
        }
        refused.map_or(Ok(false), |error| Err(system_error(error)))
    }

    /// Continues if it runs the same file as this process, as far as the system shows; it does not for a process with
    /// protected memory.
    ///
    /// # Errors
    /// When it does not.
    pub fn require_this_program(self) -> Result<Self, RecordedProcessError> {
        let system_error = |source| self.system_error("which program it runs cannot be read", source);
        let own = fs::metadata("/proc/self/exe").map_err(system_error)?;
        let other = match fs::metadata(self.proc("exe")) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(self),
            other => other.map_err(system_error)?,
        };
        if is_same(&own, &other) {
            return Ok(self);
        }
        let program = fs::read_link(self.proc("exe")).map_err(system_error)?;
        Err(RecordedProcessError::OtherProgram { pid: self.id(), program })
    }

    /// Sends SIGTERM, and SIGCONT in case it is stopped.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn terminate(&self) -> Result<(), RecordedProcessError> {
        let sent = self.handle.signal(self.pid, Signal::TERM);
        // It may have ended by now.
        let _ = self.handle.signal(self.pid, Signal::CONT);
        sent.map_err(|source| ended_or(self.id(), "cannot be signalled", source))
    }

    /// Whether it is stopped, as by Ctrl-Z. In the background of a shell it stays stopped, even after SIGCONT.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(self.proc("stat")).unwrap_or_default();
        after_name(&stat).is_some_and(|mut fields| fields.next() == Some("T"))
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.id().to_string()).join(name)
    }

    fn system_error(&self, what: &'static str, source: io::Error) -> RecordedProcessError {
        RecordedProcessError::System { pid: self.id(), what, source }
    }
}

/// The target of a signal.
#[derive(Debug)]
enum ProcessHandle {
    /// The process itself (Linux 5.3 and newer).
    #[cfg(target_os = "linux")]
    Process(std::os::fd::OwnedFd),
    /// The id. Without anything better, at least the time between check and signal is short.
    Id,
}

impl ProcessHandle {
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

fn is_same(first: &Metadata, second: &Metadata) -> bool {
    (first.dev(), first.ino()) == (second.dev(), second.ino())
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

/// The start of a process, in clock ticks since the boot.
fn ticks(process: &str) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    start_in(&stat).ok_or_else(|| io::Error::other("/proc/PID/stat has an unexpected format"))
}

/// Field 22.
fn start_in(stat: &str) -> Option<u64> {
    after_name(stat)?.nth(22 - 3)?.parse().ok()
}

/// The fields from the third on. The second one is the program's name in brackets, which may contain brackets and
/// spaces.
fn after_name(stat: &str) -> Option<impl Iterator<Item = &str>> {
    Some(stat.rsplit_once(')')?.1.split_whitespace())
}

#[cfg(test)]
mod tests;
