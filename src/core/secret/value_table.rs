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
pub(super) struct ValueTable {
    /// Values of the configuration, and lasting ones.
    lasting: RuleValues,
    /// Values for single runs of probes, by lease.
    leased: BTreeMap<u64, RuleValues>,
    leases: u64,
    /// The redactor for all of them, until the values change.
    redactor: Option<Redactor>,
}

/// Values by rule.
#[derive(Debug, Default)]
struct RuleValues(BTreeMap<String, VecDeque<StoredSecret>>);

/// A value and its search texts.
struct StoredSecret {
    secret: Secret,
    needles: Vec<Needle>,
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.secret.fmt(f)
    }
}

/// The values under a lease are forgotten when it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    store: Arc<Mutex<ValueTable>>,
    id: u64,
}

impl Lease {
    pub(super) fn of(store: &Arc<Mutex<ValueTable>>) -> Self {
        let mut table = lock(store);
        table.leases += 1;
        Self { store: Arc::clone(store), id: table.leases }
    }

    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        lock(&self.store).end_lease(self.id);
    }
}

pub(super) fn lock(store: &Mutex<ValueTable>) -> MutexGuard<'_, ValueTable> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ValueTable {
    /// Adds a value: until the lease ends, if there is one.
    pub(super) fn add(&mut self, lease: Option<u64>, rule: &str, value: &Secret) {
        let values = match lease {
            None => &mut self.lasting,
            Some(lease) => self.leased.entry(lease).or_default(),
        };
        if values.add(rule, value) {
            self.redactor = None;
        }
    }

    fn end_lease(&mut self, lease: u64) {
        if self.leased.remove(&lease).is_some() {
            self.redactor = None;
        }
    }

    /// The redactor for all current values.
    pub(super) fn redactor(&mut self) -> Redactor {
        let (lasting, leased) = (&self.lasting, &self.leased);
        let merged =
            || Redactor::new(std::iter::once(lasting).chain(leased.values()).flat_map(RuleValues::needles));
        self.redactor.get_or_insert_with(merged).clone()
    }
}

impl RuleValues {
    /// Adds a value. Returns whether it is new.
    fn add(&mut self, rule: &str, secret: &Secret) -> bool {
        let values = self.0.entry(rule.to_owned()).or_default();
        if values.iter().any(|stored| stored.secret.expose() == secret.expose()) {
            return false;
        }
        if values.len() == MAX_VALUES {
            values.pop_front();
        }
        let needles = needles(secret.expose()).into_iter().map(|needle| (rule.to_owned(), needle)).collect();
        values.push_back(StoredSecret { secret: secret.clone(), needles });
        true
    }

    fn needles(&self) -> impl Iterator<Item = Needle> {
        self.0.values().flatten().flat_map(|value| value.needles.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::SecretValues;
    use super::*;

    fn secret(text: impl Into<String>) -> Secret {
        Secret::new(text.into())
    }

    fn hides(values: &SecretValues, text: &str) -> bool {
        values.redactor().redact(text, &mut BTreeMap::new()) != text
    }

    #[test]
    fn values_of_one_run_are_forgotten_with_it_and_others_are_not() {
        let values = SecretValues::default();
        values.register("env PASSWORD", &secret("swordfish"));
        let count = values.redactor().needles().len();
        let (first, second) = (values.for_one_run(), values.for_one_run());
        first.register("registry token", &secret("token-one"));
        second.register("registry token", &secret("token-other"));
        let clone = first.clone();
        for handle in [&values, &first, &second] {
            assert!(["swordfish", "token-one", "token-other"].iter().all(|text| hides(handle, text)));
        }
        drop(first);
        assert!(hides(&values, "token-one"), "somebody still needs it");
        drop(clone);
        assert!(!hides(&values, "token-one") && hides(&values, "token-other"));
        drop(second);
        assert!(hides(&values, "swordfish") && !hides(&values, "token-other"));
        assert_eq!(values.redactor().needles().len(), count);
    }

    #[test]
    fn runs_leave_no_values_behind() {
        let values = SecretValues::default();
        for n in 0..10_000 {
            values.for_one_run().register("Vault token", &secret(format!("hvs.{n:08}")));
        }
        assert!(values.redactor().needles().is_empty());
    }

    #[test]
    fn the_newest_values_of_a_rule_are_kept() {
        let values = SecretValues::default();
        for n in 0..1000 {
            values.register("command print-token", &secret(format!("token-{n:04}")));
        }
        assert!(
            hides(&values, "token-0999") && hides(&values, "token-0936") && !hides(&values, "token-0935")
        );
    }

    #[test]
    fn needles_are_computed_once() {
        let values = SecretValues::default();
        values.register("env PASSWORD", &secret("swordfish"));
        let before = values.redactor();
        values.register("env PASSWORD", &secret("swordfish"));
        assert!(std::ptr::eq(before.needles(), values.for_one_run().redactor().needles()));
    }
}
