//! The process of a shim: `gonogo shim CONFIG TOOL -- ARGS`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{KeyChallenge, ToolCall, ToolReply, demo};
use crate::secrets::random_hex;

/// The largest input file that is sent to the stack, in bytes.
const MAX_INPUT_FILE: u64 = 1 << 20;

/// How a shim reaches its stack.
#[derive(Debug, Deserialize, Serialize)]
pub struct ShimConfig {
    /// The socket of the stack.
    pub socket: PathBuf,
    /// The key by which shim and stack authenticate each other.
    pub key: String,
}

/// Sends the call of a tool to the stack and prints its output. Returns the exit code.
///
/// # Errors
/// When the rehearsal has ended, another process answers on its socket, or the output cannot be written.
pub fn run(config: &Path, tool: &str, args: Vec<String>) -> io::Result<i32> {
    let ShimConfig { socket, key } = serde_json::from_str(&fs::read_to_string(config)?)?;
    let stream = UnixStream::connect(socket).map_err(|_| rehearsal_ended())?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    // Authenticate the stack before anything is sent to it.
    let greeting = KeyChallenge { nonce: random_hex()? };
    send_message(&stream, &greeting)?;
    if lines.next().and_then(Result::ok).ok_or_else(rehearsal_ended)? != greeting.proof(&key) {
        return Err(io::Error::other(
            "the process on the socket is not the rehearsal that this tool belongs to",
        ));
    }
    let call =
        ToolCall { key, tool: tool.to_owned(), input_file: input_file(&args), args, env: environment(tool) };
    send_message(&stream, &call)?;
    for line in lines {
        match serde_json::from_str(&line.map_err(|_| rehearsal_ended())?)? {
            ToolReply::Stdout(text) => {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()?;
            }
            ToolReply::Stderr(text) => io::stderr().lock().write_all(text.as_bytes())?,
            ToolReply::File { path, text } if is_named(&path, &call.args) => fs::write(path, text)?,
            ToolReply::File { path, .. } => {
                return Err(io::Error::other(format!(
                    "{path}: refusing to write a file that the command line does not name"
                )));
            }
            ToolReply::Exit(code) => return Ok(code),
        }
    }
    Err(rehearsal_ended())
}

fn send_message(mut stream: &UnixStream, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(|_| rehearsal_ended())
}

fn rehearsal_ended() -> io::Error {
    io::Error::other("the rehearsal that this tool belongs to has ended")
}

/// The variables that the tool reads.
fn environment(tool: &str) -> BTreeMap<String, String> {
    let names = if tool == demo::TOOL { &demo::VARIABLES[..] } else { &[] };
    names.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect()
}

/// Whether the arguments name this file: a tool writes only where its caller says.
fn is_named(path: &str, args: &[String]) -> bool {
    args.iter().any(|word| word == path || word.split_once('=').is_some_and(|(_, value)| value == path))
}

/// The content of the file that the last argument names, relative to `-chdir` if that is given.
fn input_file(args: &[String]) -> Option<String> {
    let directory = args.iter().find_map(|word| word.strip_prefix("-chdir=")).unwrap_or_default();
    let file = Path::new(directory).join(args.last()?);
    let metadata = fs::metadata(&file).ok()?;
    if metadata.is_file() && metadata.len() <= MAX_INPUT_FILE { fs::read_to_string(file).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// The peer of a socket that closes with unread data gets a connection reset.
    #[test]
    fn a_rehearsal_that_ends_during_the_challenge_is_reported_as_ended() {
        let home = tempfile::tempdir().unwrap();
        let (socket, config) = (home.path().join("socket"), home.path().join("config"));
        let listener = UnixListener::bind(&socket).unwrap();
        fs::write(&config, serde_json::to_string(&ShimConfig { socket, key: "key".into() }).unwrap())
            .unwrap();
        let ends = thread::spawn(move || listener.accept().unwrap().0.read_exact(&mut [0]).unwrap());
        let error = run(&config, "kubectl", Vec::new()).unwrap_err();
        ends.join().unwrap();
        assert_eq!(error.to_string(), rehearsal_ended().to_string());
    }
}
