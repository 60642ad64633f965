//! The result of a probe: an outcome, and the observations behind it.

mod bounded;
pub mod key;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::text;

pub use bounded::{MAX_OBSERVATIONS, limit_observations};

/// The class of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Checked and right.
    Pass,
    /// Checked and wrong.
    Fail,
    /// Could not be checked.
    Error,
}

/// One thing that a probe observed, or could not observe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The thing that was checked: `queue advanced.board.events`.
    pub what: String,
    /// The expected value.
    pub expected: String,
    /// The value that was found, or why there is none.
    pub seen: String,
    /// Whether it is as expected; absent if it could not be checked.
    pub ok: Option<bool>,
    /// Whether `seen` is a measured value that differs each time (a duration, a depth, an age) and so is not part of
    /// the evidence hash.
    pub measured: bool,
    /// Its machine key, if other code looks for it: one of [`key`]'s.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
}

/// What is expected of a value that is recorded only.
const RECORDED: &str = "recorded";

impl Observation {
    /// Whether it was recorded only: nothing was expected of it.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.expected == RECORDED
    }

    /// A checked value, compared with the expected one.
    pub fn new(
        what: impl Into<String>,
        expected: impl Into<String>,
        seen: impl Into<String>,
        ok: bool,
    ) -> Self {
        Self {
            what: what.into(),
            expected: expected.into(),
            seen: seen.into(),
            ok: Some(ok),
            measured: false,
            key: None,
        }
    }

    /// A value that could not be checked, and why.
    pub fn unknown(what: impl Into<String>, expected: impl Into<String>, why: impl Into<String>) -> Self {
        Self { ok: None, ..Self::new(what, expected, why, false) }
    }

    /// Evidence without an expectation.
    pub fn recorded(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::new(what, RECORDED, seen, true)
    }

    /// Sets the key to one of [`key`]'s.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Whether it has this key.
    #[must_use]
    pub fn has_key(&self, key: &str) -> bool {
        self.key.as_deref() == Some(key)
    }

    /// Makes a wrong value a warning: it is shown, and fails nothing. What could not be checked stays unknown.
    #[must_use]
    pub fn or_warning(self) -> Self {
        if self.ok != Some(false) {
            return self;
        }
        let seen = format!("{WARNING}{} (expected {})", self.seen, self.expected);
        Self { measured: self.measured, ..Self::recorded(self.what, seen) }.with_key(key::NOTICE)
    }

    /// Whether it is a wrong value that fails nothing.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.has_key(key::NOTICE) && self.seen.starts_with(WARNING)
    }

    /// Marks the value as measured.
    #[must_use]
    pub fn as_measured(mut self) -> Self {
        self.measured = true;
        self
    }
}

/// How the value of a warning begins.
const WARNING: &str = "warning: ";

/// The result of one probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The class.
    pub class: Class,
    /// How many tries it took; more than one on a pass is a *pass on retry*.
    pub tries: u32,
    /// All observations, in order.
    pub observations: Vec<Observation>,
    /// What was wrong in each earlier try.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failed_tries: Vec<String>,
    /// The changes that the probe has made: an event that was sent, a file that was written.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub effects: Vec<String>,
    /// A shell command that shows the same; secrets as references.
    pub reproduce: String,
    /// How often each secret was redacted in the above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub redacted: BTreeMap<String, u64>,
}

impl Outcome {
    /// The outcome of these observations: a wrong one makes it a fail, otherwise an unknown one makes it an error. No
    /// observation at all is an error too.
    #[must_use]
    pub fn of(observations: Vec<Observation>, reproduce: impl Into<String>) -> Self {
        let class = classify(&observations);
        let (failed_tries, effects, redacted) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { class, tries: 1, observations, failed_tries, effects, reproduce: reproduce.into(), redacted }
    }

