//! Notifications that something in a run needs a person or has ended. They carry ids, never evidence.

use serde::{Deserialize, Serialize};

use super::literal_secrets::has_password;
use super::source::{SourceFile, steps};
use crate::error::Problem;
use crate::secret::SecretRef;

/// What a notification is about.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotifyEvent {
    /// A point needs a confirmation.
    NeedsConfirmation,
    /// An action has not succeeded.
    ActionFailed,
    /// A verdict was recorded.
    Verdict,
    /// A seal was set.
    Sealed,
}

/// A `[[notify]]` of a profile.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// What is sent.
    pub on: Vec<NotifyEvent>,
    /// The program that gets it as JSON on its standard input.
    #[serde(default)]
    pub command: Vec<String>,
    /// The address that it is posted to as JSON.
    pub url: Option<String>,
    /// Sent to that address as `Authorization: Bearer …`.
    pub secret: Option<SecretRef>,
}

impl Notify {
    /// Where it is sent, for people.
    #[must_use]
    pub fn target(&self) -> &str {
        self.url.as_deref().or(self.command.first().map(String::as_str)).unwrap_or_default()
    }

    /// The problems of the nth one of a profile.
    pub(super) fn problems(&self, index: usize, source: &SourceFile) -> Vec<Problem> {
        let problem = |key: &str, what: &str| source.problem(&steps!["notify", index, key], what);
        let mut problems = Vec::new();
        if self.on.is_empty() {
            let what = "on is empty: expected needs-confirmation, action-failed, verdict or sealed";
            problems.push(problem("on", what));
        }
        match (&self.url, self.command.as_slice()) {
            (Some(_), [_, ..]) => problems.push(problem("url", "both url and command: expected one of them")),
            (None, []) => problems.push(problem("on", "neither url nor command: expected one of them")),
            (None, [program, ..]) if program.is_empty() => {
                problems.push(problem("command", "expected a program and its arguments, found none"));
            }
            (Some(url), _) if !url.starts_with("https://") && !url.starts_with("http://") => {
                problems.push(problem("url", "expected an address such as https://host/path"));
            }
            (Some(url), _) if has_password(url) => {
                problems.push(problem("url", "a plaintext password in url; expected a reference in secret"));
            }
            _ => {}
        }
        if self.secret.is_some() && self.url.is_none() {
            problems.push(problem("secret", "secret is sent to a url, and there is none"));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use crate::checklist::{Profile, SourceFile};

    #[test]
    fn a_notification_has_events_and_one_target() {
        for (text, expected) in [
            ("on = [\"verdict\", \"sealed\"]\ncommand = [\"mail-it\"]", None),
            ("on = [\"needs-confirmation\"]\nurl = \"https://h/p\"\nsecret = { env = \"T\" }", None),
            ("on = []\ncommand = [\"x\"]", Some("p.toml:3:1: on is empty")),
            ("on = [\"verdict\"]", Some("neither url nor command")),
            ("on = [\"verdict\"]\nurl = \"https://h\"\ncommand = [\"x\"]", Some("both url and command")),
            ("on = [\"verdict\"]\ncommand = [\"\"]", Some("p.toml:4:1: expected a program")),
            (
                "on = [\"verdict\"]\nurl = \"hooks.example\"",
                Some("expected an address such as https://host/path"),
            ),
            ("on = [\"verdict\"]\nurl = \"https://u:pw@h/\"", Some("a plaintext password in url")),
            ("on = [\"verdict\"]\ncommand = [\"x\"]\nsecret = { env = \"T\" }", Some("there is none")),
            ("on = [\"passed\"]\ncommand = [\"x\"]", Some("`passed`")),
            ("on = [\"verdict\"]\ncommands = [\"x\"]", Some("`commands`")),
        ] {
            let text = format!("environment = \"e\"\n[[notify]]\n{text}\n");
            let parsed = Profile::parse(SourceFile::new("p.toml", text.clone()));
            match (parsed, expected) {
                (Ok(profile), None) => assert_eq!(profile.file.notify.len(), 1),
                (Err(problems), Some(expected)) => {
                    let problems = problems.to_string();
                    assert!(problems.contains(expected) && !problems.contains("u:pw"), "{text}: {problems}");
                }
                (parsed, _) => panic!("{text}: {parsed:?}"),
            }
        }
    }
}
