//! Recognizes placeholders: values that still have to be replaced.

use super::spec::Pattern;

/// Typical placeholders. Phone numbers with 555-01 are reserved for fiction.
const PLACEHOLDERS: &str = r"(?i)\b(todo|tbd|tba|fixme|xxx+|changeme|change-me|placeholder|n/?a|none|unknown|someone|somebody|jane doe|john doe|foo|bar)\b|[<>{}]|\bexample\.(com|org|net)\b|\b555[ -]?01\d\d\b|\?\?|^\W*$";

/// Whether a value is a placeholder.
#[must_use]
pub fn is_placeholder(value: &str) -> bool {
    Pattern::new(PLACEHOLDERS).is_ok_and(|pattern| pattern.is_in(value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_distinguished_from_names() {
        for placeholder in ["", "TODO", "tbd", "<name>", "ops@example.com", "+1 555 0100", "???", "-", "n/a"]
        {
            assert!(is_placeholder(placeholder), "{placeholder}");
        }
        for real in
            ["SRE on call", "#platform-oncall", "+49 30 1234567", "Todorov", "ops@boards.io", "Barbara"]
        {
            assert!(!is_placeholder(real), "{real}");
        }
    }
}
