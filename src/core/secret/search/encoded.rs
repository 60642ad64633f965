//! Decoding base64 and hex.

use std::ops::Range;

/// The value of a base64 letter, in either alphabet.
const fn value(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

static VALUES: [u8; 256] = {
    let mut table = [0; 256];
    let mut letter: u8 = 0;
    loop {
        if let Some(value) = value(letter) {
            table[letter as usize] = value;
        }
        if letter == 255 {
            break table;
        }
        letter += 1;
    }
};

pub(super) static IS_LETTER: [bool; 256] = {
    let mut table = [false; 256];
    let mut letter: u8 = 0;
    loop {
        table[letter as usize] = value(letter).is_some();
        if letter == 255 {
            break table;
        }
        letter += 1;
    }
};
/// Encoded letters: the position of the first in the run, the bits of each, and the bits before the first byte.
#[derive(Clone, Copy)]
pub(super) struct EncodedBytes<'a> {
    pub(super) letters: &'a [u8],
    pub(super) first: usize,
    pub(super) bits: usize,
    pub(super) before: usize,
}

impl EncodedBytes<'_> {
    /// How many bytes it holds.
    pub(super) const fn count(&self) -> usize {
        (self.letters.len() * self.bits).saturating_sub(self.before) / 8
    }

    /// One byte; it spans two letters.
    pub(super) fn byte(&self, index: usize) -> u8 {
        let bit = self.before + 8 * index;
        if self.bits == 4 {
            return digit(self.letters[bit / 4]) << 4 | digit(self.letters[bit / 4 + 1]);
        }
        let value = |letter: usize| u16::from(VALUES[usize::from(self.letters[letter])]);
        ((value(bit / 6) << 6 | value(bit / 6 + 1)) >> (4 - bit % 6)).to_be_bytes()[1]
    }

    /// Decodes a range of its bytes.
    pub(super) fn decode(&self, range: Range<usize>, bytes: &mut Vec<u8>) {
        let bit = self.before + 8 * range.start;
        // Without a byte there may be no letter.
        let end = (self.before + 8 * range.end).div_ceil(self.bits).min(self.letters.len());
        if self.bits == 4 {
            hex(&self.letters[bit / 4..end], bytes);
        } else {
            base64(&self.letters[bit / 24 * 4..end], bit % 24, bytes);
        }
    }
}

/// Decodes base64 letters; `before` bits come before the first byte.
fn base64(letters: &[u8], before: usize, bytes: &mut Vec<u8>) {
    bytes.clear();
    let values = |part: &[u8]| {
        part.iter().fold(0_u64, |value, letter| value << 6 | u64::from(VALUES[usize::from(*letter)]))
    };
    let groups = letters.chunks_exact(4);
    let (rest, mut held) = (groups.remainder(), 0);
    let mut is_first = true;
    bytes.reserve(letters.len());
    for group in groups {
        // 24 bits minus the bits before them make three bytes; these are the bits that remain.
        held = (held << 24 | values(group)) & 0xffff_ffff_ffff;
        if !std::mem::take(&mut is_first) {
            bytes.extend_from_slice(&(held >> (24 - before)).to_be_bytes()[5..]);
        }
    }
    // The remainder: the last group without the bits before it, and the letters after it.
    let count = if is_first { 0 } else { 24 } + rest.len() * 6;
    held = held << (rest.len() * 6) | values(rest);
    let mut left = count.saturating_sub(before);
    while left >= 8 {
        left -= 8;
        bytes.push((held >> left).to_be_bytes()[7]);
    }
}

/// Decodes hex digits.
fn hex(digits: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.extend(digits.chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])));
}

const fn digit(digit: u8) -> u8 {
    if digit > b'9' { (digit & 0xf) + 9 } else { digit & 0xf }
}
