//! Permissions: what a plan does on this machine and from it. Programs that run, secrets that are sent, directories whose
//! content runs, changes elsewhere. A person allows them before any of them is used.
//!
//! Ordinary probing (a request without a secret and without an effect) needs no permission.

mod paths;
mod release_placeholders;
mod specs;
mod tools;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::action::{Action, ActionCommand, ActionKey};
use super::notify::Notify;
use super::plan::{Plan, Probe};
use super::spec::TextOrSecret;
use crate::outcome::Sha256Hex;
use crate::secret::SecretRef;
use crate::text::shell_word;
pub use paths::BaseDirectories;
pub use release_placeholders::{fill_placeholders, not_allowed, with_placeholders};

/// The permissions of a plan, without duplicates, in a fixed order.
pub type Permissions = BTreeSet<Permission>;

/// One thing that a plan does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// A program runs.
    Runs(ProgramRun),
    /// A secret is read and sent.
    Sends(SecretTransfer),
    /// A tool runs the content of a directory or a file at that time.
    RunsContentOf(ContentRun),
    /// Something is changed elsewhere.
    Writes(RemoteChange),
}

/// A program that runs, and everything that determines what it does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramRun {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its working directory; by default the current one.
    pub directory: Option<String>,
    /// Its environment variables, as shell words: secrets as references.
    pub environment: BTreeMap<String, String>,
    /// Its standard input, in a few words.
    pub stdin: Option<String>,
    /// Its purpose: `probe infra.redis/ping`.
    pub purpose: String,
}

/// A secret that is read and sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretTransfer {
    /// Where it is sent.
    pub to: Destination,
    /// Where it comes from.
    pub secret: SecretRef,
}

/// Where something is sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// Scheme, host and port.
    pub address: String,
    /// Who else receives it, in a few words: servers that the first one names.
    pub besides: Option<String>,
    /// The proxy or the command that it is sent through, as shell words.
    pub through: Option<String>,
    /// The file of trusted root certificates instead of the system's.
    pub roots: Option<String>,
}

/// A tool that runs the content of a directory or a file at that time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentRun {
    /// The tool.
    pub tool: String,
    /// The directory or file.
    pub path: String,
}

/// A change elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteChange {
    /// Where.
    pub to: Destination,
    /// What, in a few words.
    pub what: String,
}

/// All permissions of a plan: its guards, its points' probes and actions, the rollback.
#[must_use]
pub fn permissions(plan: &Plan, places: &BaseDirectories) -> Permissions {
    let guards = plan.guards.iter().flat_map(|guard| of_probe(guard, "guard", &guard.id));
    let probes = plan.points().flat_map(|point| {
        let id = |probe: &Probe| format!("{}/{}", point.id, probe.id);
        point.probes.iter().flat_map(move |probe| of_probe(probe, "probe", &id(probe)))
    });
    let actions = plan.actions().flat_map(|(key, action)| of_action(&key, action));
    guards.chain(probes).chain(actions).map(|permission| places.relativize(permission)).collect()
}

/// The permissions of a profile's notifications.
#[must_use]
pub fn notify_permissions(notify: &[Notify], places: &BaseDirectories) -> Permissions {
    notify.iter().flat_map(of_notify).map(|permission| places.relativize(permission)).collect()
}

fn of_notify(notify: &Notify) -> Vec<Permission> {
    let Some(url) = &notify.url else {
        let mut permissions = program_run(&notify.command, None, &BTreeMap::new(), "notification");
        if let Some(Permission::Runs(run)) = permissions.first_mut() {
            run.stdin = Some("what the run needs or has ended, as JSON".into());
        }
        return permissions;
    };
    let to = Destination::at(url);
    let secrets = notify.secret.iter().flat_map(|secret| specs::send(secret, &to)).collect::<Vec<_>>();
    let change = RemoteChange { to, what: "a notification of what the run needs or has ended".into() };
    [Permission::Writes(change)].into_iter().chain(secrets).collect()
}

/// SHA-256 of permissions, for `--trust`.
#[must_use]
pub fn digest(permissions: &Permissions) -> Sha256Hex {
    // They can always be written as JSON: no floats, no maps with other keys than strings.
    let json = serde_json::to_vec(permissions).unwrap_or_default();
    Sha256Hex::of(&[b"gonogo permissions 1\n".as_slice(), &json].concat())
}

