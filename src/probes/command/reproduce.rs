//! The command to reproduce the check by hand.

use gonogo_core::checklist::spec::{CommandSpec, TextOrSecret};
use gonogo_core::text::shell_word;

/// A shell command line; secrets as references.
pub(super) fn shell(spec: &CommandSpec) -> String {
    let mut words = Vec::new();
    if let Some(cwd) = &spec.cwd {
        words.extend(["cd".to_owned(), shell_word(cwd), "&&".to_owned()]);
    }
    // An address that cannot be used is the observation.
    for (name, value) in spec.target.as_ref().and_then(|to| to.variables().ok()).into_iter().flatten() {
        words.push(format!("{name}={}", shell_word(&value)));
    }
    for (name, value) in &spec.env {
        let value = match value {
            TextOrSecret::Text(text) => shell_word(text),
            TextOrSecret::Secret(secret) if secret.prefix.is_empty() => secret.secret.shell(),
            TextOrSecret::Secret(secret) => shell_word(&secret.prefix) + &secret.secret.shell(),
        };
        words.push(format!("{name}={value}"));
    }
    words.extend(spec.argv.iter().map(|word| shell_word(word)));
    words.join(" ")
}
