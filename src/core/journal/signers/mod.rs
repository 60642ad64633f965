//! `allowed_signers`: the trusted signers, read as OpenSSH's `ssh-keygen -Y verify` does.
//!
//! This accepts what OpenSSH accepts from a line, or less. A line that is not understood, or that trusts more than one
//! person by name and key, is ignored and reported; other lines are not affected.

mod line;
mod pattern;
mod time;

use std::collections::{BTreeMap, BTreeSet};

pub use self::line::IgnoredReason;
use self::line::{SignerLine, SignerOptions};
use super::entry::{MACHINE, entry_namespace};
use super::keys;
use super::public_key::KeyIdentity;
use super::revoked::RevokedKeys;
use super::sshsig::public_line;
use crate::error::SourceLocation;
use crate::text::line;
use crate::time::Utc;

/// How many ignored lines are listed.
const MAX_LISTED: usize = 100;

/// A key of a trusted signer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AllowedKey {
    key: String,
    /// The list of names and patterns of its owner.
    principals: String,
    options: SignerOptions,
    revoked: bool,
}

/// An ignored line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}: this line is ignored", file = place.file, line = place.line)]
pub struct IgnoredLine {
    /// Where it is.
    pub place: SourceLocation,
    /// Why it is ignored.
    pub reason: IgnoredReason,
}

/// The trusted signers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    /// The lines of each key.
    keys: BTreeMap<String, Vec<AllowedKey>>,
    ignored: Vec<IgnoredLine>,
    /// How many ignored lines are not listed.
    unlisted: usize,
    revoked: RevokedKeys,
    /// Whether only rehearsals are accepted.
    only_rehearsals: bool,
    /// Whether every signer is trusted.
    trusts_everybody: bool,
}

/// Why a signature is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistrustError {
    /// The name is unknown.
    #[error("{0} is not among the allowed signers")]
    UnknownSigner(String),
    /// The name has another key.
    #[error("the key that signed for {0} is not the one that the allowed signers have for that name")]
    OtherKey(String),
    /// The line does not allow this namespace.
    #[error("the allowed signers do not allow {0} to sign under {1}")]
    Namespace(String, String),
    /// The key is revoked.
    #[error("the key of {0} is revoked: its signatures are not valid, whenever they were made")]
    Revoked(String),
    /// It was signed before the key was valid.
    #[error("{0}'s key was not valid yet at {1}")]
    TooEarly(String, Utc),
    /// It was signed after the key was valid.
    #[error("{0}'s key was no longer valid at {1}")]
    TooLate(String, Utc),
}

impl AllowedSigners {
    /// Reads an `allowed_signers` file. Ignored lines are listed in [`Self::ignored`].
    #[must_use]
    pub fn parse(name: &str, content: impl AsRef<[u8]>) -> Self {
        let mut reading = SignersParser::default();
        for (number, line) in (1..).zip(content.as_ref().split_inclusive(|byte| *byte == b'\n')) {
            match line::parse(line) {
                Ok(None) => {}
                Ok(Some(line)) => reading.add(number, line),
                Err(reason) => reading.ignore(number, reason),
            }
        }
        reading.finish(name)
    }

    /// The ignored lines with their reasons, in order, up to a readable number.
    #[must_use]
    pub fn ignored(&self) -> &[IgnoredLine] {
        &self.ignored
    }

