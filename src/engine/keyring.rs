//! The keys that sign entries of a run.

use std::sync::{Arc, Mutex, PoisonError};

use gonogo_core::journal::keys::Signer;

/// The keys of the operators here.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Arc<Mutex<Vec<Arc<Signer>>>>);

impl Keyring {
    /// Adds a key.
    pub fn add(&self, signer: Signer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(signer));
    }

    /// An operator's key, by name and public key.
    pub(super) fn find(&self, principal: &str, public: &str) -> Option<Arc<Signer>> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().find(|key| key.principal == principal && key.public == public).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gonogo_core::testing::signer;

    #[test]
    fn a_key_is_found_by_its_owner_and_its_public_key_together() {
        let (ann, bob) = (signer("ann@x"), signer("bob@x"));
        let (of_ann, of_bob) = (ann.public.clone(), bob.public.clone());
        let keys = Keyring::default();
        keys.add(ann);
        keys.add(bob);
        assert_eq!(keys.find("bob@x", &of_bob).map(|key| key.principal.clone()), Some("bob@x".into()));
        assert!(keys.find("ann@x", &of_bob).is_none() && keys.find("bob@x", &of_ann).is_none());
        assert!(keys.find("carol@x", &of_ann).is_none());
    }
}
