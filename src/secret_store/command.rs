//! Reading a secret from the output of a program.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{MAX_FILE, ReadSecretError, without_line_end};
use crate::process::{Child, ExitStatus, Launch, Permit, ProcessGroup, ProcessTree, Stdio};
use crate::stopwatch::Pause;
use gonogo_core::secret::{Redactor, Secret, needles};
use gonogo_core::text;
use gonogo_core::time::span;

/// The timeout of a secret command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// The timeout if a person may have to type, or to find a key.
const PROMPT_TIMEOUT: Duration = Duration::from_mins(1);
/// Grace period for draining the output after the exit; descendants may keep it open.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(300);
/// How much of the end of stderr is kept, and how much of that is shown, in bytes.
const MAX_STDERR: usize = 4096;
const MAX_STDERR_SHOWN: usize = 300;

/// The variable with which gpg finds a terminal that it has not inherited.
const GPG_TTY: &str = "GPG_TTY";

/// Whether secret commands may prompt on the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminal {
    /// They may: no screen uses it.
    #[default]
    Shared,
    /// They may not: the screen uses it. They run in their own session, without a terminal.
    Withheld,
}

/// There is one terminal and one person, so only one program prompts at a time, and nothing else is written meanwhile.
static TERMINAL: Mutex<()> = Mutex::const_new(());

/// Writes to the terminal when no program prompts on it.
pub fn when_not_prompting(write: impl FnOnce()) {
    if let Ok(_free) = TERMINAL.try_lock() {
        write();
    }
}

/// A program prompts on the terminal. It starts on an empty line; deadlines are paused meanwhile.
struct PromptGuard {
    _terminal: MutexGuard<'static, ()>,
    _pause: Pause,
}

impl PromptGuard {
    async fn begin() -> Self {
        let terminal = TERMINAL.lock().await;
        if let Ok(mut tty) = File::options().write(true).open("/dev/tty") {
            let _ = tty.write_all(b"\r\x1b[K");
        }
        Self { _terminal: terminal, _pause: Pause::begin() }
    }
}

/// How a program is launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LaunchMode {
    /// In the group of this program, because another group cannot read from the terminal.
    Prompting,
    /// In its own group.
    Group,
    /// In its own session.
    Session,
}

/// What is ended together with the program.
enum CommandProcesses {
    Group(ProcessGroup),
    Tree(ProcessTree),
}

/// The output of a program.
#[derive(Default)]
struct CommandOutput {
    stdout: Zeroizing<Vec<u8>>,
    is_too_long: bool,
    stderr: Zeroizing<Vec<u8>>,
}

/// Runs the program and reads its output. All that it has started is ended with it.
pub(super) async fn read(
    argv: &[String],
    terminal: Terminal,
    redactor: &Redactor,
    permit: &Permit,
) -> Result<Secret, ReadSecretError> {
    let mode = LaunchMode::of(terminal);
    let result = run(argv, mode, mode.deadline(), redactor, permit).await;
    let program = argv.first().map_or("", String::as_str);
    result.map_err(|why| ReadSecretError::Command { command: program.to_owned(), why })
}

/// Like `read`, but with the reason as a text.
async fn run(
    argv: &[String],
    mode: LaunchMode,
    deadline: Duration,
    redactor: &Redactor,
    permit: &Permit,
) -> Result<Secret, String> {
    let _prompt = if mode == LaunchMode::Prompting { Some(PromptGuard::begin().await) } else { None };
    let (mut child, started) = mode.start(argv, permit).map_err(|error| error.to_string())?;
    let mut output = CommandOutput::default();
    let Ok(status) = timeout(deadline, output.run(&mut child)).await else {
        started.end(&mut child).await;
        return Err(output.explain(&format!("no output within {}", span(deadline)), redactor));
    };
    started.on_exit();
    let status = status.map_err(|error| error.to_string())?;
    output.secret(status).map_err(|why| output.explain(&why, redactor))
}

impl LaunchMode {
    fn of(terminal: Terminal) -> Self {
        match terminal {
            Terminal::Withheld => Self::Session,
            Terminal::Shared if File::open("/dev/tty").is_ok() => Self::Prompting,
            Terminal::Shared => Self::Group,
        }
    }

