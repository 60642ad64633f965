//! A TOML file with its text, so that every problem can be reported with its place.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::suggest;
use crate::error::{Problem, SourceLocation};

/// What the parser says of a key that is there twice.
const DUPLICATE_KEY: &str = "duplicate key";

/// A file's name, as given by the user, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The name.
    pub name: String,
    /// The text.
    pub text: String,
}

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep {
    /// Into a table, by key.
    Key(String),
    /// Into an array, by index.
    Index(usize),
}

impl From<&str> for PathStep {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for PathStep {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// A path into a document.
pub type KeyPath = Vec<PathStep>;

/// `steps![ "section", 0, "point" ]`
macro_rules! steps {
    ($($step:expr),* $(,)?) => { [ $( $crate::checklist::source::PathStep::from($step) ),* ] };
}
pub(super) use steps;

impl SourceFile {
    /// A named text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Parses the whole file into a type.
    ///
    /// # Errors
    /// The first error, with its place and what was expected.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let invalid = |error: &toml::de::Error, key: Option<String>| {
            let offset = error.span().map_or(0, |span| span.start);
            let (message, advice) = match error.message() {
                DUPLICATE_KEY => self.describe_duplicate(error.span().unwrap_or_default()),
                message => (suggest::explain(message), None),
            };
            let key = key.map_or_else(String::new, |key| format!("{key}: "));
            let problem = Problem::new(format!("{key}{message}"))
                .at(SourceLocation::at(&self.name, &self.text, offset));
            Problem { hint: suggest::suggest_for_message(&message).or(advice), ..problem }
        };
        let document = toml::Deserializer::parse(&self.text).map_err(|error| invalid(&error, None))?;
        serde_path_to_error::deserialize(document).map_err(|error| {
            let key = key_of_wrong_value(&error);
            invalid(error.inner(), key)
        })
    }

    /// What is said of a key that is there twice, and what to do.
    fn describe_duplicate(&self, span: Range<usize>) -> (String, Option<String>) {
        let name = self.text.get(span.clone()).unwrap_or_default();
        let line_start =
            self.text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
        let is_header = self.text.get(line_start..).is_some_and(|line| line.trim_start().starts_with('['));
        let advice = if is_header { "write all its keys below one header" } else { "remove one of the two" };
        (format!("the key `{name}` is there twice"), Some(advice.to_owned()))
    }

    /// The place that `path` points to, or of its deepest existing part.
    #[must_use]
    pub fn place(&self, path: &[PathStep]) -> SourceLocation {
        let offset = DeTable::parse(&self.text).map_or(0, |document| deepest(document.get_ref(), path));
        SourceLocation::at(&self.name, &self.text, offset)
    }

    /// The place for a key that is to be added: its deepest table, or else the end of the table that all of them are in.
    #[must_use]
    pub fn place_for(&self, path: &[PathStep]) -> SourceLocation {
        let offset = DeTable::parse(&self.text).map_or(0, |document| self.addition(document.get_ref(), path));
        SourceLocation::at(&self.name, &self.text, offset)
    }

    fn addition(&self, document: &DeTable, path: &[PathStep]) -> usize {
        let [PathStep::Key(first), PathStep::Key(second), ..] = path else { return deepest(document, path) };
        let Some(DeValue::Table(table)) = document.get(first.as_str()).map(Spanned::get_ref) else {
            return self.text.trim_end().len();
        };
        if table.contains_key(second.as_str()) {
            return deepest(document, path);
        }
        let header = format!("[{first}]");
        let mut lines = self.text.split_inclusive('\n').scan(0, |end, line| {
            *end += line.len();
            Some((*end - line.len(), line))
        });
        let header = lines.find(|(_, line)| line.trim() == header);
        header.map_or_else(|| end_of(table), |(start, _)| start)
    }

    /// The place of the first value that is as `is_it` says.
    #[must_use]
    pub fn find(&self, is_it: impl Fn(&toml::Value) -> bool) -> Option<SourceLocation> {
        let document = self.text.parse::<toml::Table>().ok()?;
        let mut path = KeyPath::new();
        find_value(&toml::Value::Table(document), &is_it, &mut path).then(|| self.place(&path))
    }

    /// A problem at the place that `path` points to.
    #[must_use]
    pub fn problem(&self, path: &[PathStep], what: impl Into<String>) -> Problem {
        Problem::new(what).at(self.place(path))
    }
}

/// The key whose value has the wrong type, where the message does not contain it.
fn key_of_wrong_value(error: &serde_path_to_error::Error<toml::de::Error>) -> Option<String> {
    let message = error.inner().message();
    if ["unknown field `", "missing field `"].iter().any(|begin| message.starts_with(begin)) {
        return None;
    }
    let mut keys = error.path().iter().filter_map(|segment| match segment {
        serde_path_to_error::Segment::Map { key } => Some(key.clone()),
        _ => None,
    });
    keys.next_back()
}

