//! Decodes the keys of a probe into its spec, and locates errors.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::source::{KeyPath, PathStep};
use super::spec::{ApiSpec, ProbeSpec, decode};
use super::suggest;
use super::template::name_at_start;

/// The kinds of probes.
pub(super) const KINDS: [&str; 25] = [
    "http",
    "redis",
    "rabbitmq",
    "command",
    "git",
    "ci",
    "prometheus",
    "grafana",
    "jaeger",
    "otlp",
    "registry",
    "vault",
    "origins",
    "cors",
    "headers",
    "token",
    "pipeline",
    "kubernetes",
    "iac",
    "aws-secret",
    "scan",
    "tcp",
    "tls",
    "dns",
    "contacts",
];

/// The spec of a probe of this kind.
///
/// # Errors
/// The key that is wrong, and why.
pub(super) fn decode_spec(kind: &str, table: toml::Value) -> Result<ProbeSpec, (KeyPath, String)> {
    let spec = decode_as(kind, table)?;
    check_addresses(&spec)?;
    check_contradiction(&spec)?;
    Ok(spec)
}

/// The first unknown key of a probe, if some of its values are missing: the values are not checked.
pub(super) fn unknown_key(kind: &str, with: &toml::Table) -> Option<(KeyPath, String)> {
    with.iter().find_map(|(key, value)| {
        let alone = [(key.clone(), value.clone())].into_iter().collect();
        let (path, what) = decode_as(kind, without_marks(toml::Value::Table(alone))).err()?;
        suggest::is_unknown_key(&what).then_some((path, what))
    })
}

/// A table without the marks of optional keys.
fn without_marks(value: toml::Value) -> toml::Value {
    match value {
        toml::Value::Table(table) => {
            let plain =
                |(key, value): (String, _)| (key.trim_end_matches('?').to_owned(), without_marks(value));
            toml::Value::Table(table.into_iter().map(plain).collect())
        }
        toml::Value::Array(items) => toml::Value::Array(items.into_iter().map(without_marks).collect()),
        other => other,
    }
}

/// Separate from decoding: a log may hold a spec of a version with other rules.
fn check_addresses(spec: &ProbeSpec) -> Result<(), (KeyPath, String)> {
    for (path, url, [plain, secure]) in addresses(spec) {
        let rest = url.split_once("://").filter(|(scheme, _)| [plain, secure].contains(scheme));
        if rest.is_none_or(|(_, rest)| rest.is_empty() || rest.starts_with(['/', ':'])) {
            // Without the path, which the checklist appends, and without a password.
            let shown = if url.contains("://") { url } else { url.split('/').next().unwrap_or_default() };
            let found = if url.contains('@') { "a user in it".into() } else { format!("{shown:?}") };
            let what =
                format!("expected an address such as {plain}://host:port or {secure}://host, found {found}");
            return Err((path.iter().map(|key| PathStep::from(*key)).collect(), what));
        }
    }
    Ok(())
}

/// Separate from decoding for the same reason.
fn check_contradiction(spec: &ProbeSpec) -> Result<(), (KeyPath, String)> {
    let wrong = spec.contradiction();
    wrong.map_or(Ok(()), |(key, what)| Err((vec![PathStep::from(key)], what.to_owned())))
}

/// The path of an address in a spec, the address, and its schemes without and with TLS.
type AddressField<'a> = (&'static [&'static str], &'a str, [&'static str; 2]);

fn addresses(spec: &ProbeSpec) -> Vec<AddressField<'_>> {
    const HTTP: [&str; 2] = ["http", "https"];
    const CI: &[&str] = &["source"];
    fn api(api: &ApiSpec) -> Vec<AddressField<'_>> {
        vec![(&["api", "url"], &api.url, HTTP)]
    }
    match spec {
        ProbeSpec::Http(spec) => vec![(&["url"], &spec.url, HTTP)],
        ProbeSpec::Redis(spec) => vec![(&["url"], &spec.url, ["redis", "rediss"])],
        ProbeSpec::Rabbitmq(spec) => {
            let management = spec.management.iter().map(|url| (&["management"] as &[_], url.as_str(), HTTP));
            let own = (&["url"] as &[_], spec.url.as_str(), ["amqp", "amqps"]);
            std::iter::once(own).chain(management).collect()
        }
        ProbeSpec::Ci(spec) => spec.api().map(|api| (CI, api.url.as_str(), HTTP)).into_iter().collect(),
        ProbeSpec::Otlp(spec) => vec![(&["endpoint"], &spec.endpoint, HTTP)],
        ProbeSpec::Prometheus(spec) => api(&spec.api),
        ProbeSpec::Grafana(spec) => api(&spec.api),
        ProbeSpec::Jaeger(spec) => api(&spec.api),
        ProbeSpec::Registry(spec) => api(&spec.api),
        ProbeSpec::Vault(spec) => api(&spec.api),
        ProbeSpec::Cors(spec) => api(&spec.api),
        ProbeSpec::Headers(spec) => api(&spec.api),
        ProbeSpec::Token(spec) => api(&spec.api),
        ProbeSpec::Pipeline(spec) => api(&spec.api),
        ProbeSpec::Iac(_)
        | ProbeSpec::AwsSecret(_)
        | ProbeSpec::Command(_)
        | ProbeSpec::Git(_)
        | ProbeSpec::Kubernetes(_)
        | ProbeSpec::Origins(_)
        | ProbeSpec::Scan(_)
        | ProbeSpec::Tcp(_)
        | ProbeSpec::Tls(_)
        | ProbeSpec::Dns(_)
        | ProbeSpec::Contacts(_) => Vec::new(),
    }
}

