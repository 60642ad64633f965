//! Runs of base64 and hex letters, possibly wrapped, split or escaped, and their decoded content.

use std::ops::Range;

use zeroize::Zeroizing;

use super::encoded::{EncodedBytes, IS_LETTER};
use super::escape::{Text, Undecoded};
use super::escape_class::{EscapeClass, classify, is_itself, is_noise};
use super::positions::Positions;
use super::specials::Specials;
use super::{MAX_GAP, is_special};

/// The letters of a run, and their positions in the text.
#[derive(Default)]
pub(super) struct LetterRun {
    letters: Zeroizing<Vec<u8>>,
    places: Positions,
    /// The end of the part that was read.
    end: usize,
    /// Whether it may continue when more text arrives.
    pub(super) is_open: bool,
}

/// The limits for runs: the minimum number of bytes, and the bytes that a secret can have in any spelling.
pub(super) struct RunLimits {
    pub(super) least: usize,
    pub(super) is_said: [bool; 256],
}

/// A decoded part of a run, with the positions of its bytes in the text.
pub(super) struct DecodedPart<'a> {
    pub(super) bytes: &'a [u8],
    places: &'a Positions,
    code: &'a EncodedBytes<'a>,
    /// Whether it may continue when more text arrives.
    pub(super) is_open: bool,
}

