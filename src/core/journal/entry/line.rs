//! Lines: the canonical form in which entries are written and read.

use std::borrow::Cow;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::kinds::{read_flat, write_flat};
use super::{Entry, Event, Header};
use crate::outcome::Sha256Hex;
use crate::text;

/// The format version that this code reads and writes.
pub const VERSION: u32 = 1;
/// The version of kinds, fields and rules within the format, as `opened` names it. Raised on every change of one of
/// them, the words of a verdict included, until the format is fixed. A log of another version is neither read nor
/// written.
pub const RULES: u32 = 6;
/// The longest line in bytes, LF included.
pub const MAX_LINE: usize = 64 * 1024;
/// The longest `opened` or `replanned` line, which carry a whole plan, in bytes, LF included.
pub const MAX_PLAN_LINE: usize = 1024 * 1024;

/// A capacity that fits most lines, in bytes.
pub(in crate::journal) const TYPICAL_LINE: usize = 1024;

/// Why a line is not an entry.
#[derive(Debug, thiserror::Error)]
pub enum ReadEntryError {
    /// Invalid JSON, or not the shape of its kind.
    #[error("{}", describe_json(.0))]
    Json(#[from] serde_json::Error),
    /// A version that this gonogo does not support.
    #[error("format version {0}, expected {VERSION}; a newer gonogo wrote this log")]
    Version(u64),
    /// A log of other rules than this gonogo's.
    #[error("{0}")]
    Rules(UnsupportedRules),
    /// A kind that this gonogo does not know.
    #[error("unknown kind {0:?}")]
    Kind(String),
    /// Not in canonical form.
    #[error("not in canonical form from byte {0} on (order of keys, white space or escapes)")]
    NotCanonical(usize),
    /// Over the line limit.
    #[error("{0} bytes long; the limit is {1}")]
    TooLong(usize, usize),
}

/// Why a line could not be read as JSON. Its place in the file is reported with it.
fn describe_json(error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Eof if error.column() == 0 => "it is empty".to_owned(),
        Category::Eof => "it is cut off".to_owned(),
        Category::Syntax => format!("not JSON from column {} on", error.column()),
        Category::Data | Category::Io => error.to_string(),
    }
}

/// The rules of a log of another version, as its first entry names them. The first version named none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedRules(pub Option<u64>);

impl std::fmt::Display for UnsupportedRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(rules) => write!(f, "a log of another version (rules {rules}"),
            None => f.write_str("a log of another version (no rules version"),
        }?;
        write!(f, "; this gonogo reads rules {RULES})")
    }
}

/// Why an entry cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteEntryError {
    /// Over the line limit.
    #[error("the entry would be {0} bytes long; the limit is {1}. Shorten the text, or attach a file")]
    TooLong(usize, usize),
    /// Not representable in JSON.
    #[error("the entry cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The bytes to sign: the line without its signature, LF included.
///
/// # Errors
/// When the line is too long.
pub fn signed_bytes(header: &Header, event: &Event) -> Result<Vec<u8>, WriteEntryError> {
    write_line(header, event, None)
}

impl Entry {
    /// Makes the entry and its whole line, LF included.
    ///
    /// # Errors
    /// When the line is too long.
    pub fn write(
        header: Header,
        event: Event,
        sig: Option<String>,
    ) -> Result<(Self, Vec<u8>), WriteEntryError> {
        let line = write_line(&header, &event, sig.as_deref())?;
        let hash = Sha256Hex::of(&line);
        Ok((Self { header, event, sig, hash }, line))
    }

    /// Reads one line, given without its LF.
    ///
    /// # Errors
    /// Why it is not an entry.
    pub fn read(line: &[u8]) -> Result<Self, ReadEntryError> {
        let entry = Self::parse(line)?;
        let again = write_flat(&entry.header, &entry.event, entry.sig.as_deref())?;
        check_canonical(line, &again)?;
        Ok(entry)
    }

