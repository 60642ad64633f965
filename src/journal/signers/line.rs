//! One line of `allowed_signers`, as OpenSSH's `sshsig.c` takes it apart.

use std::collections::BTreeSet;

use ssh_key::public::KeyData;

use super::pattern::LONGEST;
use super::time::{self, TimeError};
use crate::journal::entry::MACHINE;
use crate::journal::public_key::{self, UnfitKey};
use crate::text::{self, is_harmful};

/// What separates the names from what follows them; after that only space and tab do.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// A line that is understood.
#[derive(Debug)]
pub(super) struct SignerLine {
    pub(super) principals: BTreeSet<String>,
    pub(super) options: Options,
    pub(super) key: KeyData,
}

/// What a line may be used for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    cert_authority: bool,
    pub(super) namespaces: Option<String>,
    /// In seconds since 1970, as `before`; both are included.
    pub(super) after: Option<i64>,
    pub(super) before: Option<i64>,
}

/// Why a line does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IgnoredReason {
    /// A zero byte, where OpenSSH's line ends and an editor's does not.
    #[error("it has a zero byte in it")]
    ZeroByte,
    /// Versions of OpenSSH differ about this.
    #[error("it begins with a carriage return")]
    CarriageReturn,
    /// No names, or nothing after them.
    #[error("expected NAME [OPTIONS] KEY")]
    Form,
    /// A quote without its other half.
    #[error("a quote is not closed")]
    Quote,
    /// A name that is no text or cannot be shown, or too long a one.
    #[error("{0:?} cannot be a name")]
    Name(String),
    /// A pattern in place of a name.
    #[error("{0:?} is a pattern; a run log's signers are trusted by their full names")]
    Pattern(String),
    /// The name that machine entries bear.
    #[error("{MACHINE} is the name of the machine's own entries; nobody signs under it")]
    Machine,
    /// No key where one is expected, or one in a form that is not OpenSSH's.
    #[error("expected a public key, as `ssh-keygen -y` writes it")]
    Key,
    /// A key that OpenSSH reads, but that is not written as it writes keys.
    #[error("its key names its kind in short; write the key as `ssh-keygen -y` does")]
    ShortForm,
    /// A certificate in place of a key, or a line for certificates.
    #[error("it is for certificates; run logs are signed with plain keys")]
    Certificate,
    /// A key that is not taken.
    #[error(transparent)]
    Unfit(#[from] UnfitKey),
    /// An option that is not known, or not written as OpenSSH has it.
    #[error(
        "bad options at {0:?}; expected namespaces=\"…\", valid-after=\"…\" or valid-before=\"…\", with commas between them"
    )]
    Option(String),
    /// An option twice.
    #[error("the option {0} twice")]
    Twice(&'static str),
    /// A value that is no time.
    #[error("{0}: expected YYYYMMDDZ or YYYYMMDDHHMM[SS]Z, found {1:?}")]
    Time(&'static str, String),
    /// A time that means another one on every machine.
    #[error("{0}: {1:?} is a local time, which depends on the machine; write {1}Z")]
    LocalTime(&'static str, String),
    /// An end before its beginning.
    #[error("valid-before is not after valid-after")]
    NeverValid,
    /// One key for two people.
    #[error("its key stands under {0}; one key is one person, so write it under one name")]
    TwoNames(String),
}

/// Takes a line apart. `None` is a blank line or a comment.
pub(super) fn parse(line: &[u8]) -> Result<Option<SignerLine>, IgnoredReason> {
    let text = String::from_utf8_lossy(line);
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
    let (names, rest) = first_word(text)?;
    let principals = principals(&names)?;
    let (options, key) = options_and_key(rest)?;
    let options = self::options(options)?;
    if options.cert_authority {
        return Err(IgnoredReason::Certificate);
    }
    public_key::check(&key)?;
    Ok(Some(SignerLine { principals, options, key }))
}

/// The first word as `strdelimw` finds it, and what follows: up to a blank, or, if a quote comes first, up to
/// the quote that closes it.
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

fn principals(names: &str) -> Result<BTreeSet<String>, IgnoredReason> {
    let all: BTreeSet<_> = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    for name in &all {
        if name.contains(['*', '?']) || name.starts_with('!') {
            return Err(IgnoredReason::Pattern(text::excerpt(name.as_bytes(), LONGEST)));
        }
        if name.len() > LONGEST || name.contains(char::REPLACEMENT_CHARACTER) || name.chars().any(is_harmful)
        {
            return Err(IgnoredReason::Name(text::excerpt(name.as_bytes(), 80)));
        }
        if name == MACHINE {
            return Err(IgnoredReason::Machine);
        }
    }
    if all.is_empty() { Err(IgnoredReason::Form) } else { Ok(all) }
}

/// A key, or options and a key.
fn options_and_key(rest: &str) -> Result<(&str, KeyData), IgnoredReason> {
    if let Some((key, _comment)) = public_key::read(rest) {
        return Ok(("", key));
    }
    let end = end_of_options(rest)?;
    let (options, key) = rest.split_at(end);
    let key = key.trim_start_matches([' ', '\t']);
    match public_key::read(key) {
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

/// Where options end, as `sshkey_advance_past_options` has it: at a blank outside of quotes.
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

/// Options as `sshsigopt_parse` takes them: names in any case, values in quotes, commas between them, none
/// at the end.
fn options(text: &str) -> Result<Options, IgnoredReason> {
    let mut found = Options::default();
    let mut rest = text;
    while !rest.is_empty() {
        rest = one_option(rest, &mut found)?;
        let bad = || IgnoredReason::Option(text::excerpt(rest.as_bytes(), 80));
        if rest.is_empty() {
            break;
        }
        rest = rest.strip_prefix(',').ok_or_else(bad)?;
        if rest.is_empty() {
            return Err(IgnoredReason::Option(",".into()));
        }
    }
    if matches!((found.after, found.before), (Some(after), Some(before)) if before <= after) {
        return Err(IgnoredReason::NeverValid);
    }
    Ok(found)
}

/// Takes an option off the beginning of a text, if there is one that is known.
fn one_option<'a>(text: &'a str, found: &mut Options) -> Result<&'a str, IgnoredReason> {
    let names = |name: &str| text.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    if names("cert-authority") {
        found.cert_authority = true;
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
        "namespaces" => once(name, &mut found.namespaces, value)?,
        "valid-after" => once(name, &mut found.after, moment(name, &value)?)?,
        _ => once(name, &mut found.before, moment(name, &value)?)?,
    }
    Ok(rest)
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), IgnoredReason> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(IgnoredReason::Twice(name)),
    }
}

fn moment(name: &'static str, value: &str) -> Result<i64, IgnoredReason> {
    let shown = || text::excerpt(value.as_bytes(), 80);
    time::parse(value).map_err(|error| match error {
        TimeError::Form => IgnoredReason::Time(name, shown()),
        TimeError::Local => IgnoredReason::LocalTime(name, shown()),
    })
}

/// A value in quotes, as `opt_dequote` takes it, and what follows. `\"` is a quote within it.
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
