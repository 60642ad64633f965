//! Keys in an SSH agent: the two requests that signing needs.
//! <https://datatracker.ietf.org/doc/draft-ietf-sshm-ssh-agent/>

use std::collections::BTreeSet;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ssh_encoding::{Decode as _, Encode as _};
use ssh_key::Signature;
use ssh_key::public::KeyData;

use super::public_key::{certified_key, is_accepted};
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

/// The keys in an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentKeys {
    /// Those that can sign run logs, in the agent's order.
    pub usable: Vec<AgentKey>,
    /// The others: RSA keys, certificates.
    unusable: Vec<UnusableKey>,
}

/// A key in an agent that cannot sign run logs.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UnusableKey {
    /// Its type, such as `ssh-rsa`.
    kind: String,
    /// The plain key that it certifies, if it is a certificate.
    certified: Option<String>,
}

impl AgentKeys {
    fn has(&self, public: &str) -> bool {
        self.usable.iter().any(|key| key.public == public)
    }

    /// Checks that a key is among them.
    ///
    /// # Errors
    /// Why not, and what to do.
    pub(super) fn require(&self, public: &str) -> Result<(), &'static str> {
        if self.has(public) {
            return Ok(());
        }
        let is_certified = self.unusable.iter().any(|key| key.certified.as_deref() == Some(public));
        Err(if is_certified {
            "the agent has only a certificate for it; run logs are signed with plain keys, so add the key with `ssh-add`"
        } else {
            "the agent does not have it; add it with `ssh-add`"
        })
    }

    /// The types of the keys that cannot sign run logs, without certificates for keys that can; `None` if there are none.
    #[must_use]
    pub fn unusable_kinds(&self) -> Option<String> {
        let others = self
            .unusable
            .iter()
            .filter(|key| !key.certified.as_ref().is_some_and(|certified| self.has(certified)));
        let kinds: BTreeSet<_> = others.map(|key| key.kind.as_str()).collect();
        (!kinds.is_empty()).then(|| kinds.into_iter().collect::<Vec<_>>().join(", "))
    }
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

    /// The agent's keys.
    ///
    /// # Errors
    /// Why they cannot be listed.
    pub fn keys(&self) -> Result<AgentKeys, AgentError> {
        let answer = self.request(&[REQUEST_IDENTITIES], LIST_TIMEOUT)?;
        let Some((&IDENTITIES_ANSWER, mut rest)) = answer.split_first() else {
            return Err(AgentError::Protocol);
        };
        let mut keys = AgentKeys::default();
        for _ in 0..number(&mut rest)? {
            let (blob, comment) = (string(&mut rest)?, string(&mut rest)?);
            match accepted_key(blob) {
                Some(public) => keys.usable.push(AgentKey { public, comment: text::excerpt(comment, 80) }),
                None => keys.unusable.push(unusable_key(blob)?),
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

fn unusable_key(blob: &[u8]) -> Result<UnusableKey, AgentError> {
    let kind = text::excerpt(string(&mut &*blob)?, 80);
    Ok(UnusableKey { kind, certified: certified_key(blob) })
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
