//! Profiles: the values of one environment, and how it tailors the checklist.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::file::{ActionFile, DurationOrZero, PointFile, PositiveDuration, ProbeFile};
use super::literal_secrets::{has_password, is_secret_name};
use super::notify::Notify;
use super::plan::{Confirm, Contact, PointId, Rehearsal, Role};
use super::source::{KeyPath, PathStep, SourceFile, steps};
use super::spec::syntax::{self, Release};
use super::suggest::UNKNOWN_KEY;
use super::template::is_reference;
use crate::error::{Problem, Problems};
use crate::secret::SecretRef;

/// A profile file.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileFile {
    /// The environment's name.
    pub environment: String,
    /// Whether it is a production environment.
    #[serde(default)]
    pub production: bool,
    /// Whether one person may confirm for two.
    #[serde(default)]
    pub solo: bool,
    /// Present if it points to the stack of a rehearsal.
    pub rehearsal: Option<Rehearsal>,
    /// The required seals of a run.
    #[serde(default = "driver")]
    pub seals: Vec<Role>,
    /// The current release, or `none`; `--previous` takes precedence.
    #[serde(default, deserialize_with = "syntax::option::<Release, _>")]
    pub previous: Option<String>,
    /// A checklist file to use instead of the standard one, relative to the profile.
    pub checklist: Option<String>,
    /// The values for `{{ … }}` in probe specs.
    #[serde(default)]
    #[cfg_attr(
        any(test, feature = "testing"),
        schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")
    )]
    pub values: toml::Table,
    /// The contacts, shown in a rollback and on failed points.
    #[serde(rename = "contact", default)]
    pub contacts: Vec<Contact>,
    /// Changes to points.
    #[serde(default)]
    pub points: BTreeMap<PointId, PointOverrides>,
    /// Additional points.
    #[serde(rename = "point", default)]
    pub added_points: Vec<AddedPoint>,
    /// Guards: checks before each action.
    #[serde(rename = "guard", default)]
    pub guards: Vec<ProbeFile>,
    /// Steps of the rollback: they replace the checklist's with the same id, or follow them.
    #[serde(rename = "rollback", default)]
    pub rollback: Vec<ActionFile>,
    /// The notifications of a run.
    #[serde(default)]
    pub notify: Vec<Notify>,
}

fn driver() -> Vec<Role> {
    vec![Role::Driver]
}

/// The changes to one point. They can tighten it, never loosen it.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PointOverrides {
    /// A shorter freshness.
    pub fresh: Option<PositiveDuration>,
    /// More people.
    pub confirm: Option<Confirm>,
    /// Whether it becomes mandatory.
    pub mandatory: Option<bool>,
    /// Another deadline for its probes.
    pub deadline: Option<PositiveDuration>,
    /// Another number of retries for its probes.
    pub retries: Option<u32>,
    /// A shorter time for its probes that are retried until they pass.
    pub within: Option<PositiveDuration>,
    /// Another time for which its probes that wait for that must keep passing; a shorter one is refused in production.
    pub hold: Option<DurationOrZero>,
    /// Optional probes to leave out, and why.
    #[serde(default)]
    pub leave_out: BTreeMap<String, String>,
    /// Observations, by name, that people confirm where a probe cannot make them: a managed service that refuses to say.
    #[serde(default)]
    pub people: Vec<String>,
    /// Why it is not applicable in this environment.
    pub not_applicable: Option<String>,
    /// Another link to what to do.
    pub runbook: Option<String>,
    /// Others who can help with it, instead of the checklist's.
    pub contacts: Option<Vec<String>>,
    /// Whether it applies although the checklist disables it by default.
    #[serde(default)]
    pub applicable: bool,
    /// Additional probes.
    #[serde(rename = "probe", default)]
    pub probes: Vec<ProbeFile>,
    /// Actions: they replace the checklist's with the same id, or follow them.
    #[serde(rename = "action", default)]
    pub actions: Vec<ActionFile>,
}

/// An additional point.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddedPoint {
    /// The section to which it is added, at the end.
    pub section: String,
    /// The point.
    pub add: PointFile,
}

/// A profile file and its source.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its source.
    pub source: SourceFile,
    /// Its contents.
    pub file: ProfileFile,
}

