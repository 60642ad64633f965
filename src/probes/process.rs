//! A program that a probe runs: none of its processes outlives the probe, and its output is capped.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use tracing::debug;

use super::content::ReadBody;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use crate::process::{ChildStdin, ExitStatus, Launch, Permit, ProcessGroup, Stdio};

/// The most that is kept of each of the two outputs, in bytes.
const MAX_OUTPUT: usize = 1 << 20;
/// How long outputs may stay open after the program has ended: its child processes may hold them.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(300);

/// A program to run.
pub(super) struct Program<'a> {
    pub(super) argv: &'a [String],
    pub(super) cwd: Option<&'a str>,
    pub(super) env: BTreeMap<String, String>,
}

/// The result of a program.
pub(super) struct ProgramResult {
    pub(super) status: ExitStatus,
    pub(super) stdout: ReadBody,
    pub(super) stderr: ReadBody,
    pub(super) took: Duration,
}

/// Runs a program in a process group of its own, without input. At the deadline, or when the future is
/// dropped, the group is ended.
pub(super) async fn run(
    program: Program<'_>,
    permit: &Permit,
    deadline: &Deadline,
) -> ProbeResult<ProgramResult> {
    run_keeping(program, MAX_OUTPUT, permit, deadline).await
}

/// The same, with something to read.
pub(super) async fn run_with_input(
    program: Program<'_>,
    input: &[u8],
    permit: &Permit,
    deadline: &Deadline,
) -> ProbeResult<ProgramResult> {
    let work = ProgramOptions { name: program.name(), input: Some(input), kept: MAX_OUTPUT };
    work.run(program.launch()?, permit, deadline).await
}

/// The same, for a program that prints more: up to `max_output` bytes of each output are kept.
pub(super) async fn run_keeping(
    program: Program<'_>,
    max_output: usize,
    permit: &Permit,
    deadline: &Deadline,
) -> ProbeResult<ProgramResult> {
    let work = ProgramOptions { name: program.name(), input: None, kept: max_output };
    work.run(program.launch()?, permit, deadline).await
}

/// How a program is run.
pub(super) struct ProgramOptions<'a> {
    /// Its name in a timeout message.
    pub(super) name: String,
    /// Its standard input.
    pub(super) input: Option<&'a [u8]>,
    /// How much of each output is kept, in bytes.
    pub(super) kept: usize,
}

impl ProgramOptions<'_> {
    /// Runs it, as above.
    pub(super) async fn run(
        self,
        launch: Launch,
        permit: &Permit,
        deadline: &Deadline,
    ) -> ProbeResult<ProgramResult> {
        let started = Instant::now();
        let Self { name, input, kept: max_output } = self;
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        let launch = launch.own_group().streams(stdin, Stdio::piped(), Stdio::piped());
        let program = launch.program();
        let mut child = launch.spawn(permit).map_err(|error| not_started(&program, &error))?;
        let mut group = ProcessGroup::of(&child);
        let (mut stdout, mut stderr) = (ReadBody::default(), ReadBody::default());
        let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let work = async {
            let reading = async {
                let input = input.unwrap_or_default();
                tokio::join!(
                    write(stdin, input),
                    read(out, &mut stdout, max_output),
                    read(err, &mut stderr, max_output)
                )
            };
            tokio::pin!(reading);
            tokio::select! {
                status = child.wait() => {
                    let is_drained = timeout(DRAIN_TIMEOUT, reading).await.is_ok();
                    (status, is_drained)
                }
                _ = &mut reading => (child.wait().await, true),
            }
        };
        match deadline.limit(name, work).await {
            Ok((status, is_drained)) => {
                group.kill();
                if !is_drained {
                    let why = "a background process kept its output open; it was killed";
                    stdout.cut.get_or_insert_with(|| ProbeError::new(why));
                }
                let status = status?;
                debug!(%program, %status, "program ended");
                Ok(ProgramResult { status, stdout, stderr, took: started.elapsed() })
            }
            Err(late) => {
                let how = group.end(&mut child).await;
                Err(ProbeError::new(format!("{late}; {how}{}", last_words(&stdout, &stderr))))
            }
        }
    }
}

impl Program<'_> {
    fn name(&self) -> String {
        self.argv.join(" ")
    }

    fn launch(self) -> ProbeResult<Launch> {
        let launch = Launch::of(self.argv).map_err(|_| ProbeError::new("no program given"))?;
        let launch = launch.envs(self.env);
        match self.cwd {
            Some(cwd) if !Path::new(cwd).is_dir() => {
                Err(ProbeError::new(format!("no such directory: {cwd}")))
            }
            Some(cwd) => Ok(launch.directory(Path::new(cwd))),
            None => Ok(launch),
        }
    }
}

fn not_started(program: &str, error: &io::Error) -> ProbeError {
    ProbeError::new(match error.kind() {
        io::ErrorKind::NotFound => {
            format!("program `{program}` not found; install it or add it to PATH")
        }
        _ => format!("`{program}` cannot be started: {error}"),
    })
}

/// Writes all of it. A program may stop reading early: that is not an error.
async fn write(to: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut to) = to {
        let _ = to.write_all(input).await;
    }
}

/// Reads to the end, and keeps the first `max` bytes.
async fn read(from: Option<impl AsyncRead + Unpin>, into: &mut ReadBody, max: usize) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 16 << 10];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) => return,
            Ok(length) => {
                let left = max - into.bytes.len();
                into.bytes.extend_from_slice(&buffer[..length.min(left)]);
                if length > left {
                    into.cut.get_or_insert_with(|| {
                        ProbeError::new(format!(
                            "more than {} MiB of output: only the first part was kept",
                            max >> 20
                        ))
                    });
                }
            }
            Err(error) => {
                into.cut = Some(error.into());
                return;
            }
        }
    }
}

fn last_words(stdout: &ReadBody, stderr: &ReadBody) -> String {
    match (stderr.bytes.is_empty(), stdout.bytes.is_empty()) {
        (true, true) => String::new(),
        (false, _) => format!("; last output: {}", stderr.excerpt()),
        (true, false) => format!("; last output: {}", stdout.excerpt()),
    }
}
