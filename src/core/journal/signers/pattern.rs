//! OpenSSH's pattern lists (`match_pattern_list`): `*` matches any text, `?` one byte, and `!` before a pattern
//! excludes what it matches.

/// The maximum length of a pattern, in bytes; a list with a longer one matches nothing.
pub(super) const MAX_PATTERN: usize = 1022;

/// Whether a comma-separated list of patterns matches a text: one pattern matches, and no negated one does.
pub(super) fn list_matches(list: &str, text: &str) -> bool {
    let mut granted = false;
    for (pattern, negated) in patterns(list) {
        if pattern.len() > MAX_PATTERN {
            return false;
        }
        match matches(pattern.as_bytes(), text.as_bytes()) {
            true if negated => return false,
            matched => granted |= matched,
        }
    }
    granted
}

/// Whether a text is a list or a pattern, not one plain name.
pub(super) fn is_list(text: &str) -> bool {
    text.contains([',', '*', '?']) || text.starts_with('!')
}

/// The patterns of a list, and whether each is negated.
fn patterns(list: &str) -> impl Iterator<Item = (&str, bool)> {
    // A trailing comma starts no pattern.
    let list = list.strip_suffix(',').unwrap_or(list);
    list.split(',').map(|pattern| pattern.strip_prefix('!').map_or((pattern, false), |rest| (rest, true)))
}

/// Backtracks only to the last `*`: what an earlier one could match, a later one can match too.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[from] => (at, from) = (at + 1, from + 1),
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                (at, from) = (place + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_negated_pattern_overrides_the_others() {
        for (list, granted) in [
            ("gonogo-*", true),
            ("git,gonogo-*", true),
            ("gonogo-seal-v1", true),
            ("gonogo-*,!gonogo-seal-v1", false),
            ("!gonogo-seal-v1,gonogo-*", false),
            ("*,!*", false),
            ("!file", false),
            ("!file,gonogo-*", true),
            ("!!gonogo-*,*", true),
            ("", false),
            ("!", false),
            (",gonogo-*", true),
            ("gonogo-*,", true),
            ("a,,gonogo-*", true),
            (" gonogo-*", false),
            ("GONOGO-*", false),
            ("gonogo-????-v1", true),
            ("gonogo-???-v1", false),
            ("?*", true),
            ("gonogo-seal-v1*", true),
            ("gonogo-seal-v1?", false),
            ("*s*l*1", true),
            ("*s*z*1", false),
            ("**", true),
        ] {
            assert_eq!(list_matches(list, "gonogo-seal-v1"), granted, "{list}");
        }
    }

    /// Time linear in the length of pattern and text, or at most their product.
    #[test]
    fn no_pattern_is_slow() {
        assert!(!list_matches(&format!("{}X", "*".repeat(500)), "gonogo-seal-v1"));
        assert!(!list_matches(&"*".repeat(200_000), "gonogo-seal-v1"));
        assert!(!list_matches(&format!("{}b", "*a".repeat(400)), &"a".repeat(1000)));
        assert!(
            list_matches(&"*".repeat(MAX_PATTERN), "x") && !list_matches(&"*".repeat(MAX_PATTERN + 1), "x")
        );
        assert!(!list_matches(&format!("*,{}", "a".repeat(MAX_PATTERN + 1)), "x"));
    }
}
