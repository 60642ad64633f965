//! Runs the real binary in a temporary home directory.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::keys::SshKey;
use super::terminal::Terminal;
use super::wait;

/// The program under test.
pub const GONOGO: &str = env!("CARGO_BIN_EXE_gonogo");

const DEADLINE: Duration = Duration::from_mins(1);

/// A home directory, an environment and arguments for one or more runs of the program.
#[must_use]
pub struct Sandbox {
    dir: TempDir,
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdin: String,
    /// Where programs run, if not in the working directory.
    current_dir: Option<PathBuf>,
}

/// The output and the exit status of a finished run.
#[must_use]
#[derive(Debug)]
pub struct Output {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    pub status: ExitStatus,
}

/// The program, running without a terminal; killed on drop.
#[must_use]
pub struct Running {
    child: Child,
    stdout: File,
    stderr: File,
}

impl Sandbox {
    /// An empty home directory with `config/`, `state/` and `work/`; `work/` is the working directory.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["config", "state", "data", "cache", "work", "tmp"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let (program, stdin) = (GONOGO.into(), String::new());
        let mut sandbox = Self { dir, program, args: vec![], env: vec![], stdin, current_dir: None };
        sandbox.env = sandbox.base_env();
        sandbox
    }

    fn base_env(&self) -> Vec<(OsString, OsString)> {
        let root = self.dir.path();
        let mut env: Vec<(OsString, OsString)> =
            ["PATH", "LANG"].iter().filter_map(|key| Some((key.into(), env::var_os(key)?))).collect();
        let at = |name: &str| root.join(name).into_os_string();
        env.push(("HOME".into(), root.into()));
        env.push(("TERM".into(), "xterm-256color".into()));
        for (key, name) in [("CONFIG", "config"), ("STATE", "state"), ("DATA", "data"), ("CACHE", "cache")] {
            env.push((format!("XDG_{key}_HOME").into(), at(name)));
        }
        env.push(("TMPDIR".into(), at("tmp")));
        env.push(("GIT_CONFIG_GLOBAL".into(), "/dev/null".into()));
        env.push(("GIT_CONFIG_NOSYSTEM".into(), "1".into()));
        env
    }

    /// Runs another program than gonogo, in the same sandbox.
    pub fn program(mut self, program: &str) -> Self {
        self.program = program.into();
        self
    }

    /// Writes `profile.toml` into the working directory.
    pub fn profile(self, toml: &str) -> Self {
        self.file("profile.toml", toml)
    }

    /// Writes `checklist.toml` into the working directory.
    pub fn checklist(self, toml: &str) -> Self {
        self.file("checklist.toml", toml)
    }

    /// Writes a file into the working directory.
    pub fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.work().join(name), text).unwrap();
        self
    }

    /// Sets the arguments of the next run.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an environment variable.
    pub fn env(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.env.push((key.into(), value.into()));
        self
    }

    /// Sets the standard input of the program.
    pub fn stdin(mut self, text: &str) -> Self {
        text.clone_into(&mut self.stdin);
        self
    }

    /// Runs programs in this directory. Files are still written into the working directory.
    pub fn current_dir(mut self, directory: &Path) -> Self {
        self.current_dir = Some(directory.to_owned());
        self
    }

    fn program_dir(&self) -> PathBuf {
        self.current_dir.clone().unwrap_or_else(|| self.work())
    }

    /// The working directory.
    pub fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// The configuration directory, `XDG_CONFIG_HOME`.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// The state directory, `XDG_STATE_HOME`.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The run logs of an environment, oldest first.
    pub fn logs(&self, environment: &str) -> Vec<PathBuf> {
        let dir = self.state().join("gonogo/runs").join(environment);
        let entries = fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path());
        let mut logs: Vec<_> =
            entries.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).collect();
        logs.sort();
        logs
    }

    /// Generates an operator's SSH key in the working directory.
    #[track_caller]
    pub fn key(&self, name: &str) -> SshKey {
        SshKey::make(&self.work(), name, "")
    }

    /// Generates an operator's SSH key with a passphrase.
    #[track_caller]
    pub fn key_with_passphrase(&self, name: &str, passphrase: &str) -> SshKey {
        SshKey::make(&self.work(), name, passphrase)
    }

    /// Writes an `allowed_signers` file of principals and keys.
    pub fn allowed_signers(&self, signers: &[(&str, &SshKey)]) -> PathBuf {
        let lines: String = signers.iter().map(|(principal, key)| key.allowed(principal, "")).collect();
        let path = self.work().join("allowed_signers");
        fs::write(&path, lines).unwrap();
        path
    }

    /// Runs the program and waits for its exit.
    #[track_caller]
    pub fn run(&self) -> Output {
        self.start().finish()
    }

    /// The digest of the permissions that a profile needs, for `--trust`.
    #[track_caller]
    pub fn digest(&self, profile: &str) -> String {
        self.digest_in(&self.work(), profile)
    }

    /// The same, from another current directory.
    #[track_caller]
    pub fn digest_in(&self, directory: &Path, profile: &str) -> String {
        let mut doctor = self.command(GONOGO);
        let output =
            doctor.current_dir(directory).args(["doctor", "--trust-digest", profile]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Starts the program without a terminal.
    #[track_caller]
    pub fn start(&self) -> Running {
        self.start_with(&self.args)
    }

    /// Runs the program with other arguments and waits for its exit.
    #[track_caller]
    pub fn run_with(&self, args: &[&str]) -> Output {
        self.start_with(args).finish()
    }

    /// Starts the program without a terminal, with other arguments.
    #[track_caller]
    pub fn start_with(&self, args: &[impl AsRef<OsStr>]) -> Running {
        let file = || tempfile::tempfile().unwrap();
        let (mut stdin, stdout, stderr) = (file(), file(), file());
        stdin.write_all(self.stdin.as_bytes()).unwrap();
        stdin.rewind().unwrap();
        let child = self
            .command(&self.program)
            .args(args)
            .stdin(if self.stdin.is_empty() { Stdio::null() } else { stdin.into() })
            .stdout(stdout.try_clone().unwrap())
            .stderr(stderr.try_clone().unwrap())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", self.program.display()));
        Running { child, stdout, stderr }
    }

    /// A command for another program, in the same directory and environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.env.iter().cloned()).current_dir(self.program_dir());
        command
    }

    /// Starts the program in a real terminal of this many columns and rows.
    #[track_caller]
    pub fn terminal(&self, columns: u16, rows: u16) -> Terminal {
        Terminal::open(&self.program, &self.args, &self.env, &self.program_dir(), (columns, rows))
    }
}

