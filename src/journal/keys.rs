//! The keys that operators sign with: OpenSSH private key files, and keys that an SSH agent holds.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, LineEnding, PrivateKey, PublicKey, Signature};

use super::agent::{Agent, AgentError};
use super::sshsig;
use crate::secret::Secret;

/// An operator's name and key.
pub struct Signer {
    /// The name, as `allowed_signers` has it.
    pub principal: String,
    /// The public key, `ssh-ed25519 AAAA…`.
    pub public: String,
    key: KeyData,
    pen: Pen,
}

/// What signs.
enum Pen {
    // Unpacked and its halves compared once, and not anew for every entry.
    Key(SigningKey),
    Agent(Agent, VerifyingKey),
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
    principal: String,
    source: PenError,
}

/// Why a key did not sign.
#[derive(Debug, thiserror::Error)]
enum PenError {
    #[error(transparent)]
    Key(#[from] ssh_key::Error),
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error("ssh-agent gave a signature that does not hold")]
    False,
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadKeyError {
    /// It cannot be read.
    #[error("key file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others can read it.
    #[error("key file {path} can be read by others (mode {mode:o}); `chmod 600 {path}` mends it")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is not a private key in OpenSSH's form.
    #[error("key file {path} is not an OpenSSH private key: {source}")]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ssh_key::Error,
    },
    /// It is of another kind.
    #[error(
        "key file {path} holds a {algorithm} key; run logs are signed with ed25519 keys: `gonogo init` makes one"
    )]
    Algorithm {
        /// The file.
        path: PathBuf,
        /// Its kind.
        algorithm: Algorithm,
    },
    /// It is encrypted and there was nobody to ask.
    #[error("key file {path} has a passphrase, and it could not be asked for: {source}")]
    NoPassphrase {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No agent, or one that cannot be asked.
    #[error("{public} is a public key; its private half is to be in your ssh-agent: {why}")]
    NotInAgent {
        /// The public key.
        public: String,
        /// What is in the way, and what to do.
        why: String,
    },
    /// The passphrase was wrong.
    #[error("key file {path}: the passphrase is wrong")]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
}

impl Signer {
    /// Loads a key file. If it has a passphrase, the agent signs where it holds the key; otherwise `ask` is
    /// called for the passphrase.
    ///
    /// # Errors
    /// Why it cannot be used, and what to do.
    pub fn load(
        principal: &str,
        path: &Path,
        agent: Option<&Agent>,
        ask: &mut dyn FnMut(&Path) -> io::Result<Secret>,
    ) -> Result<Self, LoadKeyError> {
        let form = |source| LoadKeyError::Form { path: path.to_owned(), source };
        let key = read_key(path)?;
        if key.is_encrypted() {
            let public = sshsig::public_line(key.public_key().key_data()).map_err(form)?;
            // An agent that cannot be asked is as good as none: the file is at hand.
            if let Ok(signer) = Self::in_agent(principal, &public, agent) {
                return Ok(signer);
            }
        }
        Self::with_key(principal, &unlocked(key, path, ask)?).map_err(form)
    }

    /// A key by its public half, `ssh-ed25519 AAAA…`, that the agent holds.
    ///
    /// # Errors
    /// Why it cannot be used, and what to do.
    pub fn in_agent(principal: &str, public: &str, agent: Option<&Agent>) -> Result<Self, LoadKeyError> {
        let not = |why: String| LoadKeyError::NotInAgent { public: public.to_owned(), why };
        let agent = agent.ok_or_else(|| not("there is none (SSH_AUTH_SOCK is not set)".into()))?;
        let keys = agent.keys().map_err(|error| not(error.to_string()))?;
        if !keys.iter().any(|held| held.public == public) {
            return Err(not("it does not hold it; `ssh-add` puts it there".into()));
        }
        let parsed = PublicKey::from_openssh(public).map_err(|error| not(error.to_string()))?;
        let KeyData::Ed25519(point) = parsed.key_data() else {
            return Err(not("run logs are signed with ed25519 keys".into()));
        };
        let verifying = VerifyingKey::from_bytes(&point.0).map_err(|error| not(error.to_string()))?;
        let pen = Pen::Agent(agent.clone(), verifying);
        Ok(Self {
            principal: principal.to_owned(),
            public: public.to_owned(),
            key: parsed.key_data().clone(),
            pen,
        })
    }

    fn with_key(principal: &str, key: &PrivateKey) -> Result<Self, ssh_key::Error> {
        let public = sshsig::public_line(key.public_key().key_data())?;
        let pair = key.key_data().ed25519().ok_or(ssh_key::Error::AlgorithmUnknown)?;
        let pen = Pen::Key(SigningKey::try_from(pair)?);
        Ok(Self { principal: principal.to_owned(), public, key: key.public_key().key_data().clone(), pen })
    }

    /// Signs a message under a namespace: the raw SSHSIG blob in base64.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Result<String, SignError> {
        sshsig::sign(self.key.clone(), namespace, message, |bytes| self.pen.sign(&self.key, bytes))
            .map_err(|source| SignError { principal: self.principal.clone(), source })
    }

    /// Signs bytes as they are, without SSHSIG around them: the raw signature, 64 bytes for an ed25519 key.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign_plain(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = self.pen.sign(&self.key, message);
        let raw = signature.map(|signature| signature.as_bytes().to_vec());
        raw.map_err(|source| SignError { principal: self.principal.clone(), source })
    }
}

