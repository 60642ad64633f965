//! Keys that an SSH agent holds: the two messages that signing needs.
//! <https://datatracker.ietf.org/doc/draft-ietf-sshm-ssh-agent/>

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ssh_encoding::{Decode as _, Encode as _};
use ssh_key::Signature;
use ssh_key::public::KeyData;

use super::public_key::is_accepted;
use super::sshsig::public_line;
use crate::error::{ErrorKind, HasKind};
use crate::text;
use crate::time::span;

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// The longest message, in bytes; OpenSSH's own limit.
const LONGEST: usize = 256 * 1024;
/// How long an agent may take to list its keys.
const LISTING: Duration = Duration::from_secs(5);
/// How long a person may take to let the agent sign (`ssh-add -c`).
const CONFIRMING: Duration = Duration::from_mins(1);

/// An SSH agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    socket: PathBuf,
}

/// A key that an agent holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The public key, `ssh-ed25519 AAAA…`.
    pub public: String,
    /// What it is called there.
    pub comment: String,
}

/// Why an agent did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It cannot be talked to.
    #[error("ssh-agent at {socket}: {source}")]
    Socket {
        /// Where it is.
        socket: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It does not answer: it may be asking somebody about another signature.
    #[error("ssh-agent at {socket} does not answer within {}; it may be asking you something", span(*.patience))]
    Silent {
        /// Where it is.
        socket: PathBuf,
        /// How long it was waited for.
        patience: Duration,
    },
    /// It says no, or does not have the key any more.
    #[error(
        "ssh-agent does not sign: it refuses, or no longer holds the key (`ssh-add -l` lists those it holds)"
    )]
    Refused,
    /// What it says is not the protocol.
    #[error("ssh-agent answers what cannot be understood")]
    Strange,
}

impl HasKind for AgentError {
    /// Whatever it is, the agent is another program.
    fn kind(&self) -> ErrorKind {
        ErrorKind::Environment
    }
}

impl Agent {
    /// The agent that `SSH_AUTH_SOCK` names.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        let socket = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty())?;
        Some(Self::at(Path::new(&socket)))
    }

    /// The agent behind a socket.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// The keys that it holds and that run logs take, in its order.
    ///
    /// # Errors
    /// Why they cannot be told.
    pub fn keys(&self) -> Result<Vec<Held>, AgentError> {
        let answer = self.ask(&[REQUEST_IDENTITIES], LISTING)?;
        let Some((&IDENTITIES_ANSWER, mut rest)) = answer.split_first() else {
            return Err(AgentError::Strange);
        };
        let mut keys = Vec::new();
        for _ in 0..number(&mut rest)? {
            let (blob, comment) = (string(&mut rest)?, string(&mut rest)?);
            if let Some(public) = accepted(blob) {
                keys.push(Held { public, comment: text::excerpt(comment, 80) });
            }
        }
        Ok(keys)
    }

    /// Lets it sign.
    pub(super) fn sign(&self, key: &KeyData, data: &[u8]) -> Result<Signature, AgentError> {
        let mut blob = Vec::new();
        key.encode(&mut blob).map_err(|_| AgentError::Strange)?;
        let mut question = vec![SIGN_REQUEST];
        for part in [blob.as_slice(), data] {
            part.encode(&mut question).map_err(|_| AgentError::Strange)?;
        }
        // No flags.
        question.extend([0; 4]);
        let answer = self.ask(&question, CONFIRMING)?;
        let Some((&SIGN_RESPONSE, mut rest)) = answer.split_first() else {
            return Err(AgentError::Refused);
        };
        Signature::decode(&mut string(&mut rest)?).map_err(|_| AgentError::Strange)
    }

    fn ask(&self, question: &[u8], patience: Duration) -> Result<Vec<u8>, AgentError> {
        let talk = || -> io::Result<Vec<u8>> {
            let mut stream = UnixStream::connect(&self.socket)?;
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(LISTING))?;
            let length = u32::try_from(question.len()).map_err(io::Error::other)?;
            stream.write_all(&[&length.to_be_bytes(), question].concat())?;
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if length > LONGEST {
                return Err(io::Error::other("it announces an answer that is too long"));
            }
            let mut answer = vec![0; length];
            stream.read_exact(&mut answer)?;
            Ok(answer)
        };
        talk().map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                AgentError::Silent { socket: self.socket.clone(), patience }
            }
            _ => AgentError::Socket { socket: self.socket.clone(), source },
        })
    }
}

/// The public key of a blob, if it is of a kind that run logs take.
fn accepted(mut blob: &[u8]) -> Option<String> {
    let key = KeyData::decode(&mut blob).ok()?;
    is_accepted(&key.algorithm()).then(|| public_line(&key).ok())?
}

fn number(rest: &mut &[u8]) -> Result<u32, AgentError> {
    u32::decode(rest).map_err(|_| AgentError::Strange)
}

fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], AgentError> {
    let length = usize::try_from(number(rest)?).unwrap_or(usize::MAX);
    let (string, after) = rest.split_at_checked(length).ok_or(AgentError::Strange)?;
    *rest = after;
    Ok(string)
}
