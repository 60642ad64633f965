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
/// How many rules have their own count of redacted secrets.
const MAX_RULES: usize = 24;

/// The limits of texts, in bytes: the longest limit is used with which all texts together fit. With the shortest one,
/// the maximum numbers of observations and effects fit.
const TEXTS: [usize; 4] = [512, 256, 128, 64];
/// The limit of all observations together, in bytes.
const OBSERVATIONS: usize = 44 << 10;
/// The limit of all effects together, in bytes.
const EFFECTS: usize = 8 << 10;
/// The limits of the reproduce command and of a rule's name, in bytes.
const REPRODUCE: usize = 2048;
const RULE: usize = 128;
/// The overhead of an observation and of an effect: keys, quotation marks, commas.
const AROUND_OBSERVATION: usize = 80;
/// The limit of an observation's key, in bytes, and its overhead. Tags and ids are shorter.
const KEY: usize = 256;
const AROUND_KEY: usize = 9;
const AROUND_EFFECT: usize = 3;

const _: () = {
    let shortest = TEXTS[3] + text::CLIPPED;
    assert!((MAX_OBSERVATIONS + 1) * (3 * shortest + AROUND_OBSERVATION + AROUND_KEY + KEY) <= OBSERVATIONS);
    assert!(MAX_EFFECTS * (shortest + AROUND_EFFECT) <= EFFECTS);
};

impl Outcome {
    /// Makes an outcome safe to store and to show: secrets redacted, control characters made visible, and short enough
    /// for a line of a log. Applying it twice changes nothing.
    #[must_use]
    pub fn cleaned(mut self, redactor: &Redactor) -> Self {
        let mut found = std::mem::take(&mut self.redacted);
        let mut clean = |foreign: &str| text::line(&redactor.clean(foreign, &mut found));
        if self.observations.len() > MAX_OBSERVATIONS + 1 {
            let rest = self.observations.split_off(MAX_OBSERVATIONS - 1);
            self.observations.push(summary(&rest));
        }
        let observations: Vec<_> = self.observations.iter().map(|seen| seen.with(&mut clean)).collect();
        let effects: Vec<_> = counted(self.effects).iter().map(|effect| clean(effect)).collect();
        self.reproduce = text::clip_written(&clean(&self.reproduce), REPRODUCE);
        self.observations =
            short_enough(OBSERVATIONS, &observations, Observation::clipped, Observation::written);
        self.effects = short_enough(
            EFFECTS,
            &effects,
            |one, limit| text::clip_written(one, limit),
            |one| text::written(one) + AROUND_EFFECT,
        );
        self.redacted = few(found);
        self
    }
}

impl Observation {
    fn with(&self, mut keep: impl FnMut(&str) -> String) -> Self {
        let Self { what, expected, seen, ok, measured, key } = self;
        let (what, expected, seen) = (keep(what), keep(expected), keep(seen));
        // A key consists of tags and ids. One that is too long is dropped.
        let key = key.clone().filter(|key| text::written(key) <= KEY);
        Self { what, expected, seen, ok: *ok, measured: *measured, key }
    }

    fn clipped(&self, limit: usize) -> Self {
        self.with(|part| text::clip_written(part, limit))
    }

    fn written(&self) -> usize {
        let texts = [&self.what, &self.expected, &self.seen];
        let key = self.key.as_ref().map_or(0, |key| text::written(key) + AROUND_KEY);
        texts.into_iter().map(|part| text::written(part)).sum::<usize>() + AROUND_OBSERVATION + key
    }
}

/// Clips all values with the longest limit of [`TEXTS`] with which they take no more than `most` bytes.
fn short_enough<T>(
    most: usize,
    all: &[T],
    clip: impl Fn(&T, usize) -> T,
    written: impl Fn(&T) -> usize,
) -> Vec<T> {
    let mut clipped = Vec::new();
    for limit in TEXTS {
        clipped = all.iter().map(|one| clip(one, limit)).collect();
        if clipped.iter().map(&written).sum::<usize>() <= most {
            break;
        }
    }
    clipped
}

/// As many observations as fit into `most` bytes, and at least one; those that are not as expected come first. The
/// rest is counted.
#[must_use]
pub fn some_of(mut seen: Vec<Observation>, most: usize) -> Vec<Observation> {
    // A stable sort: both groups keep their order.
    seen.sort_by_key(|one| one.ok == Some(true));
    let mut taken = AROUND_OBSERVATION * 2;
    let fits = seen.iter().take_while(|one| {
        taken += one.written();
        taken <= most
    });
    let kept = fits.count().max(1);
    if kept < seen.len() {
        let rest = seen.split_off(kept);
        seen.push(summary(&rest));
    }
    seen
}

