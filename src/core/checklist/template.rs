//! Expands `{{ value }}` in probe specs, strictly: missing values are reported, never guessed.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, UndefinedBehavior};

use super::source::{KeyPath, PathStep};
use super::suggest;

/// The values for templates.
pub struct TemplateEngine {
    values: toml::Table,
    /// The full names of all values, computed on demand.
    names: OnceCell<Vec<String>>,
    /// The similar names of missing values, cached.
    similar_names: RefCell<BTreeMap<String, Option<String>>>,
    engine: Environment<'static>,
}

/// The result of expanding a spec.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TemplateResult {
    /// Missing values, by their full names.
    pub missing: BTreeSet<String>,
    /// Values that were used.
    pub used: BTreeSet<String>,
    /// Errors in the templates, with their paths.
    pub errors: Vec<(KeyPath, String)>,
    /// The errors that are about a value, not about the template, by the value's name.
    pub wrong_values: BTreeMap<String, String>,
    /// Whether an optional key was left out because its value is missing.
    pub left_out: bool,
    /// The current path in the spec.
    path: KeyPath,
}

impl TemplateResult {
    fn record_error(&mut self, what: String) {
        self.errors.push((self.path.clone(), what));
    }

    fn within(&mut self, step: impl Into<PathStep>, work: impl FnOnce(&mut Self)) {
        self.path.push(step.into());
        work(self);
        self.path.pop();
    }
}

/// The name of the current item of a probe's list.
pub(super) const ITEM: &str = "item";

/// The values that every plan has, even if they are not known yet.
const BUILT_IN_VALUES: [&str; 4] = ["release", "previous", "environment", "contacts"];

impl TemplateEngine {
    /// For these values.
    #[must_use]
    pub fn new(values: toml::Table) -> Self {
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.add_filter(BASE, base);
        Self { values, names: OnceCell::new(), similar_names: RefCell::default(), engine }
    }

    /// The same values, and one more.
    #[must_use]
    pub fn with_value(&self, name: &str, value: toml::Value) -> Self {
        let mut values = self.values.clone();
        values.insert(name.to_owned(), value);
        Self::new(values)
    }