    const fn deadline(self) -> Duration {
        match self {
            Self::Prompting => PROMPT_TIMEOUT,
            Self::Group | Self::Session => COMMAND_TIMEOUT,
        }
    }

    fn start(self, argv: &[String], permit: &Permit) -> io::Result<(Child, CommandProcesses)> {
        let launch = match self {
            Self::Prompting => Launch::of(argv)?,
            Self::Group => Launch::of(argv)?.own_group(),
            Self::Session => Launch::in_own_session(argv)?.env_remove([GPG_TTY]),
        };
        let child = launch.streams(Stdio::null(), Stdio::piped(), Stdio::piped()).spawn(permit)?;
        let started = match self {
            Self::Prompting => CommandProcesses::Tree(ProcessTree::of(&child)),
            Self::Group | Self::Session => CommandProcesses::Group(ProcessGroup::of(&child)),
        };
        Ok((child, started))
    }
}

impl CommandProcesses {
    /// Ends the program and what it has started.
    async fn end(self, child: &mut Child) {
        match self {
            Self::Group(mut group) => {
                group.end(child).await;
            }
            Self::Tree(family) => {
                drop(family);
                let _ = child.wait().await;
            }
        }
    }

    /// The program has exited. Its remaining processes are ended too, if they can be identified.
    fn on_exit(self) {
        match self {
            Self::Group(mut group) => group.kill(),
            Self::Tree(mut family) => family.release(),
        }
    }
}

impl CommandOutput {
    /// Reads the output until the program has exited.
    async fn run(&mut self, child: &mut Child) -> io::Result<ExitStatus> {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let Self { stdout, is_too_long, stderr } = self;
        let reading = async {
            tokio::join!(read_head(out, stdout, is_too_long), read_tail(err, stderr));
        };
        tokio::pin!(reading);
        tokio::select! {
            status = child.wait() => {
                let _ = timeout(DRAIN_TIMEOUT, reading).await;
                status
            }
            () = &mut reading => child.wait().await,
        }
    }

    fn secret(&self, status: ExitStatus) -> Result<Secret, String> {
        if !status.success() {
            return Err(status.to_string());
        }
        if self.is_too_long {
            return Err(format!("its output exceeds {} KiB", MAX_FILE >> 10));
        }
        let text = String::from_utf8(self.stdout.to_vec());
        text.map(without_line_end).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            "output is not UTF-8".to_owned()
        })
    }

    /// The reason why there is no secret, with the end of stderr; the output is redacted in it.
    fn explain(&self, why: &str, redactor: &Redactor) -> String {
        let stdout = String::from_utf8_lossy(&self.stdout).trim_end().to_owned();
        let stdout = Zeroizing::new(stdout);
        let lines = stdout.lines().map(str::trim).flat_map(needles);
        let needles_of_output =
            needles(&stdout).into_iter().chain(lines).map(|needle| ("output".to_owned(), needle));
        // One search for all, so that no placeholder is redacted again.
        let redactor = Redactor::new(redactor.needles().iter().cloned().chain(needles_of_output));
        let stderr = text::line(String::from_utf8_lossy(&self.stderr).trim());
        let stderr = redactor.redact(&stderr, &mut BTreeMap::new());
        let from = stderr.ceil_char_boundary(stderr.len().saturating_sub(MAX_STDERR_SHOWN));
        let cut = if from > 0 || self.stderr.len() == MAX_STDERR { "…" } else { "" };
        if stderr.is_empty() { why.to_owned() } else { format!("{why}; stderr: {cut}{}", &stderr[from..]) }
    }
}

/// Reads to the end, and keeps the start.
async fn read_head(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>, is_too_long: &mut bool) {
    let limit = usize::try_from(MAX_FILE).unwrap_or(usize::MAX);
    for_each_chunk(from, |piece| {
        let left = limit - into.len();
        into.extend_from_slice(&piece[..piece.len().min(left)]);
        *is_too_long |= piece.len() > left;
    })
    .await;
}

/// Reads to the end, and keeps the end.
async fn read_tail(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) {
    for_each_chunk(from, |piece| {
        into.extend_from_slice(piece);
        into.drain(..into.len().saturating_sub(MAX_STDERR));
    })
    .await;
}

