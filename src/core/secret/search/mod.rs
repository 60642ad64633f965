//! Finding known secrets in text in any encoding: raw, escaped (JSON, HTML, percent, C, quoted-printable, shells),
//! base64 or hex; split by line ends, colours or invisible characters; and nested.
//!
//! The search compares the secret with the decoded text; it has no list of spellings. A secret that is not encoded as
//! a whole starts with raw characters or with an escape, so decoding starts only there, and other text is cheap.
//! Base64 and hex runs are decoded only if they are at least as long as the shortest secret.

mod encoded;
mod escape;
mod escape_class;
mod groups;
#[cfg(test)]
mod harmless;
mod noise;
mod pattern;
mod positions;
mod runs;
mod specials;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError, Input, MatchKind};
use zeroize::Zeroizing;

use super::MIN_LENGTH;
use escape::{Text, Undecoded};
use escape_class::{EscapeClass, classify, is_escape, is_soft_line_end, may_stand_for};
use pattern::{Match, SecretPattern, readings};
use runs::{DecodedPart, LetterRun, RunLimits};
use specials::Specials;

/// How deep base64 and hex can be nested.
const MAX_DEPTH: usize = 2;
/// At a line end, text is held back only if it has this many bytes of a secret: fewer could be any word.
const MIN_AT_LINE_END: usize = 2;
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
pub(super) struct SecretSearch {
    patterns: Vec<SecretPattern>,
    groups: Vec<PrefixGroup>,
    /// Finds the first bytes of the groups.
    begins: Option<AhoCorasick>,
    /// Groups by their first byte, and by one of the bytes after it for prefixes shorter than those of `begins`, with
    /// that length.
    first: Box<[Vec<usize>]>,
    early: Box<[Vec<(usize, usize)>]>,
    run_limits: RunLimits,
}

/// Secrets with the same first bytes.
struct PrefixGroup {
    begin: SecretPattern,
    which: Vec<usize>,
}

/// A secret that was found: its range, and its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretMatch {
    pub(super) at: Range<usize>,
    pub(super) which: usize,
}

/// A possible secret at the end of the text: its start, its index if that is known, and how many of its bytes are
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartialMatch {
    pub(super) begin: usize,
    pub(super) which: Option<usize>,
    pub(super) matched: usize,
}

/// The result of a search.
#[derive(Default)]
pub(super) struct SearchResult {
    pub(super) spans: Vec<SecretMatch>,
    pub(super) open: Vec<PartialMatch>,
    /// Whether the text so far ends with a line end.
    at_line_end: bool,
}

