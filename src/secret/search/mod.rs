//! Finding known secrets in text, however they are encoded there: as they are, escaped (JSON, HTML, percent, C,
//! quoted-printable, shells), in base64 or hex, split by line ends, colours or what nobody sees; and one in another.
//!
//! What is looked for is the secret, in what the text says when it is decoded, and no list of ways to write it. A secret
//! that is not encoded throughout begins with characters as they are, or with an escape: only there is decoded, so that
//! it costs little where there is neither.

mod escape;
mod glance;
#[cfg(test)]
mod harmless;
mod noise;
mod places;
mod runs;
mod specials;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError, Input, MatchKind};
use zeroize::Zeroizing;

use super::MIN_LENGTH;
use escape::{Stop, Text};
use glance::{Glance, glance, is_escape};
use runs::Run;
use specials::Specials;
use wanted::{Met, Wanted, readings};

/// How often base64 or hex may lie in one another.
const DEPTH: usize = 2;
/// What ends with a line is held back only if it has this many bytes of a secret: less could be any word.
const AT_LINE_END: usize = 2;
/// The most that may stand between two characters of a secret, in bytes: what is held back has an end.
const MAX_GAP: usize = 1024;

/// Whether an escape may begin with a byte, or something that says nothing.
const fn is_special(byte: u8) -> bool {
    IS_SPECIAL[byte as usize]
}

const SPECIAL: [u8; 11] = *b"\\%&='\n\r\x1b\xc2\xe2\xef";

static IS_SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut index = 0;
    while index < SPECIAL.len() {
        table[SPECIAL[index] as usize] = true;
        index += 1;
    }
    table
};

/// Looks for secrets.
pub(super) struct Search {
    wanted: Vec<Wanted>,
    /// Finds their first bytes.
    begins: Option<AhoCorasick>,
    /// The secrets with these first bytes.
    begun: Vec<Vec<usize>>,
    /// Secrets by their first byte, and by one of the next that are fewer than `begins` looks for, with how many that is.
    first: Box<[Vec<usize>]>,
    early: Box<[Vec<(usize, usize)>]>,
    shortest: usize,
}

/// A secret that was found: where, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: Range<usize>,
    pub(super) which: usize,
}

/// What may become a secret when more comes: where it begins, which it is if that is known, and how many of its bytes are
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) begin: usize,
    pub(super) which: Option<usize>,
    pub(super) matched: usize,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) spans: Vec<Span>,
    pub(super) open: Vec<Open>,
    /// Whether the text ends with a line, as far as it has come.
    at_line_end: bool,
}

