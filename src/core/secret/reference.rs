//! A redacted secret as a reference in a shell command.

use crate::text::shell_word;

/// The quotes around a place in a shell command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    None,
    Single,
    Double,
}

impl Quote {
    /// The quotes that are open after a text.
    pub(super) fn at(before: &str) -> Self {
        let mut quote = Self::None;
        let mut chars = before.chars();
        while let Some(c) = chars.next() {
            quote = match (quote, c) {
                (Self::None, '\'') => Self::Single,
                (Self::None, '"') => Self::Double,
                (Self::Single, '\'') | (Self::Double, '"') => Self::None,
                (Self::None | Self::Double, '\\') => {
                    chars.next();
                    quote
                }
                _ => quote,
            };
        }
        quote
    }
}

/// A reference to the secret of a rule (see [`super::SecretRef`]) within these quotes; `None` if the rule does not name
/// where the secret is.
pub(super) fn shell_reference(rule: &str, quote: Quote) -> Option<String> {
    let (kind, name) = rule.split_once(' ')?;
    let body = match kind {
        "env" if is_variable(name) && quote == Quote::Double => format!("${{{name}}}"),
        "env" if is_variable(name) => format!("${name}"),
        "file" => format!("$(cat {})", shell_word(name)),
        _ => return None,
    };
    Some(match quote {
        Quote::None => format!("\"{body}\""),
        Quote::Double => body,
        Quote::Single => format!("'\"{body}\"'"),
    })
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
