//! Classifying an escape by its own bytes only. Most escapes are not nested or split, and most cannot start a secret.
//! [`EscapeClass::Unclear`] means that the text must be decoded.

use super::escape::{MAX_ENTITY, control, entity};
use super::is_special;

/// How many characters are checked that may be escapes of each other.
const MAX_REPEATED: usize = 80;

/// The number of backslashes from which on they stand for one, however many follow: two for one at each level.
const MAX_PAIRED: usize = 4;

/// The class of an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EscapeClass {
    /// Not an escape at any level.
    NoEscape,
    /// A character that starts with this byte.
    Byte(u8),
    /// It contains another escape, a split or the end of the text.
    Unclear,
}

/// Whether a byte can start an escape.
pub(super) const fn is_escape(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&' | b'=' | b'\'')
}

/// Whether a byte can start ignorable text.
pub(super) const fn is_noise(byte: u8) -> bool {
    is_special(byte) && !is_escape(byte)
}

/// Classifies the escape at `at`.
pub(super) fn classify(bytes: &[u8], at: usize) -> EscapeClass {
    let rest = &bytes[at + 1..];
    match bytes[at] {
        byte @ (b'%' | b'=') => match number(rest, 16, 2) {
            EscapeClass::Unclear => repeated(rest, byte),
            clear => clear,
        },
        b'&' => named(rest),
        b'\'' => quote(rest),
        b'\\' => backslash(rest),
        _ => EscapeClass::NoEscape,
    }
}

/// After a percent or equals sign: further ones are no escape if the last one is none. Two more are no escape either: the
/// second is a digit at one level only, and the third is a plain character there.
fn repeated(rest: &[u8], byte: u8) -> EscapeClass {
    let more = rest.iter().take(2).take_while(|next| **next == byte).count();
    if more == 2 || more > 0 && number(&rest[more..], 16, 2) == EscapeClass::NoEscape {
        EscapeClass::NoEscape
    } else {
        EscapeClass::Unclear
    }
}

/// Whether an equals sign here ends a line that goes on, and cannot be the begin of a number that the line end splits.
pub(super) fn is_soft_line_end(bytes: &[u8], at: usize) -> bool {
    let rest = &bytes[at + 1..];
    let line_end = rest.iter().take(2).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let plain = |byte: u8| !is_special(byte) && !byte.is_ascii_hexdigit() && !matches!(byte, b' ' | b'\t');
    let next = at + 1 + line_end;
    line_end > 0
        && bytes.get(next).is_some_and(|byte| plain(*byte) || is_escape(*byte) && is_itself(bytes, next))
}

/// Whether an unclear escape may stand for a wanted byte. After many backslashes the next character decides: they
/// stand for a backslash, or for the escape of the last one, or for nothing before a line end.
pub(super) fn may_stand_for(
    bytes: &[u8],
    at: usize,
    is_backslash_wanted: bool,
    is_wanted: impl Fn(u8) -> bool,
) -> bool {
    let backslashes = bytes[at..].iter().take(MAX_PAIRED).take_while(|byte| **byte == b'\\').count();
    let Some(last) = backslashes.checked_sub(1) else { return true };
    if backslashes == MAX_PAIRED {
        return is_backslash_wanted;
    }
    let last = backslash(&bytes[at + last + 1..]);
    is_backslash_wanted
        || match last {
            EscapeClass::NoEscape => false,
            EscapeClass::Byte(byte) => is_wanted(byte),
            EscapeClass::Unclear => true,
        }
}

/// The end of a line end after any number of backslashes: it is a line end, or ignorable, or a backslash comes first.
pub(super) fn escaped_line_end(bytes: &[u8], at: usize) -> Option<usize> {
    let backslashes = bytes[at..].iter().take(MAX_REPEATED).take_while(|byte| **byte == b'\\').count();
    let letter = bytes.get(at + backslashes);
    (backslashes > 0 && matches!(letter, Some(b'n' | b'r'))).then_some(at + backslashes + 1)
}

fn backslash(rest: &[u8]) -> EscapeClass {
    let Some(first) = rest.first().copied().filter(|byte| !is_special(*byte)) else {
        return EscapeClass::Unclear;
    };
    match first {
        b'u' if rest.get(1) != Some(&b'{') => number(&rest[1..], 16, 4),
        b'u' | b'U' => EscapeClass::Unclear,
        b'x' => number(&rest[1..], 16, 2),
        b'0'..=b'3' => number(rest, 8, 3),
        b'n' | b'r' | b't' | b'b' | b'f' | b'a' | b'v' | b'e' | b'E' => EscapeClass::Byte(control(first)),
        other if other.is_ascii_alphanumeric() => EscapeClass::NoEscape,
        other => EscapeClass::Byte(other),
    }
}

/// A number with exactly this many digits: two or three digits are a byte, four a code point.
fn number(rest: &[u8], radix: u32, digits: usize) -> EscapeClass {
    let mut value = 0;
    for index in 0..digits {
        match rest.get(index) {
            Some(byte) if !is_special(*byte) => match char::from(*byte).to_digit(radix) {
                Some(digit) => value = value * radix + digit,
                None => return EscapeClass::NoEscape,
            },
            _ => return EscapeClass::Unclear,
        }
    }
    if digits < 4 {
        u8::try_from(value).map_or(EscapeClass::NoEscape, EscapeClass::Byte)
    } else {
        code_point(value)
    }
}

fn code_point(code: u32) -> EscapeClass {
    // Half of a surrogate pair is no character.
    char::from_u32(code)
        .map_or(EscapeClass::Unclear, |c| EscapeClass::Byte(c.encode_utf8(&mut [0; 4]).as_bytes()[0]))
}

