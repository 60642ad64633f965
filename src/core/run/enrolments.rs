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
    pub(super) fn check(&self, newcomer: &EnrolledOperator) -> Result<(), Rejection> {
        let EnrolledOperator { principal, key, .. } = newcomer;
        let refuse = |why: String| Err(Rejection::InvalidEnrolment(why));
        if principal == MACHINE {
            return refuse(format!("{MACHINE} is the name of automatic entries; no operator can have it"));
        }
        if let Some(role) = self.roles.get(principal) {
            return refuse(format!("{principal} is already an operator of this run, as {role}"));
        }
        match self.keys.get(&KeyIdentity::of(key)) {
            Some(twin) => {
                refuse(format!("this key is already enrolled as {twin}'s; two people need two keys"))
            }
            None => Ok(()),
        }
    }

    /// The position of an operator in the roster.
    pub(super) fn position(&self, principal: &str) -> Option<usize> {
        self.positions.get(principal).copied()
    }

    /// Adds an operator.
    pub(super) fn add(&mut self, newcomer: &EnrolledOperator) {
        if !self.positions.contains_key(&newcomer.principal) {
            self.positions.insert_mut(newcomer.principal.clone(), self.count);
        }
        self.count += 1;
        self.roles.insert_mut(newcomer.principal.clone(), newcomer.role);
        self.keys.insert_mut(KeyIdentity::of(&newcomer.key), newcomer.principal.clone());
    }
}

impl<'a> FromIterator<&'a EnrolledOperator> for Enrolments {
    fn from_iter<T: IntoIterator<Item = &'a EnrolledOperator>>(roster: T) -> Self {
        let mut all = Self::default();
        roster.into_iter().for_each(|one| all.add(one));
        all
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
            let all: Enrolments = [&enrolled("a@x", &forms[0])].into_iter().collect();
            for twin in forms {
                let told = all.check(&enrolled("b@x", twin)).unwrap_err().to_string();
                assert!(told.contains("as a@x's; two people need two keys"), "{told}");
            }
            assert_eq!(all.check(&enrolled("b@x", &ed25519_forms()[0])), Ok(()));
        }
    }

    #[test]
    fn nobody_takes_part_under_the_name_of_the_machine() {
        let told = Enrolments::default().check(&enrolled(MACHINE, &ed25519_forms()[0])).unwrap_err();
        assert!(told.to_string().contains("the name of automatic entries"), "{told}");
    }

    /// This would take thousands of millions of steps if each new operator were compared with all others.
    #[test]
    fn a_newcomer_is_not_compared_with_everybody() {
        let mut all = Enrolments::default();
        for n in 0..60_000 {
            let newcomer = enrolled(&format!("{n}@x"), &format!("key {n}"));
            assert_eq!(all.check(&newcomer), Ok(()));
            all.add(&newcomer);
            assert_eq!(all.position(&newcomer.principal), Some(n));
        }
    }
}
