//! Keys in an SSH agent: the two requests that signing needs.
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
const MAX_MESSAGE: usize = 256 * 1024;
/// The timeout for listing keys.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout for signing, in which a person may have to confirm (`ssh-add -c`).
const SIGN_TIMEOUT: Duration = Duration::from_mins(1);

/// An SSH agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    socket: PathBuf,
}

/// A key in an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentKey {
    /// The public key, `ssh-ed25519 AAAA…`.
    pub public: String,
    /// Its comment.
    pub comment: String,
}

/// Why an agent request failed.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The socket cannot be used.
    #[error("ssh-agent at {socket}: {source}")]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// The system error.
        source: io::Error,
    },
    /// No response: the agent may be prompting for another signature.
    #[error("ssh-agent at {socket} does not answer within {}; it may be prompting you", span(*.patience))]
    TimedOut {
        /// The socket.
        socket: PathBuf,
        /// The timeout.
        patience: Duration,
    },
    /// The agent refused, or no longer has the key.
    #[error("ssh-agent did not sign: it refused, or it no longer has the key (see `ssh-add -l`)")]
    Refused,
    /// The response violates the protocol.
    #[error("ssh-agent sent an invalid response")]
    Protocol,
}

impl HasKind for AgentError {
    /// In every case the cause is the agent, another program.
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

    /// The agent at a socket.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// The agent's keys of types that run logs accept, in the agent's order.
    ///
    /// # Errors
    /// Why they cannot be listed.
    pub fn keys(&self) -> Result<Vec<AgentKey>, AgentError> {
        let answer = self.request(&[REQUEST_IDENTITIES], LIST_TIMEOUT)?;
        let Some((&IDENTITIES_ANSWER, mut rest)) = answer.split_first() else {
            return Err(AgentError::Protocol);
        };
        let mut keys = Vec::new();
        for _ in 0..number(&mut rest)? {
            let (blob, comment) = (string(&mut rest)?, string(&mut rest)?);
            if let Some(public) = accepted_key(blob) {
                keys.push(AgentKey { public, comment: text::excerpt(comment, 80) });
            }
        }
        Ok(keys)
    }

    /// Signs data.
    pub(super) fn sign(&self, key: &KeyData, data: &[u8]) -> Result<Signature, AgentError> {
        let mut blob = Vec::new();
        key.encode(&mut blob).map_err(|_| AgentError::Protocol)?;
        let mut question = vec![SIGN_REQUEST];
        for part in [blob.as_slice(), data] {
            part.encode(&mut question).map_err(|_| AgentError::Protocol)?;
        }
        // No flags.
        question.extend([0; 4]);
        let answer = self.request(&question, SIGN_TIMEOUT)?;
        let Some((&SIGN_RESPONSE, mut rest)) = answer.split_first() else {
            return Err(AgentError::Refused);
        };
        Signature::decode(&mut string(&mut rest)?).map_err(|_| AgentError::Protocol)
    }

    fn request(&self, question: &[u8], patience: Duration) -> Result<Vec<u8>, AgentError> {
        let exchange = || -> io::Result<Vec<u8>> {
            let mut stream = UnixStream::connect(&self.socket)?;
            stream.set_read_timeout(Some(patience))?;
            stream.set_write_timeout(Some(LIST_TIMEOUT))?;
            let length = u32::try_from(question.len()).map_err(io::Error::other)?;
            stream.write_all(&[&length.to_be_bytes(), question].concat())?;
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
            if length > MAX_MESSAGE {
                return Err(io::Error::other("its response is too long"));
            }
            let mut answer = vec![0; length];
            stream.read_exact(&mut answer)?;
            Ok(answer)
        };
        exchange().map_err(|source| match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                AgentError::TimedOut { socket: self.socket.clone(), patience }
            }
            _ => AgentError::Socket { socket: self.socket.clone(), source },
        })
    }
}

/// The public key in a blob, if its type is accepted in run logs.
fn accepted_key(mut blob: &[u8]) -> Option<String> {
    let key = KeyData::decode(&mut blob).ok()?;
    is_accepted(&key.algorithm()).then(|| public_line(&key).ok())?
}

fn number(rest: &mut &[u8]) -> Result<u32, AgentError> {
    u32::decode(rest).map_err(|_| AgentError::Protocol)
}

fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], AgentError> {
    let length = usize::try_from(number(rest)?).unwrap_or(usize::MAX);
    let (string, after) = rest.split_at_checked(length).ok_or(AgentError::Protocol)?;
    *rest = after;
    Ok(string)
}
