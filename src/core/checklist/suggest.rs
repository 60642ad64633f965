//! Suggests known words for unknown ones: keys, kinds, names of values.

use crate::text::nearest;

/// The maximum number of typos in a misspelled word.
const MAX_TYPOS: usize = 2;

/// `did you mean X?`, if a known word is similar.
pub(super) fn did_you_mean<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, candidates).map(|near| format!("did you mean {near}?"))
}

/// The same, for serde's message about an unknown key or variant: it has the word found and the expected ones in
/// backticks, in this order.
pub(super) fn suggest_for_message(message: &str) -> Option<String> {
    if !is_unknown_key(message) && !message.starts_with("unknown variant `") {
        return None;
    }
    let mut words = message.split('`').skip(1).step_by(2);
    did_you_mean(words.next()?, words)
}

/// Whether serde's message reports an unknown key.
pub(super) fn is_unknown_key(message: &str) -> bool {
    message.starts_with("unknown field `")
}

/// The known name of a value that an unknown name most likely means. Values may be missing on purpose, and others may
/// have similar names (`app.url`, `api.url`; `db1.url`, `db2.url`), so this is stricter than [`nearest`].
pub(super) fn similar_value<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates.filter(|candidate| is_misspelled(wrong, candidate)).min()
}

/// Whether exactly one part of a name differs, by a typo. Runs for every pair of a missing and a known value, so it copies
/// nothing for names that are not similar.
fn is_misspelled(wrong: &str, right: &str) -> bool {
    let same = wrong.bytes().zip(right.bytes()).take_while(|(wrong, right)| wrong == right).count();
    // The start of the first part that differs.
    let begin = wrong.as_bytes()[..same].iter().rposition(|byte| *byte == b'.').map_or(0, |dot| dot + 1);
    let ([wrong, of_wrong], [right, of_right]) = (first_part(&wrong[begin..]), first_part(&right[begin..]));
    of_wrong == of_right && wrong != right && is_typo(wrong, right)
}

/// The first part of a name, and the others with the dot before them.
fn first_part(name: &str) -> [&str; 2] {
    let end = name.bytes().position(|byte| byte == b'.').unwrap_or(name.len());
    [&name[..end], &name[end..]]
}

/// Whether two words differ by a typo: two letters swapped, one too many or too few; in longer words one letter replaced,
/// or two typos. Names that differ in digits are different names.
fn is_typo(wrong: &str, right: &str) -> bool {
    let lengths = [wrong, right].map(|word| word.chars().count());
    if lengths[0].abs_diff(lengths[1]) > MAX_TYPOS {
        return false;
    }
    let letters = |word| str::chars(word).filter(|c| !c.is_ascii_digit());
    if letters(wrong).eq(letters(right)) {
        return false;
    }
    let shorter = lengths[0].min(lengths[1]);
    let is_substitution = || strsim::levenshtein(wrong, right) == 1 && wrong.len() == right.len();
    match strsim::damerau_levenshtein(wrong, right) {
        1 if is_substitution() => shorter >= 5,
        1 => shorter >= 3,
        MAX_TYPOS => shorter >= 8,
        _ => false,
    }
}

/// A parser's message about a value, without the value: it may be a secret.
pub(super) fn without_value(message: &str) -> String {
    let message = message.trim_end();
    let begins = ["invalid type: string", "invalid value: string"];
    let begin = begins.into_iter().find(|begin| message.starts_with(begin));
    let expected = message.rfind(", expected ").map(|at| &message[at..]);
    match (begin, expected) {
        (Some(begin), Some(expected)) => format!("{begin}{expected}"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checklist::file::STANDARD;

    #[test]
    fn an_unknown_key_or_variant_gets_a_suggestion() {
        let suggestion = suggest_for_message("unknown field `freshh`, expected one of `fresh`, `after`");
        assert_eq!(suggestion.as_deref(), Some("did you mean fresh?"));
        assert_eq!(
            suggest_for_message("unknown variant `tow`, expected `two`").as_deref(),
            Some("did you mean two?")
        );
        assert_eq!(suggest_for_message("unknown field `x`, expected `fresh`"), None);
        assert_eq!(suggest_for_message("invalid type: string `fresh`, expected `fresh`"), None);
    }

    #[test]
    fn a_typo_is_found_and_another_name_is_not_a_typo() {
        let candidates =
            || ["release", "redis.url", "app.url", "app.urls", "db1.url", "app.health_path"].into_iter();
        for (wrong, meant) in [
            ("relese", "release"),
            ("redis.ulr", "redis.url"),
            ("rediss.url", "redis.url"),
            ("app.helth_pth", "app.health_path"),
        ] {
            assert_eq!(similar_value(wrong, candidates()), Some(meant), "{wrong}");
        }
        for other in ["api.url", "db2.url", "url", "redis.uri", "rediss.ulr", "vault.url"] {
            assert_eq!(similar_value(other, candidates()), None, "{other}");
        }
    }

    /// A profile need not give all the values of the standard checklist: none may be taken for a misspelled other one.
    #[test]
    fn no_value_of_the_standard_checklist_is_taken_for_a_misspelled_other() {
        let names = STANDARD.split("{{ ").skip(1).filter_map(|rest| Some(rest.split_once(" }}")?.0));
        let names: Vec<_> = names.collect();
        assert!(names.len() > 50, "{}", names.len());
        for name in &names {
            let others = names.iter().filter(|other| *other != name).copied();
            assert_eq!(similar_value(name, others), None, "{name}");
        }
    }
}
