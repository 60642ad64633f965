//! Secrets in every pair of encodings, cut anywhere.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::super::redact::Redactor;
use super::super::stream::RedactingStream;
use crate::testing::cases;

/// A way to encode a text. A number may select a variant.
pub(super) type Encoder = fn(&str, usize) -> String;

pub(super) const ENCODERS: [(&str, Encoder); 33] = [
    ("as it is", |text, _| text.to_owned()),
    ("JSON", |text, _| json(text)),
    ("JSON of Go", |text, _| each(&json(text), "<>&", |c| format!("\\u{:04x}", u32::from(c)))),
    ("JSON of PHP", |text, _| json(text).replace('/', "\\/")),
    ("JSON, all", |text, _| units(text)),
    ("Rust", |text, _| text.chars().map(|c| c.escape_unicode().to_string()).collect()),
    ("C", |text, _| bytes(text, |byte| format!("\\x{byte:02x}"))),
    ("octal", |text, _| bytes(text, |byte| format!("\\{byte:03o}"))),
    ("HTML by name", |text, _| html(text)),
    ("HTML of Go", |text, _| each(text, "<>&'\"+", |c| format!("&#{};", u32::from(c)))),
    ("HTML, all", |text, _| chars(text, |c| format!("&#{};", u32::from(c)))),
    ("HTML, all in hex", |text, _| chars(text, |c| format!("&#x{:X};", u32::from(c)))),
    ("percent", |text, _| percent(text, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))),
    ("percent of a path", |text, _| percent(text, |byte| byte.is_ascii_graphic() && byte != b'%')),
    ("percent, all", |text, _| percent(text, |_| false)),
    ("percent, all in lower case", |text, _| percent(text, |_| false).to_lowercase()),
    ("percent of a form", |text, _| {
        percent(text, |byte| byte.is_ascii_alphanumeric() || byte == b' ').replace(' ', "+")
    }),
    ("quoted-printable", |text, _| quoted_printable(text, |byte| byte.is_ascii_graphic() && byte != b'=')),
    ("quoted-printable, all", |text, _| quoted_printable(text, |_| false)),
    ("shell, by backslashes", |text, _| each(text, "\\\"'$`!&|;<>()*?[]#~=%{} ", |c| format!("\\{c}"))),
    ("shell, quoted", |text, _| text.replace('\'', r"'\''")),
    ("shell, quoted by Python", |text, _| text.replace('\'', r#"'"'"'"#)),
    ("base64", |text, _| STANDARD.encode(text)),
    ("base64 without padding", |text, _| STANDARD_NO_PAD.encode(text)),
    ("base64 of URLs", |text, _| URL_SAFE.encode(text)),
    ("base64 of URLs without padding", |text, _| URL_SAFE_NO_PAD.encode(text)),
    ("base64 of 76 columns", |text, at| wrapped(text, at, 76)),
    ("base64 of 64 columns", |text, at| wrapped(text, at, 64)),
    ("hex", |text, _| base16ct::lower::encode_string(text.as_bytes())),
    ("HEX", |text, _| base16ct::upper::encode_string(text.as_bytes())),
    ("split by colours", |text, at| split(text, at, "\x1b[1;31m")),
    ("split by a line end", |text, at| split(text, at, "\r\n  ")),
    ("split by what nobody sees", |text, at| split(text, at, "\u{200b}")),
];

fn bytes(text: &str, write: impl Fn(u8) -> String) -> String {
    text.bytes().map(write).collect()
}

fn chars(text: &str, write: impl Fn(char) -> String) -> String {
    text.chars().map(write).collect()
}

fn units(text: &str) -> String {
    let write = |unit| format!("\\u{unit:04X}");
    text.encode_utf16().map(write).collect()
}

fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

fn each(text: &str, which: &str, write: impl Fn(char) -> String) -> String {
    text.chars().map(|c| if which.contains(c) { write(c) } else { c.to_string() }).collect()
}

fn html(text: &str) -> String {
    let named = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    named.replace('"', "&quot;").replace('\'', "&#x27;")
}

fn percent(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    text.bytes().map(|b| if is_plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn quoted_printable(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    let (mut encoded, mut column) = (String::new(), 0);
    for byte in text.bytes() {
        let next = if is_plain(byte) { char::from(byte).to_string() } else { format!("={byte:02X}") };
        if column + next.len() > 75 {
            encoded.push_str("=\r\n");
            column = 0;
        }
        column += next.len();
        encoded.push_str(&next);
    }
    encoded
}

/// Of a longer text, so that it is wrapped at any place.
fn wrapped(text: &str, at: usize, columns: usize) -> String {
    let code = STANDARD.encode(format!("{}{text}", ".".repeat(at % BEFORE)));
    let lines: Vec<_> =
        code.as_bytes().chunks(columns).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\n")
}

/// The maximum length of the text before a secret in a longer text.
const BEFORE: usize = 60;

/// After at least one character, and not within an escape sequence: programs that colour a text do not cut those.
fn split(text: &str, at: usize, by: &str) -> String {
    let mut at = text.ceil_char_boundary(1 + at % text.len());
    if let Some(begin) = text[..at].rfind('\x1b').filter(|begin| !text[*begin..at].contains('m')) {
        at = begin;
    }
    format!("{}{by}{}", &text[..at], &text[at..])
}

fn redactor(secret: &str) -> Redactor {
    redactor_of(&[secret])
}

pub(super) fn redactor_of(secrets: &[&str]) -> Redactor {
    let needles = secrets.iter().flat_map(|secret| super::super::redact::needles(secret));
    Redactor::new(needles.map(|needle| ("S".to_owned(), needle)))
}

pub(super) fn streamed(redactor: &Redactor, pieces: &[&[u8]]) -> String {
    let mut stream = RedactingStream::new(redactor.needles().to_vec()).unwrap();
    let mut clean = Vec::new();
    for piece in pieces {
        stream.push(piece, &mut clean);
    }
    stream.finish(&mut clean);
    String::from_utf8_lossy(&clean).into_owned()
}

/// At most three encoded bytes of the secret remain in the text, besides what is around it.
fn is_out(clean: &str, (before, after): (&str, &str), text: &str, secret: &str, longer: bool) -> bool {
    let each = text.len().div_ceil(secret.len());
    let beside = if longer { text.len() * BEFORE / (BEFORE + secret.len()) + 24 } else { 24 };
    // If the text before a secret is the same as its start, either may be the start.
    let before = before.strip_suffix(&secret[..secret.ceil_char_boundary(1)]).unwrap_or(before);
    let rest = clean.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
    rest.is_some_and(|rest| {
        let left = rest.replace("[redacted: S]", "");
        rest.len() > left.len() && left.len() <= 3 * each + beside
    })
}

pub(super) const AROUND: [(&str, &str); 10] = [
    ("", ""),
    ("level=info msg=\"key: ", "\" done\n"),
    ("{\"data\":\"", "\"}"),
    ("export KEY=(", ")\nnext\n"),
    ("\n", "\r\n"),
    ("one\ntwo ", ""),
    ("https://host/a/", "/b?c=d"),
    ("\x1b[32m", "\x1b[0m\n"),
    ("caf\u{e9}", "\u{6f22}"),
    ("token=", "; "),
];

/// How a secret is encoded, and its surroundings.
#[derive(Clone, Copy, Debug, Default)]
struct Encoding {
    one: usize,
    other: usize,
    /// The numbers that select variants of the encoders.
    choices: (usize, usize),
    around: usize,
    /// The position of the cut, and the size of small chunks.
    cut: usize,
    size: usize,
}

impl Encoding {
    /// All of it follows from one number.
    const fn from(one: usize, other: usize, at: usize) -> Self {
        Self { one, other, choices: (at / 7, at), around: at, cut: at, size: at }
    }
}

/// Checks a secret in two encodings: whole, cut in two, and in small chunks.
fn check(secret: &str, how: Encoding) -> Result<(), String> {
    let redactor = redactor(secret);
    let (one, other) = (ENCODERS[how.one], ENCODERS[how.other]);
    let text = other.1(&one.1(secret, how.choices.0), how.choices.1);
    let around = AROUND[how.around % AROUND.len()];
    let whole = format!("{}{text}{}", around.0, around.1);
    let longer = [one.0, other.0].iter().any(|name| name.contains("columns"));
    let cut = around.0.len() + how.cut % (text.len() + 1);
    let small: Vec<_> = whole.as_bytes().chunks(1 + how.size % 11).collect();
    let (begin, end) = whole.as_bytes().split_at(cut);
    for (pieces, clean) in [
        ("whole", redactor.redact(&whole, &mut BTreeMap::new())),
        ("in a stream", streamed(&redactor, &[whole.as_bytes()])),
        ("cut in two", streamed(&redactor, &[begin, end])),
        ("in small pieces", streamed(&redactor, &small)),
    ] {
        if !is_out(&clean, around, &text, secret, longer) {
            let names = (one.0, other.0);
            return Err(format!(
                "{names:?} of {secret:?} {pieces} ({how:?}): {whole:?} is told as {clean:?}"
            ));
        }
    }
    Ok(())
}

/// The end of a line is emitted at once if the text before it could be any word. Together with it, what follows may be
/// a secret.
#[test]
fn a_secret_is_found_after_the_end_of_an_emitted_line() {
    let secret = "aaAA0aA00  aßaß漢";
    let redactor = redactor(secret);
    let base64 = STANDARD_NO_PAD.encode(secret);
    let of_both = STANDARD.encode(&base64);
    let html = chars(secret, |c| format!("&#x{:x};", u32::from(c)));
    for text in [base64, of_both, units(secret), html] {
        for at in 1..text.len() {
            let pieces = [&text.as_bytes()[..at], b"\r\n", b"  ", b"\n", &text.as_bytes()[at..], b";\n"];
            let clean = streamed(&redactor, &pieces);
            let before = clean.strip_suffix("[redacted: S];\n").map(str::trim_end);
            let each = text.len().div_ceil(secret.chars().count());
            let is_begin = |before: &str| text.starts_with(before) && before.len() <= 2 * each;
            assert!(before.is_some_and(is_begin), "{text} cut at {at}: {clean}");
        }
    }
}

#[test]
fn the_first_few_bytes_may_end_within_a_character() {
    let secret = "a😀ßßA!!a";
    assert_eq!(redactor(secret).redact(&units(secret), &mut BTreeMap::new()), "[redacted: S]");
}

#[test]
fn a_character_at_the_end_of_a_line_may_be_the_last_of_a_secret() {
    let redactor = redactor("abcdefgh=");
    for text in ["abcdefgh=\r\n", "abcdefgh\\=\n", "abcdefgh\\\\=\r\n", "abcdefgh\\\\="] {
        let clean = redactor.redact(text, &mut BTreeMap::new());
        assert_eq!(clean.trim_end(), "[redacted: S]", "{text:?}");
    }
}

/// Every third pair, each encoding first and second; all pairs where `PROPTEST_CASES` is set.
#[test]
fn every_pair_of_encodings_is_decoded() {
    let secrets = ["CaNaRy\"+/=&<x>-7c1fQ9\\z", "it's 4c5 & ü", "41%41=3D"];
    let step = if cases(0) > 0 { 1 } else { 3 };
    let mut failures = Vec::new();
    for one in 0..ENCODERS.len() {
        for other in (one % step..ENCODERS.len()).step_by(step) {
            let secret = secrets[(one + other / step) % secrets.len()];
            failures.extend(check(secret, Encoding::from(one, other, one * 61 + other * 17)).err());
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures[..failures.len().min(20)].join("\n")
    );
}

/// Any number, and often a small one: rare cases are near the start.
fn number() -> impl Strategy<Value = usize> {
    prop_oneof![0usize..4, 0usize..24, 0usize..10_000]
}

prop_compose! {
    fn how()(
        one in 0..ENCODERS.len(),
        other in 0..ENCODERS.len(),
        choices in (number(), number()),
        around in 0..AROUND.len(),
        cut in number(),
        size in 0usize..11,
    ) -> Encoding {
        Encoding { one, other, choices, around, cut, size }
    }
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[!-~]{8,40}",
        "[!-~]{8,12}",
        "[0-9a-f]{8,12}",
        "[ -~]{6,12}[a-zß漢]{2,8}",
        "[a-zß漢😀]{4,8}[!-~]{4}",
        "[\\\\%=&';x0-9a-f]{8,24}",
        "[abAB01+/_-]{8,16}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(60), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_secret_in_any_two_encodings_cut_anywhere_is_redacted(secret in secret(), how in how()) {
        let checked = check(&secret, how);
        prop_assert!(checked.is_ok(), "{}", checked.unwrap_err());
    }
}
