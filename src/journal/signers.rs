//! `allowed_signers`: who is trusted to sign, as OpenSSH's `ssh-keygen` reads it (see its manual page).

use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use super::revoked::Revoked;
use super::sshsig::public_line;
use crate::error::{Place, Problem, Problems};
use crate::time::Utc;

/// One line of an `allowed_signers` file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Allowed {
    principals: Vec<String>,
    namespaces: Option<Vec<String>>,
    after: Option<Utc>,
    before: Option<Utc>,
    key: String,
}

/// Everybody who is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedSigners {
    lines: Vec<Allowed>,
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
    /// Reads the text of an `allowed_signers` file.
    ///
    /// # Errors
    /// Every line that is not understood, that trusts a pattern instead of a name, or that gives one key
    /// to two names.
    pub fn parse(name: &str, text: &str) -> Result<Self, Problems> {
        let mut all = Self::default();
        let mut problems = Vec::new();
        let mut offset = 0;
        for line in text.split_inclusive('\n') {
            let place = Place::at(name, text, offset);
            offset += line.len();
            match parse_line(line.trim()).and_then(|allowed| all.add(allowed)) {
                Ok(()) => {}
                Err(what) => problems.push(Problem::new(what).at(place)),
            }
        }
        if problems.is_empty() { Ok(all) } else { Err(Problems(problems)) }
    }

    /// The same, but for keys that are revoked.
    #[must_use]
    pub fn without(self, revoked: Revoked) -> Self {
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

    fn add(&mut self, allowed: Option<Allowed>) -> Result<(), String> {
        let Some(allowed) = allowed else { return Ok(()) };
        let twin = self
            .lines
            .iter()
            .find(|other| other.key == allowed.key && other.principals != allowed.principals);
        if let Some(twin) = twin {
            return Err(format!(
                "this key stands under {} already; one key under two names cannot tell two people apart",
                twin.principals.join(",")
            ));
        }
        self.lines.push(allowed);
        Ok(())
    }

    /// Whether a key may sign for a name, under a namespace, at a time.
    ///
    /// # Errors
    /// Why not.
    pub fn trust(&self, principal: &str, key: &str, namespace: &str, at: Utc) -> Result<(), DistrustError> {
        let name = || principal.to_owned();
        if self.revoked.has(key) {
            return Err(DistrustError::Revoked(name()));
        }
        if self.anybody {
            return Ok(());
        }
        let of_name =
            || self.lines.iter().filter(|line| line.principals.iter().any(|known| known == principal));
        if of_name().next().is_none() {
            return Err(DistrustError::UnknownSigner(name()));
        }
        let mut refusal = DistrustError::OtherKey(name());
        for line in of_name().filter(|line| line.key == key) {
            match line.allows(principal, namespace, at) {
                Ok(()) => return Ok(()),
                Err(why) => refusal = why,
            }
        }
        Err(refusal)
    }
}

impl Allowed {
    fn allows(&self, principal: &str, namespace: &str, at: Utc) -> Result<(), DistrustError> {
        let name = principal.to_owned();
        if self.namespaces.as_ref().is_some_and(|all| !all.iter().any(|pattern| matches(pattern, namespace)))
        {
            return Err(DistrustError::Namespace(name, namespace.to_owned()));
        }
        // OpenSSH counts in whole seconds, both ends included.
        if self.after.is_some_and(|after| at.seconds() < after.seconds()) {
            return Err(DistrustError::TooEarly(name, at));
        }
        if self.before.is_some_and(|before| at.seconds() > before.seconds()) {
            return Err(DistrustError::TooLate(name, at));
        }
        Ok(())
    }
}

/// OpenSSH's patterns: `*` stands for any text, `?` for one character.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => text
            .char_indices()
            .map(|(index, _)| index)
            .chain([text.len()])
            .any(|index| matches(rest.as_str(), &text[index..])),
        Some(c) => {
            let mut chars = text.chars();
            chars.next().is_some_and(|next| c == '?' || c == next) && matches(rest.as_str(), chars.as_str())
        }
    }
}

fn parse_line(line: &str) -> Result<Option<Allowed>, String> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (principals, rest) = word(line);
    let principals: Vec<String> = principals.trim_matches('"').split(',').map(str::to_owned).collect();
    if let Some(pattern) = principals.iter().find(|name| name.contains(['*', '?', '!'])) {
        return Err(format!("{pattern:?} is a pattern; a run log's signers are trusted by their full names"));
    }
    let (options, key) = if is_key(rest) { ("", rest) } else { word(rest) };
    let mut allowed =
        Allowed { principals, namespaces: None, after: None, before: None, key: parse_key(key)? };
    for option in split_outside_quotes(options) {
        set_option(&mut allowed, option)?;
    }
    Ok(Some(allowed))
}

/// Whether a text begins as a public key does.
#[must_use]
pub fn is_key(text: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| text.starts_with(prefix))
}

/// The first word, where quotes hold white space together, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = text.find(|c: char| {
        quoted ^= c == '"';
        c.is_ascii_whitespace() && !quoted
    });
    let (first, rest) = text.split_at(end.unwrap_or(text.len()));
    (first, rest.trim_start())
}

