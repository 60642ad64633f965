//! The keys that a run is signed with.

use std::sync::{Arc, Mutex, PoisonError};

use crate::journal::keys::Signer;

/// The keys of the people who act here.
#[derive(Clone, Debug, Default)]
pub struct Keyring(Arc<Mutex<Vec<Arc<Signer>>>>);

impl Keyring {
    /// Takes in a key.
    pub fn add(&self, signer: Signer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(signer));
    }

    /// Somebody's key, by their name and its public half.
    pub(super) fn find(&self, principal: &str, public: &str) -> Option<Arc<Signer>> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().find(|key| key.principal == principal && key.public == public).cloned()
    }
}
