//! From the keys of a probe to its spec: shapes, addresses, and where in which file something does not fit.

use serde::de::DeserializeOwned;

use super::fill::name_at_start;
use super::profile::has_password;
use super::source::{Path, Step};
use super::spec::{Spec, Unavailable};

/// The spec of a probe of this kind.
///
/// # Errors
/// Which key does not fit, and why.
pub(super) fn spec(kind: &str, table: toml::Value) -> Result<Spec, (Path, String)> {
    let spec = match kind {
        "http" => decode(table).map(Spec::Http),
        "redis" => decode(table).map(Spec::Redis),
        "rabbitmq" => decode(table).map(Spec::Rabbitmq),
        "command" => decode(table).map(Spec::Command),
        "git" => decode(table).map(Spec::Git),
        kind => Ok(Spec::Unavailable(Unavailable { kind: kind.to_owned() })),
    }?;
    check_addresses(&spec)?;
    Ok(spec)
}

/// Not part of reading a spec: a log may hold one that was made when the rules were others.
fn check_addresses(spec: &Spec) -> Result<(), (Path, String)> {
    let addresses = match spec {
        Spec::Http(spec) => vec![("url", Some(&spec.url), ["http", "https"])],
        Spec::Redis(spec) => vec![("url", Some(&spec.url), ["redis", "rediss"])],
        Spec::Rabbitmq(spec) => vec![
            ("url", Some(&spec.url), ["amqp", "amqps"]),
            ("management", spec.management.as_ref(), ["http", "https"]),
        ],
        Spec::Command(_) | Spec::Git(_) | Spec::Unavailable(_) => Vec::new(),
    };
    for (key, url, [plain, secure]) in addresses {
        let Some(url) = url else { continue };
        let rest = url.split_once("://").filter(|(scheme, _)| [plain, secure].contains(scheme));
        if rest.is_none_or(|(_, rest)| rest.is_empty() || rest.starts_with(['/', ':'])) {
            // Without the path, which the checklist adds.
            let found = if url.contains("://") { url } else { url.split('/').next().unwrap_or_default() };
            let what = format!(
                "expected an address such as {plain}://host:port or {secure}://host, found {found:?}"
            );
            return Err((vec![Step::from(key)], what));
        }
    }
    Ok(())
}

fn decode<T: DeserializeOwned>(table: toml::Value) -> Result<T, (Path, String)> {
    serde_path_to_error::deserialize(table).map_err(|error| {
        let steps = error.path().iter().filter_map(|segment| match segment {
            serde_path_to_error::Segment::Seq { index } => Some(Step::Index(*index)),
            serde_path_to_error::Segment::Map { key } => Some(Step::Key(key.clone())),
            _ => None,
        });
        (steps.collect(), error.inner().message().trim_end().to_owned())
    })
}

/// The value's name, where the first steps of a path lead to `{{ name }}`, or to what begins with it.
pub(super) fn taken_over<'a>(with: &'a toml::Table, steps: &[Step]) -> Option<&'a str> {
    let (Step::Key(first), rest) = steps.split_first()? else { return None };
    let mut value = with.get(first).or_else(|| with.get(&format!("{first}?")))?;
    for step in rest {
        value = match (step, value) {
            (Step::Key(key), toml::Value::Table(table)) => table.get(key)?,
            (Step::Index(index), toml::Value::Array(items)) => items.get(*index)?,
            _ => break,
        };
    }
    name_at_start(value.as_str()?)
}

pub(super) fn url_with_password(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) if has_password(text) => {
            Some("a password is written out in a URL; user and password are keys of their own".to_owned())
        }
        toml::Value::Array(items) => items.iter().find_map(url_with_password),
        toml::Value::Table(table) => table.values().find_map(url_with_password),
        _ => None,
    }
}
