//! Filling `{{ value }}` in probe specs, strictly: what is not there is named, never guessed.

use std::collections::BTreeSet;

use minijinja::{Environment, UndefinedBehavior};

/// The values that specs are filled with.
pub struct Filler {
    values: toml::Table,
    engine: Environment<'static>,
}

/// What came of filling a spec.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Values that are not there, by their full names.
    pub missing: BTreeSet<String>,
    /// Values that were used.
    pub used: BTreeSet<String>,
    /// What is wrong with the templates.
    pub wrong: Vec<String>,
}

impl Filler {
    /// Fills from these values.
    #[must_use]
    pub fn new(values: toml::Table) -> Self {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        Self { values, engine }
    }

    /// Fills every string below `value` in place. A string that is nothing but `{{ name }}` becomes the
    /// value itself, with its type; a secret's reference can be put only there.
    pub fn fill(&self, value: &mut toml::Value, told: &mut Filled) {
        match value {
            toml::Value::String(text) if text.contains("{{") || text.contains("{%") => {
                if let Some(filled) = self.fill_text(text, told) {
                    *value = filled;
                }
            }
            toml::Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item, told)),
            toml::Value::Table(table) => {
                self.fill_optional(table, told);
                table.iter_mut().for_each(|(_, item)| self.fill(item, told));
            }
            _ => {}
        }
    }

    /// A key that ends in `?` is left out when its value is not there, and loses its `?` otherwise.
    fn fill_optional(&self, table: &mut toml::Table, told: &mut Filled) {
        let optional: Vec<String> = table.keys().filter(|key| key.ends_with('?')).cloned().collect();
        for key in optional {
            let Some(mut value) = table.remove(&key) else { continue };
            let mut own = Filled::default();
            self.fill(&mut value, &mut own);
            told.used.append(&mut own.used);
            told.wrong.append(&mut own.wrong);
            if own.missing.is_empty() {
                table.insert(key.trim_end_matches('?').to_owned(), value);
            }
        }
    }

    fn fill_text(&self, text: &str, told: &mut Filled) -> Option<toml::Value> {
        if let Some(name) = whole_name(text) {
            told.used.insert(name.to_owned());
            let found = self.look_up(name);
            if found.is_none() {
                told.missing.insert(name.to_owned());
            }
            return found.cloned();
        }
        self.render(text, told).map(toml::Value::String)
    }

    fn render(&self, text: &str, told: &mut Filled) -> Option<String> {
        let template = match self.engine.template_from_str(text) {
            Ok(template) => template,
            Err(error) => {
                told.wrong.push(format!("{text:?} is not a template: {error}"));
                return None;
            }
        };
        let names = template.undeclared_variables(true);
        let missing: Vec<_> = names.iter().filter(|name| self.look_up(name).is_none()).cloned().collect();
        told.used.extend(names.iter().cloned());
        if !missing.is_empty() {
            told.missing.extend(missing);
            return None;
        }
        if let Some(name) = names.iter().find(|name| self.look_up(name).is_some_and(toml::Value::is_table)) {
            told.wrong
                .push(format!("{name} cannot be put inside a text: it is a secret's reference or a table"));
            return None;
        }
        template
            .render(minijinja::value::Serde(&self.values))
            .map_err(|error| told.wrong.push(format!("{text:?}: {error}")))
            .ok()
    }

    fn look_up(&self, name: &str) -> Option<&toml::Value> {
        let mut steps = name.split('.');
        let first = self.values.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.as_table()?.get(step))
    }
}

/// The name in a text that is nothing but `{{ name }}`.
pub(super) fn whole_name(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

/// The name in a text that begins with `{{ name }}`.
pub(super) fn name_at_start(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("}}")?;
    whole_name(text.strip_suffix(rest)?)
}

/// Lays `over` on top of `base`, table by table. A table that is a secret's reference is one value.
pub(super) fn lay_over(base: &mut toml::Table, over: &toml::Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) if !is_reference(above) => {
                lay_over(below, above);
            }
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Whether a table is a secret's reference, and so one value.
pub(super) fn is_reference(table: &toml::Table) -> bool {
    table.len() == 1 && ["env", "file", "command"].iter().any(|kind| table.contains_key(*kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(spec: &str) -> (toml::Table, Filled) {
        let values = "a.n = 5\na.s = \"x\"\npw = { env = \"P\" }".parse::<toml::Table>().unwrap();
        let mut value = toml::Value::Table(spec.parse().unwrap());
        let mut told = Filled::default();
        Filler::new(values).fill(&mut value, &mut told);
        (value.as_table().unwrap().clone(), told)
    }

    #[test]
    fn a_whole_value_keeps_its_type_and_a_part_becomes_text() {
        let (filled, told) = fill("n = \"{{ a.n }}\"\nt = [\"{{a.s}}-{{ a.n }}\"]\np = \"{{ pw }}\"");
        assert_eq!(filled.to_string(), "n = 5\nt = [\"x-5\"]\n\n[p]\nenv = \"P\"\n");
        assert_eq!(told.used.len(), 3);
    }

    #[test]
    fn all_missing_names_are_told_at_once() {
        let (_, told) = fill("x = \"{{ b }}\"\ny = \"http://{{ a.q }}/{{ c.d.e }}\"");
        assert_eq!(told.missing.into_iter().collect::<Vec<_>>(), ["a.q", "b", "c.d.e"]);
    }

    #[test]
    fn an_optional_value_is_left_out_when_it_is_not_there() {
        let (filled, told) = fill("\"u?\" = \"{{ nobody }}\"\n\"p?\" = \"{{ pw }}\"");
        assert_eq!(filled.to_string(), "[p]\nenv = \"P\"\n");
        assert!(told.missing.is_empty());
    }

    #[test]
    fn a_secret_cannot_be_put_inside_a_text() {
        let (_, told) = fill("x = \"Bearer {{ pw }}\"");
        assert_eq!(told.wrong, ["pw cannot be put inside a text: it is a secret's reference or a table"]);
        assert!(fill("x = \"{{ a.\"").1.wrong[0].contains("is not a template"));
    }
}
