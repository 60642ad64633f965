//! A tool's own process.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Greeting, ToolCall, ToolReply};
use crate::secrets::random;

/// The longest file that is passed on, in bytes.
const GIVEN: u64 = 1 << 20;

/// Where the stack hears its tools, and how both show that they belong to the rehearsal.
#[derive(Debug, Deserialize, Serialize)]
pub struct ShimConfig {
    /// The socket.
    pub socket: PathBuf,
    /// The key.
    pub key: String,
}

/// Passes on what a tool is asked, and says what comes back. Gives its exit code.
///
/// # Errors
/// When the rehearsal has ended, somebody else answers in its place, or nobody reads what is said.
pub fn run(config: &Path, tool: &str, args: Vec<String>) -> io::Result<i32> {
    let ShimConfig { socket, key } = serde_json::from_str(&fs::read_to_string(config)?)?;
    let stream = UnixStream::connect(socket).map_err(|_| gone())?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    // Before it is told anything.
    let greeting = Greeting { nonce: random()? };
    tell(&stream, &greeting)?;
    if lines.next().and_then(Result::ok).ok_or_else(gone)? != greeting.proof(&key) {
        return Err(io::Error::other("what answers is not the rehearsal that this tool belongs to"));
    }
    let call = ToolCall { key, tool: tool.to_owned(), given: given(&args), args };
    tell(&stream, &call)?;
    for line in lines {
        match serde_json::from_str(&line.map_err(|_| gone())?)? {
            ToolReply::Out(text) => {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()?;
            }
            ToolReply::Err(text) => io::stderr().lock().write_all(text.as_bytes())?,
            ToolReply::File { path, text } if is_named(&path, &call.args) => fs::write(path, text)?,
            ToolReply::File { path, .. } => {
                return Err(io::Error::other(format!("{path}: the command line names no such file")));
            }
            ToolReply::Exit(code) => return Ok(code),
        }
    }
    Err(gone())
}

fn tell(mut stream: &UnixStream, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(|_| gone())
}

fn gone() -> io::Error {
    io::Error::other("the rehearsal that this tool belongs to has ended")
}

/// Whether the arguments name a file: a tool writes where its caller says.
fn is_named(path: &str, args: &[String]) -> bool {
    args.iter().any(|word| word == path || word.split_once('=').is_some_and(|(_, value)| value == path))
}

/// What is in the file that the last argument names; from where the tool is told to be, if it is.
fn given(args: &[String]) -> Option<String> {
    let place = args.iter().find_map(|word| word.strip_prefix("-chdir=")).unwrap_or_default();
    let file = Path::new(place).join(args.last()?);
    let about = fs::metadata(&file).ok()?;
    if about.is_file() && about.len() <= GIVEN { fs::read_to_string(file).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// What it was sent and did not read is told to who sent it as a connection that was reset.
    #[test]
    fn a_rehearsal_that_ends_while_it_is_greeted_has_ended() {
        let home = tempfile::tempdir().unwrap();
        let (socket, config) = (home.path().join("socket"), home.path().join("config"));
        let listener = UnixListener::bind(&socket).unwrap();
        fs::write(&config, serde_json::to_string(&ShimConfig { socket, key: "key".into() }).unwrap())
            .unwrap();
        let ends = thread::spawn(move || listener.accept().unwrap().0.read_exact(&mut [0]).unwrap());
        let why = run(&config, "kubectl", Vec::new()).unwrap_err();
        ends.join().unwrap();
        assert_eq!(why.to_string(), gone().to_string());
    }
}