    /// Reads one line, given without its LF, but does not check the canonical form: for lines that are verified
    /// elsewhere.
    ///
    /// # Errors
    /// Why it is not an entry.
    pub fn parse(line: &[u8]) -> Result<Self, ReadEntryError> {
        if line.len() >= MAX_PLAN_LINE {
            return Err(ReadEntryError::TooLong(line.len() + 1, MAX_PLAN_LINE));
        }
        let kind = ordinary_kind(line).map_or_else(|| kind_of_this_version(line), |kind| Ok(kind.into()))?;
        let (header, event, sig) = read_flat(&kind, line)?;
        check_length(&event, line.len() + 1).map_err(|(is, max)| ReadEntryError::TooLong(is, max))?;
        Ok(Self { header, event, sig, hash: Sha256Hex::of_line(line) })
    }

    /// The bytes that were signed: the entry's own line (given without its LF) without the signature, LF included.
    /// None for another line.
    #[must_use]
    pub fn signed_part(&self, line: &[u8]) -> Option<Vec<u8>> {
        let end = format!(",\"sig\":\"{}\"}}", self.sig.as_ref()?);
        Some([line.strip_suffix(end.as_bytes())?, b"}\n"].concat())
    }
}

/// The kind of a line of this version that does not open a run, found at its fixed place without parsing the line. A
/// string cannot contain this sequence, because quotation marks in strings are escaped.
fn ordinary_kind(line: &[u8]) -> Option<&str> {
    const KIND: &[u8] = b",\"kind\":\"";
    line.strip_prefix(format!("{{\"v\":{VERSION},").as_bytes())?;
    let start = line.windows(KIND.len()).position(|bytes| bytes == KIND)? + KIND.len();
    let length = line[start..].iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&line[start..start + length]).ok().filter(|kind| *kind != "opened")
}

/// The kind of a line, if the line has this version.
fn kind_of_this_version(line: &[u8]) -> Result<Cow<'_, str>, ReadEntryError> {
    #[derive(Deserialize)]
    #[serde(expecting = "a JSON object with the fields v and kind")]
    struct Peek<'a> {
        v: u64,
        #[serde(borrow)]
        kind: Cow<'a, str>,
        rules: Option<u64>,
    }
    let Peek { v, kind, rules } = serde_json::from_slice(line)?;
    if v != u64::from(VERSION) {
        return Err(ReadEntryError::Version(v));
    }
    if kind == "opened" && rules != Some(u64::from(RULES)) {
        return Err(ReadEntryError::Rules(UnsupportedRules(rules)));
    }
    Ok(kind)
}

fn write_line(header: &Header, event: &Event, sig: Option<&str>) -> Result<Vec<u8>, WriteEntryError> {
    let mut line = write_flat(header, event, sig)?;
    line.push(b'\n');
    check_length(event, line.len()).map_err(|(is, max)| WriteEntryError::TooLong(is, max))?;
    Ok(line)
}

fn check_length(event: &Event, length: usize) -> Result<(), (usize, usize)> {
    let limit = if event.carries_plan() { MAX_PLAN_LINE } else { MAX_LINE };
    if length > limit { Err((length, limit)) } else { Ok(()) }
}

fn check_canonical(line: &[u8], again: &[u8]) -> Result<(), ReadEntryError> {
    if line == again {
        return Ok(());
    }
    let differs = line.iter().zip(again).position(|(a, b)| a != b);
    Err(ReadEntryError::NotCanonical(differs.unwrap_or(line.len().min(again.len()))))
}

pub(super) fn write_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(TYPICAL_LINE);
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, SafeFormatter))?;
    Ok(bytes)
}

/// Compact JSON without any character that could control a terminal: what `serde_json` leaves unescaped (DEL, C1,
/// bidirectional controls) is escaped too.
struct SafeFormatter;

