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
/// How long outputs may stay open when the program has ended: what it started may hold them.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(300);

/// What is to be run.
pub(super) struct Program<'a> {
    pub(super) argv: &'a [String],
    pub(super) cwd: Option<&'a str>,
    pub(super) env: BTreeMap<String, String>,
}

/// What it came to.
pub(super) struct ProgramResult {
    pub(super) status: ExitStatus,
    pub(super) stdout: ReadBody,
    pub(super) stderr: ReadBody,
    pub(super) took: Duration,
}

/// Runs a program in a process group of its own, without input. At the deadline, or when nobody waits for
/// it any more, the group is ended.
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

/// The same, for a program that prints more: so much of each output is kept, in bytes.
pub(super) async fn run_keeping(
    program: Program<'_>,
    kept: usize,
    permit: &Permit,
    deadline: &Deadline,
) -> ProbeResult<ProgramResult> {
    let work = ProgramOptions { name: program.name(), input: None, kept };
    work.run(program.launch()?, permit, deadline).await
}

/// How a program is run.
pub(super) struct ProgramOptions<'a> {
    /// What it is called when it does not end.
    pub(super) name: String,
    /// What it reads.
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
        let begun = Instant::now();
        let Self { name, input, kept } = self;
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
                tokio::join!(write(stdin, input), read(out, &mut stdout, kept), read(err, &mut stderr, kept))
            };
            tokio::pin!(reading);
            tokio::select! {
                status = child.wait() => {
                    let all = timeout(DRAIN_TIMEOUT, reading).await.is_ok();
                    (status, all)
                }
                _ = &mut reading => (child.wait().await, true),
            }
        };
        match deadline.limit(name, work).await {
            Ok((status, all)) => {
                group.kill();
                if !all {
                    let why = "what it started still held its output when it ended; that was ended too";
                    stdout.cut.get_or_insert_with(|| ProbeError::new(why));
                }
                let status = status?;
                debug!(%program, %status, "program ended");
                Ok(ProgramResult { status, stdout, stderr, took: begun.elapsed() })
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
        let launch = Launch::of(self.argv).map_err(|_| ProbeError::new("there is no program to run"))?;
        let launch = launch.envs(self.env);
        match self.cwd {
            Some(cwd) if !Path::new(cwd).is_dir() => {
                Err(ProbeError::new(format!("there is no directory {cwd}")))
            }
            Some(cwd) => Ok(launch.directory(Path::new(cwd))),
            None => Ok(launch),
        }
    }
}

fn not_started(program: &str, error: &io::Error) -> ProbeError {
    ProbeError::new(match error.kind() {
        io::ErrorKind::NotFound => {
            format!("there is no program `{program}` here; install it, or see to PATH")
        }
        _ => format!("`{program}` cannot be started: {error}"),
    })
}

/// Writes all of it; a program that does not read it to the end has its reasons.
async fn write(to: Option<ChildStdin>, input: &[u8]) {
    if let Some(mut to) = to {
        let _ = to.write_all(input).await;
    }
}

/// Reads to the end, and keeps the begin.
async fn read(from: Option<impl AsyncRead + Unpin>, into: &mut ReadBody, kept: usize) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; 16 << 10];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) => return,
            Ok(length) => {
                let room = kept - into.bytes.len();
                into.bytes.extend_from_slice(&buffer[..length.min(room)]);
                if length > room {
                    into.cut.get_or_insert_with(|| {
                        ProbeError::new(format!(
                            "it prints more than {} MiB: only the begin was kept",
                            kept >> 20
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
        (false, _) => format!("; it had said: {}", stderr.excerpt()),
        (true, false) => format!("; it had said: {}", stdout.excerpt()),
    }
}
