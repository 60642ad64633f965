//! One line of `allowed_signers`, parsed as OpenSSH's `sshsig.c` does.

use std::collections::BTreeSet;

use ssh_key::public::KeyData;

use super::pattern::MAX_PATTERN;
use super::time::{self, TimeError};
use crate::journal::entry::MACHINE;
use crate::journal::public_key::{self, RejectedKey};
use crate::journal::sshsig::public_line;
use crate::text::{self, BYTE_ORDER_MARK, is_harmful};

/// The separators after the names; later only space and tab separate.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// A parsed line.
#[derive(Debug)]
pub(super) struct SignerLine {
    /// Names and patterns; a name must match this list.
    pub(super) principals: BTreeSet<String>,
    pub(super) options: SignerOptions,
    pub(super) key: KeyData,
}

/// The options of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SignerOptions {
    cert_authority: bool,
    pub(super) namespaces: Option<String>,
    /// In seconds since 1970, like `before`; both are inclusive.
    pub(super) after: Option<i64>,
    pub(super) before: Option<i64>,
}

/// Why a line is ignored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IgnoredReason {
    /// A zero byte, which ends the line for OpenSSH but not in an editor.
    #[error("it has a zero byte in it")]
    ZeroByte,
    /// A file of an editor that writes more than text.
    #[error(
        "it begins with a byte order mark (BOM), which OpenSSH reads as part of the line; save the file as UTF-8 without BOM"
    )]
    ByteOrderMark,
    /// A file in another encoding.
    #[error("it is UTF-16, which OpenSSH cannot read; save the file as UTF-8 without BOM")]
    Utf16,
    /// OpenSSH versions differ about this.
    #[error("it begins with a carriage return")]
    CarriageReturn,
    /// No names, or nothing after them.
    #[error("expected NAME [OPTIONS] KEY")]
    Form,
    /// An unclosed quote.
    #[error("a quote is not closed")]
    Quote,
    /// A name that is not UTF-8, cannot be displayed, or is too long.
    #[error("{0:?} cannot be a name")]
    Name(String),
    /// The name of automatic entries.
    #[error("{MACHINE} is the name of automatic entries; no signer can have it")]
    Machine,
    /// No key where one is expected, or one that is not in OpenSSH's format.
    #[error("expected a public key, as `ssh-keygen -y` writes it")]
    Key,
    /// A public key without a name, as a `.pub` file has it.
    #[error(
        "it has no name in front of its key; write `NAME {0}`, with the name of the key's owner in run logs"
    )]
    NoName(String),
    /// A key that OpenSSH reads but does not write in this form.
    #[error("its key has a short type name; write the key as `ssh-keygen -y` does")]
    ShortForm,
    /// A certificate instead of a key, or a line for certificates.
    #[error("it is for certificates; run logs are signed with plain keys")]
    Certificate,
    /// A key that is rejected.
    #[error(transparent)]
    Unfit(#[from] RejectedKey),
    /// An unknown option, or one that is not in OpenSSH's format.
    #[error(
        "bad options at {0:?}; expected namespaces=\"…\", valid-after=\"…\" or valid-before=\"…\", separated by commas"
    )]
    Option(String),
    /// A repeated option.
    #[error("the option {0} is given twice")]
    Twice(&'static str),
    /// An invalid time.
    #[error("{0}: expected YYYYMMDDZ or YYYYMMDDHHMM[SS]Z, found {1:?}")]
    Time(&'static str, String),
    /// A local time, which differs between machines.
    #[error("{0}: {1:?} is a local time, which depends on the machine; write {1}Z")]
    LocalTime(&'static str, String),
    /// It ends before it starts.
    #[error("valid-before is not after valid-after")]
    NeverValid,
    /// Lines that name different owners of one key.
    #[error(
        "other lines list its key under other names ({0}); one key is one person, so list their names in one line, separated by commas"
    )]
    TwoNames(String),
}

/// Parses a line. `None` is a blank line or a comment.
pub(super) fn parse(line: &[u8]) -> Result<Option<SignerLine>, IgnoredReason> {
    if line.starts_with(&[0xff, 0xfe]) || line.starts_with(&[0xfe, 0xff]) {
        return Err(IgnoredReason::Utf16);
    }
    let text = String::from_utf8_lossy(line);
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(IgnoredReason::ByteOrderMark);
    }
    let text = text.trim_start_matches([' ', '\t']);
    if text.starts_with('#') || text.trim_start_matches(BLANKS).is_empty() {
        return Ok(None);
    }
    if text.contains('\0') {
        return Err(IgnoredReason::ZeroByte);
    }
    if text.starts_with('\r') {
        return Err(IgnoredReason::CarriageReturn);
    }
    if public_key::is_certificate(text) {
        return Err(IgnoredReason::Certificate);
    }
    if let Some((key, _comment)) = public_key::parse_key(text) {
        return Err(public_line(&key).map_or(IgnoredReason::Key, IgnoredReason::NoName));
    }
    let (names, rest) = first_word(text)?;
    let principals = principals(&names)?;
    let (options, key) = options_and_key(rest)?;
    let options = self::options(options)?;
    if options.cert_authority {
        return Err(IgnoredReason::Certificate);
    }
    public_key::check_key(&key)?;
    Ok(Some(SignerLine { principals, options, key }))
}

