//! The values that were read, with their search texts and their lifetimes.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Secret;
use super::redact::{Needle, Redactor, needles};

/// How many values of one rule are remembered; the oldest is dropped. A secret command may print a new value each
/// time.
const MAX_VALUES: usize = 64;

/// All values that must be redacted.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Values of the configuration, and lasting ones.
    lasting: Values,
    /// Values for single runs of probes, by lease.
    leased: BTreeMap<u64, Values>,
    leases: u64,
    /// The redactor for all of them, until the values change.
    redactor: Option<Redactor>,
}

/// Values by rule.
#[derive(Debug, Default)]
struct Values(BTreeMap<String, VecDeque<Value>>);

/// A value and its search texts.
struct Value {
    secret: Secret,
    needles: Vec<Needle>,
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.secret.fmt(f)
    }
}

/// The values under a lease are forgotten when it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    store: Arc<Mutex<Store>>,
    id: u64,
}

impl Lease {
    pub(super) fn of(store: &Arc<Mutex<Store>>) -> Self {
        let mut known = lock(store);
        known.leases += 1;
        Self { store: Arc::clone(store), id: known.leases }
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        lock(&self.store).forget(self.id);
    }
}

pub(super) fn lock(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Adds a value: until the lease ends, if there is one.
    pub(super) fn keep(&mut self, lease: Option<u64>, rule: &str, value: &Secret) {
        let values = match lease {
            None => &mut self.lasting,
            Some(lease) => self.leased.entry(lease).or_default(),
        };
        if values.keep(rule, value) {
            self.redactor = None;
        }
    }

    fn forget(&mut self, lease: u64) {
        if self.leased.remove(&lease).is_some() {
            self.redactor = None;
        }
    }

    /// The redactor for all current values.
    pub(super) fn redactor(&mut self) -> Redactor {
        let (lasting, leased) = (&self.lasting, &self.leased);
        let merged =
            || Redactor::new(std::iter::once(lasting).chain(leased.values()).flat_map(Values::needles));
        self.redactor.get_or_insert_with(merged).clone()
    }
}

impl Values {
    /// Adds a value. Returns whether it is new.
    fn keep(&mut self, rule: &str, secret: &Secret) -> bool {
        let values = self.0.entry(rule.to_owned()).or_default();
        if values.iter().any(|known| known.secret.expose() == secret.expose()) {
            return false;
        }
        if values.len() == MAX_VALUES {
            values.pop_front();
        }
        let needles = needles(secret.expose()).into_iter().map(|needle| (rule.to_owned(), needle)).collect();
        values.push_back(Value { secret: secret.clone(), needles });
        true
    }

    fn needles(&self) -> impl Iterator<Item = Needle> {
        self.0.values().flatten().flat_map(|value| value.needles.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Keeper;
    use super::*;
    use crate::process::Permit;

    fn secret(text: impl Into<String>) -> Secret {
        Secret::new(text.into())
    }

    fn hides(keeper: &Keeper, text: &str) -> bool {
        keeper.redactor().clean(text, &mut BTreeMap::new()) != text
    }

    #[test]
    fn what_was_read_for_one_run_is_forgotten_with_it_and_the_rest_is_not() {
        let keeper = Keeper::new(Permit::for_tests());
        keeper.keep("env PASSWORD", &secret("swordfish"));
        let known = keeper.redactor().needles().len();
        let (one, other) = (keeper.for_one_run(), keeper.for_one_run());
        one.keep("registry token", &secret("token-one"));
        other.keep("registry token", &secret("token-other"));
        let clone = one.clone();
        for everyone in [&keeper, &one, &other] {
            assert!(["swordfish", "token-one", "token-other"].iter().all(|text| hides(everyone, text)));
        }
        drop(one);
        assert!(hides(&keeper, "token-one"), "somebody still needs it");
        drop(clone);
        assert!(!hides(&keeper, "token-one") && hides(&keeper, "token-other"));
        drop(other);
        assert!(hides(&keeper, "swordfish") && !hides(&keeper, "token-other"));
        assert_eq!(keeper.redactor().needles().len(), known);
    }

    #[test]
    fn ten_thousand_runs_leave_no_more_than_one() {
        let keeper = Keeper::new(Permit::for_tests());
        for n in 0..10_000 {
            keeper.for_one_run().keep("Vault token", &secret(format!("hvs.{n:08}")));
        }
        assert!(keeper.redactor().needles().is_empty());
    }

    #[test]
    fn of_one_rule_the_newest_values_are_known() {
        let keeper = Keeper::new(Permit::for_tests());
        for n in 0..1000 {
            keeper.keep("command print-token", &secret(format!("token-{n:04}")));
        }
        assert!(
            hides(&keeper, "token-0999") && hides(&keeper, "token-0936") && !hides(&keeper, "token-0935")
        );
    }

    #[test]
    fn spellings_are_reckoned_once() {
        let keeper = Keeper::new(Permit::for_tests());
        keeper.keep("env PASSWORD", &secret("swordfish"));
        let before = keeper.redactor();
        keeper.keep("env PASSWORD", &secret("swordfish"));
        assert!(std::ptr::eq(before.needles(), keeper.for_one_run().redactor().needles()));
    }
}
