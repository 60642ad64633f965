//! SSH signatures (`PROTOCOL.sshsig` of OpenSSH) as in run logs: the raw blob in base64, on one line.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha256};
use signature::Verifier as _;
use ssh_encoding::{Decode as _, Encode as _};
use ssh_key::public::{KeyData, SkEd25519};
use ssh_key::{Algorithm, HashAlg, PublicKey, Signature, SshSig};

use super::public_key::{is_accepted, is_compressed};

/// A capacity that fits most signatures, in bytes.
const TYPICAL_BLOB: usize = 256;
/// What follows the signature of a security key: flags, then a counter of 4 bytes.
const SK_TRAILER: usize = 5;
/// The flag for a touch of the security key.
const USER_PRESENT: u8 = 1;

/// Why a signature is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is not a signature.
    #[error("the signature is not an SSHSIG blob in base64: {0}")]
    Format(String),
    /// It has another version than 1, or reserved bytes.
    #[error("the signature has an SSHSIG version or reserved bytes that this gonogo does not support")]
    Version,
    /// It was made under another namespace.
    #[error("the signature was made under {0}, expected {1}")]
    Namespace(String, String),
    /// The key type is not accepted.
    #[error("the signature was made with a {0} key; run logs are signed with ed25519, ecdsa or sk- keys")]
    Algorithm(String),
    /// The key has a form that OpenSSH does not accept.
    #[error("the signature's key has a compressed point, which OpenSSH does not accept")]
    Compressed,
    /// The security key was not touched.
    #[error("the signature was made by a security key that was not touched")]
    Untouched,
    /// It was made with another key or over other bytes.
    #[error(
        "the signature does not match the line and the key: the line was changed, or another key signed it"
    )]
    Mismatch,
}

/// Signs a message; `sign_bytes` signs bytes. The hash is SHA-512.
pub(super) fn sign<E: From<ssh_key::Error>>(
    public: &KeyData,
    namespace: &str,
    message: &[u8],
    sign_bytes: impl FnOnce(&[u8]) -> Result<Signature, E>,
) -> Result<String, E> {
    let signed = SshSig::signed_data(namespace, HashAlg::Sha512, message)?;
    let blob =
        encode(public, namespace, HashAlg::Sha512, &sign_bytes(&signed)?).map_err(ssh_key::Error::from)?;
    Ok(BASE64.encode(blob))
}

/// The blob of a signature.
fn encode(
    public: &KeyData,
    namespace: &str,
    hash: HashAlg,
    signature: &Signature,
) -> ssh_encoding::Result<Vec<u8>> {
    let bytes = signature.as_bytes();
    let trailer = if is_sk(&signature.algorithm()) { SK_TRAILER.min(bytes.len()) } else { 0 };
    let (own, trailer) = bytes.split_at(bytes.len() - trailer);
    let [mut key, mut inner, mut blob] = [(); 3].map(|()| Vec::with_capacity(TYPICAL_BLOB));
    public.encode(&mut key)?;
    signature.algorithm().encode(&mut inner)?;
    own.encode(&mut inner)?;
    inner.extend(trailer);
    blob.extend(b"SSHSIG\0\0\0\x01");
    key.encode(&mut blob)?;
    namespace.encode(&mut blob)?;
    "".encode(&mut blob)?;
    hash.encode(&mut blob)?;
    inner.encode(&mut blob)?;
    Ok(blob)
}

/// Whether keys of a type are in hardware that must be touched.
pub(super) const fn is_sk(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256)
}

/// Verifies a signature and returns the key that made it, as `ssh-ed25519 AAAA…`.
///
/// Weak keys (of small order) and signatures that are not canonical are not valid, nor are those of a security key
/// without a touch.
///
/// An ecdsa signature (r, s) has a twin (r, n-s) that is also valid and that anybody can make without the key. Both
/// are accepted: about half of OpenSSH's signatures have the larger s. So the bytes of a line signed with such a key,
/// and the SHA-256 of its log, can be changed without the key; the content of the line cannot.
///
/// # Errors
/// Why it is not valid.
pub fn verify(signature: &str, namespace: &str, message: &[u8]) -> Result<String, SignatureError> {
    SignatureVerifier::default().verify(signature, namespace, message)
}

/// Checks a plain signature with a key and the signed bytes.
pub(super) fn check_signature(
    key: &KeyData,
    signed: &[u8],
    signature: &Signature,
) -> Result<(), SignatureError> {
    SignatureVerifier::default().check_signature(key, signed, signature)
}

