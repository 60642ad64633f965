//! Finding known secrets in text in any encoding: raw, escaped (JSON, HTML, percent, C, quoted-printable, shells),
//! base64 or hex; split by line ends, colours or invisible characters; and nested.
//!
//! The search compares the secret with the decoded text; it has no list of spellings. A secret that is not encoded as
//! a whole starts with raw characters or with an escape, so decoding starts only there, and other text is cheap.
//! Base64 and hex runs are decoded only if they are at least as long as the shortest secret.

mod code;
mod escape;
mod glance;
mod groups;
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
use glance::{Glance, glance, is_escape, is_soft_line_end, may_be};
use runs::{Decoded, Run, Said};
use specials::Specials;
use wanted::{Met, Wanted, readings};

/// How deep base64 and hex can be nested.
const DEPTH: usize = 2;
/// At a line end, text is held back only if it has this many bytes of a secret: fewer could be any word.
const AT_LINE_END: usize = 2;
/// The maximum gap between two characters of a secret, in bytes. It limits how much text is held back.
const MAX_GAP: usize = 1024;

/// Whether a byte may start an escape or ignorable text.
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

/// A search for secrets.
pub(super) struct Search {
    wanted: Vec<Wanted>,
    groups: Vec<Group>,
    /// Finds the first bytes of the groups.
    begins: Option<AhoCorasick>,
    /// Groups by their first byte, and by one of the bytes after it for prefixes shorter than those of `begins`, with
    /// that length.
    first: Box<[Vec<usize>]>,
    early: Box<[Vec<(usize, usize)>]>,
    said: Said,
}

/// Secrets with the same first bytes.
struct Group {
    begin: Wanted,
    which: Vec<usize>,
}

/// A secret that was found: its range, and its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: Range<usize>,
    pub(super) which: usize,
}

/// A possible secret at the end of the text: its start, its index if that is known, and how many of its bytes are
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) begin: usize,
    pub(super) which: Option<usize>,
    pub(super) matched: usize,
}

/// The result of a search.
#[derive(Default)]
pub(super) struct Found {
    pub(super) spans: Vec<Span>,
    pub(super) open: Vec<Open>,
    /// Whether the text so far ends with a line end.
    at_line_end: bool,
}

