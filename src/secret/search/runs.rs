//! Base64 and hex: runs of letters and digits, wrapped, split or escaped, and what they hold.

use std::ops::Range;

use zeroize::Zeroizing;

use super::escape::{Stop, Text};
use super::{MAX_GAP, is_special};

/// Letters of a run, and where each stands in the text.
#[derive(Default)]
pub(super) struct Run {
    letters: Zeroizing<Vec<u8>>,
    places: Vec<Range<usize>>,
    /// Where what was read of it ends.
    end: usize,
    /// Whether it may go on when more has come.
    pub(super) is_open: bool,
}

/// What part of a run says when it is decoded. Where its bytes come from in the text is known.
pub(super) struct Decoded<'a> {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    places: &'a [Range<usize>],
    /// How many bits a letter stands for, and how many are before the first byte.
    bits: usize,
    before: usize,
}

/// The value of a letter of base64, of either alphabet.
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

static IS_LETTER: [bool; 256] = {
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

impl Text<'_> {
    /// Calls `take` with every run of at least so many letters, and with what may become one when more has come.
    pub(super) fn runs(&self, least: usize, mut take: impl FnMut(&Run)) {
        let (mut at, mut escaped_until) = (0, 0);
        while at < self.bytes.len() {
            let run = self.extent(at);
            if run.letters >= least || run.is_open && run.letters > 0 {
                take(&self.run(0, at));
            }
            if run.goes_on_escaped && at >= escaped_until {
                let run = self.run(1, at);
                escaped_until = run.end;
                if run.letters.len() >= least || run.is_open {
                    take(&run);
                }
            }
            at = run.end + 1;
        }
    }

    /// How far a run goes that begins here, without decoding escapes.
    fn extent(&self, at: usize) -> Extent {
        let (mut end, mut letters, mut since) = (at, 0, at);
        loop {
            let rest = &self.bytes[end..];
            let here = rest.iter().position(|byte| !IS_LETTER[usize::from(*byte)]).unwrap_or(rest.len());
            (end, letters) = (end + here, letters + here);
            since = if here > 0 { end } else { since };
            match self.bytes.get(end) {
                None => return Extent { end, letters, is_open: !self.is_whole, goes_on_escaped: false },
                Some(byte) if is_special(*byte) => {}
                Some(_) => return Extent { end, letters, is_open: false, goes_on_escaped: false },
            }
            match self.noise(0, end) {
                // What says nothing before a run is none of it.
                Ok(next) if letters > 0 && end - since < MAX_GAP => end = next,
                Ok(_) => return Extent { end, letters, is_open: false, goes_on_escaped: false },
                stop => {
                    let is_open = stop == Err(Stop::More);
                    return Extent { end, letters, is_open, goes_on_escaped: self.goes_on(end) };
                }
            }
        }
    }

    /// Whether an escape here stands for a letter, or for nothing.
    fn goes_on(&self, at: usize) -> bool {
        match self.read(1, at) {
            Err(stop) => stop == Stop::More,
            Ok(next) if next.end == at + 1 => false,
            Ok(next) => {
                next.single().is_some_and(|byte| IS_LETTER[usize::from(byte)]) || self.noise(1, at).is_ok()
            }
        }
    }

    /// The run that begins here, with so many levels of escapes decoded.
    fn run(&self, level: u8, at: usize) -> Run {
        let mut run = Run { end: at, ..Run::default() };
        let mut since = at;
        let stop = loop {
            match self.read(level, run.end) {
                Err(stop) => break stop,
                Ok(next) => {
                    if let Some(letter) = next.single().filter(|byte| IS_LETTER[usize::from(*byte)]) {
                        run.letters.push(letter);
                        run.places.push(run.end..next.end);
                        (run.end, since) = (next.end, next.end);
                        continue;
                    }
                }
            }
            match self.noise(level, run.end) {
                Ok(end) if run.end - since < MAX_GAP => run.end = end,
                Ok(_) => break Stop::No,
                Err(stop) => break stop,
            }
        };
        run.is_open = stop == Stop::More;
        run
    }
}

/// How far a run goes.
struct Extent {
    end: usize,
    letters: usize,
    is_open: bool,
    goes_on_escaped: bool,
}

impl Run {
    /// Where it begins in the text.
    pub(super) fn begin(&self) -> usize {
        self.places.first().map_or(0, |place| place.start)
    }

    /// What it says, as bytes may begin at any bit that a letter of base64 can leave them at, or at any digit of hex.
    pub(super) fn decoded(&self, least: usize, mut take: impl FnMut(&Decoded)) {
        for before in [0, 2, 4, 6] {
            take(&self.decode(0..self.letters.len(), 6, before, value));
        }
        let is_hex = u8::is_ascii_hexdigit;
        let mut end = 0;
        for part in self.letters.chunk_by(|one, next| is_hex(one) == is_hex(next)) {
            let begin = end;
            end += part.len();
            let may_go_on = self.is_open && end == self.letters.len();
            if is_hex(&part[0]) && (part.len() >= 2 * least || may_go_on) {
                let digit = |byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                take(&self.decode(begin..end, 4, 0, digit));
                take(&self.decode(begin..end, 4, 4, digit));
            }
        }
    }

    fn decode(
        &self,
        part: Range<usize>,
        bits: usize,
        before: usize,
        value: impl Fn(u8) -> Option<u8>,
    ) -> Decoded<'_> {
        let letters = &self.letters[part.clone()];
        let mut bytes = Zeroizing::new(Vec::with_capacity(letters.len() * bits / 8));
        // What is before the first byte is dropped with the byte that it would be the end of.
        let (mut held, mut count, mut is_before): (u32, usize, bool) = (0, (8 - before) % 8, before > 0);
        for letter in letters {
            held = held << bits | u32::from(value(*letter).unwrap_or_default());
            count += bits;
            if count >= 8 {
                count -= 8;
                if !std::mem::take(&mut is_before) {
                    // Of the letters before, nothing is left above these eight bits.
                    bytes.push((held >> count).to_be_bytes()[3]);
                }
                held &= (1 << count) - 1;
            }
        }
        Decoded { bytes, places: &self.places[part], bits, before }
    }
}

impl Decoded<'_> {
    /// Where the letters stand that a part of its bytes comes from.
    pub(super) fn place(&self, bytes: &Range<usize>) -> Range<usize> {
        let (first, last) = (self.letter(bytes.start), (self.before + bytes.end * 8).div_ceil(self.bits) - 1);
        self.places[first].start..self.places[last].end
    }

    /// The letter that the byte at `at` begins in.
    const fn letter(&self, at: usize) -> usize {
        (self.before + at * 8) / self.bits
    }

    /// Where it stands.
    pub(super) fn begin(&self, at: usize) -> usize {
        self.places[self.letter(at)].start
    }

    /// Where the letters stand that are not enough for another byte.
    pub(super) fn rest(&self) -> Option<usize> {
        self.places.get(self.letter(self.bytes.len())).map(|place| place.start)
    }
}