impl SecretSearch {
    /// A search for these secrets; each is identified by its index in the list.
    pub(super) fn new<'a>(secrets: impl Iterator<Item = &'a str>) -> Result<Self, BuildError> {
        let patterns: Vec<_> = secrets.map(SecretPattern::new).collect();
        let groups = groups(&patterns);
        let (mut first, mut early) = (vec![Vec::new(); 256], vec![Vec::new(); 256]);
        for (group, PrefixGroup { begin: SecretPattern { bytes, .. }, .. }) in groups.iter().enumerate() {
            first[usize::from(bytes[0])].push(group);
            for (index, byte) in bytes[..MIN_LENGTH - 1].iter().enumerate() {
                early[usize::from(*byte)].push((group, index + 1));
            }
        }
        // All prefixes have one length, so that the match kind does not matter and the fast searches can be used.
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostFirst);
        let prefixes = groups.iter().map(|group| group.begin.bytes.as_slice());
        let begins = if groups.is_empty() { None } else { Some(builder.build(prefixes)?) };
        let run_limits = RunLimits::of(&patterns);
        Ok(Self { patterns, groups, begins, first: first.into(), early: early.into(), run_limits })
    }

    /// Searches a text, which may be incomplete.
    pub(super) fn find(&self, bytes: &[u8], is_whole: bool) -> SearchResult {
        let mut result =
            SearchResult { at_line_end: bytes.last() == Some(&b'\n'), ..SearchResult::default() };
        if !self.patterns.is_empty() {
            let haystack = Haystack { text: Text::new(bytes, is_whole), specials: &Specials::of(bytes) };
            self.scan(&haystack, &mut <[Buffers; MAX_DEPTH]>::default(), &mut result);
        }
        result
    }

    fn scan(&self, haystack: &Haystack, buffers: &mut [Buffers], result: &mut SearchResult) {
        self.scan_prefixes(haystack, result);
        self.scan_around_escapes(haystack, result);
        self.scan_end(haystack, result);
        if let Some((buffers, inner)) = buffers.split_first_mut() {
            self.scan_runs(haystack, buffers, inner, result);
        }
    }

    /// Finds secrets with a raw prefix.
    fn scan_prefixes(&self, haystack: &Haystack, result: &mut SearchResult) {
        let (Some(begins), bytes) = (&self.begins, haystack.text.bytes) else { return };
        let mut at = 0;
        while let Some(begin) = begins.find(Input::new(bytes).span(at..bytes.len())) {
            for which in &self.groups[begin.pattern().as_usize()].which {
                self.follow(haystack, begin.start(), begin.end(), *which, MIN_LENGTH, result);
            }
            at = begin.start() + 1;
        }
    }

    /// Finds secrets with an escape or a split among the first characters.
    fn scan_around_escapes(&self, haystack: &Haystack, result: &mut SearchResult) {
        let bytes = haystack.text.bytes;
        for at in haystack.specials.all() {
            if self.may_begin_with(bytes, at) {
                self.scan_escape(haystack, at, result);
            }
            for (group, matched) in self.early_before(bytes, at) {
                if SecretPattern::may_continue(group.begin.bytes[matched], bytes, at) {
                    self.follow_all(haystack, at - matched, at, group, matched, result);
                }
            }
        }
    }

    /// Groups whose first bytes end here, with the number of bytes.
    fn early_before<'a>(
        &'a self,
        bytes: &'a [u8],
        at: usize,
    ) -> impl Iterator<Item = (&'a PrefixGroup, usize)> {
        let last = at.checked_sub(1).map_or(&[][..], |last| &self.early[usize::from(bytes[last])]);
        let candidates = last.iter().map(|(group, matched)| (&self.groups[*group], *matched));
        candidates.filter(move |(group, matched)| bytes[..at].ends_with(&group.begin.bytes[..*matched]))
    }

    /// Whether a secret may start with an escape at `at`.
    fn may_begin_with(&self, bytes: &[u8], at: usize) -> bool {
        let is_first = |byte: u8| !self.first[usize::from(byte)].is_empty();
        let may_begin = |byte: u8| is_escape(byte) || is_first(byte);
        match bytes[at] {
            // It stands for itself at every level.
            b'\'' if !is_first(b'\'') => false,
            b'=' if is_soft_line_end(bytes, at) => false,
            _ => match classify(bytes, at) {
                EscapeClass::NoEscape => false,
                EscapeClass::Byte(byte) => may_begin(byte),
                EscapeClass::Unclear => {
                    is_escape(bytes[at]) && may_stand_for(bytes, at, is_first(b'\\'), may_begin)
                }
            },
        }
    }

    /// Finds secrets that start with an escape.
    fn scan_escape(&self, haystack: &Haystack, at: usize, result: &mut SearchResult) {
        let mut last = 0;
        for (text, level) in readings(&haystack.text, at).skip(1) {
            match text.read(level, at) {
                Ok(first) if first.end > at + 1 && first.end != last => {
                    last = first.end;
                    let groups =
                        first.bytes().first().map_or(&[][..], |byte| &self.first[usize::from(*byte)]);
                    for group in groups {
                        self.follow_all(haystack, at, at, &self.groups[*group], 0, result);
                    }
                }
                Ok(_) | Err(Undecoded::NotFound) => {}
                Err(Undecoded::NeedsMore) => {
                    result.open.push(PartialMatch { begin: at, which: None, matched: 0 });
                }
            }
        }
    }

    /// Finds possible starts of secrets at the end of the text.
    fn scan_end(&self, haystack: &Haystack, result: &mut SearchResult) {
        let bytes = haystack.text.bytes;
        for (group, matched) in self.early_before(bytes, bytes.len()).filter(|_| !haystack.text.is_whole) {
            let open =
                |which: &usize| PartialMatch { begin: bytes.len() - matched, which: Some(*which), matched };
            result.open.extend(group.which.iter().map(open));
        }
    }

    /// Finds secrets in base64 and hex.
    fn scan_runs(
        &self,
        haystack: &Haystack,
        buffers: &mut Buffers,
        inner: &mut [Buffers],
        result: &mut SearchResult,
    ) {
        let least = (self.run_limits.least * 8).div_ceil(6);
        let Buffers { run, bytes, specials, within } = buffers;
        let mut take = |decoded: &DecodedPart| {
            let text = Text::new(decoded.bytes, !decoded.is_open);
            specials.find(decoded.bytes);
            let haystack_within = Haystack { text, specials };
            self.scan(&haystack_within, inner, within);
            let spans = within.spans.drain(..);
            result
                .spans
                .extend(spans.map(|span| SecretMatch { at: decoded.position(&span.at), which: span.which }));
            for open in within.open.drain(..) {
                result.open.push(PartialMatch { begin: decoded.begin(open.begin), ..open });
            }
            if let Some(begin) = decoded.rest() {
                result.open.push(PartialMatch { begin, which: None, matched: 0 });
            }
        };
        haystack
            .text
            .runs(haystack.specials, least, run, |run| run.decoded(&self.run_limits, bytes, &mut take));
        haystack.text.groups(2 * self.run_limits.least, run, |run| {
            run.decoded_hex(&self.run_limits, bytes, &mut take);
        });
    }

    /// Follows all secrets of a group, if their first bytes match.
    fn follow_all(
        &self,
        haystack: &Haystack,
        begin: usize,
        at: usize,
        group: &PrefixGroup,
        matched: usize,
        result: &mut SearchResult,
    ) {
        if !matches!(group.begin.match_rest(&haystack.text, at, matched), Match::Mismatch) {
            for which in &group.which {
                self.follow(haystack, begin, at, *which, matched, result);
            }
        }
    }

    /// Whether a secret that starts at `begin`, with `matched` bytes so far, continues at `at`.
    fn follow(
        &self,
        haystack: &Haystack,
        begin: usize,
        at: usize,
        which: usize,
        matched: usize,
        result: &mut SearchResult,
    ) {
        match self.patterns[which].match_rest(&haystack.text, at, matched) {
            Match::Whole(end) => result.spans.push(SecretMatch { at: begin..end, which }),
            Match::Partial(matched) => result.open.push(PartialMatch { begin, which: Some(which), matched }),
            Match::Mismatch => {}
        }
    }
}

