//! A secret to search for, and how far a text matches it.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::escape::{LEVELS, Text, Undecoded};
use super::escape_class::{
    EscapeClass, classify, escaped_line_end, is_escape, is_itself, may_stand_for, noise,
};
use super::{MAX_GAP, is_special};

/// The shortest secret in bytes that is also found in pieces. Pieces of shorter ones occur in any text.
const MIN_SPLIT: usize = 8;
/// How many ignorable parts are skipped without decoding.
const MAX_SKIPS: usize = 32;

/// A secret to search for.
pub(super) struct SecretPattern {
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) may_be_split: bool,
}

/// How far a text matches a secret.
pub(super) enum Match {
    Whole(usize),
    /// Up to the end of the text, with so many bytes.
    Partial(usize),
    Mismatch,
}

impl SecretPattern {
    pub(super) fn new(secret: &str) -> Self {
        let text = Text::new(secret.as_bytes(), true);
        let mut bytes = Zeroizing::new(Vec::with_capacity(secret.len()));
        let mut at = text.skip_noise(0, 0).unwrap_or_default();
        while let Ok(next) = text.read(0, at) {
            bytes.extend_from_slice(next.bytes());
            at = text.skip_noise(0, next.end).unwrap_or(next.end);
        }
        let may_be_split = bytes.len() >= MIN_SPLIT;
        if !may_be_split {
            bytes = Zeroizing::new(secret.as_bytes().to_vec());
        }
        Self { bytes, may_be_split }
    }

    /// Whether the rest of the secret, after `matched` bytes, is at `at`, each character raw or escaped.
    pub(super) fn match_rest(&self, text: &Text, at: usize, matched: usize) -> Match {
        let (mut seen, mut branches, mut partial) = (BTreeSet::new(), Vec::new(), None);
        let mut next = Some(Branch { at, matched, since: at });
        while let Some(branch) = next.take().or_else(|| branches.pop()) {
            // White space at the start of a line may belong to the secret, or not.
            if self.may_be_split && branch.is_white(text.bytes) {
                branches.push(Branch { at: branch.at + 1, ..branch });
            }
            let branch = self.match_unescaped(text.bytes, branch);
            let Branch { at, matched, .. } = branch;
            if matched == self.bytes.len() {
                return Match::Whole(at);
            }
            let byte = text.bytes.get(at);
            if byte.is_none() && !text.is_whole {
                partial = partial.max(Some(matched));
            }
            let may_go_on = byte.is_some_and(|byte| is_special(*byte))
                && Self::may_continue(self.bytes[matched], text.bytes, at);
            if may_go_on && seen.insert((at, matched)) {
                let is_open = self.branch(text, &branch, &mut branches);
                partial = if is_open { partial.max(Some(matched)) } else { partial };
            }
        }
        partial.map_or(Match::Mismatch, Match::Partial)
    }

    /// How far the text matches without escapes.
    fn match_unescaped(&self, bytes: &[u8], from: Branch) -> Branch {
        let pairs = bytes[from.at..].iter().zip(&self.bytes[from.matched..]);
        let same = pairs.take_while(|(byte, expected)| byte == expected && !is_special(**byte)).count();
        let at = from.at + same;
        Branch { at, matched: from.matched + same, since: if same > 0 { at } else { from.since } }
    }

    /// Whether the match may continue at a special byte, without decoding it.
    pub(super) fn may_continue(next: u8, bytes: &[u8], begin: usize) -> bool {
        let mut at = begin;
        for _ in 0..MAX_SKIPS {
            at = match bytes.get(at).copied() {
                None => return true,
                Some(byte) if byte == next => return true,
                Some(byte) if is_escape(byte) => match escaped_line_end(bytes, at) {
                    Some(end) if !matches!(next, b'\\' | b'\n' | b'\r') => end,
                    _ => return may_be_next(next, bytes, at),
                },
                Some(byte) if is_white(byte) => at + 1,
                Some(byte) if !is_special(byte) => return false,
                Some(_) => match noise(bytes, at) {
                    Some(end) => end,
                    None => return !is_itself(bytes, at),
                },
            };
        }
        true
    }

