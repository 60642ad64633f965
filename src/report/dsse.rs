//! The DSSE envelope of a signed statement.
//! <https://github.com/secure-systems-lab/dsse/blob/master/envelope.md>

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use gonogo_core::journal::plain_signature;
use gonogo_core::journal::signers::{AllowedSigners, DistrustError};
use gonogo_core::text::line;
use gonogo_core::time::Utc;

/// The type of the payload.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A payload with its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// The statement, in base64.
    pub payload: String,
    /// The type of the payload.
    pub payload_type: String,
    /// The signatures.
    pub signatures: Vec<EnvelopeSignature>,
}

/// A signature over [`message`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// The key's fingerprint as SSH prints it, `SHA256:…`.
    pub keyid: String,
    /// The raw signature, in base64.
    pub sig: String,
}

/// Why a signature cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// Its statement is a different one.
    #[error(
        "its statement is not the statement of this log with your trusted signers; create a new envelope"
    )]
    OtherStatement,
    /// Signed twice.
    #[error("the key {0} has already signed it")]
    AlreadySigned(String),
    /// One of its signatures is not by a trusted signer.
    #[error(
        "its signature {0} by {keyid} is not trusted: {2}; add this key to the trusted signers (--signers), or create a new \
         envelope",
        keyid = line(.1)
    )]
    UntrustedSigner(usize, String, DistrustError),
    /// One of its signatures is invalid.
    #[error(
        "its signature {0} by {keyid} is not valid: not a signature of this key over this statement; create a new envelope",
        keyid = line(.1)
    )]
    InvalidSignature(usize, String),
}

impl Envelope {
    /// An envelope without signatures.
    #[must_use]
    pub fn of(statement: &[u8]) -> Self {
        let (payload, payload_type) = (STANDARD.encode(statement), PAYLOAD_TYPE.to_owned());
        Self { payload, payload_type, signatures: Vec::new() }
    }

    /// Whether a key may sign this envelope: it must hold this statement, and all its signatures must be valid and by
    /// trusted signers.
    ///
    /// # Errors
    /// Why not.
    pub fn check_can_add(
        &self,
        statement: &[u8],
        keyid: &str,
        signers: &AllowedSigners,
        at: Utc,
    ) -> Result<(), AddError> {
        if *self != (Self { signatures: self.signatures.clone(), ..Self::of(statement) }) {
            return Err(AddError::OtherStatement);
        }
        let mut signed = BTreeSet::from([keyid]);
        for (number, signature) in (1..).zip(&self.signatures) {
            if !signed.insert(&signature.keyid) {
                return Err(AddError::AlreadySigned(signature.keyid.clone()));
            }
            signature.check(number, statement, signers, at)?;
        }
        Ok(())
    }

    /// Adds a signature over [`message`].
    pub fn add(&mut self, keyid: String, signature: &[u8]) {
        self.signatures.push(EnvelopeSignature { keyid, sig: STANDARD.encode(signature) });
    }
}

impl EnvelopeSignature {
    fn check(
        &self,
        number: usize,
        statement: &[u8],
        signers: &AllowedSigners,
        at: Utc,
    ) -> Result<(), AddError> {
        let untrusted = |why| AddError::UntrustedSigner(number, self.keyid.clone(), why);
        let key = signers.key_of(&self.keyid, at).map_err(untrusted)?;
        let signature = STANDARD.decode(&self.sig).ok();
        let is_valid = signature.is_some_and(|signature| {
            plain_signature::verify(key, &signed_message(statement), &signature).is_ok()
        });
        if is_valid { Ok(()) } else { Err(AddError::InvalidSignature(number, self.keyid.clone())) }
    }
}

/// The bytes that are signed (DSSE's pre-authentication encoding).
#[must_use]
pub fn signed_message(statement: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), statement.len());
    [head.as_bytes(), statement].concat()
}