impl Running {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has exited.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Its standard output so far.
    pub fn stdout(&self) -> String {
        text(&self.stdout)
    }

    /// Waits for its exit.
    #[track_caller]
    pub fn finish(mut self) -> Output {
        let status = wait::within(DEADLINE, || self.child.try_wait().unwrap());
        let (stdout, stderr) = (text(&self.stdout), text(&self.stderr));
        let Some(status) = status else {
            panic!("still running after {DEADLINE:?}\nstdout:\n{stdout}\nstderr:\n{stderr}");
        };
        Output { stdout, stderr, status }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    /// Asserts this exit code.
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert_eq!(self.status.code(), Some(expected), "exit code; {self}");
        self
    }

    /// Asserts that standard output contains this text.
    #[track_caller]
    pub fn stdout_has(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "expected {text:?} on standard output; {self}");
        self
    }

    /// Asserts that standard error contains this text.
    #[track_caller]
    pub fn stderr_has(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "expected {text:?} on standard error; {self}");
        self
    }

    /// Asserts that neither stream contains this text, such as a secret.
    #[track_caller]
    pub fn lacks(self, text: &str) -> Self {
        let both = [&self.stdout, &self.stderr];
        assert!(!both.iter().any(|stream| stream.contains(text)), "unexpected {text:?}; {self}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("not JSON: {e}; {self}"))
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\nstdout:\n{}\nstderr:\n{}", self.status, self.stdout, self.stderr)
    }
}

/// Sends a signal by name, such as `TERM` or `KILL`, to one process.
#[track_caller]
pub fn signal(pid: u32, name: &str) {
    // The `kill` of the shell: the program of that name may not be installed.
    let sent = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, name, &pid.to_string()]).status();
    assert!(sent.unwrap().success(), "could not send {name} to {pid}");
}

fn text(file: &File) -> String {
    let mut bytes = Vec::new();
    // The child process shares the position of the open file, so read by offset.
    let mut at = 0;
    let mut chunk = [0; 8192];
    while let Ok(n @ 1..) = file.read_at(&mut chunk, at) {
        bytes.extend_from_slice(&chunk[..n]);
        at += n as u64;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether only the owner has access to `path`.
pub fn is_private(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode().trailing_zeros() >= 6)
}
