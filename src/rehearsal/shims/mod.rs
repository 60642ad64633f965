//! What stands in for the command-line tools that the standard checklist runs. A tool's own process only passes on
//! what it is asked, prints what comes back, and writes the files that it is told to; what the tool does happens
//! here, to the stack.

mod demo;
mod docker;
mod git;
mod kubectl;
mod poetry;
pub mod shim;
mod terraform;

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

pub(crate) use self::docker::report as scan_report;
use crate::servers::server::{STACK, Thread, Work};
use crate::stack::Parts;

/// The longest line of a tool's process, in bytes: a call with its file.
const LINE: u64 = 8 << 20;

/// The programs that are stood in for.
pub const TOOLS: [&str; 7] = ["docker", "git", "kubectl", "poetry", "python3", "terraform", "trivy"];

/// What a tool's process says first.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Greeting {
    /// Random, in hex.
    nonce: String,
}

impl Greeting {
    /// What only who knows the key can answer, in hex.
    fn proof(&self, key: &str) -> String {
        // A key may have any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap_or_else(|_| unreachable!());
        mac.update(self.nonce.as_bytes());
        base16ct::lower::encode_string(&mac.finalize().into_bytes())
    }
}

/// What a tool is asked.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ToolCall {
    /// Shows that whoever asks may.
    key: String,
    tool: String,
    args: Vec<String>,
    /// What is in the file that the last argument names, if it names one.
    given: Option<String>,
}

/// What a tool's process is told.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToolReply {
    /// To standard output.
    Out(String),
    /// To standard error.
    Err(String),
    /// Into a file.
    File { path: String, text: String },
    /// It is over.
    Exit(i32),
}

/// Where a tool says something.
pub(crate) struct ToolStream(UnixStream);

impl ToolStream {
    async fn send(&mut self, reply: &ToolReply) -> io::Result<()> {
        let mut line = serde_json::to_vec(reply)?;
        line.push(b'\n');
        self.0.write_all(&line).await
    }

    /// A line to standard output.
    async fn stdout(&mut self, line: impl Into<String>) -> io::Result<()> {
        self.send(&ToolReply::Out(line.into() + "\n")).await
    }

    /// A line to standard error.
    async fn stderr(&mut self, line: impl Into<String>) -> io::Result<()> {
        self.send(&ToolReply::Err(line.into() + "\n")).await
    }

    /// Lines to standard error, each after a while.
    async fn work(&mut self, lines: &[&str], each: Duration) -> io::Result<()> {
        for line in lines {
            self.stderr(*line).await?;
            tokio::time::sleep(each).await;
        }
        Ok(())
    }

    async fn write(&mut self, path: &str, text: String) -> io::Result<()> {
        self.send(&ToolReply::File { path: path.to_owned(), text }).await
    }
}

/// How a tool ends: its exit code.
pub(crate) type ToolResult = io::Result<i32>;

/// Serves the tools' processes that know the key, on a socket that is made here.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn start(parts: Arc<Parts>, key: String, socket: &Path) -> io::Result<Thread> {
    let listener = UnixListener::bind(socket)?;
    listener.set_nonblocking(true)?;
    Thread::start(STACK, move || -> Work { Box::pin(serve(listener, parts, key)) })
}

async fn serve(listener: UnixListener, parts: Arc<Parts>, key: String) {
    // A socket that is bound and does not block can be waited for.
    let Ok(listener) = tokio::net::UnixListener::from_std(listener) else { return };
    let key: Arc<str> = key.into();
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            let (parts, key) = (Arc::clone(&parts), Arc::clone(&key));
            // Who does not listen any more has been ended.
            tokio::spawn(async move { drop(attend(socket, &parts, &key).await) });
        }
    }
}

async fn attend(socket: UnixStream, parts: &Parts, key: &str) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    let greeting: Greeting = read(&mut socket).await?;
    socket.write_all(format!("{}\n", greeting.proof(key)).as_bytes()).await?;
    let call: ToolCall = read(&mut socket).await?;
    let mut stream = ToolStream(socket.into_inner());
    let code = if call.key == key { run(&call, parts, &mut stream).await? } else { 1 };
    stream.send(&ToolReply::Exit(code)).await
}

async fn read<T: DeserializeOwned>(socket: &mut BufReader<UnixStream>) -> io::Result<T> {
    let mut line = Vec::new();
    socket.take(LINE).read_until(b'\n', &mut line).await?;
    Ok(serde_json::from_slice(&line)?)
}

async fn run(call: &ToolCall, parts: &Parts, stream: &mut ToolStream) -> ToolResult {
    match call.tool.as_str() {
        "docker" => docker::run(call, parts, stream).await,
        "trivy" => docker::scan(call, parts, stream).await,
        "git" => git::run(call, stream).await,
        "kubectl" => kubectl::run(call, parts, stream).await,
        "poetry" => poetry::run(call, stream).await,
        "python3" => demo::run(call, parts, stream).await,
        "terraform" => terraform::run(call, parts, stream).await,
        other => {
            stream.stderr(format!("{other}: nothing stands in for it in a rehearsal")).await?;
            Ok(127)
        }
    }
}

/// What a tool says to what it was not made for.
async fn not_offered(call: &ToolCall, stream: &mut ToolStream) -> ToolResult {
    stream.stderr(format!("{}: `{}` is not offered in a rehearsal", call.tool, call.args.join(" "))).await?;
    Ok(64)
}

/// Takes an option's value out of the arguments: `-f VALUE`, `--file VALUE` or `--file=VALUE`.
fn take(args: &mut Vec<String>, names: &[&str]) -> Option<String> {
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

/// Takes a flag out of the arguments.
fn flag(args: &mut Vec<String>, name: &str) -> bool {
    let before = args.len();
    args.retain(|word| word != name);
    args.len() < before
}
