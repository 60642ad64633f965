//! Requests to the engine that are not answered yet.

use std::collections::{BTreeMap, VecDeque};

use crate::tui::layer::{Layer, PendingRequest};
use gonogo_core::run::{NumberedRequest, Request, RequestId};

/// The pending requests, by id.
#[derive(Debug, Default)]
pub struct PendingRequests {
    /// The number of requests so far.
    count: u64,
    open: BTreeMap<RequestId, PendingRequest>,
    /// Dialogs of rejected requests, to be reopened when no other dialog or text field has the keys.
    pub to_reopen: VecDeque<Box<dyn Layer>>,
}

impl PendingRequests {
    /// Gives a request an id, and keeps what to do with its response.
    pub fn add(&mut self, request: Request, pending: PendingRequest) -> NumberedRequest {
        self.count += 1;
        let id = RequestId(self.count);
        self.open.insert(id, pending);
        NumberedRequest { id, request }
    }

    /// Takes a request whose response has come. `None` for responses to other clients of the engine.
    pub fn take(&mut self, id: RequestId) -> Option<PendingRequest> {
        self.open.remove(&id)
    }

    /// Whether an entry is being written to the log.
    pub fn is_saving(&self) -> bool {
        self.open.values().any(|pending| pending.notice.is_some())
    }

    /// The ids of all pending requests, the oldest first.
    #[cfg(test)]
    pub fn ids(&self) -> Vec<RequestId> {
        self.open.keys().copied().collect()
    }
}
