//! What stands in for the command-line tools that the standard checklist runs. A tool's own process only passes on
//! what it is asked, prints what comes back, and writes the files that it is told to; what the tool does happens
//! here, to the stack.

mod demo;
mod docker;
mod git;
mod kubectl;
mod poetry;
pub mod stand_in;
mod terraform;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub(super) use self::docker::report as scan_report;
use super::server::{Server, Work};
use super::stack::Parts;

/// The programs that are stood in for.
pub const TOOLS: [&str; 7] = ["docker", "git", "kubectl", "poetry", "python3", "terraform", "trivy"];

/// What a tool is asked.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Call {
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
pub(super) enum Said {
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
pub(super) struct Mouth(TcpStream);

impl Mouth {
    async fn say(&mut self, said: &Said) -> io::Result<()> {
        let mut line = serde_json::to_vec(said)?;
        line.push(b'\n');
        self.0.write_all(&line).await
    }

    /// A line to standard output.
    async fn out(&mut self, line: impl Into<String>) -> io::Result<()> {
        self.say(&Said::Out(line.into() + "\n")).await
    }

    /// A line to standard error.
    async fn err(&mut self, line: impl Into<String>) -> io::Result<()> {
        self.say(&Said::Err(line.into() + "\n")).await
    }

    /// Lines to standard error, each after a while.
    async fn work(&mut self, lines: &[&str], each: Duration) -> io::Result<()> {
        for line in lines {
            self.err(*line).await?;
            tokio::time::sleep(each).await;
        }
        Ok(())
    }

    async fn write(&mut self, path: &str, text: String) -> io::Result<()> {
        self.say(&Said::File { path: path.to_owned(), text }).await
    }
}

/// How a tool ends: its exit code.
pub(super) type Ended = io::Result<i32>;

/// Serves the tools' processes that know the key.
///
/// # Errors
/// When there is no port to be had.
pub(super) fn start(parts: Arc<Parts>, key: String) -> io::Result<Server> {
    Server::listen(move |listener| -> Work { Box::pin(serve(listener, parts, key)) })
}

async fn serve(listener: TcpListener, parts: Arc<Parts>, key: String) {
    let key: Arc<str> = key.into();
    loop {
        if let Ok((socket, _)) = listener.accept().await {
            let (parts, key) = (Arc::clone(&parts), Arc::clone(&key));
            // Who does not listen any more has been ended.
            tokio::spawn(async move { drop(attend(socket, &parts, &key).await) });
        }
    }
}

async fn attend(mut socket: TcpStream, parts: &Parts, key: &str) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(&mut socket).read_line(&mut line).await?;
    let call: Call = serde_json::from_str(&line)?;
    let mut mouth = Mouth(socket);
    let code = if call.key == key { run(&call, parts, &mut mouth).await? } else { 1 };
    mouth.say(&Said::Exit(code)).await
}

async fn run(call: &Call, parts: &Parts, mouth: &mut Mouth) -> Ended {
    match call.tool.as_str() {
        "docker" => docker::run(call, parts, mouth).await,
        "trivy" => docker::scan(call, parts, mouth).await,
        "git" => git::run(call, mouth).await,
        "kubectl" => kubectl::run(call, parts, mouth).await,
        "poetry" => poetry::run(call, mouth).await,
        "python3" => demo::run(call, parts, mouth).await,
        "terraform" => terraform::run(call, parts, mouth).await,
        other => {
            mouth.err(format!("{other}: nothing stands in for it in a rehearsal")).await?;
            Ok(127)
        }
    }
}

/// What a tool says to what it was not made for.
async fn not_offered(call: &Call, mouth: &mut Mouth) -> Ended {
    mouth.err(format!("{}: `{}` is not offered in a rehearsal", call.tool, call.args.join(" "))).await?;
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
