//! Taking secrets out of text, however they are encoded there.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::MIN_LENGTH;
use super::search::Search;
use crate::text;

/// A secret, and the rule that names it.
pub type Needle = (String, Zeroizing<String>);

/// The shortest line in bytes that is a secret by itself when the secret has several.
const WHOLE_LINE: usize = 16;

/// What is looked for of a value.
pub(super) fn needles(value: &str) -> Vec<Zeroizing<String>> {
    // In a form of the web, a space is written as a plus sign.
    let mut all = vec![value.to_owned(), value.replace(' ', "+")];
    // Of a secret of several lines, a program may print one.
    all.extend(value.lines().filter(|line| line.len() >= WHOLE_LINE).map(str::to_owned));
    all.retain(|needle| needle.len() >= MIN_LENGTH);
    all.sort();
    all.dedup();
    all.into_iter().map(Zeroizing::new).collect()
}

/// What stands in the place of a secret. It is counted.
pub(super) fn put(rule: &str, found: &mut BTreeMap<String, u64>) -> String {
    *found.entry(rule.to_owned()).or_default() += 1;
    format!("[redacted: {rule}]")
}

/// Takes known secrets out of text.
#[derive(Clone, Default)]
pub struct Redactor {
    needles: Arc<[Needle]>,
    /// None where there is nothing to look for, or too much for one search.
    search: Option<Arc<Search>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.needles.len())
    }
}

impl Redactor {
    /// For these secrets.
    pub(super) fn new(needles: impl Iterator<Item = Needle>) -> Self {
        let mut needles: Vec<Needle> = needles.collect();
        needles.sort_by(|(a_rule, a), (b_rule, b)| (a_rule, &**a).cmp(&(b_rule, &**b)));
        needles.dedup();
        let search = Search::new(needles.iter().map(|(_, needle)| needle.as_str())).ok().map(Arc::new);
        Self { needles: needles.into(), search }
    }

    /// Every secret it knows.
    #[must_use]
    pub fn needles(&self) -> &[Needle] {
        &self.needles
    }

    /// The text with every known secret, however it is encoded, replaced by `[redacted: RULE]`; counts by rule are added
    /// to `found`.
    #[must_use]
    pub fn clean(&self, text: &str, found: &mut BTreeMap<String, u64>) -> String {
        match &self.search {
            Some(search) => self.clean_cut(self.clean_whole(search, text, found), search, found),
            None if self.needles.is_empty() => text.to_owned(),
            // What cannot be looked through is not told.
            None => put("everything", found),
        }
    }

    fn clean_whole(&self, search: &Search, text: &str, found: &mut BTreeMap<String, u64>) -> String {
        let spans = search.find(text.as_bytes(), true).merged();
        let (mut clean, mut at) = (String::new(), 0);
        for span in spans {
            // A secret may end within a character, where its last byte is one that is escaped.
            let (begin, end) =
                (text.floor_char_boundary(span.at.start), text.ceil_char_boundary(span.at.end));
            clean.push_str(&text[at..begin.max(at)]);
            clean.push_str(&put(&self.needles[span.which].0, found));
            at = end;
        }
        clean.push_str(&text[at..]);
        clean
    }

    /// Where a long text was cut ([`text::CUT`] says so), the begin of a secret may stand before the cut.
    fn clean_cut(&self, mut text: String, search: &Search, found: &mut BTreeMap<String, u64>) -> String {
        let mut from = text.len();
        while let Some(cut) = text.get(..from).and_then(|before| before.rfind(text::CUT)) {
            from = cut;
            let open = search.find(&text.as_bytes()[..cut], false).open;
            let begun = open.iter().filter(|open| open.matched >= MIN_LENGTH);
            let begun = begun.filter_map(|open| Some((open.begin, open.which?))).min();
            if let Some((begin, which)) = begun {
                from = text.floor_char_boundary(begin);
                let redacted = put(&self.needles[which].0, found);
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
            "p%40ss%2Fw%22rd".into(),
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