impl Pen {
    fn sign(&self, key: &KeyData, bytes: &[u8]) -> Result<Signature, PenError> {
        let (agent, verifying) = match self {
            Self::Key(key) => return Ok(Signature::new(Algorithm::Ed25519, key.sign(bytes).to_vec())?),
            Self::Agent(agent, verifying) => (agent, verifying),
        };
        let signature = agent.sign(key, bytes)?;
        let raw = ed25519_dalek::Signature::from_slice(signature.as_bytes()).map_err(|_| PenError::False)?;
        // What goes into a log stays there.
        verifying.verify_strict(bytes, &raw).map_err(|_| PenError::False)?;
        Ok(signature)
    }
}

fn read_key(path: &Path) -> Result<PrivateKey, LoadKeyError> {
    let read_error = |source| LoadKeyError::Read { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(read_error)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(LoadKeyError::Mode { path: path.to_owned(), mode });
    }
    let text = zeroize::Zeroizing::new(fs::read(path).map_err(read_error)?);
    let key = PrivateKey::from_openssh(text.as_slice())
        .map_err(|source| LoadKeyError::Form { path: path.to_owned(), source })?;
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(LoadKeyError::Algorithm { path: path.to_owned(), algorithm: key.algorithm() });
    }
    Ok(key)
}

fn unlocked(
    key: PrivateKey,
    path: &Path,
    ask: &mut dyn FnMut(&Path) -> io::Result<Secret>,
) -> Result<PrivateKey, LoadKeyError> {
    if !key.is_encrypted() {
        return Ok(key);
    }
    let passphrase =
        ask(path).map_err(|source| LoadKeyError::NoPassphrase { path: path.to_owned(), source })?;
    key.decrypt(passphrase.expose()).map_err(|_| LoadKeyError::WrongPassphrase { path: path.to_owned() })
}

/// The public half of a key file, `ssh-ed25519 AAAA…`; needs no passphrase.
///
/// # Errors
/// Why the file cannot be used.
pub fn public_of(path: &Path) -> Result<String, LoadKeyError> {
    let key = read_key(path)?;
    sshsig::public_line(key.public_key().key_data())
        .map_err(|source| LoadKeyError::Form { path: path.to_owned(), source })
}

/// Makes a new ed25519 key file (mode 0600, in a directory of mode 0700) and its `.pub` beside it.
/// An existing file is never written over.
///
/// # Errors
/// What the system said, with the path.
pub fn create(path: &Path, principal: &str, passphrase: Option<&Secret>) -> Result<(), CreateKeyError> {
    let failed = |source: io::Error| CreateKeyError { path: path.to_owned(), why: source.to_string() };
    let unmade = |source: ssh_key::Error| CreateKeyError { path: path.to_owned(), why: source.to_string() };
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    }
    let mut random = ssh_key::rand_core::OsRng;
    let mut key = PrivateKey::random(&mut random, Algorithm::Ed25519).map_err(unmade)?;
    key.set_comment(principal);
    let public = key.public_key().to_openssh().map_err(unmade)?;
    if let Some(passphrase) = passphrase {
        key = key.encrypt(&mut random, passphrase.expose()).map_err(unmade)?;
    }
    let private = key.to_openssh(LineEnding::LF).map_err(unmade)?;
    write_new(path, private.as_bytes(), 0o600).map_err(failed)?;
    write_new(&public_path(path), format!("{public}\n").as_bytes(), 0o644).map_err(failed)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The file beside a private key that holds its public half.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

/// Why a key file could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make key file {path}: {why}")]
pub struct CreateKeyError {
    path: PathBuf,
    why: String,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A signer with a fresh key.
    pub(crate) fn signer(principal: &str) -> Signer {
        let key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, Algorithm::Ed25519).unwrap();
        Signer::with_key(principal, &key).unwrap()
    }

    #[test]
    fn a_made_key_signs_and_is_not_written_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys/id");
        let word = Secret::new("open sesame".into());
        create(&path, "a@x", Some(&word)).unwrap();
        assert!(create(&path, "a@x", None).unwrap_err().to_string().contains("exists"));
        let signer = Signer::load("a@x", &path, None, &mut |_| Ok(word.clone())).unwrap();
        let signature = signer.sign("n", b"message").unwrap();
        assert_eq!(sshsig::verify(&signature, "n", b"message"), Ok(signer.public.clone()));
        assert_eq!(public_of(&path).unwrap(), signer.public);
        let wrong = Signer::load("a@x", &path, None, &mut |_| Ok(Secret::new("x".into())));
        assert!(wrong.unwrap_err().to_string().contains("passphrase is wrong"));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("id");
        create(&path, "a@x", None).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let told = public_of(&path).unwrap_err().to_string();
        assert!(told.contains("mode 640") && told.contains("chmod 600"), "{told}");
    }

    #[test]
    fn a_signature_holds_for_its_message_and_namespace_only() {
        let signature = signer("a@x").sign("n", b"message").unwrap();
        assert_eq!(sshsig::verify(&signature, "n", b"massage"), Err(sshsig::SignatureError::Mismatch));
        assert!(matches!(
            sshsig::verify(&signature, "m", b"message"),
            Err(sshsig::SignatureError::Namespace(..))
        ));
        assert!(matches!(
            sshsig::verify(&signature[4..], "n", b"message"),
            Err(sshsig::SignatureError::Form(_))
        ));
    }
}
