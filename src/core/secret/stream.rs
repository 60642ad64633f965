//! Redacting secrets in a stream of bytes, wherever it is cut.

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::redact::{Needle, placeholder};
use super::search::{SearchResult, SecretMatch, SecretSearch};

/// The maximum that is held back for overlapping secrets, in bytes.
const MAX_HELD: usize = 1 << 20;

/// If the stream ends within a secret, its start is redacted from this many bytes on.
const MIN_PREFIX: usize = 8;

/// Redacts known secrets in a stream. A possible start of a secret is held back until more has arrived.
pub struct RedactingStream {
    needles: Vec<Needle>,
    search: Arc<SecretSearch>,
    held: Zeroizing<Vec<u8>>,
    /// How much of the held text was already emitted. A secret may start there, but most lines that end so have none.
    emitted: usize,
    /// How often each secret was redacted.
    pub found: BTreeMap<String, u64>,
}

impl RedactingStream {
    /// A stream for these secrets.
    ///
    /// # Errors
    /// When there are too many secrets for one search.
    pub fn new(needles: Vec<Needle>) -> Result<Self, aho_corasick::BuildError> {
        let search = Arc::new(SecretSearch::new(needles.iter().map(|(_, needle)| needle.as_str()))?);
        Ok(Self { needles, search, held: Zeroizing::default(), emitted: 0, found: BTreeMap::new() })
    }

    /// Adds bytes; appends what is clean.
    pub fn push(&mut self, bytes: &[u8], clean: &mut Vec<u8>) {
        if self.needles.is_empty() {
            return clean.extend_from_slice(bytes);
        }
        self.held.extend_from_slice(bytes);
        let result = self.search.find(&self.held, false);
        self.emit(result, clean);
    }

    /// Emits the rest at the end of the stream. A text that ends within a secret, for example of a killed program,
    /// shows only a few bytes of it.
    pub fn finish(&mut self, clean: &mut Vec<u8>) {
        let mut result = self.search.find(&self.held, true);
        let open = self.search.find(&self.held, false).open.into_iter();
        let partial =
            open.filter(|open| open.matched >= MIN_PREFIX).filter_map(|open| Some((open.begin, open.which?)));
        result.spans.extend(partial.map(|(begin, which)| SecretMatch { at: begin..self.held.len(), which }));
        self.emit(result, clean);
    }

    /// Emits everything before a possible secret.
    fn emit(&mut self, mut result: SearchResult, clean: &mut Vec<u8>) {
        let mut needed = result.needed().unwrap_or(self.held.len());
        let mut until = result.held().unwrap_or(self.held.len()).max(self.emitted);
        let (emitted, mut at) = (self.emitted, self.emitted);
        for span in result.merged().into_iter().filter(|span| span.at.end > emitted) {
            if span.at.start >= until {
                break;
            }
            // A match that starts within it is emitted with it, or not at all.
            if span.at.end > until && self.held.len() < MAX_HELD {
                until = span.at.start.max(at);
                needed = needed.min(span.at.start);
                break;
            }
            clean.extend_from_slice(&self.held[at..span.at.start.max(at)]);
            let rule = &self.needles[span.which].0;
            clean.extend_from_slice(placeholder(rule, &mut self.found).as_bytes());
            at = span.at.end;
        }
        clean.extend_from_slice(&self.held[at..until.max(at)]);
        self.trim(needed, until.max(at));
    }

    /// Drops the emitted text that is not needed any more.
    fn trim(&mut self, needed: usize, emitted: usize) {
        let from = needed.min(emitted);
        self.held.drain(..from);
        self.emitted = emitted - from;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Secret, SecretValues};
    use super::*;

    fn streamed(secrets: &[&str], text: &[u8], piece: usize) -> (String, u64) {
        let values = SecretValues::default();
        for secret in secrets {
            values.register("env S", &Secret::new((*secret).to_owned()));
        }
        let mut stream = RedactingStream::new(values.redactor().needles().to_vec()).unwrap();
        let mut clean = Vec::new();
        text.chunks(piece).for_each(|piece| stream.push(piece, &mut clean));
        stream.finish(&mut clean);
        (String::from_utf8(clean).unwrap(), stream.found.values().sum())
    }

    #[test]
    fn a_secret_is_found_wherever_it_is_cut() {
        let text = b"one swordfish two swordfis three c3dvcmRmaXNo swordfishes";
        for piece in 1..text.len() {
            let (clean, count) = streamed(&["swordfish"], text, piece);
            assert_eq!(
                clean, "one [redacted: env S] two swordfis three [redacted: env S] [redacted: env S]es",
                "in pieces of {piece}"
            );
            assert_eq!(count, 3);
        }
    }

    #[test]
    fn nothing_is_left_of_a_secret_within_a_secret() {
        for piece in 1..10 {
            assert_eq!(
                streamed(&["abcd", "abcdefgh"], b"abcdefgh-abcde", piece).0,
                "[redacted: env S]-[redacted: env S]e"
            );
        }
    }

    /// As programs set the clipboard or a window title (`xterm` control sequences, OSC 52 and 0).
    #[test]
    fn a_secret_in_a_terminal_command_is_found() {
        for text in [
            "\x1b]52;c;c3dvcmRmaXNo\x07",
            "\x1b]52;c;c3dvcmRmaXNo\x1b\\",
            "\x1b]0;swordfish\x07",
            "title\n\x1b]52;c;c3dvcmRmaXNo\x07clip\n",
        ] {
            for piece in 1..text.len() {
                let (clean, count) = streamed(&["swordfish"], text.as_bytes(), piece);
                assert!(clean.contains("[redacted: env S]") && count == 1, "{clean:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn a_text_that_ends_within_a_secret_shows_only_a_few_bytes_of_it() {
        for piece in 1..10 {
            let end = |text: &str| streamed(&["correct horse battery"], text.as_bytes(), piece).0;
            assert_eq!(end("key: correct horse"), "key: [redacted: env S]");
            assert_eq!(end("key: Y29ycmVjdCBob3JzZQ"), "key: [redacted: env S]");
            assert_eq!(end("this is correct"), "this is correct");
        }
    }

    #[test]
    fn text_that_cannot_be_a_secret_is_emitted_at_once() {
        let values = SecretValues::default();
        values.register("env S", &Secret::new("swordfish".to_owned()));
        let mut stream = RedactingStream::new(values.redactor().needles().to_vec()).unwrap();
        let mut clean = Vec::new();
        stream.push(b"Apply? (y/n) sw", &mut clean);
        assert_eq!(clean, b"Apply? (y/n) ");
    }
}