fn of_probe(probe: &Probe, what: &str, id: &str) -> Vec<Permission> {
    let purpose = purpose(what, id);
    probe.spec.as_ref().map(|spec| specs::of_spec(spec, probe.effects, &purpose)).unwrap_or_default()
}

fn of_action(key: &ActionKey, action: &Action) -> Vec<Permission> {
    let checks =
        action.checks.iter().flat_map(|check| of_probe(check, "check", &format!("{key}/{}", check.id)));
    let key = key.to_string();
    action.program.iter().flat_map(|program| of_program(program, &key)).chain(checks).collect()
}

fn of_program(program: &ActionCommand, key: &str) -> Vec<Permission> {
    let ActionCommand { argv, cwd, env, dry_run } = program;
    let runs = |argv: &[String], what: &str| program_run(argv, cwd.as_deref(), env, &purpose(what, key));
    let mut permissions = runs(argv, "action");
    if !dry_run.is_empty() {
        permissions.extend(runs(dry_run, "dry run of"));
    }
    permissions
}

/// The permissions for a program: itself, the content that it is known to run, and the commands of its secrets.
fn program_run(
    argv: &[String],
    directory: Option<&str>,
    env: &BTreeMap<String, TextOrSecret>,
    purpose: &str,
) -> Vec<Permission> {
    let secrets = env.values().filter_map(TextOrSecret::secret).flat_map(secret_command);
    let environment = env.iter().map(|(name, value)| (name.clone(), value.shell_word())).collect();
    let runs = ProgramRun {
        argv: argv.to_vec(),
        // By default the current directory: another one contains other files.
        directory: Some(directory.unwrap_or(".").to_owned()),
        environment,
        stdin: None,
        purpose: purpose.to_owned(),
    };
    let content = tools::content(argv, directory);
    [Permission::Runs(runs)].into_iter().chain(content).chain(secrets).collect()
}

/// The permissions for the command of a secret, if it has one.
fn secret_command(secret: &SecretRef) -> Vec<Permission> {
    match secret {
        SecretRef::Env(_) | SecretRef::File(_) => Vec::new(),
        SecretRef::Command(argv) => program_run(argv, None, &BTreeMap::new(), "reading a secret"),
    }
}

/// The purpose of a program. Quotes the id: it comes from a file.
fn purpose(what: &str, id: &str) -> String {
    format!("{what} {}", shell_word(id))
}

impl Permission {
    /// The permission with every text mapped; `path` maps those that are paths.
    fn mapped(self, text: &dyn Fn(&str) -> String, path: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::Runs(runs) => Self::Runs(runs.mapped(text, path)),
            Self::Sends(SecretTransfer { to, secret }) => {
                let secret = match secret {
                    SecretRef::Env(name) => SecretRef::Env(text(&name)),
                    SecretRef::File(file) => SecretRef::File(path(&file)),
                    SecretRef::Command(argv) => {
                        SecretRef::Command(argv.iter().map(|word| text(word)).collect())
                    }
                };
                Self::Sends(SecretTransfer { to: to.mapped(text, path), secret })
            }
            Self::RunsContentOf(ContentRun { tool, path: at }) => {
                Self::RunsContentOf(ContentRun { tool: text(&tool), path: path(&at) })
            }
            Self::Writes(RemoteChange { to, what }) => {
                Self::Writes(RemoteChange { to: to.mapped(text, path), what: text(&what) })
            }
        }
    }
}

impl ProgramRun {
    fn mapped(self, text: &dyn Fn(&str) -> String, path: &dyn Fn(&str) -> String) -> Self {
        let Self { argv, directory, environment, stdin, purpose } = self;
        // A program's path is looked up from the directory that it runs in.
        let word = |(index, word): (usize, &String)| {
            let is_path = index == 0 && word.contains('/') && (directory.is_none() || word.starts_with('/'));
            if is_path { path(word) } else { text(word) }
        };
        Self {
            argv: argv.iter().enumerate().map(word).collect(),
            directory: directory.as_deref().map(path),
            environment: environment.iter().map(|(name, value)| (text(name), text(value))).collect(),
            stdin: stdin.as_deref().map(text),
            purpose: text(&purpose),
        }
    }
}

impl Destination {
    fn mapped(self, text: &dyn Fn(&str) -> String, path: &dyn Fn(&str) -> String) -> Self {
        let Self { address, besides, through, roots } = self;
        Self {
            address: text(&address),
            besides,
            through: through.as_deref().map(text),
            roots: roots.as_deref().map(path),
        }
    }
}

#[cfg(test)]
mod tests;