/// Groups by the first bytes, in order.
fn groups(patterns: &[SecretPattern]) -> Vec<PrefixGroup> {
    let mut groups: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for (which, pattern) in patterns.iter().enumerate() {
        groups.entry(&pattern.bytes[..MIN_LENGTH]).or_default().push(which);
    }
    let group = |(begin, which): (&[u8], Vec<usize>)| {
        let may_be_split = which.iter().any(|which| patterns[*which].may_be_split);
        PrefixGroup { begin: SecretPattern { bytes: Zeroizing::new(begin.to_vec()), may_be_split }, which }
    };
    groups.into_iter().map(group).collect()
}

impl RunLimits {
    fn of(patterns: &[SecretPattern]) -> Self {
        let least = patterns.iter().map(|pattern| pattern.bytes.len()).min().unwrap_or(usize::MAX);
        // Escapes and encodings are ASCII; invisible characters may be within a secret.
        let mut is_said = std::array::from_fn(|byte| byte < 128);
        let others = patterns.iter().flat_map(|pattern| pattern.bytes.iter());
        for byte in others.chain(noise::INVISIBLE.into_iter().flatten()) {
            is_said[usize::from(*byte)] = true;
        }
        Self { least, is_said }
    }
}

/// Buffers for decoding runs: one for the text, and one more for each level of nesting.
#[derive(Default)]
struct Buffers {
    run: LetterRun,
    bytes: Zeroizing<Vec<u8>>,
    specials: Specials,
    within: SearchResult,
}

/// A text to search.
struct Haystack<'a> {
    text: Text<'a>,
    specials: &'a Specials,
}

impl SearchResult {
    /// The start of the text that is needed when more arrives.
    pub(super) fn needed(&self) -> Option<usize> {
        self.open.iter().map(|open| open.begin).min()
    }

    /// The start of the text that must be held back until more arrives.
    pub(super) fn held(&self) -> Option<usize> {
        let is_held = |open: &&PartialMatch| !self.at_line_end || open.matched >= MIN_AT_LINE_END;
        self.open.iter().filter(is_held).map(|open| open.begin).min()
    }

    /// The matches in order; overlapping ones are merged, and named after the first and longest.
    pub(super) fn merged(&mut self) -> Vec<SecretMatch> {
        let mut spans = std::mem::take(&mut self.spans);
        spans.sort_by_key(|span| (span.at.start, std::cmp::Reverse(span.at.end), span.which));
        let mut merged: Vec<SecretMatch> = Vec::new();
        for span in spans {
            match merged.last_mut() {
                Some(last) if span.at.start < last.at.end => last.at.end = last.at.end.max(span.at.end),
                _ => merged.push(span),
            }
        }
        merged
    }
}
