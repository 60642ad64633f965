//! The manual: topics in Markdown, compiled in. `gonogo help TOPIC` shows them; the man pages contain the same texts.
//!
//! A table between `<!-- NAME -->` and `<!-- /NAME -->` is one of the code: keys, states, settings of probes. A test
//! compares them, and writes them with `GONOGO_HELP=write`. This module has no texts of its own, and knows no command.

pub mod markdown;
pub mod plain;
pub mod roff;
#[cfg(test)]
mod tests;

/// A page of the manual.
#[derive(Clone, Copy, Debug)]
pub struct Topic {
    /// How it is asked for.
    pub name: &'static str,
    /// Its text, in Markdown: a title, then one sentence that says what it is about.
    pub text: &'static str,
}

macro_rules! topics {
    ($directory:literal: $($name:literal)*) => {
        &[$(Topic { name: $name, text: include_str!(concat!($directory, $name, ".md")) }),*]
    };
}

/// The topics, in the order in which they are listed.
pub const TOPICS: &[Topic] = topics!("":
    "start" "keys" "states" "profile" "checklist" "placeholders" "probes" "actions" "rollback" "rehearsal" "log" "trust"
    "ci" "settings" "files" "exit-codes" "contributing" "changelog");

/// One page per kind of probe.
pub const PROBES: &[Topic] = topics!("probes/":
    "http" "redis" "rabbitmq" "command" "git" "ci" "prometheus" "grafana" "jaeger" "otlp" "registry" "vault" "aws-secret"
    "origins" "cors" "headers" "token" "pipeline" "kubernetes" "iac" "scan" "contacts" "tcp" "tls" "dns");

/// What the page of a command, or of the program, says besides its options: examples first.
pub const COMMANDS: &[Topic] = topics!("commands/":
    "run" "abandon" "check" "rehearse" "status" "verify" "review" "report" "diff" "bundle" "doctor" "points" "new" "init"
    "help" "completions" "man" "gonogo");

impl Topic {
    /// The topic with a name.
    #[must_use]
    pub fn find(topics: &'static [Self], name: &str) -> Option<&'static Self> {
        topics.iter().find(|topic| topic.name == name)
    }

    /// Its first sentence, for lists.
    #[must_use]
    pub fn summary(&self) -> String {
        let paragraph = self.text.split("\n\n").nth(1).unwrap_or_default().replace('\n', " ");
        let end = paragraph.find(". ").map_or(paragraph.len(), |end| end + 1);
        paragraph[..end].trim().trim_end_matches(['.', ':']).replace('`', "")
    }

    /// One section: what follows a heading of the second level, up to the next one.
    #[must_use]
    pub fn section(&self, title: &str) -> Option<&'static str> {
        let mut sections = self.text.split("\n## ").skip(1);
        sections
            .find_map(|section| section.split_once('\n').filter(|(heading, _)| *heading == title))
            .map(|(_, body)| body)
    }
}
