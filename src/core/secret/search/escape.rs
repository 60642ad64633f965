//! Reading text character by character, raw or with escapes decoded.

use super::is_special;

/// How deep escapes can be nested: JSON in JSON, percent-encoding twice.
pub(super) const LEVELS: u8 = 2;

/// Why there is no character or escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecoded {
    /// There is none.
    NotFound,
    /// There may be one when more text has arrived.
    NeedsMore,
}

/// A character: its bytes, and the offset of what follows. Without bytes, it has no meaning and is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DecodedChar {
    bytes: [u8; 4],
    len: u8,
    pub(super) end: usize,
}

impl DecodedChar {
    const fn byte(byte: u8, end: usize) -> Self {
        Self { bytes: [byte, 0, 0, 0], len: 1, end }
    }

    const fn nothing(end: usize) -> Self {
        Self { bytes: [0; 4], len: 0, end }
    }

    fn code_point(code: u32, end: usize) -> Result<Self, Undecoded> {
        let mut bytes = [0; 4];
        let len = char::from_u32(code).ok_or(Undecoded::NotFound)?.encode_utf8(&mut bytes).len();
        u8::try_from(len).map(|len| Self { bytes, len, end }).map_err(|_| Undecoded::NotFound)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Its byte, if it has exactly one.
    pub(super) const fn single(&self) -> Option<u8> {
        if self.len == 1 { Some(self.bytes[0]) } else { None }
    }

    fn is(&self, byte: u8) -> bool {
        self.single() == Some(byte)
    }
}

/// A text, or the part that has arrived.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether the text is complete.
    pub(super) is_whole: bool,
    /// Whether an escape continues after a line end that may be ignorable together with what is before it.
    joins_lines: bool,
    /// Whether the character after a backslash is taken literally, though it may start another escape.
    escapes_once: bool,
    /// Escapes with this first byte are not decoded at the lowest level: shell output has escapes of other kinds.
    later: Option<u8>,
}

