//! Reads what the tools print as JSON. Pure.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::probes::error::ProbeError;

pub(super) fn unexpected_output(tool: &str, error: &serde_json::Error) -> ProbeError {
    ProbeError::new(format!("the output is not a change set of {tool}: {error}"))
}

/// The one JSON object in an output. Wrappers print lines of their own before and after it; hashicorp/setup-terraform
/// prints `[command]…`. All of the output where there is not exactly one object.
pub(super) fn json_object(printed: &[u8]) -> &[u8] {
    let printed = printed.strip_prefix(b"\xef\xbb\xbf").unwrap_or(printed);
    let Some(begin) = line_with_brace(printed) else { return printed };
    let mut objects = serde_json::Deserializer::from_slice(&printed[begin..]).into_iter::<IgnoredAny>();
    let is_object = objects.next().is_some_and(|object| object.is_ok());
    let end = begin + objects.byte_offset();
    if is_object && line_with_brace(&printed[end..]).is_none() { &printed[begin..end] } else { printed }
}

/// Where the first line begins that starts with a brace.
fn line_with_brace(printed: &[u8]) -> Option<usize> {
    let is_begin = |at: &usize| *at == 0 || printed[at - 1] == b'\n';
    (0..printed.len()).filter(|at| printed[*at] == b'{').find(is_begin)
}

/// A field that may be null: then it has its default.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A field where null differs from nothing.
#[derive(Debug, Default)]
pub(super) enum Field<T> {
    #[default]
    Missing,
    Null,
    There(T),
}

impl<T> Field<T> {
    pub(super) const fn present(&self) -> Option<&T> {
        if let Self::There(value) = self { Some(value) } else { None }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Null, Self::There))
    }
}

/// The first few of several names, and how many more there are.
pub(super) fn few<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MAX_NAMED: usize = 5;
    let names: Vec<&str> = names.collect();
    let first = names.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MAX_NAMED { format!("{first} and {} more", names.len() - MAX_NAMED) } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_around_the_object_are_skipped_and_nothing_else() {
        let cases: [(&str, &str, &str); 6] = [
            ("{\"a\": 1}\n", "{\"a\": 1}", "only an object"),
            ("\u{feff}{\n}", "{\n}", "a byte order mark"),
            (
                "[command]/bin/terraform-bin show\n{\n \"a\": {\n}\n}\n::debug::exited\n",
                "{\n \"a\": {\n}\n}",
                "a wrapper's lines",
            ),
            ("{\"a\": 1}\n{\"a\": 2}\n", "{\"a\": 1}\n{\"a\": 2}\n", "two objects: a stream of events"),
            ("<html>{}</html>", "<html>{}</html>", "a page"),
            ("{\"a\": ", "{\"a\": ", "broken off"),
        ];
        for (printed, object, why) in cases {
            assert_eq!(String::from_utf8_lossy(json_object(printed.as_bytes())), object, "{why}");
        }
    }
}
