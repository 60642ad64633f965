//! The operators of a run by name and by secret key: each person has one of each.

use rpds::HashTrieMapSync;

use super::command::Rejection;
use crate::checklist::Role;
use crate::journal::entry::{EnrolledOperator, MACHINE};
use crate::journal::public_key::KeyIdentity;

/// The operators of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Enrolments {
    roles: HashTrieMapSync<String, Role>,
    keys: HashTrieMapSync<KeyIdentity, String>,
    /// The position of each operator in the roster.
    positions: HashTrieMapSync<String, usize>,
    count: usize,
}

impl Enrolments {
    /// Checks whether an operator may be added.
    pub(super) fn check(&self, operator: &EnrolledOperator) -> Result<(), Rejection> {
        let EnrolledOperator { principal, key, .. } = operator;
        let refuse = |why: String| Err(Rejection::InvalidEnrolment(why));
        if principal == MACHINE {
            return refuse(format!("{MACHINE} is the name of automatic entries; no operator can have it"));
        }
        if let Some(role) = self.roles.get(principal) {
            return refuse(format!("{principal} is already an operator of this run, as {role}"));
        }
        match self.keys.get(&KeyIdentity::of(key)) {
            Some(owner) => refuse(format!(
                "this key is already enrolled as {owner}'s; each operator needs a separate key"
            )),
            None => Ok(()),
        }
    }

    /// The position of an operator in the roster.
    pub(super) fn position(&self, principal: &str) -> Option<usize> {
        self.positions.get(principal).copied()
    }

    /// Adds an operator.
    pub(super) fn add(&mut self, operator: &EnrolledOperator) {
        if !self.positions.contains_key(&operator.principal) {
            self.positions.insert_mut(operator.principal.clone(), self.count);
        }
        self.count += 1;
        self.roles.insert_mut(operator.principal.clone(), operator.role);
        self.keys.insert_mut(KeyIdentity::of(&operator.key), operator.principal.clone());
    }
}

impl<'a> FromIterator<&'a EnrolledOperator> for Enrolments {
    fn from_iter<T: IntoIterator<Item = &'a EnrolledOperator>>(roster: T) -> Self {
        let mut enrolments = Self::default();
        roster.into_iter().for_each(|operator| enrolments.add(operator));
        enrolments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::public_key::tests::{ecdsa_forms, ed25519_forms};

    fn enrolled(principal: &str, key: &str) -> EnrolledOperator {
        EnrolledOperator { principal: principal.into(), key: key.into(), role: Role::Reviewer }
    }

    #[test]
    fn two_forms_of_one_key_are_one_person() {
        for forms in [ed25519_forms().as_slice(), ecdsa_forms().as_slice()] {
            let enrolments: Enrolments = [&enrolled("a@x", &forms[0])].into_iter().collect();
            for form in forms {
                let error = enrolments.check(&enrolled("b@x", form)).unwrap_err().to_string();
                assert!(error.contains("as a@x's; each operator needs a separate key"), "{error}");
            }
            assert_eq!(enrolments.check(&enrolled("b@x", &ed25519_forms()[0])), Ok(()));
        }
    }

    #[test]
    fn no_operator_has_the_name_of_automatic_entries() {
        let error = Enrolments::default().check(&enrolled(MACHINE, &ed25519_forms()[0])).unwrap_err();
        assert!(error.to_string().contains("the name of automatic entries"), "{error}");
    }

    /// This would take thousands of millions of steps if each new operator were compared with all others.
    #[test]
    fn a_new_operator_is_not_compared_with_all_others() {
        let mut enrolments = Enrolments::default();
        for n in 0..60_000 {
            let operator = enrolled(&format!("{n}@x"), &format!("key {n}"));
            assert_eq!(enrolments.check(&operator), Ok(()));
            enrolments.add(&operator);
            assert_eq!(enrolments.position(&operator.principal), Some(n));
        }
    }
}