    /// Whether its class matches its observations.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.class == classify(&self.observations)
    }

    /// The digest that it observed, of an image or a change set.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        let is_digest = |key: &str| key == key::CHANGE_SET_DIGEST || key::tag_of(key).is_some();
        let mut digests =
            self.observations.iter().filter(|observation| observation.key.as_deref().is_some_and(is_digest));
        digests.next().map(|observation| observation.seen.as_str())
    }

    /// The observation with this key.
    #[must_use]
    pub fn observation(&self, key: &str) -> Option<&Observation> {
        self.observations.iter().find(|observation| observation.has_key(key))
    }

    /// Sets the changes that the probe has made.
    #[must_use]
    pub fn with_effects(mut self, effects: impl IntoIterator<Item = String>) -> Self {
        self.effects.extend(effects);
        self
    }

    /// Whether only some samples of a check were bad.
    #[must_use]
    pub fn is_bad_in_part(&self) -> bool {
        self.problems().any(|observation| observation.has_key(key::BAD_SAMPLES))
    }

    /// The first problem in one line, for the list of failed tries.
    #[must_use]
    pub fn first_problem(&self) -> Option<String> {
        self.problems().next().map(|observation| format!("{}: {}", observation.what, observation.seen))
    }

    /// Whether dependent probes can run: it passed, or it has sent what they wait for.
    #[must_use]
    pub fn has_started_effect(&self) -> bool {
        self.class == Class::Pass || !self.effects.is_empty()
    }

    /// An error outcome for one reason.
    #[must_use]
    pub fn error(what: impl Into<String>, expected: impl Into<String>, why: impl Into<String>) -> Self {
        Self::of(vec![Observation::unknown(what, expected, why)], "")
    }

    /// Adds an observation, and updates the class.
    #[must_use]
    pub fn with_observation(mut self, observation: Observation) -> Self {
        self.observations.push(observation);
        self.class = classify(&self.observations);
        self
    }

    /// Hands some observations, by their names, to people where they could not be made: they become evidence to confirm. A
    /// wrong observation stays wrong.
    #[must_use]
    pub fn leave_to_people(mut self, is_left: impl Fn(&str) -> bool) -> Self {
        for observation in &mut self.observations {
            if observation.ok.is_none() && is_left(&observation.what) {
                let Observation { what, expected, seen, .. } = &*observation;
                let task = format!("for people to confirm: {expected} (not observed: {seen})");
                *observation = Observation::recorded(what.clone(), task).with_key(key::LEFT_TO_PEOPLE);
            }
        }
        self.class = classify(&self.observations);
        self
    }

    /// What was not observed, and left to people.
    pub fn left_to_people(&self) -> impl Iterator<Item = &Observation> {
        self.observations.iter().filter(|observation| observation.has_key(key::LEFT_TO_PEOPLE))
    }

    /// SHA-256 of the class and the observations, without tries, what they saw, effects, the reproduce command and measured values. A
    /// confirmation depends on it.
    #[must_use]
    pub fn evidence_hash(&self) -> Sha256Hex {
        let mut hash = Sha256::new();
        let mut field = |bytes: &[u8]| {
            // Lengths first, so that two different lists of fields never have the same bytes.
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        };
        field(&[self.class as u8]);
        for observation in &self.observations {
            field(observation.what.as_bytes());
            field(observation.expected.as_bytes());
            field(if observation.measured { b"" } else { observation.seen.as_bytes() });
            let flags = u8::from(observation.measured) + 2 * u8::from(observation.key.is_some());
            field(&[observation.ok.map_or(2, u8::from), flags]);
            observation.key.iter().for_each(|key| field(key.as_bytes()));
        }
        Sha256Hex(hash.finalize().into())
    }

    /// The observations that are not as expected: wrong ones first, then unknown ones.
    pub fn problems(&self) -> impl Iterator<Item = &Observation> {
        let with = |ok: Option<bool>| self.observations.iter().filter(move |o| o.ok == ok);
        with(Some(false)).chain(with(None))
    }
}

fn classify(observations: &[Observation]) -> Class {
    if observations.iter().any(|o| o.ok == Some(false)) {
        Class::Fail
    } else if observations.is_empty() || observations.iter().any(|o| o.ok.is_none()) {
        Class::Error
    } else {
        Class::Pass
    }
}

/// A SHA-256 digest, written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Hex(pub [u8; 32]);

impl Sha256Hex {
    /// The hash before the first line of a log.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of a line that is given without its LF; the LF is included.
    #[must_use]
    pub fn of_line(line: &[u8]) -> Self {
        Self(Sha256::new().chain_update(line).chain_update(b"\n").finalize().into())
    }

    /// The first 8 hex digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        f.write_str(base16ct::lower::encode_str(&self.0, &mut digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Sha256Hex {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 32];
        match base16ct::lower::decode(text, &mut bytes) {
            Ok(digits) if digits.len() == 32 => Ok(Self(bytes)),
            _ => Err(format!("expected 64 lower-case hex digits, found {:?}", text::clip(text, 70))),
        }
    }
}