/// The names of HTML entities for ASCII characters other than letters and digits.
const ENTITIES: [(&str, u8); 44] = [
    ("amp", b'&'),
    ("AMP", b'&'),
    ("lt", b'<'),
    ("LT", b'<'),
    ("gt", b'>'),
    ("GT", b'>'),
    ("quot", b'"'),
    ("QUOT", b'"'),
    ("apos", b'\''),
    ("excl", b'!'),
    ("num", b'#'),
    ("dollar", b'$'),
    ("percnt", b'%'),
    ("lpar", b'('),
    ("rpar", b')'),
    ("ast", b'*'),
    ("plus", b'+'),
    ("comma", b','),
    ("period", b'.'),
    ("sol", b'/'),
    ("colon", b':'),
    ("semi", b';'),
    ("equals", b'='),
    ("quest", b'?'),
    ("commat", b'@'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("bsol", b'\\'),
    ("rsqb", b']'),
    ("rbrack", b']'),
    ("Hat", b'^'),
    ("lowbar", b'_'),
    ("UnderBar", b'_'),
    ("grave", b'`'),
    ("lcub", b'{'),
    ("lbrace", b'{'),
    ("vert", b'|'),
    ("verbar", b'|'),
    ("VerticalLine", b'|'),
    ("rcub", b'}'),
    ("rbrace", b'}'),
    ("Tab", b'\t'),
    ("NewLine", b'\n'),
    ("midast", b'*'),
];
/// The longest name or number of an entity.
pub(super) const MAX_ENTITY: usize = 12;

impl<'a> Text<'a> {
    pub(super) const fn new(bytes: &'a [u8], is_whole: bool) -> Self {
        Self { bytes, is_whole, joins_lines: false, escapes_once: false, later: None }
    }

    /// The same text, with escapes that continue after line ends.
    pub(super) const fn joined(self) -> Self {
        Self { joins_lines: true, ..self }
    }

    /// The same text, with the character after a backslash taken literally.
    pub(super) const fn escaped_once(self) -> Self {
        Self { escapes_once: true, ..self }
    }

    /// The same text, with escapes of this first byte decoded only at the highest level.
    pub(super) const fn decoding_later(self, first: u8) -> Self {
        Self { later: Some(first), ..self }
    }
}

impl Text<'_> {
    /// The character at `at`, with `level` levels of escapes decoded.
    pub(super) fn read(&self, level: u8, at: usize) -> Result<DecodedChar, Undecoded> {
        let below = match level.checked_sub(1) {
            Some(below) if !self.is_plain(at) => below,
            _ => return self.raw(at),
        };
        let first = self.read(below, at)?;
        match self.escape(below, first) {
            Err(Undecoded::NotFound) => Ok(first),
            decoded => decoded,
        }
    }

    /// Whether neither an escape nor ignorable text can start here.
    pub(super) fn is_plain(&self, at: usize) -> bool {
        self.bytes.get(at).is_some_and(|byte| !is_special(*byte))
    }

    fn raw(&self, at: usize) -> Result<DecodedChar, Undecoded> {
        match self.bytes.get(at) {
            Some(byte) => Ok(DecodedChar::byte(*byte, at + 1)),
            None if self.is_whole => Err(Undecoded::NotFound),
            None => Err(Undecoded::NeedsMore),
        }
    }

    /// The character for the escape that starts with this character.
    fn escape(&self, level: u8, first: DecodedChar) -> Result<DecodedChar, Undecoded> {
        let at = first.end;
        match first.single() {
            Some(later) if level == 0 && self.later == Some(later) => Err(Undecoded::NotFound),
            Some(b'\\') => self.backslash(level, at),
            Some(b'%') => self.hex_byte(level, at),
            Some(b'=') => self.quoted_printable(level, at),
            Some(b'&') => self.entity(level, at),
            Some(b'\'') => self.quote(level, at),
            _ => Err(Undecoded::NotFound),
        }
    }

    /// The next character within an escape; it may be split too.
    fn next(&self, level: u8, at: usize) -> Result<DecodedChar, Undecoded> {
        self.read(level, self.skip_noise_in_escape(level, at)?)
    }

    /// The next meaningful character; an ignorable escaped line end may be before it.
    pub(super) fn next_meaningful(&self, level: u8, at: usize) -> Result<DecodedChar, Undecoded> {
        let first = self.read(level, at)?;
        if !first.bytes().is_empty() {
            return Ok(first);
        }
        // At the end there is none.
        self.read(level, first.end)
            .or_else(|stop| if stop == Undecoded::NotFound { Ok(first) } else { Err(stop) })
    }

    /// Escapes of JSON, C, JavaScript, Python, Rust and shells.
    fn backslash(&self, level: u8, at: usize) -> Result<DecodedChar, Undecoded> {
        if let Some(continued) = self.line_end(level, at)? {
            return Ok(continued);
        }
        let next = self.next(if self.escapes_once { 0 } else { level }, at)?;
        let end = next.end;
        match next.single() {
            Some(b'u') => self.unicode(level, end),
            Some(b'U') => {
                self.number(level, end, 16, 8).and_then(|(code, end)| DecodedChar::code_point(code, end))
            }
            Some(b'x') => self.hex_byte(level, end),
            Some(b'0'..=b'3') => Self::byte(self.number(level, at, 8, 3)?),
            Some(letter @ (b'n' | b'r' | b't' | b'b' | b'f' | b'a' | b'v' | b'e' | b'E')) => {
                Ok(DecodedChar::byte(control(letter), end))
            }
            Some(other) if !other.is_ascii_alphanumeric() => Ok(DecodedChar::byte(other, end)),
            _ => Err(Undecoded::NotFound),
        }
    }

    /// A line end, which is ignorable after a backslash or an equals sign.
    fn line_end(&self, level: u8, at: usize) -> Result<Option<DecodedChar>, Undecoded> {
        let first = self.next_meaningful(level, at)?;
        if self.joins_lines {
            return Ok(None);
        }
        let last = if first.is(b'\r') { self.next_meaningful(level, first.end)? } else { first };
        Ok(last.is(b'\n').then(|| DecodedChar::nothing(last.end)))
    }

    /// `\uHHHH`, a pair of them for higher code points, or `\u{H…}`.
    fn unicode(&self, level: u8, at: usize) -> Result<DecodedChar, Undecoded> {
        let open = self.next(level, at)?;
        if open.is(b'{') {
            return self.braced(level, open.end);
        }
        let (high, end) = self.number(level, at, 16, 4)?;
        if !(0xd800..0xdc00).contains(&high) {
            return DecodedChar::code_point(high, end);
        }
        let (low, end) = self.number(level, self.literal(level, end, br"\u")?, 16, 4)?;
        let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or(Undecoded::NotFound)?;
        DecodedChar::code_point(0x1_0000 + ((high - 0xd800) << 10) + low, end)
    }

    fn braced(&self, level: u8, at: usize) -> Result<DecodedChar, Undecoded> {
        let (name, end) = self.name(level, at, b'}')?;
        let digits = std::str::from_utf8(&name).unwrap_or_default();
        DecodedChar::code_point(u32::from_str_radix(digits, 16).map_err(|_| Undecoded::NotFound)?, end)
    }

    fn hex_byte(&self, level: u8, at: usize) -> Result<DecodedChar, Undecoded> {
        Self::byte(self.number(level, at, 16, 2)?)
    }

    fn byte((value, end): (u32, usize)) -> Result<DecodedChar, Undecoded> {
        u8::try_from(value).map(|byte| DecodedChar::byte(byte, end)).map_err(|_| Undecoded::NotFound)
    }

    fn quoted_printable(&self, level: u8, at: usize) -> Result<DecodedChar, Undecoded> {
        match self.line_end(level, at)? {
            Some(soft) => Ok(soft),
            None => self.hex_byte(level, at),
        }
    }

    /// An HTML entity, by name or by number.
    fn entity(&self, level: u8, at: usize) -> Result<DecodedChar, Undecoded> {
        let (name, end) = self.name(level, at, b';')?;
        DecodedChar::code_point(entity(&name).ok_or(Undecoded::NotFound)?, end)
    }

    /// A single quote as shells and YAML write it within single quotes.
    fn quote(&self, level: u8, at: usize) -> Result<DecodedChar, Undecoded> {
        for rest in [br"\''".as_slice(), br#""'"'"#, b"'"] {
            match self.literal(level, at, rest) {
                Ok(end) => return Ok(DecodedChar::byte(b'\'', end)),
                Err(Undecoded::NeedsMore) => return Err(Undecoded::NeedsMore),
                Err(Undecoded::NotFound) => {}
            }
        }
        Err(Undecoded::NotFound)
    }

    /// A number with exactly this many digits.
    fn number(&self, level: u8, mut at: usize, radix: u32, digits: u32) -> Result<(u32, usize), Undecoded> {
        let mut value: u32 = 0;
        for _ in 0..digits {
            let next = self.next(level, at)?;
            let digit =
                next.single().and_then(|byte| char::from(byte).to_digit(radix)).ok_or(Undecoded::NotFound)?;
            value = value.wrapping_mul(radix).wrapping_add(digit);
            at = next.end;
        }
        Ok((value, at))
    }

    /// The end of these bytes, if they are here.
    fn literal(&self, level: u8, mut at: usize, bytes: &[u8]) -> Result<usize, Undecoded> {
        for byte in bytes {
            let next = self.next(level, at)?;
            if !next.is(*byte) {
                return Err(Undecoded::NotFound);
            }
            at = next.end;
        }
        Ok(at)
    }

    /// Letters, digits and `#` up to this byte.
    fn name(&self, level: u8, mut at: usize, until: u8) -> Result<(Vec<u8>, usize), Undecoded> {
        let mut name = Vec::new();
        while name.len() <= MAX_ENTITY {
            let next = self.next(level, at)?;
            at = next.end;
            match next.single() {
                Some(byte) if byte == until => return Ok((name, at)),
                Some(byte) if byte.is_ascii_alphanumeric() || byte == b'#' => name.push(byte),
                _ => break,
            }
        }
        Err(Undecoded::NotFound)
    }
}