async fn for_each_chunk(from: Option<impl AsyncRead + Unpin>, mut on_chunk: impl FnMut(&[u8])) {
    let Some(mut from) = from else { return };
    let mut piece = Zeroizing::new(vec![0; 16 << 10]);
    loop {
        match from.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(length) => on_chunk(&piece[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;

    async fn run(script: &str, mode: LaunchMode, deadline: Duration) -> Result<Secret, String> {
        let argv = ["sh", "-c", script].map(str::to_owned);
        super::run(&argv, mode, deadline, &Redactor::default(), &Permit::for_tests()).await
    }

    async fn error_of(script: &str) -> String {
        run(script, LaunchMode::Group, COMMAND_TIMEOUT).await.unwrap_err()
    }

    #[tokio::test]
    async fn its_error_output_is_reported_shortened_and_redacted() {
        let error = error_of("echo swordfish; echo 'no key for swordfish' >&2; exit 3").await;
        assert_eq!(error, "exit status: 3; stderr: no key for [redacted: output]");
        let error = error_of("seq 1 5000 >&2; printf '\\033[31mlast' >&2; exit 1").await;
        assert!(error.ends_with("last") && error.len() < 400 && !error.contains('\x1b'), "{error}");
        assert_eq!(error_of("exit 1").await, "exit status: 1");
    }

    #[tokio::test]
    async fn output_beyond_the_limit_is_rejected() {
        let error = error_of("head -c 2000000 /dev/zero").await;
        assert!(error.contains("its output exceeds 1024 KiB"), "{error}");
    }

    #[tokio::test]
    async fn only_the_end_of_its_error_output_is_kept() {
        let stderr = [vec![b'x'; 100_000], b"the end".to_vec()].concat();
        let mut tail = Vec::new();
        read_tail(Some(stderr.as_slice()), &mut tail).await;
        assert!(tail.len() == MAX_STDERR && tail.ends_with(b"xthe end"), "{} bytes", tail.len());
    }

    #[tokio::test]
    async fn its_child_processes_end_with_it() {
        let (home, pid, script) = starting("echo swordfish");
        assert_eq!(run(&script, LaunchMode::Group, COMMAND_TIMEOUT).await.unwrap().expose(), "swordfish");
        assert_gone(&pid).await;
        drop(home);
    }

    #[tokio::test]
    async fn at_the_timeout_it_ends_with_its_child_processes() {
        for mode in [LaunchMode::Group, LaunchMode::Prompting] {
            let (home, pid, script) = starting("echo waiting >&2; wait");
            // Long enough to start; the machine determines how long that takes.
            let mut deadline = Duration::from_millis(200);
            while !pid.exists() {
                deadline *= 2;
                let error = run(&script, mode, deadline).await.unwrap_err();
                assert!(error.starts_with("no output within "), "{error}");
            }
            assert_gone(&pid).await;
            drop(home);
        }
    }

    #[tokio::test]
    async fn it_ends_when_the_future_is_dropped() {
        for mode in [LaunchMode::Group, LaunchMode::Prompting] {
            let (home, pid, script) = starting("wait");
            let reading = tokio::spawn(async move { run(&script, mode, COMMAND_TIMEOUT).await.map(|_| ()) });
            until(|| std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))).await;
            reading.abort();
            let _ = reading.await;
            assert_gone(&pid).await;
            drop(home);
        }
    }

    /// A script that starts another program, writes its process id to a file, and then runs `rest`.
    fn starting(rest: &str) -> (tempfile::TempDir, std::path::PathBuf, String) {
        let home = tempfile::tempdir().unwrap();
        let pid = home.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; {rest}", pid.display());
        (home, pid, script)
    }

    async fn assert_gone(pid: &Path) {
        let pid = std::fs::read_to_string(pid).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        // A zombie has ended too, if nobody reaps it.
        until(|| std::fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z"))).await;
    }

    async fn until(condition: impl Fn() -> bool) {
        let started = Instant::now();
        while !condition() {
            assert!(started.elapsed() < Duration::from_secs(30), "in vain");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