impl Profile {
    /// Parses a profile.
    ///
    /// # Errors
    /// All problems of the file itself: syntax, keys, invalid names, secrets that are written out.
    pub fn parse(source: SourceFile) -> Result<Self, Problems> {
        let file: ProfileFile = source.parse().map_err(|problem| hint_at_values(problem, &source))?;
        let mut problems = Vec::new();
        if !is_name(&file.environment) {
            let what = "environment is also a directory name: expected letters, digits, '-', '_' or '.', not starting with '.'";
            problems.push(source.problem(&steps!["environment"], what));
        }
        if file.seals.is_empty() {
            problems.push(source.problem(&steps!["seals"], "seals is empty: expected at least \"driver\""));
        }
        for (index, notify) in file.notify.iter().enumerate() {
            problems.extend(notify.problems(index, &source));
        }
        let mut at = steps!["values"].to_vec();
        report_literal_secrets(&file.values, &mut at, &mut |path, what| {
            let hint =
                "use a reference instead: { env = \"NAME\" }, { file = \"/path\" } or { command = [\"…\"] }";
            problems.push(source.problem(path, what).hint(hint));
        });
        if problems.is_empty() { Ok(Self { source, file }) } else { Err(Problems(problems)) }
    }

    /// All secrets that it references, even if no probe uses them.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretRef> {
        let of_notify = self.file.notify.iter().filter_map(|notify| notify.secret.clone());
        self.file.values.values().flat_map(references).chain(of_notify).collect()
    }
}

/// A table beside `values` most likely belongs into it.
fn hint_at_values(problem: Problem, source: &SourceFile) -> Problem {
    let name = problem.what.strip_prefix(UNKNOWN_KEY).and_then(|rest| rest.split('`').next());
    let is_table = |name: &&str| {
        let document = source.text.parse::<toml::Table>().ok();
        document.and_then(|document| Some(document.get(*name)?.is_table())).unwrap_or_default()
    };
    match name.filter(is_table).filter(|_| problem.hint.is_none()) {
        Some(name) => {
            let hint = format!("values stand in [values.…]: [values.{name}]");
            problem.hint(hint)
        }
        None => problem,
    }
}

/// Whether an environment's name is valid as a directory name.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.len() <= 64 && !name.starts_with('.') && name.chars().all(plain)
}

/// All references in values, at any depth.
fn references(value: &toml::Value) -> Vec<SecretRef> {
    match value {
        toml::Value::Table(table) if is_reference(table) => value.clone().try_into().into_iter().collect(),
        toml::Value::Table(table) => table.values().flat_map(references).collect(),
        toml::Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// Reports secrets that are written out: a string under the name of a secret, or a URL with a password.
fn report_literal_secrets(table: &toml::Table, at: &mut KeyPath, report: &mut impl FnMut(&[PathStep], &str)) {
    for (key, value) in table {
        at.push(PathStep::Key(key.clone()));
        report_literal_secret(key, value, at, report);
        at.pop();
    }
}

fn report_literal_secret(
    key: &str,
    value: &toml::Value,
    at: &mut KeyPath,
    report: &mut impl FnMut(&[PathStep], &str),
) {
    match value {
        toml::Value::Table(table) if !is_reference(table) => report_literal_secrets(table, at, report),
        toml::Value::String(text) if is_secret_name(key) && !text.is_empty() => {
            report(at, &format!("a plaintext secret in {key}; expected a reference"));
        }
        toml::Value::String(text) if has_password(text) => {
            report(
                at,
                &format!("a plaintext password in the URL of {key}; user and password are separate values"),
            );
        }
        toml::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                at.push(PathStep::Index(index));
                report_literal_secret(key, item, at, report);
                at.pop();
            }
        }
        _ => {}
    }
}

/// A problem with a key of a point in the profile.
pub(super) fn problem_at_point(
    profile: &Profile,
    point: &str,
    key: &str,
    what: impl Into<String>,
) -> Problem {
    profile.source.problem(&steps!["points", point, key], what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        Profile::parse(SourceFile::new("p.toml", text)).unwrap_err().to_string()
    }

    #[test]
    fn secrets_written_out_are_found_and_not_repeated() {
        let message = problems(
            "environment = \"x\"\n[values]\nredis.password = \"hunter22\"\nq = [\"amqp://u:hunter22@h\"]\n\
             app.token = { env = \"T\" }\nmq.username = \"guest\"",
        );
        assert!(message.contains("p.toml:3:7: a plaintext secret in password"), "{message}");
        assert!(message.contains("p.toml:4:6: a plaintext password in the URL of q"), "{message}");
        assert!(!message.contains("hunter22") && message.matches("p.toml").count() == 2, "{message}");
    }

    #[test]
    fn an_environment_is_a_directory_name() {
        assert!(
            problems("environment = \"../x\"")
                .starts_with("p.toml:1:1: environment is also a directory name")
        );
        assert!(problems("environment = \"x\"\nseal = 1").contains("p.toml:2:1: unknown key `seal`"));
    }
}