/// The code point of an entity, by the text between `&` and `;`.
pub(super) fn entity(name: &[u8]) -> Option<u32> {
    let name = std::str::from_utf8(name).ok()?;
    if let Some(number) = name.strip_prefix('#') {
        let digits = number.strip_prefix(['x', 'X']);
        return digits.map_or_else(|| number.parse().ok(), |digits| u32::from_str_radix(digits, 16).ok());
    }
    ENTITIES.iter().find(|(candidate, _)| *candidate == name).map(|(_, byte)| u32::from(*byte))
}

pub(super) const fn control(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        b'a' => 7,
        b'v' => 11,
        _ => 27,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        let text = Text::new(text.as_bytes(), true);
        let (mut at, mut bytes) = (0, Vec::new());
        while let Ok(next) = text.read(LEVELS, at) {
            bytes.extend_from_slice(next.bytes());
            at = next.end;
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn every_escape_is_decoded() {
        for (escaped, plain) in [
            (r"\u003c \/ \u00e9 \ud83d\ude00 \u{e9} \U0001F600", "< / é 😀 é 😀"),
            (r"\x3c\x3C \074 \$ \'", "<< < $ '"),
            (r#"\\\" \\u003c"#, "\" <"),
            ("%3c%3C %2541 %C3%A9", "<< A é"),
            ("&lt;&#60;&#x3c; &amp;lt; &percnt;", "<<< < %"),
            ("=3D=41=\r\nz", "=Az"),
            ("a=3D=0D=\r\n=0Ab=3D=\r\n=0Ac", "abc"),
            (r#"it'\''s it'"'"'s it''s"#, "it's it's it's"),
            (
                "100% a&b x=y C:\\zz \\q &nosuch; %4 \\ud800 '",
                "100% a&b x=y C:\\zz \\q &nosuch; %4 \\ud800 '",
            ),
        ] {
            assert_eq!(decoded(escaped), plain, "{escaped}");
        }
    }

    #[test]
    fn an_incomplete_escape_needs_more_text() {
        for incomplete in ["\\", "\\u00", "\\ud83d", "%", "%4", "&", "&am", "=", "=\r", "'", "'\\", "\\u{1"] {
            let text = |is_whole| Text::new(incomplete.as_bytes(), is_whole);
            assert_eq!(text(false).read(1, 0), Err(Undecoded::NeedsMore), "{incomplete}");
            assert!(text(true).read(1, 0).is_ok(), "{incomplete}");
        }
    }
}