impl Serialize for Sha256Hex {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sha256Hex {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_confirm_only_what_could_not_be_observed() {
        let refused = || Observation::unknown("monitor", "on", "CONFIG is refused");
        let is_left = |name: &str| ["monitor", "disk"].contains(&name);
        let outcome = Outcome::of(vec![refused()], "").leave_to_people(is_left);
        assert_eq!(outcome.class, Class::Pass);
        assert_eq!(outcome.observations[0].expected, "recorded");
        assert_eq!(
            outcome.observations[0].seen,
            "for people to confirm: on (not observed: CONFIG is refused)"
        );
        assert_eq!(outcome.left_to_people().count(), 1);
        let wrong = Observation::new("disk", "on", "off", false);
        let outcome = Outcome::of(vec![refused(), wrong.clone()], "").leave_to_people(is_left);
        assert_eq!((outcome.class, &outcome.observations[1]), (Class::Fail, &wrong));
        assert_eq!(Outcome::of(vec![refused()], "").leave_to_people(|_| false).class, Class::Error);
    }

    #[test]
    fn only_a_wrong_value_becomes_a_warning() {
        let warning = Observation::new("load", "at most 80", "85", false).as_measured().or_warning();
        assert_eq!(warning.seen, "warning: 85 (expected at most 80)");
        assert!(warning.is_recorded() && warning.measured && warning.is_warning());
        assert_eq!(Outcome::of(vec![warning], "").class, Class::Pass);
        for other in
            [Observation::new("load", "e", "9", true), Observation::unknown("load", "e", "no answer")]
        {
            assert_eq!(other.clone().or_warning(), other);
        }
    }

    fn seen(what: &str, seen: &str, ok: Option<bool>) -> Observation {
        Observation { ok, ..Observation::new(what, "e", seen, true) }
    }

    #[test]
    fn one_failure_fails_and_an_unknown_or_no_observation_is_an_error() {
        let class = |results: &[Option<bool>]| {
            Outcome::of(results.iter().map(|ok| seen("w", "s", *ok)).collect(), "").class
        };
        assert_eq!(class(&[Some(true), None, Some(false)]), Class::Fail);
        assert_eq!(class(&[Some(true), None]), Class::Error);
        assert_eq!(class(&[]), Class::Error);
        assert_eq!(class(&[Some(true)]), Class::Pass);
    }

    #[test]
    fn evidence_ignores_only_measured_values_and_tries() {
        let base = Outcome::of(vec![seen("took", "12 ms", Some(true)).as_measured()], "curl");
        let mut other = Outcome::of(vec![seen("took", "99 ms", Some(true)).as_measured()], "curl -v");
        other.tries = 3;
        assert_eq!(base.evidence_hash(), other.evidence_hash());
        other.observations[0].measured = false;
        assert_ne!(base.evidence_hash(), other.evidence_hash());
    }

    #[test]
    fn a_digest_is_identified_by_its_key_which_is_evidence() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let looks_like = Observation::recorded("tag v1", &digest);
        let image = Observation::recorded("the image", "sha256:b").with_key(key::tag_digest("v1"));
        let outcome = Outcome::of(vec![looks_like.clone(), image.clone()], "");
        assert_eq!(outcome.digest(), Some("sha256:b"));
        assert_eq!(outcome.observation(&key::tag_digest("v1")), Some(&image));
        assert_eq!(Outcome::of(vec![looks_like.clone()], "").digest(), None);
        // The key is part of the evidence.
        let keyed = looks_like.clone().with_key(key::tag_digest("v1"));
        let [plain, keyed] = [looks_like, keyed].map(|seen| Outcome::of(vec![seen], "").evidence_hash());
        assert_ne!(plain, keyed);
    }

    #[test]
    fn a_digest_reads_back_and_rejects_capitals() {
        let digest = Sha256Hex::of(b"abc");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!(digest.to_string().to_uppercase().parse::<Sha256Hex>().is_err());
    }

    /// Text may look like a digest, and it is foreign.
    #[test]
    fn a_text_like_a_digest_is_not_a_digest() {
        let digest = |of: &str| format!("sha256:{}", Sha256Hex::of(of.as_bytes()));
        let with_key = |what: &str, key: String| seen(what, &digest(&key), Some(true)).with_key(key);
        let foreign = [
            seen("tag v1", &digest("x"), Some(true)),
            with_key("image", key::guard("g")),
            with_key("x", key::header("etag")),
        ];
        assert_eq!(Outcome::of(foreign.to_vec(), "").digest(), None);
        for own in [key::tag_digest("v1"), key::CHANGE_SET_DIGEST.to_owned()] {
            let outcome = Outcome::of([&foreign[..], &[with_key("w", own.clone())]].concat(), "");
            assert_eq!(outcome.digest(), Some(digest(&own).as_str()));
        }
    }
}
