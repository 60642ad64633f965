//! The part of a response body that was read.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::error::ProbeError;
use super::unique_keys::UniqueKeys;
use gonogo_core::text;

/// The longest excerpt in an observation, in bytes.
const MAX_EXCERPT: usize = 160;
/// The most objects of a JSON text.
const MAX_OBJECTS: usize = 1 << 14;
/// The most objects of a JSON text of which few fields are kept.
const MAX_SKIMMED_OBJECTS: usize = 1 << 19;

/// The deepest JSON that is parsed.
const MAX_DEPTH: usize = 128;

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
    #[error("JSON of more than {0} objects: not read")]
    Large(usize),
    /// The same.
    #[error("JSON nested more than {MAX_DEPTH} deep: not read")]
    Deep,
    /// It is something else.
    #[error("not JSON")]
    Foreign,
    /// It is JSON of another form.
    #[error("JSON of an unexpected structure: {0}")]
    Unexpected(String),
}

/// Parses JSON in which no key occurs twice. A small text can need much memory: `{"":0}` grows a hundredfold.
pub(super) fn json(bytes: &[u8]) -> Result<Value, Unreadable> {
    parse(bytes, MAX_OBJECTS).map(|UniqueKeys(value)| value)
}

/// Parses a long JSON text into a type that keeps few of its fields.
pub(super) fn skim<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    parse(bytes, MAX_SKIMMED_OBJECTS)
}

fn parse<T: DeserializeOwned>(bytes: &[u8], max_objects: usize) -> Result<T, Unreadable> {
    // A parser may ignore a byte order mark (RFC 8259, 8.1).
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.split(|byte| *byte == b'{').count() > max_objects + 1 {
        return Err(Unreadable::Large(max_objects));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // The error has no kind of its own for this, and a type may be found wrong before.
        if error.to_string().contains("recursion limit") || depth(bytes) > MAX_DEPTH {
            Unreadable::Deep
        } else if error.classify() == Category::Data {
            Unreadable::Unexpected(error.to_string())
        } else {
            Unreadable::Foreign
        }
    })
}

/// How deep brackets and braces are nested, outside of strings.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut is_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => depth += 1,
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_json_is_distinguished_from_other_content() {
        assert!(json(b"{}").is_ok());
        assert_eq!(json("[".repeat(1000).as_bytes()).unwrap_err(), Unreadable::Deep);
        assert_eq!(skim::<Vec<u8>>("[".repeat(1000).as_bytes()).unwrap_err(), Unreadable::Deep);
        let text = format!("[\"{}\\\"\", ", "[".repeat(1000));
        assert_eq!(json(text.as_bytes()).unwrap_err(), Unreadable::Foreign);
        assert_eq!(json(r#"{"":0},"#.repeat(20_000).as_bytes()).unwrap_err(), Unreadable::Large(MAX_OBJECTS));
        assert_eq!(json(b"<html>").unwrap_err(), Unreadable::Foreign);
        assert!(json(b"\xef\xbb\xbf{}").is_ok(), "a byte order mark");
        assert!(matches!(skim::<Vec<u8>>(b"{}").unwrap_err(), Unreadable::Unexpected(_)));
        assert_eq!(skim::<Vec<u8>>(b"[1,").unwrap_err(), Unreadable::Foreign);
    }
}
