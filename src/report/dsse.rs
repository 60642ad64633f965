//! The envelope that a statement is signed in.
//! <https://github.com/secure-systems-lab/dsse/blob/master/envelope.md>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// What the payload is.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A payload with its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// The statement, in base64.
    pub payload: String,
    /// What it is.
    pub payload_type: String,
    /// Who signed it.
    pub signatures: Vec<EnvelopeSignature>,
}

/// A signature over [`message`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// The key's fingerprint as SSH tells it, `SHA256:…`.
    pub keyid: String,
    /// The raw signature, in base64.
    pub sig: String,
}

/// Why a signature cannot be added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// It is about something else.
    #[error(
        "its statement is not the one of this log, judged by whom you trust; a statement of another moment is signed anew"
    )]
    Other,
    /// Signed twice.
    #[error("the key {0} has signed it already")]
    Twice(String),
}

impl Envelope {
    /// An envelope that nobody has signed yet.
    #[must_use]
    pub fn of(statement: &[u8]) -> Self {
        let (payload, payload_type) = (STANDARD.encode(statement), PAYLOAD_TYPE.to_owned());
        Self { payload, payload_type, signatures: Vec::new() }
    }

    /// Whether a key may sign it for this statement.
    ///
    /// # Errors
    /// Why not.
    pub fn may_add(&self, statement: &[u8], keyid: &str) -> Result<(), AddError> {
        if *self != (Self { signatures: self.signatures.clone(), ..Self::of(statement) }) {
            return Err(AddError::Other);
        }
        match self.signatures.iter().find(|known| known.keyid == keyid) {
            Some(known) => Err(AddError::Twice(known.keyid.clone())),
            None => Ok(()),
        }
    }

    /// Adds a signature over [`message`].
    pub fn add(&mut self, keyid: String, signature: &[u8]) {
        self.signatures.push(EnvelopeSignature { keyid, sig: STANDARD.encode(signature) });
    }
}

/// The bytes that are signed (DSSE's pre-authentication encoding).
#[must_use]
pub fn message(statement: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), statement.len());
    [head.as_bytes(), statement].concat()
}