impl serde_json::ser::Formatter for SafeFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, part: &str) -> io::Result<()> {
        if text::is_plain(part) {
            return writer.write_all(part.as_bytes());
        }
        let mut plain = 0;
        for (index, c) in part.char_indices().filter(|(_, c)| text::is_harmful(*c)) {
            writer.write_all(&part.as_bytes()[plain..index])?;
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = index + c.len_utf8();
        }
        writer.write_all(&part.as_bytes()[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::super::Noted;
    use super::*;
    use crate::time::{Moment, Utc};

    fn noted(text: &str) -> (Entry, Vec<u8>) {
        let at = Moment { wall: Utc::from_millis(1_790_000_000_000), boot: "b".into(), mono: 7 };
        let header = Header { run: "00".repeat(16), seq: 3, prev: Sha256Hex::ZERO, at, by: "a@x".into() };
        Entry::write(header, Noted { point: None, text: text.into() }.into(), Some("AA==".into())).unwrap()
    }

    #[test]
    fn a_line_reads_back_and_has_its_fields_in_order() {
        let (entry, line) = noted("héllo");
        assert_eq!(
            String::from_utf8(line.clone()).unwrap(),
            format!(
                "{{\"v\":1,\"run\":\"{}\",\"seq\":3,\"prev\":\"{}\",\"t\":\"2026-09-21T14:13:20.000Z\",\"boot\":\"b\",\
                 \"mono\":7,\"by\":\"a@x\",\"kind\":\"noted\",\"point\":null,\"text\":\"héllo\",\"sig\":\"AA==\"}}\n",
                "00".repeat(16),
                "0".repeat(64)
            )
        );
        assert_eq!(Entry::read(&line[..line.len() - 1]).unwrap(), entry);
    }

    #[test]
    fn control_characters_are_escaped_in_a_line() {
        let (entry, line) = noted("a\x1b\u{9b}\u{7f}\u{202e}\u{e0001}b");
        let text = String::from_utf8(line.clone()).unwrap();
        assert!(!text.trim_end().chars().any(text::is_harmful), "{text:?}");
        assert_eq!(Entry::read(&line[..line.len() - 1]).unwrap(), entry);
    }

    /// The limits of texts count the bytes as written.
    #[test]
    fn the_length_of_every_character_is_computed_correctly() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            assert_eq!(write_json(&text).unwrap().len(), text::json_length(&text) + 2, "{c:?}");
        }
    }

    #[test]
    fn a_line_that_is_not_canonical_is_rejected() {
        let line = String::from_utf8(noted("x").1).unwrap().trim_end().to_owned();
        let refused = |line: &str| Entry::read(line.as_bytes()).unwrap_err().to_string();
        assert!(refused(&line.replace("\"seq\":3", "\"seq\": 3")).contains("canonical"));
        assert!(refused(&line.replace("\"x\"", "\"\\u0078\"")).contains("canonical"));
        assert!(refused(&line.replace(",\"point\":null", "")).contains("canonical"));
        assert!(refused(&line.replace("\"seq\":3", "\"seq\":3,\"seq\":3")).contains("duplicate"));
        assert!(refused(&line.replace("\"seq\":3", "\"seq\":3,\"x\":1")).contains("unknown field"));
        assert!(refused(&line.replace("\"v\":1", "\"v\":2")).contains("version 2"));
        assert_eq!(refused(&line.replace("noted", "nodded")), "unknown kind \"nodded\"");
        assert_eq!(refused(""), "it is empty");
        assert_eq!(refused(&line[..line.len() / 2]), "it is cut off");
        assert!(refused(&format!("\u{feff}{line}")).contains("not JSON from column 1 on"));
        assert!(refused(&format!("{line}\r")).contains("canonical"));
    }

    #[test]
    fn a_line_that_would_be_too_long_is_not_written() {
        let at = Moment { wall: Utc::from_millis(0), boot: String::new(), mono: 0 };
        let header = Header { run: String::new(), seq: 0, prev: Sha256Hex::ZERO, at, by: String::new() };
        let event = Noted { point: None, text: "x".repeat(MAX_LINE) };
        assert!(matches!(signed_bytes(&header, &event.into()), Err(WriteEntryError::TooLong(_, MAX_LINE))));
    }
}