    /// Expands every string in `value` in place. A string that is only `{{ name }}` becomes the value itself, with its
    /// type; the reference of a secret is possible only there.
    pub fn expand(&self, value: &mut toml::Value, result: &mut TemplateResult) {
        match value {
            toml::Value::String(text) if text.contains('{') => {
                self.check_single_braces(text, result);
                let is_template = text.contains("{{") || text.contains("{%");
                if let Some(filled) = is_template.then(|| self.expand_text(text, result)).flatten() {
                    *value = filled;
                }
            }
            toml::Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    result.within(index, |result| self.expand(item, result));
                }
            }
            toml::Value::Table(table) => {
                self.expand_optional(table, result);
                for (key, item) in table.iter_mut() {
                    result.within(key.as_str(), |result| self.expand(item, result));
                }
            }
            _ => {}
        }
    }

    /// Removes keys that end in `?` if their value is missing, and otherwise removes the `?`.
    fn expand_optional(&self, table: &mut toml::Table, result: &mut TemplateResult) {
        let optional: Vec<String> = table.keys().filter(|key| key.ends_with('?')).cloned().collect();
        for key in optional {
            let Some(mut value) = table.remove(&key) else { continue };
            let at = [result.path.clone(), vec![PathStep::Key(key.clone())]].concat();
            let mut own = TemplateResult { path: at, ..TemplateResult::default() };
            self.expand(&mut value, &mut own);
            result.used.append(&mut own.used);
            result.left_out |= own.left_out || !own.missing.is_empty();
            if own.missing.is_empty() && own.errors.is_empty() {
                table.insert(key.trim_end_matches('?').to_owned(), value);
            }
            result.errors.append(&mut own.errors);
            result.wrong_values.append(&mut own.wrong_values);
        }
    }

    fn expand_text(&self, text: &str, result: &mut TemplateResult) -> Option<toml::Value> {
        if let Some(name) = whole_name(text) {
            result.used.insert(name.to_owned());
            let value = self.look_up(name);
            if value.is_none() {
                self.record_missing(name, result);
            }
            return value.cloned();
        }
        self.render(text, result).map(toml::Value::String)
    }

    fn render(&self, text: &str, result: &mut TemplateResult) -> Option<String> {
        let with_bases = text.replace("}}/", &format!("|{BASE}}}}}/"));
        let template = match self.engine.template_from_str(&with_bases) {
            Ok(template) => template,
            Err(error) => {
                result.record_error(format!("{text:?} is not a valid template: {error}"));
                return None;
            }
        };
        let names = template.undeclared_variables(true);
        let missing: Vec<_> = names.iter().filter(|name| self.look_up(name).is_none()).cloned().collect();
        result.used.extend(names.iter().cloned());
        if !missing.is_empty() {
            for name in &missing {
                self.record_missing(name, result);
            }
            return None;
        }
        if let Some(name) = names.iter().find(|name| self.look_up(name).is_some_and(toml::Value::is_table)) {
            let what =
                format!("{name} cannot be used inside a text: it is a reference to a secret, or a table");
            result.wrong_values.insert(name.clone(), what.clone());
            result.record_error(what);
            return None;
        }
        template
            .render(minijinja::value::Serde(&self.values))
            .map_err(|error| result.record_error(format!("{text:?}: {error}")))
            .ok()
    }

    /// Records a missing value, or an error if its name is probably misspelled.
    fn record_missing(&self, name: &str, result: &mut TemplateResult) {
        match self.similar_name(name) {
            Some(near) => {
                result.record_error(unknown_value(name, &near));
            }
            None => {
                result.missing.insert(name.to_owned());
            }
        }
    }

    /// Records an error for a value's name in single braces (`{release}`), which would not be expanded.
    fn check_single_braces(&self, text: &str, result: &mut TemplateResult) {
        for name in between_single_braces(text) {
            let is_value = |value: &toml::Value| value.as_table().is_none_or(is_reference);
            let is_known = BUILT_IN_VALUES.contains(&name) || self.look_up(name).is_some_and(is_value);
            if let Some(name) = if is_known { Some(name.to_owned()) } else { self.similar_name(name) } {
                result.record_error(format!(
                    "a value is written in double braces; did you mean {{{{ {name} }}}}?"
                ));
            }
        }
    }

    /// The known name that an unknown one most likely means.
    pub(super) fn similar_name(&self, name: &str) -> Option<String> {
        if let Some(similar) = self.similar_names.borrow().get(name) {
            return similar.clone();
        }
        let near = suggest::similar_value(name, self.names()).map(str::to_owned);
        self.similar_names.borrow_mut().insert(name.to_owned(), near.clone());
        near
    }

    /// The full names of all values.
    fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.names.get_or_init(|| {
            let mut names: Vec<String> = BUILT_IN_VALUES.map(str::to_owned).into();
            value_names(&self.values, "", &mut names);
            names
        });
        names.iter().map(String::as_str)
    }

    /// The value of this full name.
    pub(super) fn look_up(&self, name: &str) -> Option<&toml::Value> {
        let mut steps = name.split('.');
        let first = self.values.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.as_table()?.get(step))
    }
}

/// The error for a value that is not known, although one of nearly its name is.
pub(super) fn unknown_value(name: &str, near: &str) -> String {
    format!("unknown value {name}; did you mean {{{{ {near} }}}}?")
}

/// The name in a text that is only `{{ name }}`.
pub(super) fn whole_name(text: &str) -> Option<&str> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

/// Texts in single braces that can be a value's name. Shells and formats use braces after `$`, `%`, `#` and a backslash
/// themselves.
fn between_single_braces(text: &str) -> impl Iterator<Item = &str> {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    text.match_indices('{').filter_map(move |(at, _)| {
        let (name, _) = text[at + 1..].split_once('}')?;
        let is_own = text[..at].ends_with(['{', '$', '%', '#', '\\']);
        let name = name.trim();
        (!is_own && !name.is_empty() && name.chars().all(plain)).then_some(name)
    })
}

/// The full names of all values; a reference to a secret is one value.
pub(super) fn value_names(table: &toml::Table, above: &str, leaves: &mut Vec<String>) {
    for (key, value) in table {
        let name = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match value {
            toml::Value::Table(inner) if !is_reference(inner) => value_names(inner, &name, leaves),
            _ => leaves.push(name),
        }
    }
}

/// The name in a text that starts with `{{ name }}`.
pub(super) fn name_at_start(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("}}")?;
    whole_name(text.strip_suffix(rest)?)
}

/// Merges `over` into `base`, table by table. A reference to a secret is one value.
pub(super) fn merge(base: &mut toml::Table, over: &toml::Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) if !is_reference(above) => {
                merge(below, above);
            }
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The name of [`base`] in templates.
const BASE: &str = "gonogo_base";

/// An address before the slash of a path: `http://host/` and `http://host` are the same one. Other values stay as they are.
fn base(value: minijinja::Value) -> minijinja::Value {
    let address = value.as_str().filter(|text| text.contains("://"));
    address.map(|text| text.trim_end_matches('/').into()).unwrap_or(value)
}