impl Search {
    /// For these secrets; each is known by its place in the list.
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Result<Self, BuildError> {
        let wanted: Vec<_> = secrets.map(Wanted::new).collect();
        let (mut first, mut early) = (vec![Vec::new(); 256], vec![Vec::new(); 256]);
        let mut groups: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        for (which, Wanted { bytes, .. }) in wanted.iter().enumerate() {
            groups.entry(&bytes[..MIN_LENGTH]).or_default().push(which);
            first[usize::from(bytes[0])].push(which);
            for (index, byte) in bytes[..MIN_LENGTH - 1].iter().enumerate() {
                early[usize::from(*byte)].push((which, index + 1));
            }
        }
        // All are of one length, so that the kind decides nothing but which searches can be used: the fast ones.
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostFirst);
        let begins = if groups.is_empty() { None } else { Some(builder.build(groups.keys())?) };
        let begun = groups.into_values().collect();
        let shortest = wanted.iter().map(|wanted| wanted.bytes.len()).min().unwrap_or(usize::MAX);
        Ok(Self { wanted, begins, begun, first: first.into(), early: early.into(), shortest })
    }

    /// Looks through a text, of which more may come.
    pub(super) fn find(&self, bytes: &[u8], is_whole: bool) -> Found {
        let mut found = Found { at_line_end: bytes.last() == Some(&b'\n'), ..Found::default() };
        if !self.wanted.is_empty() {
            let look = Look { text: Text::new(bytes, is_whole), specials: &Specials::of(bytes) };
            self.look(&look, &mut <[Buffers; DEPTH]>::default(), &mut found);
        }
        found
    }

    fn look(&self, look: &Look, buffers: &mut [Buffers], found: &mut Found) {
        self.look_for_begins(look, found);
        self.look_around_escapes(look, found);
        self.look_at_end(look, found);
        if let Some((buffers, inner)) = buffers.split_first_mut() {
            self.look_into_runs(look, buffers, inner, found);
        }
    }

    /// Secrets that begin as they are.
    fn look_for_begins(&self, look: &Look, found: &mut Found) {
        let (Some(begins), bytes) = (&self.begins, look.text.bytes) else { return };
        let mut at = 0;
        while let Some(begin) = begins.find(Input::new(bytes).span(at..bytes.len())) {
            for which in &self.begun[begin.pattern().as_usize()] {
                self.follow(look, begin.start(), begin.end(), *which, MIN_LENGTH, found);
            }
            at = begin.start() + 1;
        }
    }

    /// Secrets with an escape among the first characters, or that are split there.
    fn look_around_escapes(&self, look: &Look, found: &mut Found) {
        let bytes = look.text.bytes;
        for at in look.specials.all() {
            if self.may_begin_with(bytes, at) {
                self.look_at_escape(look, at, found);
            }
            let before = at.checked_sub(1).map_or(&[][..], |last| &self.early[usize::from(bytes[last])]);
            for (which, matched) in before {
                if bytes[..at].ends_with(&self.wanted[*which].bytes[..*matched]) {
                    self.follow(look, at - matched, at, *which, *matched, found);
                }
            }
        }
    }

    /// Whether a secret may begin with an escape at `at`.
    fn may_begin_with(&self, bytes: &[u8], at: usize) -> bool {
        let is_first = |byte: u8| !self.first[usize::from(byte)].is_empty();
        match bytes[at] {
            // It stands for itself, whatever is within.
            b'\'' if !is_first(b'\'') => false,
            _ => match glance(bytes, at) {
                Glance::No => false,
                Glance::Byte(byte) => is_escape(byte) || is_first(byte),
                Glance::Unclear => is_escape(bytes[at]),
            },
        }
    }

    /// Secrets that begin with an escape.
    fn look_at_escape(&self, look: &Look, at: usize, found: &mut Found) {
        let mut last = 0;
        for (text, level) in readings(&look.text, at).skip(1) {
            match text.read(level, at) {
                Ok(first) if first.end > at + 1 && first.end != last => {
                    last = first.end;
                    let which = first.bytes().first().map_or(&[][..], |byte| &self.first[usize::from(*byte)]);
                    for which in which {
                        self.follow(look, at, at, *which, 0, found);
                    }
                }
                Ok(_) | Err(Stop::No) => {}
                Err(Stop::More) => found.open.push(Open { begin: at, which: None, matched: 0 }),
            }
        }
    }

    /// What the first few characters of a secret may be, at the end.
    fn look_at_end(&self, look: &Look, found: &mut Found) {
        let bytes = look.text.bytes;
        let last = bytes.last().map_or(&[][..], |last| &self.early[usize::from(*last)]);
        for (which, matched) in last {
            if !look.text.is_whole && bytes.ends_with(&self.wanted[*which].bytes[..*matched]) {
                found.open.push(Open {
                    begin: bytes.len() - matched,
                    which: Some(*which),
                    matched: *matched,
                });
            }
        }
    }

    /// Secrets in base64 and hex.
    fn look_into_runs(&self, look: &Look, buffers: &mut Buffers, inner: &mut [Buffers], found: &mut Found) {
        let least = (self.shortest * 8).div_ceil(6);
        let Buffers { run, bytes, specials, within } = buffers;
        look.text.runs(look.specials, least, run, |run| {
            run.decoded(self.shortest, bytes, |decoded| {
                let text = Text::new(decoded.bytes, !run.is_open);
                specials.find(decoded.bytes);
                let look_within = Look { text, specials };
                self.look(&look_within, inner, within);
                let spans = within.spans.drain(..);
                found.spans.extend(spans.map(|span| Span { at: decoded.place(&span.at), which: span.which }));
                for open in within.open.drain(..) {
                    found.open.push(Open { begin: decoded.begin(open.begin), ..open });
                }
                if let Some(begin) = decoded.rest().filter(|_| run.is_open) {
                    found.open.push(Open { begin, which: None, matched: 0 });
                }
            });
        });
    }

    /// Whether a secret, of which so many bytes begin at `begin`, goes on at `at`.
    fn follow(&self, look: &Look, begin: usize, at: usize, which: usize, matched: usize, found: &mut Found) {
        match self.wanted[which].goes_on(&look.text, at, matched) {
            Met::Whole(end) => found.spans.push(Span { at: begin..end, which }),
            Met::Begun(matched) => found.open.push(Open { begin, which: Some(which), matched }),
            Met::No => {}
        }
    }
}

/// What is needed to decode runs, one after the other: for a text, and one more for each that lies in another.
#[derive(Default)]
struct Buffers {
    run: Run,
    bytes: Zeroizing<Vec<u8>>,
    specials: Specials,
    within: Found,
}

/// A text to look through.
struct Look<'a> {
    text: Text<'a>,
    specials: &'a Specials,
}

impl Found {
    /// Where that begins which is needed when more comes.
    pub(super) fn needed(&self) -> Option<usize> {
        self.open.iter().map(|open| open.begin).min()
    }

    /// Where that begins which must not be given before more has come.
    pub(super) fn held(&self) -> Option<usize> {
        let is_held = |open: &&Open| !self.at_line_end || open.matched >= AT_LINE_END;
        self.open.iter().filter(is_held).map(|open| open.begin).min()
    }

    /// The secrets in order; those that overlap are one, named after the first and longest.
    pub(super) fn merged(&mut self) -> Vec<Span> {
        let mut spans = std::mem::take(&mut self.spans);
        spans.sort_by_key(|span| (span.at.start, std::cmp::Reverse(span.at.end), span.which));
        let mut merged: Vec<Span> = Vec::new();
        for span in spans {
            match merged.last_mut() {
                Some(last) if span.at.start < last.at.end => last.at.end = last.at.end.max(span.at.end),
                _ => merged.push(span),
            }
        }
        merged
    }
}
