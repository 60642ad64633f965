//! The signing keys of operators: OpenSSH private key files, and keys in an SSH agent.

mod key_file;

use std::fs::DirBuilder;
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use signature::Signer as _;
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, LineEnding, PrivateKey, PublicKey, Signature};

use self::key_file::{read_key, unlock};
use super::agent::{Agent, AgentError};
use super::plain_signature::to_der;
use super::public_key::{RejectedKey, check_key};
use super::sshsig::{self, SignatureError};
use crate::error::{ErrorKind, HasKind};
use crate::files;
use crate::secret::Secret;

/// An operator's name and key.
pub struct Signer {
    /// The name, as `allowed_signers` has it.
    pub principal: String,
    /// The public key, `ssh-ed25519 AAAA…`.
    pub public: String,
    key: KeyData,
    backend: SigningBackend,
}

/// What makes the signatures.
enum SigningBackend {
    // Decoded, with its halves compared once, not for every entry.
    Ed25519(SigningKey),
    Ecdsa(Box<PrivateKey>),
    Agent(Agent),
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({} {})", self.principal, self.public)
    }
}

/// Why a message could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign as {principal}: {source}")]
pub struct SignError {
    pub(crate) principal: String,
    pub(crate) source: SigningBackendError,
}

impl HasKind for SignError {
    fn kind(&self) -> ErrorKind {
        match &self.source {
            SigningBackendError::Key(_) => ErrorKind::Internal,
            SigningBackendError::Agent(error) => error.kind(),
            SigningBackendError::InvalidSignature(_) => ErrorKind::Environment,
            SigningBackendError::SecurityKey => ErrorKind::Configuration,
        }
    }
}

/// Why a key could not sign.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningBackendError {
    #[error(transparent)]
    Key(#[from] ssh_key::Error),
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error("ssh-agent returned an invalid signature: {0}")]
    InvalidSignature(#[from] SignatureError),
    #[error(
        "a security key cannot make this signature, because it also signs its flags and counter; use an ed25519 or ecdsa key"
    )]
    SecurityKey,
}

/// Why a key cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadKeyError {
    /// The file cannot be read.
    #[error("key file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system error.
        source: io::Error,
    },
    /// Other users can read the file.
    #[error("key file {path} can be read by others (mode {mode:o}); `chmod 600 {path}` fixes that")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file is not a private key at all.
    #[error(
        "{path} is not a private key; name a key file as `ssh-keygen` writes it, or its public key FILE.pub if your ssh-agent has the private key; `gonogo init` makes one"
    )]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a usable OpenSSH private key.
    #[error(
        "key file {path} cannot be read as an OpenSSH private key: {source}; if `ssh-add` accepts the key, use it from your ssh-agent"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The problem.
        source: ssh_key::Error,
    },
    /// The file is a private key in another format.
    #[error(
        "key file {path} is {format}, not an OpenSSH private key; {fix}, or use it from your ssh-agent if `ssh-add` accepts it"
    )]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format, with an article.
        format: &'static str,
        /// What to do.
        fix: String,
    },
    /// The file holds a public key or a certificate.
    #[error(
        "key file {path} holds a public key; name its private key file, or name it FILE.pub if your ssh-agent has the private key"
    )]
    PublicKey {
        /// The file.
        path: PathBuf,
    },
    /// The key type is not supported.
    #[error(
        "key file {path} holds a {algorithm} key; run logs are signed with ed25519, ecdsa or sk- keys: `gonogo init` makes one"
    )]
    Algorithm {
        /// The file.
        path: PathBuf,
        /// The key type.
        algorithm: Algorithm,
    },
    /// The key is encrypted, and there was no way to prompt for the passphrase.
    #[error("key file {path} has a passphrase, and gonogo could not prompt for it: {source}")]
    NoPassphrase {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A public key that cannot sign run logs.
    #[error("{public}: {why}: `gonogo init` makes one")]
    Rejected {
        /// The public key.
        public: String,
        /// The problem.
        why: RejectedKey,
    },
    /// There is no agent, or it does not have the key.
    #[error("{public} is a public key; its private key must be in your ssh-agent: {why}")]
    NotInAgent {
        /// The public key.
        public: String,
        /// The problem, and what to do.
        why: String,
    },
    /// The passphrase was wrong.
    #[error("key file {path}: the passphrase is wrong")]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
}

