//! The limits of an outcome. All limits count bytes as written in a log, so that any result fits into one line,
//! whatever a server responds.

use std::collections::BTreeMap;

use super::{Observation, Outcome};
use crate::secret::Redactor;
use crate::text;

/// The maximum number of observations of a probe; the last one counts the rest. One more may be added: how long a
/// result was waited for.
pub const MAX_OBSERVATIONS: usize = 64;
/// The maximum number of effects; the last one counts the rest.
const MAX_EFFECTS: usize = 64;
/// The maximum number of failed tries; the last one counts the rest.
const MAX_FAILED_TRIES: usize = 8;
/// The limit of a failed try, in bytes.
const MAX_FAILED_TRY: usize = 256;
/// How many rules have their own count of redacted secrets.
const MAX_RULES: usize = 24;

/// The limits of texts, in bytes: the longest limit is used with which all texts together fit. With the shortest one,
/// the maximum numbers of observations and effects fit.
const TEXT_LIMITS: [usize; 4] = [512, 256, 128, 64];
/// The limit of all observations together, in bytes.
const MAX_OBSERVATION_BYTES: usize = 44 << 10;
/// The limit of all effects together, in bytes.
const MAX_EFFECT_BYTES: usize = 8 << 10;
/// The limits of the reproduce command and of a rule's name, in bytes.
const MAX_REPRODUCE: usize = 2048;
const MAX_RULE: usize = 128;
/// The overhead of an observation and of an effect: keys, quotation marks, commas.
const OBSERVATION_OVERHEAD: usize = 80;
/// The limit of an observation's key, in bytes, and its overhead. Tags and ids are shorter.
const MAX_KEY: usize = 256;
const KEY_OVERHEAD: usize = 9;
const EFFECT_OVERHEAD: usize = 3;

const _: () = {
    let shortest = TEXT_LIMITS[3] + text::CLIPPED;
    assert!(
        (MAX_OBSERVATIONS + 1) * (3 * shortest + OBSERVATION_OVERHEAD + KEY_OVERHEAD + MAX_KEY)
            <= MAX_OBSERVATION_BYTES
    );
    assert!(MAX_EFFECTS * (shortest + EFFECT_OVERHEAD) <= MAX_EFFECT_BYTES);
};

impl Outcome {
    /// Makes an outcome safe to store and to show: secrets redacted, control characters made visible, and short enough
    /// for a line of a log. Applying it twice changes nothing.
    #[must_use]
    pub fn sanitized(mut self, redactor: &Redactor) -> Self {
        let mut redacted = std::mem::take(&mut self.redacted);
        let mut clean = |foreign: &str| text::line(&redactor.redact(foreign, &mut redacted));
        if self.observations.len() > MAX_OBSERVATIONS + 1 {
            let rest = self.observations.split_off(MAX_OBSERVATIONS - 1);
            self.observations.push(summary(&rest));
        }
        let observations: Vec<_> =
            self.observations.iter().map(|observation| observation.map_texts(&mut clean)).collect();
        let effects: Vec<_> =
            limit_list(self.effects, MAX_EFFECTS).iter().map(|effect| clean(effect)).collect();
        self.failed_tries = limit_list(self.failed_tries, MAX_FAILED_TRIES)
            .iter()
            .map(|seen| text::clip_json(&clean(seen), MAX_FAILED_TRY))
            .collect();
        let reproduce = text::line(&redactor.redact_command(&self.reproduce, &mut redacted));
        self.reproduce = text::clip_json(&reproduce, MAX_REPRODUCE);
        self.observations =
            clip_all(MAX_OBSERVATION_BYTES, &observations, Observation::clipped, Observation::json_length);
        self.effects = clip_all(
            MAX_EFFECT_BYTES,
            &effects,
            |effect, limit| text::clip_json(effect, limit),
            |effect| text::json_length(effect) + EFFECT_OVERHEAD,
        );
        self.redacted = limit_rules(redacted);
        self
    }
}

