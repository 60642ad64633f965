//! Taking secrets out of text, in whatever spelling they come back.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::MIN_LENGTH;
use super::stream::Needle;
use crate::text;

/// The shortest line in bytes that is a secret by itself when the secret has several.
const WHOLE_LINE: usize = 16;

/// How a value may come back: as it is, JSON-escaped, percent-encoded, base64, hex.
pub(super) fn spellings(value: &str) -> Vec<Zeroizing<String>> {
    let mut all = vec![
        value.to_owned(),
        base16ct::lower::encode_string(value.as_bytes()),
        base16ct::upper::encode_string(value.as_bytes()),
    ];
    all.extend(UNENCODED.iter().map(|plain| percent(value, plain)));
    all.push(percent(value, "").to_lowercase());
    all.push(percent(value, " ").replace(' ', "+"));
    all.push(serde_json::to_string(value).map_or_else(|_| String::new(), |s| s.trim_matches('"').to_owned()));
    // Of a secret of several lines, a program may print one.
    all.extend(value.lines().filter(|line| line.len() >= WHOLE_LINE).map(str::to_owned));
    all.extend([STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].map(|code| code.encode(value)));
    all.extend([STANDARD_NO_PAD, URL_SAFE_NO_PAD].iter().flat_map(|code| within_base64(value, code)));
    all.retain(|spelling| spelling.len() >= MIN_LENGTH);
    all.sort();
    all.dedup();
    all.into_iter().map(Zeroizing::new).collect()
}

/// The shortest piece of a longer base64 text that is taken for a secret.
const WITHIN: usize = 8;

/// How a value looks in base64 of a longer text, `user:value` for instance: it depends on where it begins there,
/// and its first and last letter on what is beside it.
fn within_base64(value: &str, code: &impl base64::Engine) -> Vec<String> {
    let at = |before: usize| {
        let text = code.encode([&[0; 2][..before], value.as_bytes()].concat());
        let (begin, end) = ([0, 2, 3][before], usize::from(!(before + value.len()).is_multiple_of(3)));
        text.get(begin..text.len() - end).unwrap_or_default().to_owned()
    };
    // Shorter ones could stand anywhere.
    (0..3).map(at).filter(|spelling| spelling.len() >= WITHIN).collect()
}

/// What encoders leave as it is beside the unreserved characters of RFC 3986: nothing; what may stand in a path;
/// the slash (Python's `quote`); what JavaScript's `encodeURIComponent` and `encodeURI` leave; and Go's `PathEscape`.
const UNENCODED: [&str; 6] = ["", "!$&'()*+,;=:@/", "/", "!'()*", "!'()*;/?:@&=+$,#", "$&+=:@"];

/// Percent-encodes all but the unreserved characters of RFC 3986 and what is told to be left.
fn percent(value: &str, left: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b) || left.as_bytes().contains(&b);
    value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Takes known secrets out of text.
#[derive(Clone, Default)]
pub struct Redactor {
    pub(super) needles: Arc<[Needle]>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} spellings)", self.needles.len())
    }
}

impl Redactor {
    /// The text with every known secret, in any of its usual spellings, replaced by `[redacted: RULE]`;
    /// counts by rule are added to `found`.
    #[must_use]
    pub fn clean(&self, text: &str, found: &mut BTreeMap<String, u64>) -> String {
        let mut clean = text.to_owned();
        for (rule, needle) in self.needles.iter() {
            let times = clean.matches(needle.as_str()).count();
            if times > 0 {
                clean = clean.replace(needle.as_str(), &format!("[redacted: {rule}]"));
                *found.entry(rule.clone()).or_default() += times as u64;
            }
        }
        self.clean_cut(clean, found)
    }

    /// Where a long text was cut ([`text::CUT`] says so), the begin of a secret may stand before the cut.
    fn clean_cut(&self, mut text: String, found: &mut BTreeMap<String, u64>) -> String {
        let mut from = text.len();
        while let Some(cut) = text.get(..from).and_then(|before| before.rfind(text::CUT)) {
            from = cut;
            let begun =
                self.needles.iter().find_map(|(rule, needle)| Some((rule, begun(needle, &text[..cut])?)));
            if let Some((rule, length)) = begun {
                from = cut - length;
                text.replace_range(from..cut, &format!("[redacted: {rule}]"));
                *found.entry(rule.clone()).or_default() += 1;
            }
        }
        text
    }
}

/// How much of the begin of `needle` a text ends with, if it is enough to be told.
fn begun(needle: &str, text: &str) -> Option<usize> {
    let lengths = (MIN_LENGTH..needle.len()).rev().filter(|length| needle.is_char_boundary(*length));
    lengths.into_iter().find(|length| text.ends_with(&needle[..*length]))
}

#[cfg(test)]
mod tests {
    use super::super::{Keeper, Secret};
    use super::*;
    use crate::process::Permit;

    #[test]
    fn a_secret_within_a_longer_base64_text_is_found() {
        for user in ["u", "us", "use", "user"] {
            let text = STANDARD.encode(format!("{user}:hunter22-and-more:x"));
            let clean = redactor(&["hunter22-and-more"]).clean(&text, &mut BTreeMap::new());
            assert!(clean.contains("[redacted: env S0]"), "{text} {clean}");
        }
    }

    fn redactor(values: &[&str]) -> Redactor {
        let keeper = Keeper::new(Permit::for_tests());
        for (index, value) in values.iter().enumerate() {
            keeper.keep(&format!("env S{index}"), &Secret::new((*value).to_owned()));
        }
        keeper.redactor()
    }

    #[test]
    fn every_usual_spelling_is_taken_out_and_counted() {
        let secret = "p@ss/w\"rd";
        let encoded = [
            STANDARD.encode(secret),
            base16ct::lower::encode_string(secret.as_bytes()),
            percent(secret, ""),
            "p@ss/w\\\"rd".into(),
        ];
        for spelling in encoded.iter().map(String::as_str).chain([secret]) {
            let mut found = BTreeMap::new();
            let clean = redactor(&[secret]).clean(&format!("a {spelling} b"), &mut found);
            assert_eq!(clean, "a [redacted: env S0] b");
            assert_eq!(found, BTreeMap::from([("env S0".to_owned(), 1)]));
        }
    }

    #[test]
    fn a_secret_within_a_secret_leaves_no_rest() {
        let clean = redactor(&["abcd", "abcdefgh"]).clean("abcdefgh abcd", &mut BTreeMap::new());
        assert_eq!(clean, "[redacted: env S1] [redacted: env S0]");
    }

    #[test]
    fn a_secret_that_was_cut_in_two_leaves_no_begin() {
        let mut found = BTreeMap::new();
        let redactor = redactor(&["swordfish"]);
        let cut = text::clip("the word is swordfish, and more", 17);
        assert_eq!(redactor.clean(&cut, &mut found), "the word is [redacted: env S0]… (14 bytes more)");
        assert_eq!(found, BTreeMap::from([("env S0".to_owned(), 1)]));
        assert_eq!(redactor.clean("swo… a … b", &mut found), "swo… a … b");
    }

    #[test]
    fn of_a_secret_of_several_lines_each_is_one() {
        let key = "-----BEGIN-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END-----\n";
        let clean = redactor(&[key]).clean("loaded MC4CAQAwBQYDK2VwBCIEIA", &mut BTreeMap::new());
        assert_eq!(clean, "loaded [redacted: env S0]");
    }
}