impl Search {
    /// A search for these secrets; each is identified by its index in the list.
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Result<Self, BuildError> {
        let wanted: Vec<_> = secrets.map(Wanted::new).collect();
        let groups = groups(&wanted);
        let (mut first, mut early) = (vec![Vec::new(); 256], vec![Vec::new(); 256]);
        for (group, Group { begin: Wanted { bytes, .. }, .. }) in groups.iter().enumerate() {
            first[usize::from(bytes[0])].push(group);
            for (index, byte) in bytes[..MIN_LENGTH - 1].iter().enumerate() {
                early[usize::from(*byte)].push((group, index + 1));
            }
        }
        // All prefixes have one length, so that the match kind does not matter and the fast searches can be used.
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostFirst);
        let patterns = groups.iter().map(|group| group.begin.bytes.as_slice());
        let begins = if groups.is_empty() { None } else { Some(builder.build(patterns)?) };
        let said = Said::of(&wanted);
        Ok(Self { wanted, groups, begins, first: first.into(), early: early.into(), said })
    }

    /// Searches a text, which may be incomplete.
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

    /// Finds secrets with a raw prefix.
    fn look_for_begins(&self, look: &Look, found: &mut Found) {
        let (Some(begins), bytes) = (&self.begins, look.text.bytes) else { return };
        let mut at = 0;
        while let Some(begin) = begins.find(Input::new(bytes).span(at..bytes.len())) {
            for which in &self.groups[begin.pattern().as_usize()].which {
                self.follow(look, begin.start(), begin.end(), *which, MIN_LENGTH, found);
            }
            at = begin.start() + 1;
        }
    }

    /// Finds secrets with an escape or a split among the first characters.
    fn look_around_escapes(&self, look: &Look, found: &mut Found) {
        let bytes = look.text.bytes;
        for at in look.specials.all() {
            if self.may_begin_with(bytes, at) {
                self.look_at_escape(look, at, found);
            }
            for (group, matched) in self.early_before(bytes, at) {
                if Wanted::may_go_on(group.begin.bytes[matched], bytes, at) {
                    self.follow_all(look, at - matched, at, group, matched, found);
                }
            }
        }
    }

    /// Groups whose first bytes end here, with the number of bytes.
    fn early_before<'a>(&'a self, bytes: &'a [u8], at: usize) -> impl Iterator<Item = (&'a Group, usize)> {
        let last = at.checked_sub(1).map_or(&[][..], |last| &self.early[usize::from(bytes[last])]);
        let all = last.iter().map(|(group, matched)| (&self.groups[*group], *matched));
        all.filter(move |(group, matched)| bytes[..at].ends_with(&group.begin.bytes[..*matched]))
    }

    /// Whether a secret may start with an escape at `at`.
    fn may_begin_with(&self, bytes: &[u8], at: usize) -> bool {
        let is_first = |byte: u8| !self.first[usize::from(byte)].is_empty();
        let may_begin = |byte: u8| is_escape(byte) || is_first(byte);
        match bytes[at] {
            // It stands for itself at every level.
            b'\'' if !is_first(b'\'') => false,
            b'=' if is_soft_line_end(bytes, at) => false,
            _ => match glance(bytes, at) {
                Glance::No => false,
                Glance::Byte(byte) => may_begin(byte),
                Glance::Unclear => is_escape(bytes[at]) && may_be(bytes, at, is_first(b'\\'), may_begin),
            },
        }
    }

    /// Finds secrets that start with an escape.
    fn look_at_escape(&self, look: &Look, at: usize, found: &mut Found) {
        let mut last = 0;
        for (text, level) in readings(&look.text, at).skip(1) {
            match text.read(level, at) {
                Ok(first) if first.end > at + 1 && first.end != last => {
                    last = first.end;
                    let groups =
                        first.bytes().first().map_or(&[][..], |byte| &self.first[usize::from(*byte)]);
                    for group in groups {
                        self.follow_all(look, at, at, &self.groups[*group], 0, found);
                    }
                }
                Ok(_) | Err(Stop::No) => {}
                Err(Stop::More) => found.open.push(Open { begin: at, which: None, matched: 0 }),
            }
        }
    }

    /// Finds possible starts of secrets at the end of the text.
    fn look_at_end(&self, look: &Look, found: &mut Found) {
        let bytes = look.text.bytes;
        for (group, matched) in self.early_before(bytes, bytes.len()).filter(|_| !look.text.is_whole) {
            let open = |which: &usize| Open { begin: bytes.len() - matched, which: Some(*which), matched };
            found.open.extend(group.which.iter().map(open));
        }
    }

    /// Finds secrets in base64 and hex.
    fn look_into_runs(&self, look: &Look, buffers: &mut Buffers, inner: &mut [Buffers], found: &mut Found) {
        let least = (self.said.least * 8).div_ceil(6);
        let Buffers { run, bytes, specials, within } = buffers;
        let mut take = |decoded: &Decoded| {
            let text = Text::new(decoded.bytes, !decoded.is_open);
            specials.find(decoded.bytes);
            let look_within = Look { text, specials };
            self.look(&look_within, inner, within);
            let spans = within.spans.drain(..);
            found.spans.extend(spans.map(|span| Span { at: decoded.place(&span.at), which: span.which }));
            for open in within.open.drain(..) {
                found.open.push(Open { begin: decoded.begin(open.begin), ..open });
            }
            if let Some(begin) = decoded.rest() {
                found.open.push(Open { begin, which: None, matched: 0 });
            }
        };
        look.text.runs(look.specials, least, run, |run| run.decoded(&self.said, bytes, &mut take));
        look.text.groups(2 * self.said.least, run, |run| run.decoded_hex(&self.said, bytes, &mut take));
    }

    /// Follows all secrets of a group, if their first bytes match.
    fn follow_all(
        &self,
        look: &Look,
        begin: usize,
        at: usize,
        group: &Group,
        matched: usize,
        found: &mut Found,
    ) {
        if !matches!(group.begin.goes_on(&look.text, at, matched), Met::No) {
            for which in &group.which {
                self.follow(look, begin, at, *which, matched, found);
            }
        }
    }

    /// Whether a secret that starts at `begin`, with `matched` bytes so far, continues at `at`.
    fn follow(&self, look: &Look, begin: usize, at: usize, which: usize, matched: usize, found: &mut Found) {
        match self.wanted[which].goes_on(&look.text, at, matched) {
            Met::Whole(end) => found.spans.push(Span { at: begin..end, which }),
            Met::Begun(matched) => found.open.push(Open { begin, which: Some(which), matched }),
            Met::No => {}
        }
    }
}

/// Groups by the first bytes, in order.
fn groups(wanted: &[Wanted]) -> Vec<Group> {
    let mut groups: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for (which, wanted) in wanted.iter().enumerate() {
        groups.entry(&wanted.bytes[..MIN_LENGTH]).or_default().push(which);
    }
    let group = |(begin, which): (&[u8], Vec<usize>)| {
        let may_be_split = which.iter().any(|which| wanted[*which].may_be_split);
        Group { begin: Wanted { bytes: Zeroizing::new(begin.to_vec()), may_be_split }, which }
    };
    groups.into_iter().map(group).collect()
}

impl Said {
    fn of(wanted: &[Wanted]) -> Self {
        let least = wanted.iter().map(|wanted| wanted.bytes.len()).min().unwrap_or(usize::MAX);
        // Escapes and encodings are ASCII; invisible characters may be within a secret.
        let mut is_said = std::array::from_fn(|byte| byte < 128);
        let others = wanted.iter().flat_map(|wanted| wanted.bytes.iter());
        for byte in others.chain(noise::INVISIBLE.into_iter().flatten()) {
            is_said[usize::from(*byte)] = true;
        }
        Self { least, is_said }
    }
}

/// Buffers for decoding runs: one for the text, and one more for each level of nesting.
#[derive(Default)]
struct Buffers {
    run: Run,
    bytes: Zeroizing<Vec<u8>>,
    specials: Specials,
    within: Found,
}

/// A text to search.
struct Look<'a> {
    text: Text<'a>,
    specials: &'a Specials,
}

impl Found {
    /// The start of the text that is needed when more arrives.
    pub(super) fn needed(&self) -> Option<usize> {
        self.open.iter().map(|open| open.begin).min()
    }

    /// The start of the text that must be held back until more arrives.
    pub(super) fn held(&self) -> Option<usize> {
        let is_held = |open: &&Open| !self.at_line_end || open.matched >= AT_LINE_END;
        self.open.iter().filter(is_held).map(|open| open.begin).min()
    }

    /// The matches in order; overlapping ones are merged, and named after the first and longest.
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
