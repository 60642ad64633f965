//! Suggests known words for unknown ones: keys, kinds, names of values.

use crate::text::nearest;

/// The maximum number of typos in a misspelled word.
const MAX_TYPOS: usize = 2;
/// How messages about unknown keys and values begin; the word follows, with a backtick after it.
pub(super) const UNKNOWN_KEY: &str = "unknown key `";
const UNKNOWN_VALUE: &str = "unknown value `";
/// How messages of a parser begin that have other words than TOML, and how they begin here.
const TERMS: [(&str, &str); 6] = [
    ("unknown field `", UNKNOWN_KEY),
    ("unknown variant `", UNKNOWN_VALUE),
    ("missing field `", MISSING_KEY),
    ("duplicate field `", "the key is there twice: `"),
    ("string values must be quoted, expected literal string", "a string must be in quotes"),
    ("invalid basic string, expected `\"`", "the string has no closing quote"),
];
/// How a message about a missing key begins.
const MISSING_KEY: &str = "missing key `";

/// `did you mean X?`, if a known word is similar.
pub(super) fn did_you_mean<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, candidates).map(|near| format!("did you mean {near}?"))
}

/// The same, for an explained message about an unknown key or value: it has the word found and the expected ones in
/// backticks, in this order.
pub(super) fn suggest_for_message(message: &str) -> Option<String> {
    if !is_unknown_key(message) && !message.starts_with(UNKNOWN_VALUE) {
        return None;
    }
    let mut words = message.split('`').skip(1).step_by(2);
    did_you_mean(words.next()?, words)
}

/// Whether an explained message reports an unknown key.
pub(super) fn is_unknown_key(message: &str) -> bool {
    message.starts_with(UNKNOWN_KEY)
}

/// The known name that differs from an unknown one by a typo only.
pub(super) fn misspelled<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates.filter(|candidate| is_typo(wrong, candidate)).min()
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

/// A parser's message about a value, in the terms of TOML and without the value: it may be a secret.
pub(super) fn explain(message: &str) -> String {
    let message = message.trim_end();
    if let Some((term, rest)) =
        TERMS.iter().find_map(|(begin, term)| Some((term, message.strip_prefix(begin)?)))
    {
        return format!("{term}{rest}");
    }
    // What the decoder of TOML says of an enum.
    if message.starts_with("wanted exactly 1 element") {
        return "expected a string, found a table".to_owned();
    }
    if message == "wanted string or table" {
        return "expected a string".to_owned();
    }
    let Some((begin, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    if let Some(found) = begin.strip_prefix("invalid type: ") {
        return explain_type(found, expected);
    }
    match begin.strip_prefix("invalid value: string") {
        Some(_) => format!("invalid value: string, expected {expected}"),
        None => message.to_owned(),
    }
}

/// What to write for a value of the wrong type, in serde's words for what was found and expected.
fn explain_type(found: &str, expected: &str) -> String {
    let kind = toml_type(found);
    match expected {
        // A number is no secret where several are expected.
        "a sequence" if found.starts_with("integer `") => {
            let number = found.split('`').nth(1).unwrap_or_default();
            format!("expected an array, found {kind}; write [{number}]")
        }
        "a sequence" if kind == "a table" => {
            format!(
                "expected an array of tables, found {kind}; write [{{ … }}], or its header in double brackets: [[…]]"
            )
        }
        "a sequence" => format!("expected an array, found {kind}; write it in brackets: […]"),
        "a string" if ["an integer", "a float", "a boolean"].contains(&kind) => {
            format!("expected a string, found {kind}; write it in quotes")
        }
        // An enum of serde's.
        "string or map" => format!("expected a string or a table, found {kind}"),
        "a boolean" => format!("expected true or false, found {kind}"),
        "a map" => format!("expected a table, found {kind}"),
        _ if expected.starts_with("struct ") => format!("expected a table, found {kind}"),
        _ if is_integer_type(expected) => format!("expected an integer, found {kind}"),
        _ => format!("expected {expected}, found {kind}"),
    }
}

/// TOML's term for what serde found.
fn toml_type(found: &str) -> &str {
    const TYPES: [(&str, &str); 6] = [
        ("string", "a string"),
        ("integer", "an integer"),
        ("floating point", "a float"),
        ("boolean", "a boolean"),
        ("sequence", "an array"),
        ("map", "a table"),
    ];
    TYPES.iter().find(|(begin, _)| found.starts_with(begin)).map_or(found, |(_, term)| term)
}

/// Whether serde names a type of Rust: `u16`, `i64`, `usize`.
fn is_integer_type(expected: &str) -> bool {
    expected.strip_prefix(['u', 'i']).is_some_and(|size| ["8", "16", "32", "64", "size"].contains(&size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checklist::file::STANDARD;

    #[test]
    fn an_unknown_key_or_variant_gets_a_suggestion() {
        let suggestion = suggest_for_message("unknown key `freshh`, expected one of `fresh`, `after`");
        assert_eq!(suggestion.as_deref(), Some("did you mean fresh?"));
        assert_eq!(
            suggest_for_message("unknown value `tow`, expected `two`").as_deref(),
            Some("did you mean two?")
        );
        assert_eq!(suggest_for_message("unknown key `x`, expected `fresh`"), None);
        assert_eq!(suggest_for_message("invalid type: string `fresh`, expected `fresh`"), None);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_told_with_what_to_write() {
        for (message, said) in [
            (
                "invalid type: integer `404`, expected a sequence",
                "expected an array, found an integer; write [404]",
            ),
            (
                "invalid type: string \"x, expected y\", expected a sequence",
                "expected an array, found a string; write it in brackets: […]",
            ),
            (
                "invalid type: map, expected a sequence",
                "expected an array of tables, found a table; write [{ … }], or its header in double brackets: [[…]]",
            ),
            (
                "invalid type: boolean `true`, expected a sequence",
                "expected an array, found a boolean; write it in brackets: […]",
            ),
            ("invalid type: sequence, expected a string", "expected a string, found an array"),
            (
                "invalid type: integer `5`, expected a string",
                "expected a string, found an integer; write it in quotes",
            ),
            ("invalid type: string \"5\", expected u16\n", "expected an integer, found a string"),
            ("invalid type: floating point `1.5`, expected usize", "expected an integer, found a float"),
            ("invalid type: string \"yes\", expected a boolean", "expected true or false, found a string"),
            ("invalid type: string \"x\", expected struct ApiSpec", "expected a table, found a string"),
            (
                "invalid type: integer `9`, expected a time such as \"10s\"",
                "expected a time such as \"10s\", found an integer",
            ),
            ("invalid value: string \"x\", expected y", "invalid value: string, expected y"),
            (
                "invalid type: integer `5`, expected string or map",
                "expected a string or a table, found an integer",
            ),
            ("missing field `url`", "missing key `url`"),
            ("unknown field `a`, expected `b` or `c`", "unknown key `a`, expected `b` or `c`"),
            ("unknown variant `a`, expected `b`", "unknown value `a`, expected `b`"),
            ("wanted exactly 1 element, found 0 elements", "expected a string, found a table"),
            ("string values must be quoted, expected literal string", "a string must be in quotes"),
            ("invalid basic string, expected `\"`", "the string has no closing quote"),
        ] {
            assert_eq!(explain(message), said);
        }
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