/// Whether a table is a reference to a secret, and so one value.
pub(super) fn is_reference(table: &toml::Table) -> bool {
    table.len() == 1 && ["env", "file", "command"].iter().any(|kind| table.contains_key(*kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(spec: &str) -> (toml::Table, TemplateResult) {
        let values = "a.n = 5\na.s = \"x\"\npw = { env = \"P\" }".parse::<toml::Table>().unwrap();
        let mut value = toml::Value::Table(spec.parse().unwrap());
        let mut result = TemplateResult::default();
        TemplateEngine::new(values).expand(&mut value, &mut result);
        (value.as_table().unwrap().clone(), result)
    }

    #[test]
    fn a_whole_value_keeps_its_type_and_a_part_becomes_text() {
        let (filled, result) = fill("n = \"{{ a.n }}\"\nt = [\"{{a.s}}-{{ a.n }}\"]\np = \"{{ pw }}\"");
        assert_eq!(filled.to_string(), "n = 5\nt = [\"x-5\"]\n\n[p]\nenv = \"P\"\n");
        assert_eq!(result.used.len(), 3);
    }

    #[test]
    fn an_address_may_end_with_a_slash_before_a_path() {
        let values = "url = \"http://h:1/\"\nname = \"a/\"\nn = 5".parse::<toml::Table>().unwrap();
        let mut value = toml::Value::from("{{ url }}/healthz {{url}}/ {{ url }} {{ name }}/b {{ n }}/6");
        TemplateEngine::new(values).expand(&mut value, &mut TemplateResult::default());
        assert_eq!(value.as_str(), Some("http://h:1/healthz http://h:1/ http://h:1/ a//b 5/6"));
    }

    #[test]
    fn all_missing_names_are_reported_at_once() {
        let (_, result) = fill("x = \"{{ b }}\"\ny = \"http://{{ a.q }}/{{ c.d.e }}\"");
        assert_eq!(result.missing.into_iter().collect::<Vec<_>>(), ["a.q", "b", "c.d.e"]);
    }

    #[test]
    fn an_optional_key_is_removed_if_its_value_is_missing() {
        let (filled, result) = fill("\"u?\" = \"{{ nobody }}\"\n\"p?\" = \"{{ pw }}\"");
        assert_eq!(filled.to_string(), "[p]\nenv = \"P\"\n");
        assert!(result.missing.is_empty());
    }

    #[test]
    fn a_secret_cannot_be_put_inside_a_text() {
        let (_, result) = fill("x = \"Bearer {{ pw }}\"");
        assert_eq!(
            wrong(&result),
            ["x: pw cannot be used inside a text: it is a reference to a secret, or a table"]
        );
        assert!(wrong(&fill("x = \"{{ a.\"").1)[0].contains("is not a valid template"));
    }

    /// Each with the keys that lead to it.
    fn wrong(result: &TemplateResult) -> Vec<String> {
        let display = |path: &KeyPath| {
            let steps = path.iter().map(|step| match step {
                PathStep::Key(key) => key.clone(),
                PathStep::Index(index) => index.to_string(),
            });
            steps.collect::<Vec<_>>().join(".")
        };
        result.errors.iter().map(|(path, what)| format!("{}: {what}", display(path))).collect()
    }

    #[test]
    fn a_misspelled_value_is_an_error_and_not_missing() {
        let (_, result) = fill("x = [\"{{ relese }}\"]\nt.\"y?\" = \"v{{ prevoius }}\"\nz = \"{{ b.s }}\"");
        // `b.s` may be missing on purpose.
        assert_eq!(result.missing.iter().collect::<Vec<_>>(), ["b.s"]);
        assert_eq!(
            wrong(&result),
            [
                "x.0: unknown value relese; did you mean {{ release }}?",
                "t.y?: unknown value prevoius; did you mean {{ previous }}?"
            ]
        );
    }

    #[test]
    fn a_value_in_single_braces_is_an_error() {
        for text in ["v{release}", "{ previous }", "{{ a.s }}-{a.n}", "{relese}", "{ release }}", "{pw}"] {
            let (_, result) = fill(&format!("x = [\"{text}\"]"));
            let result = wrong(&result);
            assert!(
                result.len() == 1 && result[0].starts_with("x.0: ") && result[0].contains("did you mean {{ "),
                "{text}: {result:?}"
            );
        }
        for text in [
            "${release}",
            "%{release}",
            "{}",
            "{print}",
            "{\\\"release\\\": 1}",
            "rate(x{job=\\\"a\\\"}[5m])",
            "{a}",
        ] {
            let (_, result) = fill(&format!("x = \"{text}\""));
            assert!(result.errors.is_empty(), "{text}: {:?}", result.errors);
        }
    }
}
