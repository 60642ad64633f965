//! Hex in groups of digits, as in dumps and fingerprints: `53 33 63`, `53:33:63`. Not across the columns of a dump
//! that has other text between the digits.

use super::escape::Text;
use super::runs::{LetterRun, next_stretch};

/// The maximum separator between two groups, in bytes.
const MAX_SEPARATOR: usize = 3;

const fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b':' | b',' | b'\n' | b'\r' | b'\t')
}

/// How many of the next bytes pass a test.
fn count(bytes: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !holds(*byte)).unwrap_or(bytes.len())
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

impl Text<'_> {
    /// Calls `take` with the digits of groups of at least `least` digits, and with groups that may become so long when
    /// more text arrives.
    pub(super) fn groups(&self, least: usize, read: &mut LetterRun, mut take: impl FnMut(&LetterRun)) {
        let is_of_group = |byte: u8| is_digit(byte) || is_between(byte);
        let mut end = 0;
        while end < self.bytes.len() {
            let mut at = next_stretch(end..self.bytes.len(), least, |index| is_of_group(self.bytes[index]));
            end = at + count(&self.bytes[at..], is_of_group);
            while at < end {
                at += count(&self.bytes[at..end], is_between);
                if !self.is_word(at) {
                    at += count(&self.bytes[at..end], is_digit);
                    continue;
                }
                at = self.read_groups(at, read);
                if read.count() >= least || read.is_open {
                    take(read);
                }
            }
            end += 1;
        }
    }

    fn is_word(&self, begin: usize) -> bool {
        begin.checked_sub(1).is_none_or(|before| !self.bytes[before].is_ascii_alphanumeric())
    }

    /// Reads the groups that start here, and returns their end.
    fn read_groups(&self, begin: usize, run: &mut LetterRun) -> usize {
        run.clear(begin);
        let mut at = begin;
        loop {
            let digits = count(&self.bytes[at..], is_digit);
            let ends_here = at + digits == self.bytes.len();
            if !digits.is_multiple_of(2) && !ends_here {
                break;
            }
            run.push_at(at, &self.bytes[at..at + digits]);
            at += digits;
            let separator = count(&self.bytes[at..], is_between);
            if at + separator == self.bytes.len() {
                run.is_open = !self.is_whole && separator <= MAX_SEPARATOR;
                return self.bytes.len();
            }
            if digits == 0 || separator == 0 || separator > MAX_SEPARATOR {
                break;
            }
            at += separator;
        }
        at.max(begin + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{redactor_of, streamed};

    const SECRET: &str = "CaNaRy+7c1fQ9";

    fn groups(size: usize, between: &str) -> String {
        let digits = base16ct::lower::encode_string(SECRET.as_bytes());
        let groups: Vec<_> =
            digits.as_bytes().chunks(size).map(|group| std::str::from_utf8(group).unwrap()).collect();
        groups.join(between)
    }

    /// In the formats of `od`, `hexdump`, `xxd` and `openssl`, and in base64 within; cut at any place.
    #[test]
    fn digits_in_groups_are_read_as_one() {
        use base64::Engine as _;
        let redactor = redactor_of(&[SECRET]);
        let dumped = [(2, " "), (2, ":"), (2, ", "), (4, " "), (8, " "), (2, "\n "), (2, " \r\n")];
        let dumped = dumped.map(|(size, between)| groups(size, between));
        let nested = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&dumped[0]);
        for group in dumped.iter().chain([&nested]) {
            for (before, after) in [("", ""), ("key: ", " end\n"), ("0a 0b ", " 0c 0d"), ("be ", " ad")] {
                let text = format!("{before}{group}{after}");
                let expected = format!("{before}[redacted: S]{after}");
                for size in 1..text.len() {
                    let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
                    let clean = streamed(&redactor, &pieces);
                    // At a line end one byte is not held back: it could be anything.
                    let first_line =
                        text.split_inclusive('\n').next().filter(|line| line.trim_end().ends_with("43"));
                    let is_out = clean == expected
                        || first_line.is_some_and(|line| clean == format!("{line}[redacted: S]{after}"));
                    assert!(is_out, "{text:?} is told as {clean:?} in pieces of {size}");
                }
            }
        }
    }

    #[test]
    fn other_digits_stay_unchanged() {
        let redactor = redactor_of(&[SECRET]);
        for text in [
            "link/ether 02:42:ac:11:00:02 brd ff:ff:ff:ff:ff:ff",
            "43 61 4e 61 52 79 2b 37 63 31 66 51 38",
            "be ad fa ce 1 22 333 4444 55555",
            "12:34:56, 7: 8",
        ] {
            for size in 1..=text.len() {
                let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
                assert_eq!(streamed(&redactor, &pieces), text, "in pieces of {size}");
            }
        }
    }
}
