//! Making foreign text safe to show and to store: no control character from a server, a file or a paste reaches a
//! terminal or a log.

use std::fmt::Write as _;

/// Whether a character can control a terminal or reorder text: C0, DEL, C1, and the bidirectional and invisible format
/// characters (Unicode TR 36 and TR 9).
#[must_use]
pub const fn is_harmful(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether a text is printable ASCII, as most text is, and so needs no escaping.
#[must_use]
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// One line: every harmful character is escaped as `\u{…}` (line ends as `\n`, `\r`, tabs as a space). Applying it
/// twice changes nothing.
#[must_use]
pub fn line(foreign: &str) -> String {
    escape(foreign, |_| false)
}

/// Several lines: as [`line`], but line feeds stay.
#[must_use]
pub fn block(foreign: &str) -> String {
    escape(&foreign.replace("\r\n", "\n"), |c| c == '\n')
}

fn escape(foreign: &str, keep: impl Fn(char) -> bool) -> String {
    if is_plain(foreign) {
        return foreign.to_owned();
    }
    let mut safe = String::with_capacity(foreign.len());
    for c in foreign.chars() {
        match c {
            c if keep(c) || !is_harmful(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push(' '),
            c => {
                // Writing to a String cannot fail.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    safe
}

/// What some editors write at the beginning of a text file, to mark its encoding.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Marks a cut.
pub const CUT: char = '…';

/// At most `limit` bytes of `text`, cut between characters, with the number of bytes that were cut.
#[must_use]
pub fn clip(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(limit);
    format!("{}{CUT} ({} bytes more)", &text[..end], text.len() - end)
}

/// How many bytes a text takes in a log, between the quotation marks: JSON escapes, and the log's escapes of harmful
/// characters.
#[must_use]
pub fn json_length(text: &str) -> usize {
    text.chars().map(json_char_length).sum()
}

const fn json_char_length(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\x08' | '\x0c' => 2,
        c if is_harmful(c) => 6 * c.len_utf16(),
        c => c.len_utf8(),
    }
}

/// The maximum that [`clip_json`] adds to its limit, in bytes.
pub const CLIPPED: usize = 40;

/// Like [`clip`], but the limit counts bytes as [`json_length`]: the result takes at most `limit` plus [`CLIPPED`].
/// Applying it twice changes nothing.
#[must_use]
pub fn clip_json(text: &str, limit: usize) -> String {
    if json_length(text) <= limit + CLIPPED {
        return text.to_owned();
    }
    let mut left = limit;
    let fits = |c: &char| left.checked_sub(json_char_length(*c)).inspect(|rest| left = *rest).is_some();
    let end: usize = text.chars().take_while(fits).map(char::len_utf8).sum();
    clip(text, end)
}

/// Foreign bytes as one safe line of at most `limit` bytes; invalid UTF-8 is replaced by U+FFFD.
#[must_use]
pub fn excerpt(foreign: &[u8], limit: usize) -> String {
    clip(&line(String::from_utf8_lossy(foreign).trim_end()), limit)
}

/// A text with a capital at its beginning.
#[must_use]
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `1 point`, `2 points`.
#[must_use]
pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// `512 bytes`, `1.5 KiB`, `64.0 MiB`; one decimal, rounded down.
#[must_use]
pub fn bytes(n: u64) -> String {
    let with_decimal = |unit: u64| format!("{}.{}", n / unit, n % unit * 10 / unit);
    match n {
        0..1024 => count(usize::try_from(n).unwrap_or(usize::MAX), "byte"),
        1024..1_048_576 => format!("{} KiB", with_decimal(1 << 10)),
        _ => format!("{} MiB", with_decimal(1 << 20)),
    }
}

/// The known word that was most likely meant, if any is similar.
#[must_use]
pub fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = candidates.map(|word| (strsim::damerau_levenshtein(wrong, word), word));
    // At most a third of the letters may be wrong.
    scored.filter(|(distance, word)| *distance * 3 <= word.len()).min().map(|(_, word)| word)
}

/// A shell word: unchanged if harmless, otherwise in single quotes.
#[must_use]
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_become_visible() {
        assert_eq!(line("a\x1b[31mb\u{202e}c\u{9b}d\n"), r"a\u{1b}[31mb\u{202e}c\u{9b}d\n");
        assert_eq!(block("a\r\nb\x07"), "a\nb\\u{7}");
        assert_eq!(line("snö 漢 👩‍🚀 é"), "snö 漢 👩‍🚀 é");
    }

    #[test]
    fn escaping_twice_changes_nothing() {
        let once = line("x\x1b\u{2066}\\n\t");
        assert_eq!(line(&once), once);
    }

    #[test]
    fn clipping_counts_the_rest_and_never_splits_a_character() {
        assert_eq!(clip("ääää", 3), "ä… (6 bytes more)");
        assert_eq!(clip("abc", 3), "abc");
    }

    #[test]
    fn a_text_is_clipped_by_its_length_in_a_log() {
        let clipped = clip_json(&"\"".repeat(100), 7);
        assert_eq!(clipped, r#"""""#.to_owned() + "… (97 bytes more)");
        assert_eq!(clip_json(&clipped, 7), clipped);
        let bidi = format!("ab{}", "\u{202e}".repeat(20));
        assert_eq!(clip_json(&bidi, 8), "ab\u{202e}… (57 bytes more)");
        assert_eq!(clip_json(&bidi, 122), bidi);
    }

    #[test]
    fn the_nearest_word_is_found_only_if_it_is_similar() {
        let candidates = || ["redis.latency_threshold_ms", "redis.password", "redis.url"].into_iter();
        assert_eq!(nearest("redis.pasword", candidates()), Some("redis.password"));
        assert_eq!(nearest("redis.latency_treshold", candidates()), Some("redis.latency_threshold_ms"));
        assert_eq!(nearest("vault.url", candidates()), None);
    }

    #[test]
    fn shell_words_survive_a_shell() {
        assert_eq!(shell_word("http://h:1/x"), "http://h:1/x");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }
}