/// Verifies many signatures of few keys: decoding a key takes a tenth of the time of a verification.
#[derive(Default)]
pub(super) struct SignatureVerifier {
    unpacked: BTreeMap<[u8; 32], VerifyingKey>,
}

impl SignatureVerifier {
    /// How many decoded keys are cached.
    const MAX_KEYS: usize = 64;

    /// As [`verify`].
    pub(super) fn verify(
        &mut self,
        signature: &str,
        namespace: &str,
        message: &[u8],
    ) -> Result<String, SignatureError> {
        let parsed = parse(signature)?;
        if parsed.namespace() != namespace {
            let actual = crate::text::line(parsed.namespace());
            return Err(SignatureError::Namespace(actual, namespace.to_owned()));
        }
        let signed = SshSig::signed_data(namespace, parsed.hash_alg(), message)
            .map_err(|error| SignatureError::Format(error.to_string()))?;
        self.check_signature(parsed.public_key(), &signed, parsed.signature())?;
        public_line(parsed.public_key()).map_err(|error| SignatureError::Format(error.to_string()))
    }

    fn check_signature(
        &mut self,
        key: &KeyData,
        signed: &[u8],
        signature: &Signature,
    ) -> Result<(), SignatureError> {
        let kind = key.algorithm();
        if !is_accepted(&kind) {
            return Err(SignatureError::Algorithm(kind.to_string()));
        }
        if is_compressed(key) {
            return Err(SignatureError::Compressed);
        }
        if signature.algorithm() != kind {
            return Err(SignatureError::Mismatch);
        }
        let (own, trailer) = match signature.as_bytes().split_last_chunk::<SK_TRAILER>() {
            Some((own, trailer)) if is_sk(&kind) => (own, trailer.as_slice()),
            _ => (signature.as_bytes(), [].as_slice()),
        };
        let right = match key {
            KeyData::Ed25519(key) => self.verify_strictly(&key.0, signed, own),
            KeyData::SkEd25519(key) => {
                self.verify_strictly(&key.public_key().0, &sk_message(key, signed, trailer), own)
            }
            _ => key.verify(signed, signature).is_ok(),
        };
        match trailer.first() {
            _ if !right => Err(SignatureError::Mismatch),
            Some(flags) if flags & USER_PRESENT == 0 => Err(SignatureError::Untouched),
            _ => Ok(()),
        }
    }

    fn verify_strictly(&mut self, key: &[u8; 32], signed: &[u8], signature: &[u8]) -> bool {
        let signature = ed25519_dalek::Signature::from_slice(signature);
        matches!((self.decompress(key), signature), (Some(key), Ok(signature)) if key.verify_strict(signed, &signature).is_ok())
    }

    fn decompress(&mut self, key: &[u8; 32]) -> Option<VerifyingKey> {
        if let Some(unpacked) = self.unpacked.get(key) {
            return Some(*unpacked);
        }
        let unpacked = VerifyingKey::from_bytes(key).ok()?;
        if self.unpacked.len() < Self::MAX_KEYS {
            self.unpacked.insert(*key, unpacked);
        }
        Some(unpacked)
    }
}

/// The message that a security key signs.
fn sk_message(key: &SkEd25519, signed: &[u8], trailer: &[u8]) -> Vec<u8> {
    [Sha256::digest(key.application()).as_slice(), trailer, Sha256::digest(signed).as_slice()].concat()
}

fn parse(signature: &str) -> Result<SshSig, SignatureError> {
    let blob = BASE64.decode(signature).map_err(|error| SignatureError::Format(error.to_string()))?;
    let mut rest = blob.as_slice();
    let parsed = SshSig::decode(&mut rest).map_err(|error| SignatureError::Format(error.to_string()))?;
    if !rest.is_empty() {
        return Err(SignatureError::Format(format!("{} bytes too many", rest.len())));
    }
    // The signature does not cover version and reserved bytes, so only the known form is accepted.
    if parsed.version() != 1 || !parsed.reserved().is_empty() {
        return Err(SignatureError::Version);
    }
    let again = encode(parsed.public_key(), parsed.namespace(), parsed.hash_alg(), parsed.signature());
    let again = again.map_err(|error| SignatureError::Format(error.to_string()))?;
    if again != blob {
        return Err(SignatureError::Format("it is not in canonical form".into()));
    }
    Ok(parsed)
}

/// A public key as `ssh-ed25519 AAAA…`, without comment.
pub(super) fn public_line(key: &KeyData) -> Result<String, ssh_key::Error> {
    PublicKey::new(key.clone(), "").to_openssh().map(|line| line.trim_end().to_owned())
}

#[cfg(test)]
mod tests;
