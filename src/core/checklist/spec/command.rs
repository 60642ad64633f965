//! The spec of the command probe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{JsonCheck, TextCheck, TextOrSecret};

/// A program, run without a shell, with the expected exit code and output.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandSpec {
    /// The program and its arguments.
    #[serde(deserialize_with = "not_empty")]
    pub argv: Vec<String>,
    /// Its working directory; by default gonogo's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Environment variables in addition to gonogo's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, TextOrSecret>,
    /// An address that the program takes from environment variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<CommandTarget>,
    /// Python modules that the interpreter `argv[0]` must find; `doctor` checks them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub python_modules: Vec<String>,
    /// The expected exit codes.
    #[serde(default = "success")]
    pub exit: Vec<i32>,
    /// What its exit codes mean, instead of `exit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_codes: Option<ExitCodes>,
    /// Checks of its standard output as text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stdout: Vec<TextCheck>,
    /// Checks of its standard output as JSON.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonCheck>,
    /// Messages that mean an error instead of a failure, if the exit code is not an expected one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_patterns: Vec<ErrorPattern>,
}

/// What the exit codes of a program mean.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExitCodes {
    /// Those of plugins of Nagios and Icinga: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN
    /// (<https://nagios-plugins.org/doc/guidelines.html#AEN78>).
    Nagios,
}

/// An address, and the environment variables that take its parts.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandTarget {
    /// The address, without a path.
    pub url: String,
    /// The variable of the host; brackets around an IPv6 address stay.
    pub host: String,
    /// The variable of the port.
    pub port: String,
    /// The schemes that the program can use.
    pub schemes: Vec<String>,
}

impl CommandTarget {
    /// The variables and their values.
    ///
    /// # Errors
    /// Why the program cannot use the address.
    pub fn variables(&self) -> Result<[(String, String); 2], String> {
        if let Some(why) = self.unusable() {
            return Err(why);
        }
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let authority = rest.trim_end_matches('/');
        // The colons of an IPv6 address stand in brackets.
        let (host, port) = match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
            Some(parts) => parts,
            None => (authority, if scheme.eq_ignore_ascii_case("https") { "443" } else { "80" }),
        };
        Ok([(self.host.clone(), host.to_owned()), (self.port.clone(), port.to_owned())])
    }

    /// Why the program cannot use the address.
    #[must_use]
    pub fn unusable(&self) -> Option<String> {
        let Some((scheme, rest)) = self.url.split_once("://") else {
            return Some("it needs an address such as http://host:port".into());
        };
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        if !self.schemes.iter().any(|usable| usable.eq_ignore_ascii_case(scheme)) {
            return Some(format!("it uses {} only, and the address is {scheme}://", self.schemes.join(", ")));
        }
        let is_bare = path.is_empty() && !rest.contains(['@', '?', '#']);
        (!is_bare).then(|| "it takes a host and a port, and the address has more".into())
    }
}

impl CommandSpec {
    /// Why its settings contradict each other, with the key that is wrong.
    #[must_use]
    pub(in crate::checklist) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        if self.exit.is_empty() {
            return Some(("exit", "expected one or more exit codes"));
        }
        let is_default = self.exit == success();
        let what = "exit_codes = \"nagios\" says which exit codes are right: expected no `exit` beside it";
        (self.exit_codes.is_some() && !is_default).then_some(("exit", what))
    }
}

fn success() -> Vec<i32> {
    vec![0]
}

fn not_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let argv = Vec::<String>::deserialize(from)?;
    match argv.first() {
        Some(program) if !program.is_empty() => Ok(argv),
        _ => Err(serde::de::Error::custom("expected a program and its arguments, found none")),
    }
}

/// A message that means that a program could not check something: a probe error, not a failure.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorPattern {
    /// A part of its standard output or standard error.
    pub pattern: String,
    /// The meaning, and what to do.
    pub meaning: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_handed_over_in_parts() {
        let variables = |url: &str| {
            let target = CommandTarget {
                url: url.into(),
                host: "HOST".into(),
                port: "PORT".into(),
                schemes: vec!["http".into()],
            };
            target.variables().map(|parts| parts.map(|(name, value)| format!("{name}={value}")).join(" "))
        };
        for (url, parts) in [
            ("http://app:8004", "HOST=app PORT=8004"),
            ("http://app:8004/", "HOST=app PORT=8004"),
            ("http://app.example.org", "HOST=app.example.org PORT=80"),
            ("http://[::1]:8004", "HOST=[::1] PORT=8004"),
            ("http://[::1]", "HOST=[::1] PORT=80"),
        ] {
            assert_eq!(variables(url).as_deref(), Ok(parts), "{url}");
        }
        for (url, why) in [
            ("https://app", "it uses http only, and the address is https://"),
            ("http://app/realtime", "the address has more"),
            ("http://user@app", "the address has more"),
            ("app:8004", "an address such as"),
        ] {
            assert!(variables(url).unwrap_err().contains(why), "{url}");
        }
    }
}