    /// All ways to continue at a possible escape. Returns whether it may become one when more text arrives.
    fn branch(&self, text: &Text, from: &Branch, branches: &mut Vec<Branch>) -> bool {
        let Branch { at, matched, since } = *from;
        let (rest, mut is_open) = (&self.bytes[matched..], false);
        for (text, level) in readings(text, at) {
            let read = text.read(level, at);
            if let Ok(next) = read
                && at > since
                && next.single().is_some_and(is_white)
            {
                branches.push(Branch { at: next.end, matched, since });
            }
            match read {
                Ok(next) if !next.bytes().is_empty() => {
                    // The pattern may be the start of a secret, and end within a character.
                    let length = next.bytes().len().min(rest.len());
                    if next.bytes()[..length] == rest[..length] {
                        branches.push(Branch { at: next.end, matched: matched + length, since: next.end });
                    }
                }
                Err(Undecoded::NeedsMore) => is_open = true,
                Ok(_) | Err(Undecoded::NotFound) => {}
            }
            if self.may_be_split && at - since < MAX_GAP {
                match text.bare_noise(level, at) {
                    Ok(end) => branches.push(Branch { at: end, matched, since }),
                    Err(Undecoded::NeedsMore) => is_open = true,
                    Err(Undecoded::NotFound) => {}
                }
            }
        }
        is_open
    }
}

/// The readings of the text at `at`, from raw to all escapes decoded.
pub(super) fn readings<'a>(text: &Text<'a>, at: usize) -> impl Iterator<Item = (Text<'a>, u8)> + use<'a> {
    let first = text.bytes.get(at).copied().unwrap_or_default();
    // An escape without another one inside has the same reading at all levels that decode it.
    let deepest = match text.bytes.get(at).map(|_| classify(text.bytes, at)) {
        Some(EscapeClass::Byte(byte)) if !is_special(byte) => 1,
        Some(EscapeClass::NoEscape) if first != 0x1b => 0,
        None => 0,
        _ => LEVELS,
    };
    let is_escape = is_escape(first) && deepest == LEVELS;
    let is_line_end = text.bytes.get(at + 1).is_some_and(|next| matches!(next, b'\n' | b'\r'));
    let plain = *text;
    let levels = (0..=deepest).map(move |level| (plain, level));
    let joined = (is_escape && is_line_end).then_some((plain.joined(), 1));
    let once = (first == b'\\' && is_escape).then_some((plain.escaped_once(), LEVELS));
    let quotes = [b'\\', b'\''].map(|later| (plain.decoding_later(later), LEVELS));
    levels.chain(joined).chain(once).chain(quotes.into_iter().filter(move |_| is_escape))
}

/// White space; web forms write it as a plus sign.
const fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'+')
}

/// Whether an escape may be this byte, or ignorable.
fn may_be_next(next: u8, bytes: &[u8], at: usize) -> bool {
    let may_stand = |byte: u8| byte == next || is_special(byte) || is_white(byte);
    match classify(bytes, at) {
        EscapeClass::NoEscape => false,
        EscapeClass::Byte(byte) => may_stand(byte),
        EscapeClass::Unclear => may_stand_for(bytes, at, next == b'\\', may_stand),
    }
}

/// One reading of a text: its position, how many bytes of a secret it matches, and where the last of them ended.
#[derive(Clone, Copy)]
struct Branch {
    at: usize,
    matched: usize,
    since: usize,
}

impl Branch {
    /// Whether white space follows ignorable text.
    fn is_white(&self, bytes: &[u8]) -> bool {
        self.at > self.since && bytes.get(self.at).is_some_and(|byte| is_white(*byte))
    }
}