impl Text<'_> {
    /// Calls `take` with every run of at least `least` letters, and with runs that may become so long when more text
    /// arrives.
    pub(super) fn runs(
        &self,
        specials: &Specials,
        least: usize,
        read: &mut LetterRun,
        mut take: impl FnMut(&LetterRun),
    ) {
        let (mut at, mut escaped_until) = (0, 0);
        let mut specials = specials.all().chain([self.bytes.len()]).peekable();
        while at < self.bytes.len() {
            while specials.next_if(|special| *special < at).is_some() {}
            let special = specials.peek().copied().unwrap_or(self.bytes.len());
            at = next_stretch(at..special, least, |index| self.is_letter(index));
            let run = self.extent(at);
            if run.letters >= least || run.is_open && run.letters > 0 {
                self.read_run(0, at, read);
                take(read);
            }
            if run.goes_on_escaped && at >= escaped_until {
                self.read_run(1, at, read);
                escaped_until = read.end;
                if read.letters.len() >= least || read.is_open {
                    take(read);
                }
            }
            let within = specials.clone().take_while(|special| *special < run.end);
            for begin in within.filter(|special| *special > at) {
                self.runs_of_command(begin, least, read, &mut take);
            }
            at = run.end + 1;
        }
    }

    /// The same for a terminal command (OSC) within a run: it is not part of the run, but may contain one.
    fn runs_of_command(
        &self,
        begin: usize,
        least: usize,
        read: &mut LetterRun,
        take: &mut impl FnMut(&LetterRun),
    ) {
        if !self.bytes[begin..].starts_with(b"\x1b]") {
            return;
        }
        let command_text = &self.bytes[begin + 2..];
        let end = begin
            + 2
            + command_text.iter().position(|byte| matches!(byte, 7 | 0x1b)).unwrap_or(command_text.len());
        let command = Text::new(&self.bytes[..end], true);
        let mut at = begin + 2;
        while at < end {
            at = next_stretch(at..end, least, |index| command.is_letter(index));
            let run = command.extent(at);
            if run.letters >= least {
                command.read_run(0, at, read);
                take(read);
            }
            at = run.end + 1;
        }
    }

    fn is_letter(&self, at: usize) -> bool {
        IS_LETTER[usize::from(self.bytes[at])]
    }

    /// The extent of the run that starts here, without decoding escapes.
    fn extent(&self, at: usize) -> RunExtent {
        let (mut end, mut letters, mut since) = (at, 0, at);
        loop {
            let rest = &self.bytes[end..];
            let count = rest.iter().position(|byte| !IS_LETTER[usize::from(*byte)]).unwrap_or(rest.len());
            (end, letters) = (end + count, letters + count);
            since = if count > 0 { end } else { since };
            match self.bytes.get(end) {
                None => return RunExtent { end, letters, is_open: !self.is_whole, goes_on_escaped: false },
                Some(byte) if is_special(*byte) && !is_itself(self.bytes, end) => {}
                Some(_) => return RunExtent { end, letters, is_open: false, goes_on_escaped: false },
            }
            match self.noise(0, end) {
                // Ignorable text before a run is not part of it.
                Ok(next) if letters > 0 && end - since < MAX_GAP => end = next,
                Ok(_) => return RunExtent { end, letters, is_open: false, goes_on_escaped: false },
                stop => {
                    let is_open = stop == Err(Undecoded::NeedsMore);
                    return RunExtent { end, letters, is_open, goes_on_escaped: self.goes_on(end) };
                }
            }
        }
    }

    /// Whether an escape here is a letter or ignorable.
    fn goes_on(&self, at: usize) -> bool {
        if at < self.bytes.len()
            && let EscapeClass::Byte(byte) = classify(self.bytes, at)
            && (!is_noise(byte) || matches!(byte, b'\n' | b'\r'))
        {
            return IS_LETTER[usize::from(byte)] || is_noise(byte);
        }
        match self.read(1, at) {
            Err(stop) => stop == Undecoded::NeedsMore,
            Ok(next) if next.end == at + 1 => false,
            Ok(next) => {
                next.single().is_some_and(|byte| IS_LETTER[usize::from(byte)]) || self.noise(1, at).is_ok()
            }
        }
    }

    /// Reads the run that starts here, with `level` levels of escapes decoded.
    fn read_run(&self, level: u8, at: usize, run: &mut LetterRun) {
        run.clear(at);
        let mut since = at;
        let stop = loop {
            let rest = &self.bytes[run.end..];
            let plain = rest.iter().position(|byte| !IS_LETTER[usize::from(*byte)]).unwrap_or(rest.len());
            if plain > 0 {
                run.push(&rest[..plain], 1);
                since = run.end;
            }
            match self.read_letter(level, run, since) {
                Ok(true) => since = run.end,
                Ok(false) => {}
                Err(stop) => break stop,
            }
        };
        run.is_open = stop == Undecoded::NeedsMore;
    }

    /// Reads an escaped letter (returns true), or skips ignorable text.
    fn read_letter(&self, level: u8, run: &mut LetterRun, since: usize) -> Result<bool, Undecoded> {
        if self.bytes.get(run.end).is_some_and(|byte| !is_special(*byte) || is_itself(self.bytes, run.end)) {
            return Err(Undecoded::NotFound);
        }
        let next = self.read(level, run.end)?;
        if let Some(letter) = next.single().filter(|byte| IS_LETTER[usize::from(*byte)]) {
            run.push(&[letter], next.end - run.end);
            return Ok(true);
        }
        let end = self.noise(level, run.end)?;
        if run.end - since >= MAX_GAP {
            return Err(Undecoded::NotFound);
        }
        run.end = end;
        Ok(false)
    }
}

/// The next stretch of at least `least` positions, or up to the end, that all pass a test. Most positions before it
/// are not checked.
pub(super) fn next_stretch(within: Range<usize>, least: usize, holds: impl Fn(usize) -> bool) -> usize {
    let Range { start: mut at, end } = within;
    while let Some(other) = (at..(at + least).min(end)).rfind(|index| !holds(*index)) {
        at = other + 1;
    }
    at
}

/// The extent of a run.
struct RunExtent {
    end: usize,
    letters: usize,
    is_open: bool,
    goes_on_escaped: bool,
}

impl LetterRun {
    /// The number of its letters.
    pub(super) fn count(&self) -> usize {
        self.letters.len()
    }

    /// Adds letters that are not adjacent to the last one.
    pub(super) fn push_at(&mut self, at: usize, letters: &[u8]) {
        self.end = at;
        self.push(letters, 1);
    }