impl HasKind for LoadKeyError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { source, .. } => HasKind::kind(source),
            Self::Mode { .. }
            | Self::NotAKey { .. }
            | Self::Format { .. }
            | Self::OtherFormat { .. }
            | Self::PublicKey { .. }
            | Self::Algorithm { .. }
            | Self::Rejected { .. } => ErrorKind::Configuration,
            Self::NoPassphrase { .. } | Self::WrongPassphrase { .. } => ErrorKind::User,
            Self::NotInAgent { .. } => ErrorKind::Environment,
        }
    }
}

impl Signer {
    /// Loads a key file. If it has a passphrase, the agent signs if it has the key; otherwise `ask` is called for the
    /// passphrase. The file of a security key only names the key: the agent signs.
    ///
    /// # Errors
    /// Why it cannot be used, and what to do.
    pub fn load(
        principal: &str,
        path: &Path,
        agent: Option<&Agent>,
        ask: &mut dyn FnMut(&Path) -> io::Result<Secret>,
    ) -> Result<Self, LoadKeyError> {
        let form = |source| LoadKeyError::Format { path: path.to_owned(), source };
        let key = match read_key(path) {
            // Some keys that OpenSSH reads cannot be read here: PEM files, ecdsa keys whose number begins with zeros.
            Err(
                error @ (LoadKeyError::Format { .. }
                | LoadKeyError::OtherFormat { .. }
                | LoadKeyError::NotAKey { .. }),
            ) => {
                return Self::from_public_file(principal, path, agent).ok_or(error);
            }
            key => key?,
        };
        let public = sshsig::public_line(key.public_key().key_data()).map_err(form)?;
        if sshsig::is_sk(&key.algorithm()) {
            return Self::in_agent(principal, &public, agent);
        }
        if key.is_encrypted() {
            // An agent that fails is ignored, because the key file is available.
            if let Ok(signer) = Self::in_agent(principal, &public, agent) {
                return Ok(signer);
            }
        }
        Self::with_key(principal, &unlock(key, path, ask)?).map_err(form)
    }

    /// The key of the `.pub` file next to a key file, if the agent has it.
    fn from_public_file(principal: &str, path: &Path, agent: Option<&Agent>) -> Option<Self> {
        let public = PublicKey::read_openssh_file(&public_path(path)).ok()?;
        Self::in_agent(principal, &sshsig::public_line(public.key_data()).ok()?, agent).ok()
    }

    /// A key in the agent, by its public key, `ssh-ed25519 AAAA…`.
    ///
    /// # Errors
    /// Why it cannot be used, and what to do.
    pub fn in_agent(principal: &str, public: &str, agent: Option<&Agent>) -> Result<Self, LoadKeyError> {
        let not = |why: String| LoadKeyError::NotInAgent { public: public.to_owned(), why };
        let parsed = PublicKey::from_openssh(public).map_err(|error| not(error.to_string()))?;
        let rejected = |why| LoadKeyError::Rejected { public: public.to_owned(), why };
        check_key(parsed.key_data()).map_err(rejected)?;
        let agent = agent.ok_or_else(|| not("no agent (SSH_AUTH_SOCK is not set)".into()))?;
        let keys = agent.keys().map_err(|error| not(error.to_string()))?;
        keys.require(public).map_err(|why| not(why.into()))?;
        let (public, key) = (public.to_owned(), parsed.key_data().clone());
        Ok(Self {
            principal: principal.to_owned(),
            public,
            key,
            backend: SigningBackend::Agent(agent.clone()),
        })
    }

    pub(crate) fn with_key(principal: &str, key: &PrivateKey) -> Result<Self, ssh_key::Error> {
        let public = sshsig::public_line(key.public_key().key_data())?;
        let backend = match key.key_data().ed25519() {
            Some(pair) => SigningBackend::Ed25519(SigningKey::try_from(pair)?),
            None => SigningBackend::Ecdsa(Box::new(key.clone())),
        };
        Ok(Self {
            principal: principal.to_owned(),
            public,
            key: key.public_key().key_data().clone(),
            backend,
        })
    }

