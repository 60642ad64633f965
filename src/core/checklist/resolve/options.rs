//! Rejects values that a program would take for options.

use super::{Origin, Resolver};
use crate::checklist::source::{KeyPath, PathStep};

/// The keys of argument lists.
const ARGUMENTS: [&str; 4] = ["argv", "dry_run", "exec", "program"];

const HINT: &str = "write options in the argument list itself, with the value after them: --option={{ … }}";

impl Resolver<'_> {
    /// Whether a value would be taken for an option; reports it, with the value's place.
    pub(super) fn report_options(
        &mut self,
        with: &toml::Table,
        filled: &toml::Value,
        origin: &Origin,
    ) -> bool {
        let options = find_options(with, filled);
        let problems =
            options.iter().map(|(steps, what)| self.value_problem(with, origin, steps, what).hint(HINT));
        let problems: Vec<_> = problems.collect();
        self.problems.extend(problems);
        !options.is_empty()
    }
}

/// The words of argument lists that start with a value that starts with `-`. A value that is the whole list may contain
/// options: it is a command. Words after `--` are not options.
fn find_options(with: &toml::Table, filled: &toml::Value) -> Vec<(KeyPath, String)> {
    let mut problems = Vec::new();
    for (key, template) in with {
        let name = key.trim_end_matches('?');
        match (template, filled.get(name)) {
            (toml::Value::Table(inner), Some(filled)) => {
                let inner = find_options(inner, filled).into_iter();
                problems
                    .extend(inner.map(|(steps, what)| ([vec![PathStep::from(name)], steps].concat(), what)));
            }
            (toml::Value::Array(words), Some(toml::Value::Array(filled))) if ARGUMENTS.contains(&name) => {
                let words = words.iter().zip(filled).enumerate();
                let words = words.take_while(|(_, (word, _))| word.as_str() != Some("--"));
                let options = words.filter(|(_, (word, filled))| is_option(word, filled));
                problems.extend(options.map(|(index, (_, filled))| {
                    let what = format!("expected a value that does not start with `-`, found {filled}");
                    (vec![PathStep::from(name), PathStep::Index(index)], what)
                }));
            }
            _ => {}
        }
    }
    problems
}

fn is_option(word: &toml::Value, filled: &toml::Value) -> bool {
    let begins = |value: &toml::Value, with: &str| value.as_str().is_some_and(|text| text.starts_with(with));
    begins(word, "{{") && begins(filled, "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(with: &str, filled: &str) -> Vec<String> {
        let filled = toml::Value::Table(filled.parse().unwrap());
        let problems = find_options(&with.parse().unwrap(), &filled);
        problems.into_iter().map(|(steps, what)| format!("{}: {what}", steps.len())).collect()
    }

    #[test]
    fn a_value_at_the_start_of_a_word_must_not_be_an_option() {
        let message = "expected a value that does not start with `-`, found \"-x\"";
        assert_eq!(problems("argv = ['a', '{{ b }}']", "argv = ['a', '-x']"), [format!("2: {message}")]);
        assert_eq!(
            problems("via = { exec = ['{{ b }}'] }", "via = { exec = ['-x'] }"),
            [format!("3: {message}")]
        );
        assert_eq!(problems("'dry_run?' = ['{{ b }}']", "dry_run = ['-x']").len(), 1);
        for (fine, filled) in [
            ("argv = ['a', '--b={{ b }}', '-x']", "argv = ['a', '--b=-x', '-x']"),
            ("argv = ['a', '--', '{{ b }}']", "argv = ['a', '--', '-x']"),
            ("argv = '{{ command }}'", "argv = ['a', '-x']"),
            ("argv = ['{{ b }}']", "argv = ['b-x']"),
        ] {
            assert!(problems(fine, filled).is_empty(), "{fine}");
        }
    }
}