fn named(rest: &[u8]) -> EscapeClass {
    for (index, byte) in rest.iter().take(MAX_ENTITY + 1).enumerate() {
        match byte {
            b';' => return entity(&rest[..index]).map_or(EscapeClass::NoEscape, code_point),
            // As in the query of a URL.
            b'=' if number(&rest[index + 1..], 16, 2) == EscapeClass::NoEscape => {
                return EscapeClass::NoEscape;
            }
            special if is_special(*special) => return EscapeClass::Unclear,
            byte if byte.is_ascii_alphanumeric() || *byte == b'#' => {}
            _ => return EscapeClass::NoEscape,
        }
    }
    if rest.len() > MAX_ENTITY { EscapeClass::NoEscape } else { EscapeClass::Unclear }
}

fn quote(rest: &[u8]) -> EscapeClass {
    match rest {
        [] | [b'"'] => EscapeClass::Unclear,
        [b'"', next, ..] | [next, ..] if is_special(*next) => EscapeClass::Unclear,
        _ => EscapeClass::NoEscape,
    }
}

/// The end of the ignorable text that starts here, if its class is clear.
pub(super) fn noise(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes[at] {
        b'\n' | b'\r' => Some(at + 1),
        0x1b if bytes.get(at + 1) == Some(&b'[') => {
            let rest = &bytes[at + 2..];
            let length = rest.iter().take(16).position(|byte| !matches!(byte, b'0'..=b'9' | b';'))?;
            matches!(rest[length], 0x40..=0x5b | 0x5d..=0x7e).then_some(at + 3 + length)
        }
        _ => None,
    }
}

/// Whether it is clear that a special byte stands for itself.
pub(super) fn is_itself(bytes: &[u8], at: usize) -> bool {
    if is_escape(bytes[at]) {
        return classify(bytes, at) == EscapeClass::NoEscape;
    }
    let Some(next) = bytes.get(at + 1).filter(|next| !is_special(**next)) else { return false };
    match bytes[at] {
        0x1b => !matches!(next, 0x20..=0x7e),
        0xc2 => *next != 0xad,
        0xe2 => !matches!(next, 0x80 | 0x81),
        0xef => *next != 0xbb,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::escape::{LEVELS, Text, Undecoded};
    use super::*;

    /// All readings of a text, down to nested escapes.
    fn ways(bytes: &[u8]) -> Vec<(Text<'_>, u8)> {
        let text = Text::new(bytes, false);
        let texts = [
            text,
            text.joined(),
            text.escaped_once(),
            text.decoding_later(b'\\'),
            text.decoding_later(b'\''),
        ];
        texts.into_iter().flat_map(|text| [(text, 1), (text, LEVELS)]).collect()
    }

    /// Compares the classification with the decoder.
    fn check(bytes: &[u8], at: usize) {
        let itself = Text::new(bytes, false).read(0, at);
        for (text, level) in ways(bytes) {
            let (read, noise) = (text.read(level, at), text.bare_noise(level, at));
            match classify(bytes, at) {
                EscapeClass::NoEscape => assert_eq!(read, itself, "{bytes:?} {at}"),
                EscapeClass::Byte(byte) if level == LEVELS && !is_special(byte) => {
                    assert_eq!(read.unwrap().bytes()[0], byte, "{bytes:?} {at}");
                }
                EscapeClass::Byte(_) | EscapeClass::Unclear => {}
            }
            if let Ok(read) = read
                && classify(bytes, at) == EscapeClass::Unclear
            {
                let first = read.bytes().first().copied();
                let is_read =
                    |byte: u8| is_escape(byte) || first.map_or(is_noise(byte), |first| byte == first);
                let is_said = may_stand_for(bytes, at, first == Some(b'\\'), is_read);
                assert!(is_said, "{bytes:?} {at} {read:?}");
            }
            if is_special(bytes[at]) && is_itself(bytes, at) {
                let is_noise_begun = noise == Err(Undecoded::NeedsMore) && bytes[at] == 0xc2;
                assert!(
                    read == itself && (noise == Err(Undecoded::NotFound) || is_noise_begun),
                    "{bytes:?} {at}"
                );
            }
        }
    }

    #[test]
    fn most_escapes_are_classified_without_decoding() {
        for (text, expected) in [
            (r"\u003c.", EscapeClass::Byte(b'<')),
            (r"\x3c.", EscapeClass::Byte(b'<')),
            (r"\074.", EscapeClass::Byte(b'<')),
            (r"\n.", EscapeClass::Byte(b'\n')),
            ("%3c.", EscapeClass::Byte(b'<')),
            ("&lt;.", EscapeClass::Byte(b'<')),
            (r"\q.", EscapeClass::NoEscape),
            ("100% of", EscapeClass::NoEscape),
            ("&id=zz", EscapeClass::NoEscape),
            ("=value", EscapeClass::NoEscape),
            (r"\\u003c", EscapeClass::Unclear),
            ("%3", EscapeClass::Unclear),
        ] {
            let at = text.bytes().position(is_special).unwrap();
            assert_eq!(classify(text.as_bytes(), at), expected, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_class_of_an_escape_matches_its_decoding(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "\\", "u00", "u", "x", "3c", "41", "%", "&", "=", "'", "\"", "lt", "amp", "#", "60", ";", "\n", "\r",
                    "\x1b", "[", "1m", "n", "q", " ", "{", "}", "\u{200b}", "\u{ad}", "\u{2713}", "\u{e9}", "074", "d83d",
                ]),
                1..12,
            ),
        ) {
            let text = parts.concat();
            (0..text.len()).for_each(|at| check(text.as_bytes(), at));
        }
    }
}
