//! Taking secrets out of bytes while they come, wherever they are cut.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};
use zeroize::Zeroizing;

use super::Redactor;

/// A secret in one of its spellings, and the rule that names it.
pub type Needle = (String, Zeroizing<String>);

/// Takes known secrets out of a stream. What may be the begin of one is held back until more has come.
pub struct Stream {
    needles: Vec<Needle>,
    matcher: Option<AhoCorasick>,
    longest: usize,
    begins: [bool; 256],
    held: Zeroizing<Vec<u8>>,
    /// Which secrets were taken out, and how often.
    pub found: BTreeMap<String, u64>,
}

impl Redactor {
    /// Every secret it knows, in every spelling.
    #[must_use]
    pub fn needles(&self) -> &[Needle] {
        &self.needles
    }
}

impl Stream {
    /// For these secrets.
    ///
    /// # Errors
    /// When there are too many of them to be looked for at once.
    pub fn new(needles: Vec<Needle>) -> Result<Self, aho_corasick::BuildError> {
        let words = needles.iter().map(|(_, needle)| needle.as_bytes());
        // Longest: a secret that contains another must not leave its rest behind.
        let mut builder = AhoCorasick::builder();
        let build = builder.match_kind(MatchKind::LeftmostLongest);
        let matcher = if needles.is_empty() { None } else { Some(build.build(words)?) };
        let longest = needles.iter().map(|(_, needle)| needle.len()).max().unwrap_or(0);
        let mut begins = [false; 256];
        for first in needles.iter().filter_map(|(_, needle)| needle.as_bytes().first()) {
            begins[usize::from(*first)] = true;
        }
        let (held, found) = (Zeroizing::default(), BTreeMap::new());
        Ok(Self { needles, matcher, longest, begins, held, found })
    }

    /// Takes in what has come; gives what is clean.
    pub fn push(&mut self, bytes: &[u8], clean: &mut Vec<u8>) {
        if self.matcher.is_none() {
            return clean.extend_from_slice(bytes);
        }
        self.held.extend_from_slice(bytes);
        let begun = self.begun();
        self.give(begun, clean);
    }

    /// Gives what was held back: nothing more comes.
    pub fn end(&mut self, clean: &mut Vec<u8>) {
        self.give(self.held.len(), clean);
    }

    /// Where the first thing begins that may be a secret when more has come.
    fn begun(&self) -> usize {
        let from = self.held.len().saturating_sub(self.longest.saturating_sub(1));
        let may_be = |at: &usize| {
            let rest = &self.held[*at..];
            self.begins[usize::from(rest[0])]
                && self
                    .needles
                    .iter()
                    .any(|(_, needle)| needle.len() > rest.len() && needle.as_bytes().starts_with(rest))
        };
        (from..self.held.len()).find(may_be).unwrap_or(self.held.len())
    }

    /// Gives all before `until`, and what begins before it.
    fn give(&mut self, until: usize, clean: &mut Vec<u8>) {
        let mut at = 0;
        for found in self.matcher.iter().flat_map(|matcher| matcher.find_iter(&self.held[..])) {
            if found.start() >= until {
                break;
            }
            let rule = &self.needles[found.pattern().as_usize()].0;
            clean.extend_from_slice(&self.held[at..found.start()]);
            clean.extend_from_slice(format!("[redacted: {rule}]").as_bytes());
            *self.found.entry(rule.clone()).or_default() += 1;
            at = found.end();
        }
        if at < until {
            clean.extend_from_slice(&self.held[at..until]);
            at = until;
        }
        self.held.drain(..at);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Keeper, Secret};
    use super::*;
    use crate::process::Permit;

    fn streamed(secrets: &[&str], text: &[u8], piece: usize) -> (String, u64) {
        let keeper = Keeper::new(Permit::for_tests());
        for secret in secrets {
            keeper.keep("env S", &Secret::new((*secret).to_owned()));
        }
        let mut stream = Stream::new(keeper.redactor().needles().to_vec()).unwrap();
        let mut clean = Vec::new();
        text.chunks(piece).for_each(|piece| stream.push(piece, &mut clean));
        stream.end(&mut clean);
        (String::from_utf8(clean).unwrap(), stream.found.values().sum())
    }

    #[test]
    fn a_secret_is_found_wherever_it_is_cut() {
        let text = b"one swordfish two swordfis three c3dvcmRmaXNo swordfishes";
        for piece in 1..text.len() {
            let (clean, found) = streamed(&["swordfish"], text, piece);
            assert_eq!(
                clean, "one [redacted: env S] two swordfis three [redacted: env S] [redacted: env S]es",
                "in pieces of {piece}"
            );
            assert_eq!(found, 3);
        }
    }

    #[test]
    fn of_a_secret_within_a_secret_nothing_is_left() {
        for piece in 1..10 {
            assert_eq!(
                streamed(&["abcd", "abcdefgh"], b"abcdefgh-abcde", piece).0,
                "[redacted: env S]-[redacted: env S]e"
            );
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_given_at_once() {
        let keeper = Keeper::new(Permit::for_tests());
        keeper.keep("env S", &Secret::new("swordfish".to_owned()));
        let mut stream = Stream::new(keeper.redactor().needles().to_vec()).unwrap();
        let mut clean = Vec::new();
        stream.push(b"Apply? (y/n) sw", &mut clean);
        assert_eq!(clean, b"Apply? (y/n) ");
    }
}