/// Whether a value or one in it is as `is_it` says; `path` is then the path to it.
fn find_value(value: &toml::Value, is_it: &impl Fn(&toml::Value) -> bool, path: &mut KeyPath) -> bool {
    if is_it(value) {
        return true;
    }
    let inner: Vec<(PathStep, &toml::Value)> = match value {
        toml::Value::Table(table) => {
            table.iter().map(|(key, value)| (PathStep::Key(key.clone()), value)).collect()
        }
        toml::Value::Array(items) => {
            items.iter().enumerate().map(|(index, value)| (PathStep::Index(index), value)).collect()
        }
        _ => Vec::new(),
    };
    inner.into_iter().any(|(step, value)| {
        path.push(step);
        let is_found = find_value(value, is_it, path);
        if !is_found {
            path.pop();
        }
        is_found
    })
}

/// Where the last value of a table ends.
fn end_of(table: &DeTable) -> usize {
    let end = |(key, value): (&Spanned<_>, &Spanned<DeValue>)| {
        let inner = match value.get_ref() {
            DeValue::Table(table) => end_of(table),
            _ => 0,
        };
        key.span().end.max(value.span().end).max(inner)
    };
    table.iter().map(end).max().unwrap_or(0)
}

fn deepest(document: &DeTable, path: &[PathStep]) -> usize {
    let Some((PathStep::Key(first), mut rest)) = path.split_first() else { return 0 };
    let Some((key, mut value)) = document.get_key_value(first.as_str()) else { return 0 };
    let mut offset = key.span().start;
    while let Some((step, further)) = rest.split_first() {
        let found = match (step, value.get_ref()) {
            (PathStep::Key(name), DeValue::Table(table)) => {
                table.get_key_value(name.as_str()).map(|(k, v)| (k.span().start, v))
            }
            (PathStep::Index(index), DeValue::Array(array)) => array.get(*index).map(|v| (v.span().start, v)),
            _ => None,
        };
        let Some((start, next)) = found else { break };
        // Elements of an array of tables may have no span; then the last known place is used.
        offset = if start > 0 { start } else { offset };
        (value, rest) = (next, further);
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_path_is_located_in_the_file() {
        let source =
            SourceFile::new("p.toml", "a = 1\n[b]\nc = [1, { d = 2 }]\n[[e]]\nf = 1\n[[e]]\nf = 2\n");
        let place = |path: &[PathStep]| source.place(path).to_string();
        assert_eq!(place(&steps!["b", "c", 1, "d"]), "p.toml:3:11");
        assert_eq!(place(&steps!["e", 1, "f"]), "p.toml:7:1");
        assert_eq!(place(&steps!["b", "x"]), "p.toml:2:2");
    }

    #[test]
    fn a_key_to_add_is_located_at_its_table_or_after_the_others() {
        let place = |text: &str, name: &str| {
            let path: KeyPath = name.split('.').map(PathStep::from).collect();
            SourceFile::new("p.toml", text).place_for(&path).to_string()
        };
        let tables = "a = 1\n[values.pg]\nurl = 'x'\n[values.redis]\nurl = 'y'\n[[contact]]\nrole = 'r'\n";
        assert_eq!(place(tables, "values.redis.port"), "p.toml:4:9");
        assert_eq!(place(tables, "values.nginx.url"), "p.toml:5:10");
        let plain = "a = 1\n[values.pg]\nurl = 'x'\n[values]\nn = 1\n";
        assert_eq!(place(plain, "values.nginx.url"), "p.toml:4:1");
        assert_eq!(place("a = 1\n", "values.nginx.url"), "p.toml:1:6");
    }

    #[test]
    fn a_value_is_found_with_its_place() {
        let source = SourceFile::new("p.toml", "a = 1\n[b]\nc = [\"x\", \"y\"]\nd = { env = \"y\" }\n");
        let find =
            |text: &str| source.find(|value| value.as_str() == Some(text)).map(|place| place.to_string());
        assert_eq!(find("x").as_deref(), Some("p.toml:3:6"));
        assert_eq!(find("y").as_deref(), Some("p.toml:3:11"));
        assert_eq!(find("z"), None);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_located() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct TestFile {
            #[expect(dead_code, reason = "only its type matters here")]
            a: u8,
        }
        // The value may be a secret.
        let error = SourceFile::new("p.toml", "\na = \"x, expected \\\" y\"")
            .parse::<TestFile>()
            .unwrap_err()
            .to_string();
        assert_eq!(error, "p.toml:2:5: a: expected an integer, found a string");
        let error = SourceFile::new("p.toml", "a = 1\naa = 2").parse::<TestFile>().unwrap_err().to_string();
        assert_eq!(error, "p.toml:2:1: unknown key `aa`, expected `a`");
    }
}
