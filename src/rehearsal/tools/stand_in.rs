//! A tool's own process.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Call, Said};

/// The longest file that is passed on, in bytes.
const GIVEN: u64 = 1 << 20;

/// Where the stack hears its tools, and how they show that they may ask.
#[derive(Debug, Deserialize, Serialize)]
pub struct Desk {
    /// The port.
    pub port: u16,
    /// The key.
    pub key: String,
}

/// Passes on what a tool is asked, and says what comes back. Gives its exit code.
///
/// # Errors
/// When the rehearsal has ended, or nobody reads what is said.
pub fn stand_in(desk: &Path, tool: &str, args: Vec<String>) -> io::Result<i32> {
    let desk: Desk = serde_json::from_str(&fs::read_to_string(desk)?)?;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, desk.port)).map_err(|_| gone())?;
    let given = given(&args);
    let call = Call { key: desk.key, tool: tool.to_owned(), args, given };
    let mut line = serde_json::to_vec(&call)?;
    line.push(b'\n');
    stream.write_all(&line).map_err(|_| gone())?;
    for line in BufReader::new(stream).lines() {
        match serde_json::from_str(&line.map_err(|_| gone())?)? {
            Said::Out(text) => {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes())?;
                out.flush()?;
            }
            Said::Err(text) => io::stderr().lock().write_all(text.as_bytes())?,
            Said::File { path, text } => fs::write(path, text)?,
            Said::Exit(code) => return Ok(code),
        }
    }
    Err(gone())
}

fn gone() -> io::Error {
    io::Error::other("the rehearsal that this tool belongs to has ended")
}

/// What is in the file that the last argument names; from where the tool is told to be, if it is.
fn given(args: &[String]) -> Option<String> {
    let place = args.iter().find_map(|word| word.strip_prefix("-chdir=")).unwrap_or_default();
    let file = Path::new(place).join(args.last()?);
    let about = fs::metadata(&file).ok()?;
    if about.is_file() && about.len() <= GIVEN { fs::read_to_string(file).ok() } else { None }
}
