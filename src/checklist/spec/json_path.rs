//! A JSON path that is looked up in time, whatever the document.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest path, in bytes. Every step and comparison of it takes some of them.
const LONGEST: usize = 256;
/// How often a value may be found: by so many selectors that stand side by side (`[0, 1]`), those of each step with
/// those of the others.
const SELECTORS: usize = 8;
/// How deep brackets and parentheses may stand in each other: the parser tries each level in more than one way.
const DEEPEST: usize = 4;

/// A JSON path (RFC 9535).
///
/// Looking one up takes at most its length times the values of the document, times [`SELECTORS`]: a second `..` would
/// find each value once for every value above it, and a filter with `$` would look at the whole document for each
/// of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    text: String,
    path: serde_json_path::JsonPath,
}

/// Why a text is no JSON path, or none that is looked up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPathError {
    /// It is none.
    #[error("not a JSON path: {0}")]
    Form(String),
    /// It has too many bytes.
    #[error("a JSON path of {0} bytes: expected at most {LONGEST}; check parts of the document one by one")]
    Long(usize),
    /// It goes down to all levels more than once.
    #[error(
        "a JSON path with more than one `..`: expected at most one; write the keys between, as in $.items[*].name"
    )]
    Descents,
    /// A filter looks at all of the document.
    #[error(
        "a JSON path with `$` in a filter: expected `@` only; write the value itself, as in $.items[?@.id == 7]"
    )]
    RootInFilter,
    /// It finds values many times.
    #[error(
        "a JSON path whose selectors come to more than {SELECTORS}: expected fewer; write a check for each"
    )]
    Selectors,
    /// It is nested.
    #[error(
        "a JSON path with brackets more than {DEEPEST} deep: expected fewer; write a check for each condition"
    )]
    Deep,
}

impl JsonPath {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, and what to write in its place.
    pub fn new(text: &str) -> Result<Self, JsonPathError> {
        check(text)?;
        let form = |error: serde_json_path::ParseError| JsonPathError::Form(error.to_string());
        let path = serde_json_path::JsonPath::parse(text).map_err(form)?;
        Ok(Self { text: text.to_owned(), path })
    }

    /// The values that it leads to.
    #[must_use]
    pub fn find<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        self.path.query(document).all()
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Holds a text to the bounds, before it is parsed: nothing is said of what else is wrong with it.
fn check(text: &str) -> Result<(), JsonPathError> {
    if text.len() > LONGEST {
        return Err(JsonPathError::Long(text.len()));
    }
    let mut bounds = Bounds::default();
    let mut quote = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match quote {
            Some(_) if c == '\\' => drop(rest.next()),
            Some(end) if c == end => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None => bounds.take(c)?,
        }
    }
    Ok(())
}

/// What a path comes to, as far as it was read.
#[derive(Default)]
struct Bounds {
    last: Option<char>,
    descents: usize,
    /// The selectors of each bracket that is open; nothing for a parenthesis.
    open: Vec<Option<usize>>,
    /// Those of the brackets that are closed, with one another.
    selectors: usize,
}

impl Bounds {
    fn take(&mut self, c: char) -> Result<(), JsonPathError> {
        if c == '.' && self.last == Some('.') {
            self.descents += 1;
        }
        match c {
            '[' => self.open.push(Some(1)),
            '(' => self.open.push(None),
            ',' => self.open.last_mut().into_iter().flatten().for_each(|count| *count += 1),
            ']' | ')' => self.close(),
            _ => {}
        }
        self.last = Some(c);
        match c {
            _ if self.descents > 1 => Err(JsonPathError::Descents),
            '$' if !self.open.is_empty() => Err(JsonPathError::RootInFilter),
            _ if self.selectors > SELECTORS => Err(JsonPathError::Selectors),
            _ if self.open.len() > DEEPEST => Err(JsonPathError::Deep),
            _ => Ok(()),
        }
    }

    fn close(&mut self) {
        if let Some(Some(count)) = self.open.pop() {
            self.selectors = self.selectors.max(1).saturating_mul(count);
        }
    }
}

impl Serialize for JsonPath {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for JsonPath {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_finds_values_over_and_over_is_refused() {
        let descents = JsonPathError::Descents;
        for (text, why) in [
            ("$..*..*..*..*", descents.clone()),
            ("$..a[?@..b]", descents.clone()),
            ("$[?@..a && @..b]", descents),
            ("$.a[?@ == $.b]", JsonPathError::RootInFilter),
            ("$.a[?count($..b) > 1]", JsonPathError::RootInFilter),
            ("$[*,*][*,*][*,*][*,*]", JsonPathError::Selectors),
            ("$[?@[0,0,0,0].a][1,1,1]", JsonPathError::Selectors),
            ("$[?@[?@[?@[?@[?@.a]]]]]", JsonPathError::Deep),
            (&format!("$.{}", "a".repeat(255)), JsonPathError::Long(257)),
        ] {
            assert_eq!(JsonPath::new(text), Err(why), "{text}");
        }
        assert!(matches!(JsonPath::new("up"), Err(JsonPathError::Form(_))));
    }

    #[test]
    fn a_path_as_people_write_them_leads_to_its_values() {
        let document = serde_json::json!({"a..b": [{"id": 7, "$": "[("}, {"id": 8, "$": ",,,,,,,,,"}]});
        for (text, found) in [
            ("$['a..b'][0].id", "[7]"),
            ("$..id", "[7,8]"),
            ("$[\"a..b\"][?@.id == 8].id", "[8]"),
            (r"$['a..b'][?@['$'] == '[('].id", "[7]"),
            (r"$['a..b'][?@['$'] == ',,,,,,,,,'].id", "[8]"),
            (r"$['a..b'][?@['$'] != '\'..$..'][0:2,-1]", "[]"),
            ("$['a..b'][?(@.id > 7 && (@.id < 9))].id", "[8]"),
        ] {
            let path = JsonPath::new(text).unwrap();
            assert_eq!(serde_json::to_string(&path.find(&document)).unwrap(), found, "{text}");
        }
    }

    /// What is allowed, on a document that is as wide and deep as one may be.
    #[test]
    fn what_is_found_does_not_grow_faster_than_the_document() {
        let deep = "[".repeat(100) + &"0,".repeat(10_000) + "0" + &"]".repeat(100);
        let document: Value = serde_json::from_str(&deep).unwrap();
        for text in ["$..*", "$..[*,*]", "$..[?@ == 0]", "$[?@..a]", "$.*.*.*"] {
            let found = JsonPath::new(text).unwrap().find(&document).len();
            assert!(found <= SELECTORS * 10_100, "{text}: {found}");
        }
    }
}