    pub(super) fn clear(&mut self, at: usize) {
        self.letters.clear();
        self.places.clear();
        (self.end, self.is_open) = (at, false);
    }

    /// Adds adjacent letters, each of the same width in bytes.
    fn push(&mut self, letters: &[u8], width: usize) {
        self.places.push(self.letters.len(), self.end, width);
        self.letters.extend_from_slice(letters);
        self.end += letters.len() * width;
    }

    /// Decodes the parts that may contain a secret. A byte can start at any bit offset of base64, or at any hex digit.
    pub(super) fn decoded(
        &self,
        limits: &RunLimits,
        bytes: &mut Zeroizing<Vec<u8>>,
        take: &mut impl FnMut(&DecodedPart),
    ) {
        for before in [0, 2, 4, 6] {
            self.parts(
                &EncodedBytes { letters: &self.letters, first: 0, bits: 6, before },
                limits,
                bytes,
                take,
            );
        }
        self.decoded_hex(limits, bytes, take);
    }

    /// The same for the hex digits in it.
    pub(super) fn decoded_hex(
        &self,
        limits: &RunLimits,
        bytes: &mut Zeroizing<Vec<u8>>,
        take: &mut impl FnMut(&DecodedPart),
    ) {
        let mut end = 0;
        while let Some(begin) = self.next_hex(end, 2 * limits.least) {
            let rest = &self.letters[begin..];
            end = begin + rest.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(rest.len());
            for before in [0, 4] {
                let letters = &self.letters[begin..end];
                self.parts(&EncodedBytes { letters, first: begin, bits: 4, before }, limits, bytes, take);
            }
        }
    }

    /// The parts with enough bytes that a secret can have, and those that may become so long when more text arrives.
    fn parts(
        &self,
        code: &EncodedBytes,
        limits: &RunLimits,
        bytes: &mut Vec<u8>,
        take: &mut impl FnMut(&DecodedPart),
    ) {
        let holds = |index: usize| limits.is_said[usize::from(code.byte(index))];
        let (mut at, count) = (0, code.count());
        while at <= count {
            at = next_stretch(at..count, limits.least, holds);
            let read = (at + limits.least).min(count);
            let end = (read..count).find(|index| !holds(*index)).unwrap_or(count);
            let is_open = self.is_open && end == count;
            if end - at >= limits.least || is_open {
                code.decode(at..end, bytes);
                let before = code.before + 8 * at;
                take(&DecodedPart {
                    bytes,
                    places: &self.places,
                    code: &EncodedBytes { before, ..*code },
                    is_open,
                });
            }
            at = end + 1;
        }
    }

    /// The start of the next run of at least `least` digits, or of one that may continue when more text arrives.
    fn next_hex(&self, at: usize, least: usize) -> Option<usize> {
        let count = self.letters.len();
        let at = next_stretch(at..count, least, |index| self.letters[index].is_ascii_hexdigit());
        let is_long = at + least <= count;
        (is_long || self.is_open && at < count).then_some(at)
    }
}

impl DecodedPart<'_> {
    /// The position of the letters of a range of its bytes.
    pub(super) fn position(&self, bytes: &Range<usize>) -> Range<usize> {
        let last = (self.code.before + bytes.end * 8).div_ceil(self.code.bits) - 1;
        self.begin(bytes.start)..self.places.of(self.code.first + last).end
    }

    /// The letter in which the byte at `at` starts.
    const fn letter(&self, at: usize) -> usize {
        (self.code.before + at * 8) / self.code.bits
    }

    /// Its start in the text.
    pub(super) fn begin(&self, at: usize) -> usize {
        self.places.of(self.code.first + self.letter(at)).start
    }

    /// The position of the letters that need more text to make another byte.
    pub(super) fn rest(&self) -> Option<usize> {
        let is_rest = self.is_open && self.letter(self.bytes.len()) < self.code.letters.len();
        is_rest.then(|| self.begin(self.bytes.len()))
    }
}
