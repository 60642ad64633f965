//! `allowed_signers`: who is trusted to sign, as OpenSSH's `ssh-keygen -Y verify` reads it.
//!
//! What OpenSSH takes from a line is taken here, or less: a line that is not understood, or that trusts more
//! than one person by name and key, does not count, is named, and costs nobody else.

mod line;
mod pattern;
mod time;

use std::collections::{BTreeMap, BTreeSet};

pub use self::line::IgnoredReason;
use self::line::{Options, SignerLine};
use super::entry::entry_namespace;
use super::keys;
use super::public_key::KeyIdentity;
use super::revoked::Revoked;
use super::sshsig::public_line;
use crate::error::Place;
use crate::text::line;
use crate::time::Utc;

/// How many lines that do not count are named.
const NAMED: usize = 100;

/// A key that somebody may sign with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Allowed {
    key: String,
    options: Options,
    revoked: bool,
}

/// A line that does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}: this line is ignored", file = place.file, line = place.line)]
pub struct IgnoredLine {
    /// Where it is.
    pub place: Place,
    /// Why it does not count.
    pub reason: IgnoredReason,
}

/// Everybody who is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    people: BTreeMap<String, Vec<Allowed>>,
    ignored: Vec<IgnoredLine>,
    /// How many more lines are ignored than are named.
    unnamed: usize,
    revoked: Revoked,
    /// Whether rehearsals are taken, and nothing else.
    rehearsals: bool,
    /// Whether everybody is trusted.
    anybody: bool,
}

/// Why somebody's signature is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DistrustError {
    /// The name is not there.
    #[error("{0} is not among the allowed signers")]
    UnknownSigner(String),
    /// The name is there with another key.
    #[error("the key that signed for {0} is not the one that the allowed signers have for that name")]
    OtherKey(String),
    /// The line is not for this namespace.
    #[error("the allowed signers do not let {0} sign under {1}")]
    Namespace(String, String),
    /// The key is revoked.
    #[error("the key of {0} is revoked: whatever it signed, whenever, counts for nothing")]
    Revoked(String),
    /// Signed before the key was valid.
    #[error("{0}'s key was not valid yet at {1}")]
    TooEarly(String, Utc),
    /// Signed after the key was valid.
    #[error("{0}'s key was no longer valid at {1}")]
    TooLate(String, Utc),
}

impl AllowedSigners {
    /// Reads an `allowed_signers` file. Lines that do not count are named in [`Self::ignored`].
    #[must_use]
    pub fn parse(name: &str, content: impl AsRef<[u8]>) -> Self {
        let mut reading = Reading::default();
        for (number, line) in (1..).zip(content.as_ref().split_inclusive(|byte| *byte == b'\n')) {
            match line::parse(line) {
                Ok(None) => {}
                Ok(Some(line)) => reading.add(number, line),
                Err(reason) => reading.ignore(number, reason),
            }
        }
        reading.finish(name)
    }

    /// The lines that do not count, in order, with their reasons; so many of them as can be read.
    #[must_use]
    pub fn ignored(&self) -> &[IgnoredLine] {
        &self.ignored
    }

