//! SSH signatures (`PROTOCOL.sshsig` of OpenSSH) as run logs hold them: the raw blob, base64 on one line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ssh_encoding::{Decode as _, Encode as _};
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, PublicKey, Signature, SshSig};

/// Why a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a signature at all.
    #[error("the signature is not an SSHSIG blob in base64: {0}")]
    Form(String),
    /// Something other than version 1 with nothing reserved.
    #[error("the signature is of an SSHSIG version or has reserved bytes that this gonogo does not know")]
    Version,
    /// Made for something else.
    #[error("the signature was made under {0}, expected {1}")]
    Namespace(String, String),
    /// Made with a kind of key that is not accepted.
    #[error("the signature was made with a {0} key; this gonogo accepts ed25519 keys")]
    Algorithm(String),
    /// Made with another key, or over other bytes.
    #[error(
        "the signature does not match the line and the key: the line was changed or the signature is another's"
    )]
    Mismatch,
}

/// Signs a message with `pen`, which signs bytes; the hash is SHA-512.
pub(super) fn sign<E: From<ssh_key::Error>>(
    public: KeyData,
    namespace: &str,
    message: &[u8],
    pen: impl FnOnce(&[u8]) -> Result<Signature, E>,
) -> Result<String, E> {
    let signed = SshSig::signed_data(namespace, HashAlg::Sha512, message)?;
    let signature = SshSig::new(public, namespace, HashAlg::Sha512, pen(&signed)?)?;
    let mut blob = Vec::new();
    signature.encode(&mut blob).map_err(ssh_key::Error::from)?;
    Ok(BASE64.encode(blob))
}

/// Verifies a signature and returns the key that made it, as `ssh-ed25519 AAAA…`.
///
/// Weak keys (of small order) and signatures that are not canonical do not verify.
///
/// # Errors
/// Why it does not hold.
pub fn verify(signature: &str, namespace: &str, message: &[u8]) -> Result<String, SignatureError> {
    let parsed = parse(signature)?;
    if parsed.namespace() != namespace {
        return Err(SignatureError::Namespace(crate::text::line(parsed.namespace()), namespace.to_owned()));
    }
    let KeyData::Ed25519(key) = parsed.public_key() else {
        return Err(SignatureError::Algorithm(parsed.public_key().algorithm().to_string()));
    };
    let signed = SshSig::signed_data(namespace, parsed.hash_alg(), message)
        .map_err(|error| SignatureError::Form(error.to_string()))?;
    let verifying = ed25519_dalek::VerifyingKey::from_bytes(&key.0).map_err(|_| SignatureError::Mismatch)?;
    let raw = ed25519_dalek::Signature::from_slice(parsed.signature_bytes())
        .map_err(|_| SignatureError::Mismatch)?;
    verifying.verify_strict(&signed, &raw).map_err(|_| SignatureError::Mismatch)?;
    public_line(parsed.public_key()).map_err(|error| SignatureError::Form(error.to_string()))
}

fn parse(signature: &str) -> Result<SshSig, SignatureError> {
    let blob = BASE64.decode(signature).map_err(|error| SignatureError::Form(error.to_string()))?;
    let mut rest = blob.as_slice();
    let parsed = SshSig::decode(&mut rest).map_err(|error| SignatureError::Form(error.to_string()))?;
    if !rest.is_empty() {
        return Err(SignatureError::Form(format!("{} bytes too many", rest.len())));
    }
    let mut again = Vec::new();
    parsed.encode(&mut again).map_err(|error| SignatureError::Form(error.to_string()))?;
    if again != blob {
        return Err(SignatureError::Form("it is not written the one way it can be".into()));
    }
    // Version and reserved bytes are not covered by the signature, so nothing but the known form may pass.
    if parsed.version() != 1 || !parsed.reserved().is_empty() {
        return Err(SignatureError::Version);
    }
    Ok(parsed)
}

/// A public key as `ssh-ed25519 AAAA…`, without comment.
pub(super) fn public_line(key: &KeyData) -> Result<String, ssh_key::Error> {
    PublicKey::new(key.clone(), "").to_openssh().map(|line| line.trim_end().to_owned())
}