impl Observation {
    fn map_texts(&self, mut keep: impl FnMut(&str) -> String) -> Self {
        let Self { what, expected, seen, ok, measured, key } = self;
        let (what, expected, seen) = (keep(what), keep(expected), keep(seen));
        // A key consists of tags and ids. One that is too long is dropped.
        let key = key.clone().filter(|key| text::json_length(key) <= MAX_KEY);
        Self { what, expected, seen, ok: *ok, measured: *measured, key }
    }

    fn clipped(&self, limit: usize) -> Self {
        self.map_texts(|part| text::clip_json(part, limit))
    }

    fn json_length(&self) -> usize {
        let texts = [&self.what, &self.expected, &self.seen];
        let key = self.key.as_ref().map_or(0, |key| text::json_length(key) + KEY_OVERHEAD);
        texts.into_iter().map(|part| text::json_length(part)).sum::<usize>() + OBSERVATION_OVERHEAD + key
    }
}

/// Clips all values with the longest limit of [`TEXT_LIMITS`] with which they take no more than `max_bytes`.
fn clip_all<T>(
    max_bytes: usize,
    items: &[T],
    clip: impl Fn(&T, usize) -> T,
    written: impl Fn(&T) -> usize,
) -> Vec<T> {
    let mut clipped = Vec::new();
    for limit in TEXT_LIMITS {
        clipped = items.iter().map(|item| clip(item, limit)).collect();
        if clipped.iter().map(&written).sum::<usize>() <= max_bytes {
            break;
        }
    }
    clipped
}

/// As many observations as fit into `max_bytes`, and at least one; those that are not as expected come first. The
/// rest is counted.
#[must_use]
pub fn limit_observations(mut observations: Vec<Observation>, max_bytes: usize) -> Vec<Observation> {
    // A stable sort: both groups keep their order.
    observations.sort_by_key(|observation| observation.ok == Some(true));
    let mut taken = OBSERVATION_OVERHEAD * 2;
    let fits = observations.iter().take_while(|observation| {
        taken += observation.json_length();
        taken <= max_bytes
    });
    let count = fits.count().max(1);
    if count < observations.len() {
        let rest = observations.split_off(count);
        observations.push(summary(&rest));
    }
    observations
}

fn summary(rest: &[Observation]) -> Observation {
    let wrong = rest.iter().filter(|o| o.ok == Some(false)).count();
    let unseen = rest.iter().filter(|o| o.ok.is_none()).count();
    let ok = if wrong > 0 { Some(false) } else { (unseen == 0).then_some(true) };
    let seen = format!("{} more: {wrong} failed, {unseen} unknown", rest.len());
    Observation { ok, ..Observation::new("further observations", "all pass", seen, true) }
}

/// At most `most` texts; the last one counts the rest.
fn limit_list(mut texts: Vec<String>, most: usize) -> Vec<String> {
    if texts.len() > most {
        let rest = texts.split_off(most - 1).len();
        texts.push(format!("and {rest} more"));
    }
    texts
}