fn summary(rest: &[Observation]) -> Observation {
    let wrong = rest.iter().filter(|o| o.ok == Some(false)).count();
    let unseen = rest.iter().filter(|o| o.ok.is_none()).count();
    let ok = if wrong > 0 { Some(false) } else { (unseen == 0).then_some(true) };
    let seen = format!("{} more: {wrong} failed, {unseen} unknown", rest.len());
    Observation { ok, ..Observation::new("further observations", "all pass", seen, true) }
}

fn counted(mut effects: Vec<String>) -> Vec<String> {
    if effects.len() > MAX_EFFECTS {
        let rest = effects.split_off(MAX_EFFECTS - 1).len();
        effects.push(format!("and {rest} more"));
    }
    effects
}

/// Counts by rule; those beyond the first rules are added up.
fn few(found: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let each = if found.len() > MAX_RULES + 1 { MAX_RULES } else { found.len() };
    let mut few: BTreeMap<String, u64> = BTreeMap::new();
    for (index, (rule, times)) in found.into_iter().enumerate() {
        let rule = text::clip_written(&text::line(&rule), RULE);
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
    use crate::time::{Moment, Utc};

    fn seen(ok: Option<bool>) -> Observation {
        Observation { ok, ..Observation::new("w", "e", "s", true) }
    }

    #[test]
    fn too_many_observations_are_counted_and_none_that_is_wrong_is_hidden() {
        let mut all = vec![seen(Some(true)); 200];
        all[199].ok = Some(false);
        let clean = Outcome::of(all, "").cleaned(&Redactor::default());
        assert_eq!(clean.observations.len(), MAX_OBSERVATIONS);
        assert_eq!(clean.observations[63].seen, "137 more: 1 failed, 0 unknown");
        assert_eq!(clean.observations[63].ok, Some(false));
        // The observation about the wait is extra and replaces none.
        let waited = clean.also(Observation::recorded("waited", "3 attempts")).cleaned(&Redactor::default());
        assert_eq!(waited.observations[63].seen, "137 more: 1 failed, 0 unknown");
        assert_eq!((waited.observations[64].what.as_str(), waited.class), ("waited", Class::Fail));
    }

    #[test]
    fn too_many_effects_are_counted() {
        let effects = (0..100).map(|n| format!("sent {n}"));
        let clean =
            Outcome::of(vec![seen(Some(true))], "").with_effects(effects).cleaned(&Redactor::default());
        assert_eq!(clean.effects.len(), MAX_EFFECTS);
        assert_eq!(clean.effects[63], "and 37 more");
    }

    #[test]
    fn some_of_what_was_seen_holds_what_is_wrong() {
        let mut all = vec![seen(Some(true)); 200];
        all[150] = Observation::new("late", "e", "s", false);
        let some = some_of(all.clone(), 1000);
        assert!(some.len() > 5 && some.len() < 12, "{}", some.len());
        assert_eq!(some[0].what, "late");
        assert!(some.last().unwrap().seen.contains("more: 0 failed"));
        assert_eq!(some_of(all, 1).len(), 2);
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
            let all: Vec<_> = some.iter().cycle().take(some.len() + times).cloned().collect();
            all
        });
        (many, vec(hostile(), 0..100), hostile(), redacted).prop_map(
            |(seen, effects, reproduce, redacted)| Outcome {
                redacted,
                ..Outcome::of(seen, reproduce).with_effects(effects)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn cleaning_twice_changes_nothing_and_the_class_stays(outcome in outcomes()) {
            let clean = outcome.clone().cleaned(&Redactor::default());
            prop_assert_eq!(clean.class, outcome.class);
            prop_assert!(clean.is_consistent());
            prop_assert_eq!(clean.clone().cleaned(&Redactor::default()), clean);
        }

        /// The limits of results and of lines agree, even with long checklist ids.
        #[test]
        fn any_result_that_is_kept_fits_into_a_line(outcome in outcomes(), waited in any::<bool>()) {
            let clean = outcome.cleaned(&Redactor::default());
            let seen = Observation::recorded("waited", "4294967295 attempts in 10000d 23h");
            let outcome = if waited { clean.also(seen).cleaned(&Redactor::default()) } else { clean };
            let (point, probe) = ("p".repeat(200), "q".repeat(200));
            let (attempt, took_ms) = (u64::MAX, u64::MAX);
            let event = Probed { point, probe, attempt, before: false, took_ms, outcome };
            let at = Moment { wall: Utc::from_millis(1_790_000_000_000), boot: "b".repeat(36), mono: u64::MAX };
            let linked = Chain::new("0".repeat(32)).link(at, MACHINE, event.into(), None);
            prop_assert!(linked.is_ok(), "{}", linked.unwrap_err());
        }
    }
}
