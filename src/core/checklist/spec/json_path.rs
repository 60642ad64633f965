//! JSON paths that can be evaluated in limited time, for any document.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The maximum length of a path, in bytes. Limits its steps and comparisons.
const MAX_LENGTH: usize = 256;
/// The maximum product of the numbers of selectors in the path's brackets (`[0, 1]` has two): how often a value may be
/// found.
const MAX_SELECTORS: usize = 8;
/// The maximum nesting of brackets and parentheses: the parser tries several ways for each level.
const MAX_DEPTH: usize = 4;

/// A JSON path (RFC 9535).
///
/// An evaluation takes at most the path's length times the number of values in the document, times `MAX_SELECTORS`: a second
/// `..` would find each value once for every value above it, and a filter with `$` would search the whole document for
/// each of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    text: String,
    path: serde_json_path::JsonPath,
}

/// Why a text is not a JSON path, or not an accepted one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonPathError {
    /// It is not a JSON path.
    #[error("not a JSON path: {0}")]
    Form(String),
    /// It is too long.
    #[error(
        "a JSON path of {0} bytes: expected at most {MAX_LENGTH}; check parts of the document one by one"
    )]
    Long(usize),
    /// It has more than one descendant segment.
    #[error(
        "a JSON path with more than one `..`: expected at most one; write the keys between, as in $.items[*].name"
    )]
    Descents,
    /// A filter refers to the root of the document.
    #[error(
        "a JSON path with `$` in a filter: expected `@` only; write the value itself, as in $.items[?@.id == 7]"
    )]
    RootInFilter,
    /// It could find values many times.
    #[error(
        "a JSON path with more than {MAX_SELECTORS} combinations of selectors: expected fewer; write a check for each"
    )]
    Selectors,
    /// It is nested too deep.
    #[error(
        "a JSON path with brackets more than {MAX_DEPTH} deep: expected fewer; write a check for each condition"
    )]
    Deep,
}

impl JsonPath {
    /// Parses a path.
    ///
    /// # Errors
    /// Why it is not accepted, and what to write instead.
    pub fn new(text: &str) -> Result<Self, JsonPathError> {
        check(text)?;
        let form = |error: serde_json_path::ParseError| JsonPathError::Form(error.to_string());
        let path = serde_json_path::JsonPath::parse(text).map_err(form)?;
        Ok(Self { text: text.to_owned(), path })
    }

    /// The values that it selects.
    #[must_use]
    pub fn find<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        self.path.query(document).all()
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Checks the limits before the path is parsed.
fn check(text: &str) -> Result<(), JsonPathError> {
    if text.len() > MAX_LENGTH {
        return Err(JsonPathError::Long(text.len()));
    }
    let mut bounds = PathBounds::default();
    let mut quote = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match quote {
            Some(_) if c == '\\' => drop(rest.next()),
            Some(end) if c == end => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None => bounds.next(c)?,
        }
    }
    Ok(())
}

/// The size of a path, as far as it was read.
#[derive(Default)]
struct PathBounds {
    last: Option<char>,
    descents: usize,
    /// The number of selectors of each open bracket; none for a parenthesis.
    open: Vec<Option<usize>>,
    /// The product of the selectors of the closed brackets.
    selectors: usize,
}

impl PathBounds {
    fn next(&mut self, c: char) -> Result<(), JsonPathError> {
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
            _ if self.selectors > MAX_SELECTORS => Err(JsonPathError::Selectors),
            _ if self.open.len() > MAX_DEPTH => Err(JsonPathError::Deep),
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
    fn a_path_that_finds_values_repeatedly_is_rejected() {
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
    fn usual_paths_find_their_values() {
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
    fn results_grow_no_faster_than_the_document() {
        let deep = "[".repeat(100) + &"0,".repeat(10_000) + "0" + &"]".repeat(100);
        let document: Value = serde_json::from_str(&deep).unwrap();
        for text in ["$..*", "$..[*,*]", "$..[?@ == 0]", "$[?@..a]", "$.*.*.*"] {
            let found = JsonPath::new(text).unwrap().find(&document).len();
            assert!(found <= MAX_SELECTORS * 10_100, "{text}: {found}");
        }
    }
}
