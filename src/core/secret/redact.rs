//! Redacting secrets in text, in any encoding.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::MIN_LENGTH;
use super::reference::{Quote, shell_reference};
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

/// The rule of a placeholder that says nothing, because every other one has a secret's value in it. It is shorter than
/// any secret.
const UNNAMED: &str = "***";

/// The placeholder for a secret. It is counted.
pub(super) fn placeholder(rule: &str, counts: &mut BTreeMap<String, u64>) -> String {
    *counts.entry(rule.to_owned()).or_default() += 1;
    placeholder_text(rule)
}

fn placeholder_text(rule: &str) -> String {
    match rule {
        "" => "[redacted]".to_owned(),
        UNNAMED => format!("[{UNNAMED}]"),
        rule => format!("[redacted: {rule}]"),
    }
}

/// The rules that can stand for a rule, from the most to the least telling: without the arguments of a command, and without
/// the name of a file, a variable or a program, where that has a secret's value in it, in any encoding.
fn shorter_rules(rule: &str) -> [&str; 5] {
    let mut ends = rule.match_indices(' ').map(|(end, _)| &rule[..end]);
    let kind = ends.next().unwrap_or(rule);
    let program = if kind == "command" { ends.next().unwrap_or(rule) } else { rule };
    [rule, program, kind, "", UNNAMED]
}

/// Whether the placeholder of a rule has no secret's value in it.
fn is_clean(search: &SecretSearch, rule: &str) -> bool {
    search.find(placeholder_text(rule).as_bytes(), true).spans.is_empty()
}