/// Counts by rule; those beyond the first rules are added up.
fn limit_rules(counts: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let each = if counts.len() > MAX_RULES + 1 { MAX_RULES } else { counts.len() };
    let mut few: BTreeMap<String, u64> = BTreeMap::new();
    for (index, (rule, times)) in counts.into_iter().enumerate() {
        let rule = text::clip_json(&text::line(&rule), MAX_RULE);
        let counted = few.entry(if index < each { rule } else { "further secrets".into() }).or_default();
        *counted = counted.saturating_add(times);
    }
    few
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::journal::chain::Chain;
    use crate::journal::entry::{MACHINE, Probed};
    use crate::outcome::Class;
    use crate::testing::cases;
    use crate::time::{Moment, Utc};

    fn seen(ok: Option<bool>) -> Observation {
        Observation { ok, ..Observation::new("w", "e", "s", true) }
    }

    #[test]
    fn surplus_observations_are_counted_and_no_failure_is_hidden() {
        let mut observations = vec![seen(Some(true)); 200];
        observations[199].ok = Some(false);
        let clean = Outcome::of(observations, "").sanitized(&Redactor::default());
        assert_eq!(clean.observations.len(), MAX_OBSERVATIONS);
        assert_eq!(clean.observations[63].seen, "137 more: 1 failed, 0 unknown");
        assert_eq!(clean.observations[63].ok, Some(false));
        // The observation about the wait is extra and replaces none.
        let waited = clean
            .with_observation(Observation::recorded("waited", "3 attempts"))
            .sanitized(&Redactor::default());
        assert_eq!(waited.observations[63].seen, "137 more: 1 failed, 0 unknown");
        assert_eq!((waited.observations[64].what.as_str(), waited.class), ("waited", Class::Fail));
    }

    #[test]
    fn surplus_effects_are_counted() {
        let effects = (0..100).map(|n| format!("sent {n}"));
        let clean =
            Outcome::of(vec![seen(Some(true))], "").with_effects(effects).sanitized(&Redactor::default());
        assert_eq!(clean.effects.len(), MAX_EFFECTS);
        assert_eq!(clean.effects[63], "and 37 more");
    }

    #[test]
    fn limited_observations_contain_the_failures() {
        let mut observations = vec![seen(Some(true)); 200];
        observations[150] = Observation::new("late", "e", "s", false);
        let some = limit_observations(observations.clone(), 1000);
        assert!(some.len() > 5 && some.len() < 12, "{}", some.len());
        assert_eq!(some[0].what, "late");
        assert!(some.last().unwrap().seen.contains("more: 0 failed"));
        assert_eq!(limit_observations(observations, 1).len(), 2);
    }

    /// Texts that take much space in a log, and any others.
    fn hostile() -> impl Strategy<Value = String> {
        let costly = prop_oneof![
            Just("\"".to_owned()),
            Just("\\".to_owned()),
            Just("\u{1b}".to_owned()),
            Just("\u{9b}".to_owned()),
            Just("\u{202e}".to_owned()),
            Just("\u{e0001}".to_owned()),
            Just("漢".to_owned()),
            Just("x".to_owned()),
            any::<char>().prop_map(String::from),
        ];
        (costly, 0usize..5000).prop_map(|(piece, times)| piece.repeat(times))
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        let ok = prop_oneof![Just(None), Just(Some(false)), Just(Some(true))];
        let key = prop_oneof![Just(None), hostile().prop_map(Some)];
        let texts = (hostile(), hostile(), hostile());
        let seen = (texts, ok, key).prop_map(|((what, expected, seen), ok, key)| Observation {
            ok,
            key,
            ..Observation::new(what, expected, seen, true)
        });
        let redacted = btree_map(hostile(), any::<u64>(), 0..40);
        let many = (vec(seen, 1..8), 0usize..100).prop_map(|(some, times)| {
            let repeated: Vec<_> = some.iter().cycle().take(some.len() + times).cloned().collect();
            repeated
        });
        (many, vec(hostile(), 0..100), hostile(), redacted).prop_map(
            |(seen, effects, reproduce, redacted)| Outcome {
                redacted,
                ..Outcome::of(seen, reproduce).with_effects(effects)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: cases(15), failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn cleaning_twice_changes_nothing_and_the_class_stays(outcome in outcomes()) {
            let clean = outcome.clone().sanitized(&Redactor::default());
            prop_assert_eq!(clean.class, outcome.class);
            prop_assert!(clean.is_consistent());
            prop_assert_eq!(clean.clone().sanitized(&Redactor::default()), clean);
        }

        /// The limits of results and of lines agree, even with long checklist ids.
        #[test]
        fn any_sanitized_result_fits_into_a_line(outcome in outcomes(), waited in any::<bool>()) {
            let clean = outcome.sanitized(&Redactor::default());
            let seen = Observation::recorded("waited", "4294967295 tries in 10000d 23h");
            let outcome = if waited { clean.with_observation(seen).sanitized(&Redactor::default()) } else { clean };
            let (point, probe) = ("p".repeat(200), "q".repeat(200));
            let (attempt, took_ms) = (u64::MAX, u64::MAX);
            let event = Probed { point, probe, attempt, early: false, took_ms, outcome };
            let at = Moment { wall: Utc::from_millis(1_790_000_000_000), boot: "b".repeat(36), mono: u64::MAX };
            let linked = Chain::new("0".repeat(32)).build_entry(at, MACHINE, event.into(), None);
            prop_assert!(linked.is_ok(), "{}", linked.unwrap_err());
        }
    }
}