    /// The warnings about ignored lines: one for each, and one for those that are not listed.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let more = (self.unlisted > 0).then(|| format!("{} more lines are ignored", self.unlisted));
        self.ignored.iter().map(ToString::to_string).chain(more).collect()
    }

    /// Why no line names a trusted signer: the first reason, and how many other lines are ignored. `None` if one does.
    #[must_use]
    pub fn why_unusable(&self) -> Option<String> {
        if !self.keys.is_empty() {
            return None;
        }
        let Some(first) = self.ignored.first() else { return Some("it names nobody".to_owned()) };
        let others = match self.ignored.len() - 1 + self.unlisted {
            // Every line of a file in UTF-16 has the same reason.
            others if others == 0 || first.reason == IgnoredReason::Utf16 => String::new(),
            others => format!("; other ignored lines: {others}"),
        };
        Some(format!("line {}: {}{others}", first.place.line, first.reason))
    }

    /// These people with these keys (`ssh-ed25519 AAAA…`), and no others. Nobody has a name that is a pattern.
    #[must_use]
    pub fn of_people<'a>(people: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let people = people.filter(|(principal, _)| !pattern::is_list(principal));
        let lines: Vec<String> = people.map(|(principal, key)| format!("{principal} {key}\n")).collect();
        Self::parse("roster", lines.concat())
    }

    /// The same signers, without revoked keys.
    #[must_use]
    pub fn with_revoked(mut self, revoked: RevokedKeys) -> Self {
        for allowed in self.keys.values_mut().flatten() {
            allowed.revoked = revoked.contains(&allowed.key);
        }
        Self { revoked, ..self }
    }

    /// The same signers, for rehearsals only.
    #[must_use]
    pub fn for_rehearsals(self) -> Self {
        Self { only_rehearsals: true, ..self }
    }

    /// Every operator of a rehearsal, for its keys are generated and prove nothing.
    #[must_use]
    pub fn any_rehearsal() -> Self {
        Self { only_rehearsals: true, trusts_everybody: true, ..Self::default() }
    }

    /// Whether they are trusted only in rehearsals.
    #[must_use]
    pub const fn is_for_rehearsals(&self) -> bool {
        self.only_rehearsals
    }

    /// The key with this fingerprint (`SHA256:…`), if its owner may sign at this time.
    ///
    /// # Errors
    /// When no signer has it, or its owner may not sign.
    pub fn key_of(&self, fingerprint: &str, at: Utc) -> Result<&str, DistrustError> {
        let mut refusal = DistrustError::UnknownSigner(line(fingerprint));
        let keys = self.keys.iter().filter(|(key, _)| keys::fingerprint(key).as_deref() == Some(fingerprint));
        for allowed in keys.flat_map(|(_, lines)| lines) {
            match allowed.check(&allowed.principals, entry_namespace(self.only_rehearsals), at) {
                Ok(()) => return Ok(&allowed.key),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    /// Checks whether a key may sign for a name, under a namespace, at a time.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, principal: &str, key: &str, namespace: &str, at: Utc) -> Result<(), DistrustError> {
        let lines = self.keys.get(key).into_iter().flatten();
        let mut refusal = None;
        for allowed in lines.filter(|allowed| allowed.names(principal)) {
            match allowed.check(principal, namespace, at) {
                Ok(()) => return Ok(()),
                Err(why) => refusal = Some(why),
            }
        }
        match refusal {
            Some(why) => Err(why),
            None if self.revoked.contains(key) => Err(DistrustError::Revoked(principal.to_owned())),
            None if self.trusts_everybody => Ok(()),
            None if self.knows(principal) => Err(DistrustError::OtherKey(principal.to_owned())),
            None => Err(DistrustError::UnknownSigner(principal.to_owned())),
        }
    }

    /// Whether any line names a principal.
    fn knows(&self, principal: &str) -> bool {
        self.keys.values().flatten().any(|allowed| allowed.names(principal))
    }
}

impl AllowedKey {
    /// Whether its line names a principal, as `ssh-keygen -Y verify` matches it. Nobody has the name of automatic entries.
    fn names(&self, principal: &str) -> bool {
        principal != MACHINE && pattern::list_matches(&self.principals, principal)
    }

    fn check(&self, principal: &str, namespace: &str, at: Utc) -> Result<(), DistrustError> {
        let name = principal.to_owned();
        let SignerOptions { namespaces, after, before, .. } = &self.options;
        if self.revoked {
            return Err(DistrustError::Revoked(name));
        }
        if namespaces.as_ref().is_some_and(|list| !pattern::list_matches(list, namespace)) {
            return Err(DistrustError::Namespace(name, namespace.to_owned()));
        }
        // OpenSSH counts in whole seconds since 1970, both ends inclusive.
        let limited = after.is_some() || before.is_some();
        if after.is_some_and(|after| at.seconds() < after) || (limited && at.seconds() < 0) {
            return Err(DistrustError::TooEarly(name, at));
        }
        if before.is_some_and(|before| at.seconds() > before) {
            return Err(DistrustError::TooLate(name, at));
        }
        Ok(())
    }
}

/// The lines of a file while it is parsed.
#[derive(Default)]
struct SignersParser {
    lines: Vec<(usize, KeyIdentity, SignerLine)>,
    /// The lists of names of each key.
    names: BTreeMap<KeyIdentity, BTreeSet<String>>,
    ignored: BTreeMap<usize, IgnoredReason>,
}

impl SignersParser {
    fn add(&mut self, number: usize, line: SignerLine) {
        let Some(identity) = KeyIdentity::of_point(&line.key) else {
            return self.ignore(number, IgnoredReason::Key);
        };
        self.names.entry(identity.clone()).or_default().insert(principal_list(&line));
        self.lines.push((number, identity, line));
    }

    fn ignore(&mut self, number: usize, reason: IgnoredReason) {
        self.ignored.insert(number, reason);
    }

    /// If two lines name different owners of a key, their order does not decide: both are ignored.
    fn finish(mut self, name: &str) -> AllowedSigners {
        let mut allowed_signers = AllowedSigners::default();
        for (number, identity, line) in std::mem::take(&mut self.lines) {
            let names = self.names.get(&identity).into_iter().flatten().cloned().collect::<Vec<_>>();
            match (names.as_slice(), public_line(&line.key)) {
                ([principals], Ok(key)) => {
                    let (principals, options) = (principals.clone(), line.options);
                    let allowed = AllowedKey { key: key.clone(), principals, options, revoked: false };
                    allowed_signers.keys.entry(key).or_default().push(allowed);
                }
                (_, Ok(_)) => self.ignore(number, IgnoredReason::TwoNames(list_names(&names))),
                (_, Err(_)) => self.ignore(number, IgnoredReason::Key),
            }
        }
        allowed_signers.unlisted = self.ignored.len().saturating_sub(MAX_LISTED);
        let named = self.ignored.into_iter().take(MAX_LISTED).map(|(line, reason)| {
            let place = SourceLocation { file: name.to_owned(), line, column: 1 };
            IgnoredLine { place, reason }
        });
        allowed_signers.ignored = named.collect();
        allowed_signers
    }
}

/// The names and patterns of a line, each once; their order has no meaning.
fn principal_list(line: &SignerLine) -> String {
    line.principals.iter().cloned().collect::<Vec<_>>().join(",")
}

fn list_names(names: &[String]) -> String {
    const MAX_NAMES: usize = 4;
    let more = if names.len() > MAX_NAMES { " and others" } else { "" };
    format!("{}{more}", names.iter().take(MAX_NAMES).cloned().collect::<Vec<_>>().join(" and "))
}

/// Whether a text starts like a public key.
#[must_use]
pub fn is_key(text: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| text.starts_with(prefix))
}

#[cfg(test)]
mod tests;
