//! Redacting secrets in text, in any encoding.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::MIN_LENGTH;
use super::search::SecretSearch;
use crate::text;

/// A rule, and a secret of it.
pub type Needle = (String, Zeroizing<String>);

/// The shortest line in bytes that is redacted by itself, for secrets of several lines.
const MIN_LINE: usize = 16;

/// The texts to search for a value.
#[must_use]
pub fn needles(value: &str) -> Vec<Zeroizing<String>> {
    // A web form writes a space as a plus sign.
    let mut texts = vec![value.to_owned(), value.replace(' ', "+")];
    // A program may print one line of a secret with several lines.
    texts.extend(value.lines().filter(|line| line.len() >= MIN_LINE).map(str::to_owned));
    texts.retain(|needle| needle.len() >= MIN_LENGTH);
    texts.sort();
    texts.dedup();
    texts.into_iter().map(Zeroizing::new).collect()
}

/// The placeholder for a secret. It is counted.
pub(super) fn placeholder(rule: &str, counts: &mut BTreeMap<String, u64>) -> String {
    *counts.entry(rule.to_owned()).or_default() += 1;
    format!("[redacted: {rule}]")
}

/// Redacts known secrets in text.
#[derive(Clone, Default)]
pub struct Redactor {
    needles: Arc<[Needle]>,
    /// None if there is nothing to search for, or too much for one search.
    search: Option<Arc<SecretSearch>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.needles.len())
    }
}

impl Redactor {
    /// A redactor for these secrets.
    #[must_use]
    pub fn new(needles: impl Iterator<Item = Needle>) -> Self {
        let mut needles: Vec<Needle> = needles.collect();
        needles.sort_by(|(a_rule, a), (b_rule, b)| (a_rule, &**a).cmp(&(b_rule, &**b)));
        needles.dedup();
        let search = SecretSearch::new(needles.iter().map(|(_, needle)| needle.as_str())).ok().map(Arc::new);
        Self { needles: needles.into(), search }
    }

    /// All secrets of the redactor.
    #[must_use]
    pub fn needles(&self) -> &[Needle] {
        &self.needles
    }

    /// Replaces every known secret, in any encoding, by `[redacted: RULE]`; counts by rule are added to `counts`.
    #[must_use]
    pub fn redact(&self, text: &str, counts: &mut BTreeMap<String, u64>) -> String {
        match &self.search {
            Some(search) => self.redact_cut(self.redact_whole(search, text, counts), search, counts),
            None if self.needles.is_empty() => text.to_owned(),
            // Text that cannot be searched is not shown at all.
            None => placeholder("everything", counts),
        }
    }

    fn redact_whole(&self, search: &SecretSearch, text: &str, counts: &mut BTreeMap<String, u64>) -> String {
        let spans = search.find(text.as_bytes(), true).merged();
        let (mut clean, mut at) = (String::new(), 0);
        for span in spans {
            // A secret may end within a character, if its last byte is escaped.
            let (begin, end) =
                (text.floor_char_boundary(span.at.start), text.ceil_char_boundary(span.at.end));
            clean.push_str(&text[at..begin.max(at)]);
            clean.push_str(&placeholder(&self.needles[span.which].0, counts));
            at = end;
        }
        clean.push_str(&text[at..]);
        clean
    }

    /// If a long text was cut (see [`text::CUT`]), the start of a secret may be before the cut.
    fn redact_cut(
        &self,
        mut text: String,
        search: &SecretSearch,
        counts: &mut BTreeMap<String, u64>,
    ) -> String {
        let mut from = text.len();
        while let Some(cut) = text.get(..from).and_then(|before| before.rfind(text::CUT)) {
            from = cut;
            let open = search.find(&text.as_bytes()[..cut], false).open;
            let partial = open.iter().filter(|open| open.matched >= MIN_LENGTH);
            let partial = partial.filter_map(|open| Some((open.begin, open.which?))).min();
            if let Some((begin, which)) = partial {
                from = text.floor_char_boundary(begin);
                let redacted = placeholder(&self.needles[which].0, counts);
                text.replace_range(from..cut, &redacted);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::super::{Secret, SecretValues};
    use super::*;

    #[test]
    fn a_secret_within_a_longer_base64_text_is_found() {
        for user in ["u", "us", "use", "user"] {
            let text = STANDARD.encode(format!("{user}:hunter22-and-more:x"));
            let clean = redactor(&["hunter22-and-more"]).redact(&text, &mut BTreeMap::new());
            assert!(clean.contains("[redacted: env S0]"), "{text} {clean}");
        }
    }

    fn redactor(values: &[&str]) -> Redactor {
        let secrets = SecretValues::default();
        for (index, value) in values.iter().enumerate() {
            secrets.register(&format!("env S{index}"), &Secret::new((*value).to_owned()));
        }
        secrets.redactor()
    }

    #[test]
    fn every_usual_encoding_is_redacted_and_counted() {
        let secret = "p@ss/w\"rd";
        let encoded = [
            STANDARD.encode(secret),
            base16ct::lower::encode_string(secret.as_bytes()),
            "p%40ss%2Fw%22rd".into(),
            "p@ss/w\\\"rd".into(),
        ];
        for spelling in encoded.iter().map(String::as_str).chain([secret]) {
            let mut counts = BTreeMap::new();
            let clean = redactor(&[secret]).redact(&format!("a {spelling} b"), &mut counts);
            assert_eq!(clean, "a [redacted: env S0] b");
            assert_eq!(counts, BTreeMap::from([("env S0".to_owned(), 1)]));
        }
    }

    #[test]
    fn overlapping_secrets_leave_no_rest() {
        let clean = redactor(&["abcd", "abcdefgh"]).redact("abcdefgh abcd", &mut BTreeMap::new());
        assert_eq!(clean, "[redacted: env S1] [redacted: env S0]");
    }

    #[test]
    fn the_start_of_a_secret_that_was_cut_is_redacted() {
        let mut counts = BTreeMap::new();
        let redactor = redactor(&["swordfish"]);
        let cut = text::clip("the word is swordfish, and more", 17);
        assert_eq!(redactor.redact(&cut, &mut counts), "the word is [redacted: env S0]… (14 bytes more)");
        assert_eq!(counts, BTreeMap::from([("env S0".to_owned(), 1)]));
        assert_eq!(redactor.redact("swo… a … b", &mut counts), "swo… a … b");
    }

    #[test]
    fn each_line_of_a_secret_of_several_lines_is_redacted() {
        let key = "-----BEGIN-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END-----\n";
        let clean = redactor(&[key]).redact("loaded MC4CAQAwBQYDK2VwBCIEIA", &mut BTreeMap::new());
        assert_eq!(clean, "loaded [redacted: env S0]");
    }
}