    /// Whether the key must be touched to sign.
    #[must_use]
    pub fn needs_touch(&self) -> bool {
        sshsig::is_sk(&self.key.algorithm())
    }

    /// Whether signing may have to wait for a person: an agent may prompt, or wait for a touch.
    #[must_use]
    pub fn may_block(&self) -> bool {
        matches!(self.backend, SigningBackend::Agent(_))
    }

    /// Signs a message under a namespace. Returns the raw SSHSIG blob in base64.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Result<String, SignError> {
        sshsig::sign(&self.key, namespace, message, |bytes| self.backend.sign(&self.key, bytes))
            .map_err(|source| SignError { principal: self.principal.clone(), source })
    }

    /// Signs the bytes themselves, without SSHSIG: 64 bytes for an ed25519 key, DER for an ecdsa key.
    ///
    /// # Errors
    /// When the key cannot sign, or is a security key, which cannot make such signatures.
    pub fn sign_raw(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let sign = || match self.key.algorithm() {
            Algorithm::Ecdsa { .. } => Ok(to_der(&self.backend.sign(&self.key, message)?)?),
            kind if sshsig::is_sk(&kind) => Err(SigningBackendError::SecurityKey),
            _ => Ok(self.backend.sign(&self.key, message)?.as_bytes().to_vec()),
        };
        sign().map_err(|source| SignError { principal: self.principal.clone(), source })
    }
}

impl SigningBackend {
    fn sign(&self, key: &KeyData, bytes: &[u8]) -> Result<Signature, SigningBackendError> {
        let agent = match self {
            Self::Ed25519(key) => return Ok(Signature::new(Algorithm::Ed25519, key.sign(bytes).to_vec())?),
            Self::Ecdsa(key) => return Ok(key.try_sign(bytes).map_err(ssh_key::Error::from)?),
            Self::Agent(agent) => agent,
        };
        let signature = agent.sign(key, bytes)?;
        // The signature is checked first, because a log entry is permanent.
        sshsig::check_signature(key, bytes, &signature)?;
        Ok(signature)
    }
}

/// The fingerprint of a public key, `SHA256:…`, as `ssh-keygen -l` prints it.
#[must_use]
pub fn fingerprint(public: &str) -> Option<String> {
    let key = PublicKey::from_openssh(public).ok()?;
    Some(key.fingerprint(ssh_key::HashAlg::Sha256).to_string())
}

/// The public key of a key file, `ssh-ed25519 AAAA…`; needs no passphrase.
///
/// # Errors
/// Why the file cannot be used.
pub fn public_of(path: &Path) -> Result<String, LoadKeyError> {
    let key = read_key(path)?;
    sshsig::public_line(key.public_key().key_data())
        .map_err(|source| LoadKeyError::Format { path: path.to_owned(), source })
}

/// Creates a new ed25519 key file (mode 0600, in a directory of mode 0700) and its `.pub` file. An existing file is
/// never overwritten.
///
/// # Errors
/// The system error, with the path.
pub fn create(path: &Path, principal: &str, passphrase: Option<&Secret>) -> Result<(), CreateKeyError> {
    let failed = |source: io::Error| CreateKeyError { path: path.to_owned(), why: source.to_string() };
    let create_error =
        |source: ssh_key::Error| CreateKeyError { path: path.to_owned(), why: source.to_string() };
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    }
    let mut random = ssh_key::rand_core::OsRng;
    let mut key = PrivateKey::random(&mut random, Algorithm::Ed25519).map_err(create_error)?;
    key.set_comment(principal);
    let public = key.public_key().to_openssh().map_err(create_error)?;
    if let Some(passphrase) = passphrase {
        key = key.encrypt(&mut random, passphrase.expose()).map_err(create_error)?;
    }
    let private = key.to_openssh(LineEnding::LF).map_err(create_error)?;
    write_new(path, private.as_bytes(), files::PRIVATE).map_err(failed)?;
    write_new(&public_path(path), format!("{public}\n").as_bytes(), files::READABLE).map_err(failed)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = files::create_new(path, mode)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The path of the `.pub` file of a private key.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

/// Why a key file cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot make key file {path}: {why}")]
pub struct CreateKeyError {
    path: PathBuf,
    why: String,
}

impl HasKind for CreateKeyError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Io
    }
}

#[cfg(test)]
mod tests;
