//! The part of a response body that was read.

use serde_json::Value;

use super::error::ProbeError;
use gonogo_core::text;

/// The longest excerpt in an observation, in bytes.
const MAX_EXCERPT: usize = 160;
/// The most objects of a JSON text.
const MAX_OBJECTS: usize = 1 << 14;

/// The part of a body, or of a program's output, that was read.
#[derive(Debug, Default)]
pub(super) struct ReadBody {
    pub(super) bytes: Vec<u8>,
    /// Why it is incomplete.
    pub(super) cut: Option<ProbeError>,
}

impl ReadBody {
    /// A short piece of it; `nothing` if it is empty.
    pub(super) fn excerpt(&self) -> String {
        if self.bytes.is_empty() { "nothing".into() } else { text::excerpt(&self.bytes, MAX_EXCERPT) }
    }
}

/// Why bytes could not be read as JSON.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// It may be JSON, but it is not parsed.
    #[error("JSON of more than {MAX_OBJECTS} objects: not read")]
    Large,
    /// The same.
    #[error("JSON nested more than 128 deep: not read")]
    Deep,
    /// It is something else.
    #[error("not JSON")]
    Foreign,
}

/// Parses JSON. A small text can need much memory: `{"":0}` grows a hundredfold.
pub(super) fn json(bytes: &[u8]) -> Result<Value, Unreadable> {
    if bytes.split(|byte| *byte == b'{').count() > MAX_OBJECTS + 1 {
        return Err(Unreadable::Large);
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // The error has no kind of its own for this.
        if error.to_string().contains("recursion limit") { Unreadable::Deep } else { Unreadable::Foreign }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_json_is_distinguished_from_other_content() {
        assert!(json(b"{}").is_ok());
        assert_eq!(json("[".repeat(1000).as_bytes()).unwrap_err(), Unreadable::Deep);
        assert_eq!(json(r#"{"":0},"#.repeat(20_000).as_bytes()).unwrap_err(), Unreadable::Large);
        assert_eq!(json(b"<html>").unwrap_err(), Unreadable::Foreign);
    }
}