/// Redacts known secrets in text.
#[derive(Clone, Default)]
pub struct Redactor {
    needles: Arc<[Needle]>,
    /// None if there is nothing to search for, or too much for one search.
    search: Option<Arc<SecretSearch>>,
    /// Placeholders that contain a secret's value, which was not known when they were written, and their clean rules.
    outdated: Arc<[(String, String)]>,
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
        let mut outdated = BTreeMap::new();
        // A secret of many lines has many needles of one rule.
        for needles_of_rule in needles.chunk_by_mut(|(a, _), (b, _)| a == b) {
            let (Some((rule, _)), Some(search)) = (needles_of_rule.first(), search.as_deref()) else { break };
            let forms = shorter_rules(rule);
            let clean = forms.into_iter().find(|form| is_clean(search, form)).unwrap_or(UNNAMED).to_owned();
            let unclean = forms.into_iter().filter(|form| !is_clean(search, form));
            outdated.extend(unclean.map(|form| (placeholder_text(form), clean.clone())));
            for (rule, _) in needles_of_rule {
                rule.clone_from(&clean);
            }
        }
        Self { needles: needles.into(), search, outdated: outdated.into_iter().collect() }
    }

    /// All secrets of the redactor.
    #[must_use]
    pub fn needles(&self) -> &[Needle] {
        &self.needles
    }

    /// Replaces every known secret, in any encoding, by `[redacted: RULE]`; counts by rule are added to `counts`. A
    /// placeholder is not redacted again.
    #[must_use]
    pub fn redact(&self, text: &str, counts: &mut BTreeMap<String, u64>) -> String {
        self.redact_with(text, counts, |_, _, rule| placeholder_text(rule))
    }

    /// The same for a shell command: a secret that stands there as it is becomes a reference to it, as far as its name has no
    /// secret in it, so that the command still runs.
    #[must_use]
    pub fn redact_command(&self, command: &str, counts: &mut BTreeMap<String, u64>) -> String {
        self.redact_with(command, counts, |span, needle, rule| {
            let is_plain = command.get(span.clone()) == Some(needle);
            let reference =
                is_plain.then(|| shell_reference(rule, Quote::at(&command[..span.start]))).flatten();
            reference.unwrap_or_else(|| placeholder_text(rule))
        })
    }

    fn redact_with(
        &self,
        text: &str,
        counts: &mut BTreeMap<String, u64>,
        replace: impl Fn(Range<usize>, &str, &str) -> String,
    ) -> String {
        match &self.search {
            Some(search) if self.outdated.iter().any(|(written, _)| text.contains(written)) => {
                let text = self.outdated.iter().fold(text.to_owned(), |text, (written, rule)| {
                    text.replace(written, &placeholder_text(rule))
                });
                let clean = self.redact_whole(search, &text, counts, |_, _, rule| placeholder_text(rule));
                self.redact_cut(clean, search, counts)
            }
            Some(search) => self.redact_cut(self.redact_whole(search, text, counts, replace), search, counts),
            None if self.needles.is_empty() => text.to_owned(),
            // Text that cannot be searched is not shown at all.
            None => placeholder("everything", counts),
        }
    }

    fn redact_whole(
        &self,
        search: &SecretSearch,
        text: &str,
        counts: &mut BTreeMap<String, u64>,
        replace: impl Fn(Range<usize>, &str, &str) -> String,
    ) -> String {
        let spans = search.find(text.as_bytes(), true).merged();
        let (mut clean, mut at) = (String::new(), 0);
        for span in spans {
            // A secret may end within a character, if its last byte is escaped.
            let (begin, end) =
                (text.floor_char_boundary(span.at.start), text.ceil_char_boundary(span.at.end));
            clean.push_str(&text[at..begin.max(at)]);
            let (rule, needle) = &self.needles[span.which];
            *counts.entry(rule.clone()).or_default() += 1;
            clean.push_str(&replace(begin..end, needle, rule));
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
    use proptest::prelude::*;

    use super::super::{Secret, SecretValues};
    use super::*;
    use crate::testing::cases;

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

    /// Secrets that are part of a file's or a variable's name, of each other, and of the placeholder itself.
    const ENTANGLED: [(&str, &str); 9] = [
        ("file /run/wrong", "wrong"),
        ("file /run/wrong/token", "run/wrong"),
        ("env REDIS_PASSWORD", "PASSWORD"),
        ("env PLAIN", "file"),
        ("env R", "redacted"),
        ("env EDACT", "edact"),
        ("file /srv/swordfish", "hunter22"),
        ("env OTHER", "swordfish"),
        (r"command printf '\141\142\143\144'", "abcd"),
    ];

    fn entangled(which: &[usize]) -> Redactor {
        let secrets = SecretValues::default();
        for (rule, value) in which.iter().map(|index| ENTANGLED[*index]) {
            secrets.register(rule, &Secret::new(value.to_owned()));
        }
        secrets.redactor()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: cases(256), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_placeholder_has_a_secret_in_it_or_is_redacted_again(
            which in proptest::sample::subsequence((0..ENTANGLED.len()).collect::<Vec<_>>(), 1..=ENTANGLED.len()),
            first in 0..ENTANGLED.len(),
            words in proptest::collection::vec((0..ENTANGLED.len(), any::<bool>()), 1..6),
        ) {
            let words = words.into_iter().map(|(index, of_rule)| {
                let (rule, value) = ENTANGLED[index];
                if of_rule { rule } else { value }
            });
            let text = words.collect::<Vec<_>>().join(" ");
            let redactor = entangled(&[&which[..], &[first]].concat());
            let redact = |redactor: &Redactor, text: &str| redactor.redact(text, &mut BTreeMap::new());
            let once = redact(&redactor, &text);
            for index in &which {
                prop_assert!(!once.contains(ENTANGLED[*index].1), "{once}");
            }
            prop_assert_eq!(&redact(&redactor, &once), &once);
            // Written when only one of them was known.
            let again = redact(&redactor, &redact(&entangled(&[first]), &text));
            let is_nested = again.split('[').skip(1).any(|rest| !rest.contains(']'));
            prop_assert!(!is_nested, "{again}");
        }
    }

    #[test]
    fn a_label_leaves_a_name_out_that_has_the_value_in_it() {
        for (which, text, clean) in [
            (&[0][..], "it is wrong", "it is [redacted: file]"),
            (&[0], "cat /run/wrong", "cat /run/[redacted: file]"),
            (&[2], "its PASSWORD", "its [redacted: env]"),
            (&[0, 3], "it is wrong", "it is [redacted]"),
            (&[4], "it is redacted", "it is [***]"),
            (&[6], "it is hunter22", "it is [redacted: file /srv/swordfish]"),
            (&[6, 7], "it is hunter22", "it is [redacted: file]"),
            (&[6, 7], "it is [redacted: file /srv/swordfish]", "it is [redacted: file]"),
            (&[8], "it is abcd", "it is [redacted: command printf]"),
        ] {
            let mut counts = BTreeMap::new();
            assert_eq!(entangled(which).redact(text, &mut counts), clean);
            assert!(!counts.keys().any(|rule| which.iter().any(|which| rule.contains(ENTANGLED[*which].1))));
        }
    }

    /// A user of that name, a common word, a part of an address.
    #[test]
    fn a_command_with_a_secret_still_runs() {
        for (which, command, clean) in [
            (7, "redis-cli --user swordfish -p 1", "redis-cli --user \"$OTHER\" -p 1"),
            (7, "curl http://swordfish/x", "curl http://\"$OTHER\"/x"),
            (7, "curl -H 'X: swordfish, y'", "curl -H 'X: '\"$OTHER\"', y'"),
            (7, "curl -H \"X: swordfish\"", "curl -H \"X: ${OTHER}\""),
            (6, "echo hunter22", "echo \"$(cat /srv/swordfish)\""),
            (0, "cat \"$(cat /run/wrong)\"", "cat \"$(cat /run/[redacted: file])\""),
            (7, "curl -u c3dvcmRmaXNo", "curl -u [redacted: env OTHER]"),
        ] {
            let mut counts = BTreeMap::new();
            assert_eq!(entangled(&[which]).redact_command(command, &mut counts), clean);
            assert_eq!(counts.values().sum::<u64>(), 1);
        }
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
