//! Shims for the command-line tools that the standard checklist runs. A shim's process sends its command line to the
//! stack, prints the output that comes back and writes the files that it receives. The tool itself is implemented
//! here, and acts on the stack.

pub mod client;
mod demo;
mod docker;
mod git;
mod kubectl;
mod poetry;
mod terraform;

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

pub(crate) use self::docker::trivy_report as scan_report;
use crate::servers::server::{BoxedTask, DEFAULT_STACK_SIZE, TaskThread};
use crate::stack::Services;

/// The longest line that is read from a shim's process, in bytes: a call with its input file.
const MAX_LINE: u64 = 8 << 20;

/// The tools that have a shim.
pub const TOOLS: [&str; 7] = ["docker", "git", "kubectl", "poetry", "python3", "terraform", "trivy"];

/// The first message of a shim's process: it asks the stack to prove that it has the key.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct KeyChallenge {
    /// Random, in hex.
    nonce: String,
}

impl KeyChallenge {
    /// The answer that proves possession of the key: HMAC-SHA256 of the nonce, in hex.
    fn proof(&self, key: &str) -> String {
        // HMAC takes a key of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap_or_else(|_| unreachable!());
        mac.update(self.nonce.as_bytes());
        base16ct::lower::encode_string(&mac.finalize().into_bytes())
    }
}

/// The call of a tool.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ToolCall {
    /// Authenticates the caller.
    key: String,
    tool: String,
    args: Vec<String>,
    /// The variables of the environment that a tool of the rehearsal reads.
    env: BTreeMap<String, String>,
    /// The content of the file that the last argument names, if it names one.
    input_file: Option<String>,
}

/// A message to a shim's process.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToolReply {
    /// Text for standard output.
    Stdout(String),
    /// Text for standard error.
    Stderr(String),
    /// A file to write.
    File { path: String, text: String },
    /// The exit code. The last message.
    Exit(i32),
}

/// The output of a tool: a connection to a shim's process.
pub(crate) struct ToolStream(UnixStream);

impl ToolStream {
    async fn send(&mut self, reply: &ToolReply) -> io::Result<()> {
        let mut line = serde_json::to_vec(reply)?;
        line.push(b'\n');
        self.0.write_all(&line).await
    }

    /// Writes a line to standard output.
    async fn stdout(&mut self, line: impl Into<String>) -> io::Result<()> {
        self.send(&ToolReply::Stdout(line.into() + "\n")).await
    }

    /// Writes a line to standard error.
    async fn stderr(&mut self, line: impl Into<String>) -> io::Result<()> {
        self.send(&ToolReply::Stderr(line.into() + "\n")).await
    }

    /// Writes lines to standard error, with a pause after each.
    async fn stderr_lines(&mut self, lines: &[&str], each: Duration) -> io::Result<()> {
        for line in lines {
            self.stderr(*line).await?;
            tokio::time::sleep(each).await;
        }
        Ok(())
    }

    async fn write_file(&mut self, path: &str, text: String) -> io::Result<()> {
        self.send(&ToolReply::File { path: path.to_owned(), text }).await
    }
}

/// The exit code of a tool.
pub(crate) type ToolResult = io::Result<i32>;

/// Serves shims that have the key, on a socket that is created at this path.
///
/// # Errors
/// When the socket cannot be created, or no thread is available.
pub(crate) fn start(services: Arc<Services>, key: String, socket: &Path) -> io::Result<TaskThread> {
    let listener = UnixListener::bind(socket)?;
    listener.set_nonblocking(true)?;
    TaskThread::start(DEFAULT_STACK_SIZE, move || -> BoxedTask {
        Box::pin(accept_tools(listener, services, key))
    })
}

async fn accept_tools(listener: UnixListener, services: Arc<Services>, key: String) {
    // This does not fail: the socket is bound and non-blocking.
    let Ok(listener) = tokio::net::UnixListener::from_std(listener) else { return };
    let key: Arc<str> = key.into();
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            let (services, key) = (Arc::clone(&services), Arc::clone(&key));
            // A write fails when the shim's process has been killed.
            tokio::spawn(async move { drop(run_connection(socket, &services, &key).await) });
        }
    }
}

async fn run_connection(socket: UnixStream, services: &Services, key: &str) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    let greeting: KeyChallenge = read_message(&mut socket).await?;
    socket.write_all(format!("{}\n", greeting.proof(key)).as_bytes()).await?;
    let call: ToolCall = read_message(&mut socket).await?;
    let mut stream = ToolStream(socket.into_inner());
    let code = if call.key == key { run_tool(&call, services, &mut stream).await? } else { 1 };
    stream.send(&ToolReply::Exit(code)).await
}

async fn read_message<T: DeserializeOwned>(socket: &mut BufReader<UnixStream>) -> io::Result<T> {
    let mut line = Vec::new();
    socket.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    Ok(serde_json::from_slice(&line)?)
}

async fn run_tool(call: &ToolCall, services: &Services, stream: &mut ToolStream) -> ToolResult {
    match call.tool.as_str() {
        "docker" => docker::run(call, services, stream).await,
        "trivy" => docker::run_trivy(call, services, stream).await,
        "git" => git::run(call, stream).await,
        "kubectl" => kubectl::run(call, services, stream).await,
        "poetry" => poetry::run(call, stream).await,
        demo::TOOL => demo::run(call, services, stream).await,
        "terraform" => terraform::run(call, services, stream).await,
        other => {
            stream.stderr(format!("{other}: not available in a rehearsal")).await?;
            Ok(127)
        }
    }
}

/// Reports a command line that the shim does not support.
async fn unsupported(call: &ToolCall, stream: &mut ToolStream) -> ToolResult {
    stream
        .stderr(format!("{}: `{}` is not supported in a rehearsal", call.tool, call.args.join(" ")))
        .await?;
    Ok(64)
}

/// Removes an option from the arguments and returns its value: `-f VALUE`, `--file VALUE` or `--file=VALUE`.
fn take_option(args: &mut Vec<String>, names: &[&str]) -> Option<String> {
    let at = args.iter().position(|word| {
        names
            .iter()
            .any(|name| word == name || word.strip_prefix(name).is_some_and(|rest| rest.starts_with('=')))
    })?;
    let word = args.remove(at);
    match word.split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => (at < args.len()).then(|| args.remove(at)),
    }
}

/// Removes a flag from the arguments. Whether it was there.
fn take_flag(args: &mut Vec<String>, name: &str) -> bool {
    let before = args.len();
    args.retain(|word| word != name);
    args.len() < before
}