/// Decodes a table.
///
/// # Errors
/// The key that is wrong, and why.
pub(super) fn decode_table<T: DeserializeOwned>(table: toml::Value) -> Result<T, (KeyPath, String)> {
    decode(json(table)).map_err(|(path, what)| (path, suggest::explain(&what)))
}

fn decode_as(kind: &str, table: toml::Value) -> Result<ProbeSpec, (KeyPath, String)> {
    ProbeSpec::decode(kind, json(table)).map_err(|(path, what)| (path, suggest::explain(&what)))
}

/// The same value as JSON, so that each spec has one decoder, also when it is read from a log. A date is its text.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(key, value)| (key, json(value))).collect(),
    }
}

/// The name of the value that a path points to, if the text there is or begins with `{{ name }}`.
pub(super) fn value_name<'a>(with: &'a toml::Table, steps: &[PathStep]) -> Option<&'a str> {
    let (PathStep::Key(first), rest) = steps.split_first()? else { return None };
    let mut value = with.get(first).or_else(|| with.get(&format!("{first}?")))?;
    for step in rest {
        value = match (step, value) {
            (PathStep::Key(key), toml::Value::Table(table)) => {
                table.get(key).or_else(|| table.get(&format!("{key}?")))?
            }
            (PathStep::Index(index), toml::Value::Array(items)) => items.get(*index)?,
            _ => break,
        };
    }
    name_at_start(value.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_contradict_each_other_are_rejected() {
        let read = |kind: &str, with: &str| {
            let with: toml::Table = with.parse().unwrap();
            decode_spec(kind, toml::Value::Table(with)).map(|_| ())
        };
        for (kind, with, key) in [
            ("command", "argv = ['x']\nexit = [0, 1]\nexit_codes = 'nagios'", "exit"),
            ("command", "argv = ['x']\nexit = []", "exit"),
            ("http", "url = 'http://h'\nredirects = 1\nvia = { exec = ['ssh', 'h'] }", "redirects"),
            ("http", "url = 'http://h'\nstatus = []", "status"),
            (
                "ci",
                "repository = '.'\ntag = 't'\nsource = { github = { project = 'a/b', checks = [] } }",
                "source",
            ),
            (
                "ci",
                "repository = '.'\ntag = 't'\nsource = { gitlab = { project = 'a/b', checks = [] } }",
                "source",
            ),
            ("jaeger", "api = { url = 'http://h' }\nservice = 's'\nroutes = []", "routes"),
            (
                "kubernetes",
                "context = 'c'\nnamespace = 'n'\nsettings = { deployments = [], values = { X = '1' } }",
                "settings",
            ),
            (
                "kubernetes",
                "context = 'c'\nnamespace = 'n'\nsettings = { deployments = ['a'], values = {} }",
                "settings",
            ),
            ("tcp", "host = 'h'\nport = 1\nsend = 'x'", "send"),
            ("dns", "name = 'a.b'\nvalues = ['1.2.3.4']\ncount = 1", "count"),
            ("dns", "name = 'a.b'\nvalues = []", "values"),
        ] {
            assert_eq!(read(kind, with).unwrap_err().0, [PathStep::from(key)], "{with}");
        }
        for (kind, with) in [
            ("command", "argv = ['x']\nexit_codes = 'nagios'"),
            ("http", "url = 'http://h'\nredirects = 1\nvia = { proxy = 'http://p:1' }"),
            ("http", "url = 'http://h'\nvia = { exec = ['ssh', 'h'] }"),
            ("ci", "repository = '.'\ntag = 't'\nsource = { junit = { report = 'r' } }"),
            ("jaeger", "api = { url = 'http://h' }\nservice = 's'\nroutes = ['/']"),
            ("tcp", "host = 'h'\nport = 1\nsend = 'x'\nexpect = [{ contains = 'y' }]"),
            ("tls", "host = 'h'"),
            ("dns", "name = 'a.b'\ntype = 'AAAA'\ncount = 0"),
        ] {
            assert_eq!(read(kind, with), Ok(()), "{with}");
        }
    }

    #[test]
    fn only_known_kinds_are_read() {
        let read = |kind: &str| decode_as(kind, toml::Value::Table(toml::Table::new()));
        let is_unknown = |kind| read(kind).is_err_and(|(_, what)| what.contains("unknown probe kind"));
        assert!(!KINDS.into_iter().any(is_unknown));
        assert!(is_unknown("htp"));
        for (kind, spec) in KINDS.iter().filter_map(|kind| Some((kind, read(kind).ok()?))) {
            assert_eq!(spec.kind(), *kind);
        }
    }
}