    /// The same in words, a line for each, and one for those that are not named.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let more = (self.unnamed > 0).then(|| format!("{} more lines are ignored", self.unnamed));
        self.ignored.iter().map(ToString::to_string).chain(more).collect()
    }

    /// These people with these keys (`ssh-ed25519 AAAA…`), and nobody else.
    #[must_use]
    pub fn of_people<'a>(people: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let lines: Vec<String> = people.map(|(principal, key)| format!("{principal} {key}\n")).collect();
        Self::parse("roster", lines.concat())
    }

    /// The same, but for keys that are revoked.
    #[must_use]
    pub fn without(mut self, revoked: Revoked) -> Self {
        for allowed in self.people.values_mut().flatten() {
            allowed.revoked = revoked.has(&allowed.key);
        }
        Self { revoked, ..self }
    }

    /// The same people, for rehearsals and nothing else.
    #[must_use]
    pub fn for_rehearsals(self) -> Self {
        Self { rehearsals: true, ..self }
    }

    /// Whoever a rehearsal says took part in it: its keys are made up, and nothing rests on them.
    #[must_use]
    pub fn of_rehearsals() -> Self {
        Self { rehearsals: true, anybody: true, ..Self::default() }
    }

    /// Whether they are trusted in rehearsals and nowhere else.
    #[must_use]
    pub const fn is_for_rehearsals(&self) -> bool {
        self.rehearsals
    }

    /// The key of this fingerprint (`SHA256:…`), if it is somebody's who may act in runs at a time.
    ///
    /// # Errors
    /// That nobody has it, or why whoever has it may not.
    pub fn key_of(&self, fingerprint: &str, at: Utc) -> Result<&str, DistrustError> {
        let mut refusal = DistrustError::UnknownSigner(line(fingerprint));
        let keys = self.people.iter().flat_map(|(name, keys)| keys.iter().map(move |key| (name, key)));
        for (name, allowed) in
            keys.filter(|(_, key)| keys::fingerprint(&key.key).as_deref() == Some(fingerprint))
        {
            match allowed.allows(name, entry_namespace(self.rehearsals), at) {
                Ok(()) => return Ok(&allowed.key),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }

    /// Whether a key may sign for a name, under a namespace, at a time.
    ///
    /// # Errors
    /// Why not.
    pub fn trust(&self, principal: &str, key: &str, namespace: &str, at: Utc) -> Result<(), DistrustError> {
        let keys = self.people.get(principal).map(Vec::as_slice).unwrap_or_default();
        let mut refusal = None;
        for allowed in keys.iter().filter(|allowed| allowed.key == key) {
            match allowed.allows(principal, namespace, at) {
                Ok(()) => return Ok(()),
                Err(why) => refusal = Some(why),
            }
        }
        match refusal {
            Some(why) => Err(why),
            None if self.revoked.has(key) => Err(DistrustError::Revoked(principal.to_owned())),
            None if self.anybody => Ok(()),
            None if keys.is_empty() => Err(DistrustError::UnknownSigner(principal.to_owned())),
            None => Err(DistrustError::OtherKey(principal.to_owned())),
        }
    }
}

impl Allowed {
    fn allows(&self, principal: &str, namespace: &str, at: Utc) -> Result<(), DistrustError> {
        let name = principal.to_owned();
        let Options { namespaces, after, before, .. } = &self.options;
        if self.revoked {
            return Err(DistrustError::Revoked(name));
        }
        if namespaces.as_ref().is_some_and(|list| !pattern::grants(list, namespace)) {
            return Err(DistrustError::Namespace(name, namespace.to_owned()));
        }
        // OpenSSH counts in whole seconds from the beginning of 1970, both ends included.
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

/// The lines of a file, while it is read.
#[derive(Default)]
struct Reading {
    lines: Vec<(usize, KeyIdentity, SignerLine)>,
    /// Under which names each key stands.
    names: BTreeMap<KeyIdentity, BTreeSet<String>>,
    ignored: BTreeMap<usize, IgnoredReason>,
}

impl Reading {
    fn add(&mut self, number: usize, line: SignerLine) {
        let Some(identity) = KeyIdentity::of_point(&line.key) else {
            return self.ignore(number, IgnoredReason::Key);
        };
        self.names.entry(identity.clone()).or_default().extend(line.principals.iter().cloned());
        self.lines.push((number, identity, line));
    }

    fn ignore(&mut self, number: usize, reason: IgnoredReason) {
        self.ignored.insert(number, reason);
    }

    /// Which of two names a key is for is not told by the order of lines: it is for neither.
    fn finish(mut self, name: &str) -> AllowedSigners {
        let mut all = AllowedSigners::default();
        for (number, identity, line) in std::mem::take(&mut self.lines) {
            let names = self.names.get(&identity).into_iter().flatten().cloned().collect::<Vec<_>>();
            match (names.as_slice(), public_line(&line.key)) {
                ([one], Ok(key)) => {
                    let allowed = Allowed { key, options: line.options, revoked: false };
                    all.people.entry(one.clone()).or_default().push(allowed);
                }
                (_, Ok(_)) => self.ignore(number, IgnoredReason::TwoNames(listed(&names))),
                (_, Err(_)) => self.ignore(number, IgnoredReason::Key),
            }
        }
        all.unnamed = self.ignored.len().saturating_sub(NAMED);
        let named = self.ignored.into_iter().take(NAMED).map(|(line, reason)| {
            let place = Place { file: name.to_owned(), line, column: 1 };
            IgnoredLine { place, reason }
        });
        all.ignored = named.collect();
        all
    }
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let more = if names.len() > SHOWN { " and others" } else { "" };
    format!("{}{more}", names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(" and "))
}

/// Whether a text begins as a public key does.
#[must_use]
pub fn is_key(text: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| text.starts_with(prefix))
}

#[cfg(test)]
mod tests;