/// The first word as `strdelimw` finds it, and the rest: up to a blank, or up to the closing quote if a quote comes
/// first.
fn first_word(text: &str) -> Result<(String, &str), IgnoredReason> {
    let is_end = |c: char| BLANKS.contains(&c) || c == '"';
    let (first, rest) = text.split_at(text.find(is_end).ok_or(IgnoredReason::Form)?);
    let (word, rest) = match rest.strip_prefix('"') {
        None => (first.to_owned(), &rest[1..]),
        Some(quoted) => {
            let (quoted, rest) = quoted.split_once('"').ok_or(IgnoredReason::Quote)?;
            (format!("{first}{quoted}"), rest)
        }
    };
    Ok((word, rest.trim_start_matches(BLANKS)))
}

/// The names and patterns of a line.
fn principals(names: &str) -> Result<BTreeSet<String>, IgnoredReason> {
    let names: BTreeSet<_> = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    for name in &names {
        if name.len() > MAX_PATTERN
            || name.contains(char::REPLACEMENT_CHARACTER)
            || name.chars().any(is_harmful)
        {
            return Err(IgnoredReason::Name(text::excerpt(name.as_bytes(), 80)));
        }
        if name == MACHINE {
            return Err(IgnoredReason::Machine);
        }
    }
    if names.is_empty() { Err(IgnoredReason::Form) } else { Ok(names) }
}

/// A key, or options and a key.
fn options_and_key(rest: &str) -> Result<(&str, KeyData), IgnoredReason> {
    if let Some((key, _comment)) = public_key::parse_key(rest) {
        return Ok(("", key));
    }
    let end = end_of_options(rest)?;
    let (options, key) = rest.split_at(end);
    let key = key.trim_start_matches([' ', '\t']);
    match public_key::parse_key(key) {
        Some((key, _comment)) => Ok((options, key)),
        None if public_key::is_certificate(rest) || public_key::is_certificate(key) => {
            Err(IgnoredReason::Certificate)
        }
        None if public_key::is_short_form(rest) || public_key::is_short_form(key) => {
            Err(IgnoredReason::ShortForm)
        }
        None => Err(IgnoredReason::Key),
    }
}

/// The end of the options, as in `sshkey_advance_past_options`: a blank outside of quotes.
fn end_of_options(text: &str) -> Result<usize, IgnoredReason> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        let quote = c == '"' && !escaped;
        escaped = c == '\\' && !escaped && text[at + 1..].starts_with('"');
        quoted ^= quote;
        if matches!(c, ' ' | '\t') && !quoted {
            return Ok(at);
        }
    }
    if quoted { Err(IgnoredReason::Quote) } else { Ok(text.len()) }
}

/// Options as in `sshsigopt_parse`: names in any case, values in quotes, separated by commas, without a trailing
/// comma.
fn options(text: &str) -> Result<SignerOptions, IgnoredReason> {
    let mut parsed = SignerOptions::default();
    let mut rest = text;
    while !rest.is_empty() {
        rest = one_option(rest, &mut parsed)?;
        let bad = || IgnoredReason::Option(text::excerpt(rest.as_bytes(), 80));
        if rest.is_empty() {
            break;
        }
        rest = rest.strip_prefix(',').ok_or_else(bad)?;
        if rest.is_empty() {
            return Err(IgnoredReason::Option(",".into()));
        }
    }
    if matches!((parsed.after, parsed.before), (Some(after), Some(before)) if before <= after) {
        return Err(IgnoredReason::NeverValid);
    }
    Ok(parsed)
}

/// Parses one known option from the start of a text, if there is one.
fn one_option<'a>(text: &'a str, parsed: &mut SignerOptions) -> Result<&'a str, IgnoredReason> {
    let names = |name: &str| text.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    if names("cert-authority") {
        parsed.cert_authority = true;
        return Ok(&text["cert-authority".len()..]);
    }
    let Some(name) = ["namespaces", "valid-after", "valid-before"]
        .into_iter()
        .find(|name| names(name) && text[name.len()..].starts_with('='))
    else {
        return Ok(text);
    };
    let (value, rest) = quoted(&text[name.len() + 1..])
        .ok_or_else(|| IgnoredReason::Option(text::excerpt(text.as_bytes(), 80)))?;
    match name {
        "namespaces" => set_once(name, &mut parsed.namespaces, value)?,
        "valid-after" => set_once(name, &mut parsed.after, parse_time(name, &value)?)?,
        _ => set_once(name, &mut parsed.before, parse_time(name, &value)?)?,
    }
    Ok(rest)
}

fn set_once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), IgnoredReason> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(IgnoredReason::Twice(name)),
    }
}

fn parse_time(name: &'static str, value: &str) -> Result<i64, IgnoredReason> {
    let shown = || text::excerpt(value.as_bytes(), 80);
    time::parse(value).map_err(|error| match error {
        TimeError::Form => IgnoredReason::Time(name, shown()),
        TimeError::Local => IgnoredReason::LocalTime(name, shown()),
    })
}

/// A quoted value as in `opt_dequote`, and the rest. `\"` is a quote within it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = inner.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &inner[at + 1..])),
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                value.push('"');
                chars.next();
            }
            c => value.push(c),
        }
    }
    None
}