fn split_outside_quotes(options: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    options
        .split(move |c: char| {
            quoted ^= c == '"';
            c == ',' && !quoted
        })
        .filter(|option| !option.is_empty())
}

fn set_option(allowed: &mut Allowed, option: &str) -> Result<(), String> {
    let (name, value) = option.split_once('=').unwrap_or((option, ""));
    let value = value.trim_matches('"');
    match name.to_ascii_lowercase().as_str() {
        "namespaces" => allowed.namespaces = Some(value.split(',').map(str::to_owned).collect()),
        "valid-after" => allowed.after = Some(parse_time(value)?),
        "valid-before" => allowed.before = Some(parse_time(value)?),
        "cert-authority" => {
            return Err("cert-authority: run logs are signed with plain keys, not certificates".into());
        }
        other => {
            return Err(format!(
                "unknown option {other:?}; expected namespaces, valid-after or valid-before"
            ));
        }
    }
    Ok(())
}

/// `YYYYMMDD[Z]`, `YYYYMMDDHHMM[SS][Z]`; without `Z` in the local time zone, as OpenSSH has it.
fn parse_time(text: &str) -> Result<Utc, String> {
    let (digits, utc) = text.strip_suffix(['Z', 'z']).map_or((text, false), |digits| (digits, true));
    let format = match digits.len() {
        8 => "%Y%m%d",
        12 => "%Y%m%d%H%M",
        14 => "%Y%m%d%H%M%S",
        _ => return Err(format!("expected a time as YYYYMMDD[HHMM[SS]][Z], found {text:?}")),
    };
    let civil = jiff::fmt::strtime::parse(format, digits).and_then(|parsed| match digits.len() {
        8 => parsed.to_date().map(|date| date.at(0, 0, 0, 0)),
        _ => parsed.to_datetime(),
    });
    let zone = if utc { jiff::tz::TimeZone::UTC } else { jiff::tz::TimeZone::system() };
    let exact = civil.and_then(|civil| civil.to_zoned(zone)).map_err(|error| format!("{text:?}: {error}"))?;
    Ok(Utc::from_millis(exact.timestamp().as_millisecond()))
}

fn parse_key(text: &str) -> Result<String, String> {
    let key = PublicKey::from_openssh(text.trim_end())
        .map_err(|error| format!("expected a public key, found something else: {error}"))?;
    let point = match key.key_data() {
        KeyData::Ed25519(point) => Some(point),
        KeyData::SkEd25519(key) => Some(key.public_key()),
        _ => None,
    };
    if let Some(point) = point {
        let verifying = ed25519_dalek::VerifyingKey::from_bytes(&point.0)
            .map_err(|_| "the key is not a point of the curve")?;
        if verifying.is_weak() {
            return Err("the key is weak (of small order): anybody could sign with it".into());
        }
    }
    public_line(key.key_data()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::keys::tests::signer;

    #[test]
    fn options_are_honoured() {
        let key = signer("a@x").public;
        let text = format!(
            "# people\n\na@x,b@x namespaces=\"gonogo-*,git\",valid-after=\"20260101Z\",valid-before=\"20261231235959Z\" {key} a comment\n"
        );
        let all = AllowedSigners::parse("s", &text).unwrap();
        let day = |text| Utc::parse(text).unwrap();
        assert_eq!(all.trust("b@x", &key, "gonogo-entry-v1", day("2026-06-01T00:00:00Z")), Ok(()));
        assert_eq!(all.trust("a@x", &key, "gonogo-entry-v1", day("2026-12-31T23:59:59.900Z")), Ok(()));
        let refused = |who, namespace, at| all.trust(who, &key, namespace, day(at)).unwrap_err().to_string();
        assert!(refused("c@x", "gonogo-entry-v1", "2026-06-01T00:00:00Z").contains("not among"));
        assert!(refused("a@x", "file", "2026-06-01T00:00:00Z").contains("sign under file"));
        assert!(refused("a@x", "git", "2025-12-31T23:59:59Z").contains("not valid yet"));
        assert!(refused("a@x", "git", "2027-01-01T00:00:00Z").contains("no longer valid"));
        assert!(all.trust("a@x", &signer("z").public, "git", day("2026-06-01T00:00:00Z")).is_err());
    }

    #[test]
    fn what_cannot_be_trusted_is_refused_with_its_line() {
        let key = signer("a@x").public;
        let refused = |text: &str| AllowedSigners::parse("s", text).unwrap_err().to_string();
        assert!(refused(&format!("*@x {key}\n")).starts_with("s:1:1: \"*@x\" is a pattern"));
        assert!(refused(&format!("a@x {key}\nb@x {key}\n")).starts_with("s:2:1: this key stands under a@x"));
        assert!(refused("a@x\n").contains("expected a public key"));
        assert!(refused(&format!("a@x cert-authority {key}")).contains("certificates"));
        let weak = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(refused(&format!("a@x {weak}")).contains("weak"));
    }
}
