//! Ignorable text: line ends, colours, invisible characters.

use super::escape::{Text, Undecoded};
use super::escape_class;

/// Characters without width, in UTF-8: soft hyphen, U+200B to U+200F, word joiner, byte order mark.
pub(super) const INVISIBLE: [&[u8]; 8] = [
    b"\xc2\xad",
    b"\xe2\x80\x8b",
    b"\xe2\x80\x8c",
    b"\xe2\x80\x8d",
    b"\xe2\x80\x8e",
    b"\xe2\x80\x8f",
    b"\xe2\x81\xa0",
    b"\xef\xbb\xbf",
];
/// The maximum length of a terminal escape sequence, of an indent, and of the ignorable text between two characters,
/// in characters. Longer ones end a match.
const MAX_SEQUENCE: usize = 256;
const MAX_INDENT: usize = 64;
const MAX_NOISE: usize = 64;
/// The same between two characters of an escape: each is read for all that may begin before it.
const MAX_NOISE_IN_ESCAPE: usize = 8;

impl Text<'_> {
    /// The end of the ignorable text that starts here, with `level` levels of escapes decoded. The indent of a line
    /// belongs to the line end before it.
    pub(super) fn noise(&self, level: u8, at: usize) -> Result<usize, Undecoded> {
        let end = self.bare_noise(level, at)?;
        let is_line_end = matches!(self.read(level, at)?.single(), Some(b'\n' | b'\r'));
        Ok(if is_line_end { self.indent(level, end) } else { end })
    }

    /// The same, without the indent.
    pub(super) fn bare_noise(&self, level: u8, at: usize) -> Result<usize, Undecoded> {
        if self.is_plain(at) {
            return Err(Undecoded::NotFound);
        }
        if let Some(end) = self.bytes.get(at).and_then(|_| escape_class::noise(self.bytes, at)) {
            return Ok(end);
        }
        let first = self.read(level, at)?;
        match first.bytes() {
            [] | [b'\n' | b'\r'] => Ok(first.end),
            [0x1b] => self.sequence(level, first.end),
            [begin @ (0xc2 | 0xe2 | 0xef)] => self.invisible(level, *begin, first.end),
            whole if INVISIBLE.contains(&whole) => Ok(first.end),
            _ => Err(Undecoded::NotFound),
        }
    }

    /// The start of the next meaningful text.
    pub(super) fn skip_noise(&self, level: u8, at: usize) -> Result<usize, Undecoded> {
        self.skip_so_much(level, at, MAX_NOISE)
    }

    /// The same within an escape.
    pub(super) fn skip_noise_in_escape(&self, level: u8, at: usize) -> Result<usize, Undecoded> {
        self.skip_so_much(level, at, MAX_NOISE_IN_ESCAPE)
    }

    fn skip_so_much(&self, level: u8, mut at: usize, limit: usize) -> Result<usize, Undecoded> {
        for _ in 0..limit {
            match self.noise(level, at) {
                Ok(end) => at = end,
                Err(Undecoded::NotFound) => break,
                Err(Undecoded::NeedsMore) => return Err(Undecoded::NeedsMore),
            }
        }
        Ok(at)
    }

    fn indent(&self, level: u8, mut at: usize) -> usize {
        for _ in 0..MAX_INDENT {
            match self.read(level, at) {
                Ok(next) if matches!(next.single(), Some(b' ' | b'\t')) => at = next.end,
                _ => break,
            }
        }
        at
    }

    fn invisible(&self, level: u8, begin: u8, mut at: usize) -> Result<usize, Undecoded> {
        let mut bytes = vec![begin];
        while !INVISIBLE.contains(&bytes.as_slice()) {
            if bytes.len() == 3 {
                return Err(Undecoded::NotFound);
            }
            let next = self.next_meaningful(level, at)?;
            bytes.push(next.single().ok_or(Undecoded::NotFound)?);
            at = next.end;
        }
        Ok(at)
    }

    /// After ESC: a control sequence, a string for the terminal, or one other character.
    fn sequence(&self, level: u8, at: usize) -> Result<usize, Undecoded> {
        let first = self.next_meaningful(level, at)?;
        match first.single() {
            Some(b'[') => self.until(level, first.end, |byte| matches!(byte, 0x40..=0x7e)),
            Some(b']') => {
                let end = self.until(level, first.end, |byte| matches!(byte, 0x07 | 0x1b))?;
                // ESC starts the end of the string.
                if self.bytes.get(end - 1) == Some(&0x1b) { Ok(self.read(level, end)?.end) } else { Ok(end) }
            }
            Some(0x20..=0x2f) => self.until(level, first.end, |byte| matches!(byte, 0x30..=0x7e)),
            Some(0x30..=0x7e) => Ok(first.end),
            _ => Err(Undecoded::NotFound),
        }
    }

    fn until(&self, level: u8, mut at: usize, is_end: impl Fn(u8) -> bool) -> Result<usize, Undecoded> {
        for _ in 0..MAX_SEQUENCE {
            let next = self.read(level, at)?;
            at = next.end;
            if next.single().is_some_and(&is_end) {
                return Ok(at);
            }
        }
        Err(Undecoded::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignorable_text_is_skipped() {
        for noise in [
            "\n",
            "\r\n    ",
            "\x1b[31m",
            "\x1b[38;2;1;2;3m\x1b[0m",
            "\x1b]8;;x\x07",
            "\x1b]0;t\x1b\\",
            "\x1b(B",
            "\u{200b}\u{2060}\u{ad}\u{feff}",
        ] {
            let text = format!("{noise}x");
            let text = Text::new(text.as_bytes(), true);
            assert_eq!(text.skip_noise(0, 0), Ok(noise.len()), "{noise:?}");
        }
        let escaped = r"\u001b[31m\n\u200b%E2%80%8Bx";
        assert_eq!(Text::new(escaped.as_bytes(), true).skip_noise(1, 0), Ok(escaped.len() - 1));
    }

    #[test]
    fn ignorable_text_may_be_split_by_a_soft_line_end() {
        for split in ["=E2=80=\r\n=8B", "=E2=\n=80=8B", "=1B=\r\n=5B31m", "=1B=5B=\n=33=31=6D"] {
            let text = format!("{split}x");
            assert_eq!(Text::new(text.as_bytes(), true).skip_noise(1, 0), Ok(split.len()), "{split:?}");
        }
    }

    #[test]
    fn other_text_is_not_skipped() {
        for text in ["x", " x", "\u{2014}", "é", "\x1b[31", "\u{20ac}"] {
            assert_eq!(Text::new(text.as_bytes(), true).skip_noise(1, 0), Ok(0), "{text:?}");
        }
        assert_eq!(Text::new(b"\x1b[3", false).skip_noise(0, 0), Err(Undecoded::NeedsMore));
    }
}
