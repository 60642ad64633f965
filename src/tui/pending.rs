//! What was asked of the engine, and what comes of it: each answer names the request that it belongs to.

use std::collections::{BTreeMap, VecDeque};

use crate::run::{NumberedRequest, Request, RequestId};
use crate::tui::layer::{Layer, PendingRequest};

/// The requests that are not answered yet, by their ids.
#[derive(Debug, Default)]
pub struct PendingRequests {
    /// How many were made.
    count: u64,
    open: BTreeMap<RequestId, PendingRequest>,
    /// What was refused and comes back to be typed again, once nothing else is typed.
    pub returning: VecDeque<Box<dyn Layer>>,
}

impl PendingRequests {
    /// Numbers a request, and keeps what its answer is about.
    pub fn add(&mut self, request: Request, pending: PendingRequest) -> NumberedRequest {
        self.count += 1;
        let id = RequestId(self.count);
        self.open.insert(id, pending);
        NumberedRequest { id, request }
    }

    /// What an answer is about. An answer to what was not asked, or asked by another face, is nothing here.
    pub fn take(&mut self, id: RequestId) -> Option<PendingRequest> {
        self.open.remove(&id)
    }

    /// Whether something is being put on record.
    pub fn is_saving(&self) -> bool {
        self.open.values().any(|pending| pending.said.is_some())
    }

    /// The ids of all of them, the oldest first.
    #[cfg(test)]
    pub fn ids(&self) -> Vec<RequestId> {
        self.open.keys().copied().collect()
    }
}
