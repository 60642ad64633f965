//! The only way to start a program, for blocking and for asynchronous code. Every start needs a [`Permit`], which a
//! command gets only after trust was given; `tests/layers` finds programs that are started in any other way.

mod git;
mod group;
mod memory;
mod permit;
mod python;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tracing::debug;

pub use std::process::{Child as BlockingChild, ExitStatus, Stdio};
pub use tokio::process::{Child, ChildStdin};

pub use self::git::{Scope, git, user_git_settings};
pub use self::group::{ProcessGroup, ProcessTree, kill_running, terminate};
pub use self::memory::keep_private;
pub use self::permit::Permit;
pub use self::python::find_python_module;

/// The timeout of [`Launch::output`].
const OUTPUT_TIMEOUT: Duration = Duration::from_secs(5);

/// The file that a start of this program would execute: a path, or a name that is searched in `PATH`.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let is_executable = |file: &Path| {
        fs::metadata(file).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|file| is_executable(file));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| is_executable(file))
}

/// A program to start, and how. Nothing is looked up or started before `spawn`.
#[derive(Debug)]
pub struct Launch(Command);

impl Launch {
    /// A program without arguments, with the standard streams, the directory and the environment of this process.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self(Command::new(program))
    }

    /// A program with arguments.
    ///
    /// # Errors
    /// When the list is empty (`InvalidInput`).
    pub fn of(argv: &[String]) -> io::Result<Self> {
        let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self::new(program).args(arguments))
    }

    /// A program with arguments, in its own session: it has no terminal, and leads a group. This program starts itself
    /// for that (`supervise`), and then executes it.
    ///
    /// # Errors
    /// When the list is empty (`InvalidInput`), or this program cannot be found.
    pub fn in_own_session(argv: &[String]) -> io::Result<Self> {
        if argv.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self::new(own_program()?).args(["supervise", "--"]).args(argv))
    }

    /// The program, as it was named.
    #[must_use]
    pub fn program(&self) -> String {
        self.0.get_program().to_string_lossy().into_owned()
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.0.args(arguments);
        self
    }

    /// Adds or replaces environment variables.
    #[must_use]
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.0.envs(variables);
        self
    }

    /// Removes environment variables.
    #[must_use]
    pub fn env_remove<K: AsRef<OsStr>>(mut self, variables: impl IntoIterator<Item = K>) -> Self {
        for name in variables {
            self.0.env_remove(name);
        }
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn directory(mut self, directory: &Path) -> Self {
        self.0.current_dir(directory);
        self
    }

    /// Makes it the leader of a process group, so that signals reach its descendants too.
    #[must_use]
    pub fn own_group(mut self) -> Self {
        self.0.process_group(0);
        self
    }

    /// Sets its standard input, output and error.
    #[must_use]
    pub fn streams(
        mut self,
        input: impl Into<Stdio>,
        output: impl Into<Stdio>,
        error: impl Into<Stdio>,
    ) -> Self {
        self.0.stdin(input).stdout(output).stderr(error);
        self
    }

    /// Starts it for asynchronous code. It is killed when the child is dropped.
    ///
    /// # Errors
    /// When the system cannot start it.
    pub fn spawn(self, _: &Permit) -> io::Result<Child> {
        self.log();
        tokio::process::Command::from(self.0).kill_on_drop(true).spawn()
    }

    /// The same; it continues when the child is dropped.
    ///
    /// # Errors
    /// When the system cannot start it.
    pub fn spawn_detached(self, _: &Permit) -> io::Result<Child> {
        self.log();
        tokio::process::Command::from(self.0).spawn()
    }

    /// Starts it for blocking code. It continues when the child is dropped.
    ///
    /// # Errors
    /// When the system cannot start it.
    pub fn spawn_blocking(mut self, _: &Permit) -> io::Result<BlockingChild> {
        self.log();
        // `self` closes this process's ends of its streams: with a write end left open here, the pipe would never end.
        self.0.spawn()
    }

    /// Runs it to its end without input, and returns its output.
    ///
    /// # Errors
    /// When the system cannot start it, or it exceeds the timeout (`TimedOut`) and is killed: its input may be crafted
    /// to block it.
    pub fn output(mut self, _: &Permit) -> io::Result<Output> {
        self.log();
        let mut child = self.0.stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let (sender, output) = mpsc::channel();
        let stream = child.stdout.take();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stream.map_or(Ok(0), |mut stream| stream.read_to_end(&mut bytes));
            // It is not waited for after the timeout.
            let _ = sender.send(read.map(|_| bytes));
        });
        let Ok(stdout) = output.recv_timeout(OUTPUT_TIMEOUT) else {
            child.kill()?;
            child.wait()?;
            return Err(io::ErrorKind::TimedOut.into());
        };
        let status = child.wait()?;
        debug!(program = %self.program(), %status, "program ended");
        Ok(Output { status, stdout: stdout?, stderr: Vec::new() })
    }

    /// Logs only the name: arguments may be secret.
    fn log(&self) {
        debug!(program = %self.program(), "program starts");
    }

    /// Replaces this process with it (`exec`). Returns only on an error.
    #[must_use]
    pub fn exec(mut self, _: &Permit) -> io::Error {
        self.0.exec()
    }
}

/// The path of this program, even if its file has been replaced since.
///
/// # Errors
/// The system error.
pub fn own_program() -> io::Result<PathBuf> {
    let link = Path::new("/proc/self/exe");
    if link.exists() { Ok(link.to_owned()) } else { std::env::current_exe() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_not_waited_for() {
        let result = Launch::new("sleep").args(["1000"]).output(&Permit::for_tests());
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_variable_is_removed_and_a_program_is_required() {
        let output_of = |launch: Launch| {
            let output = launch.output(&Permit::for_tests()).unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let echo = || Launch::new("sh").args(["-c", "echo $PATH-$A"]).envs([("A", "a")]);
        assert!(output_of(echo()).ends_with("-a\n") && output_of(echo()).len() > 3);
        assert_eq!(
            output_of(Launch::new("/bin/sh").args(["-c", "echo -$HOME-"]).env_remove(["HOME"])),
            "--\n"
        );
        assert_eq!(Launch::of(&[]).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
