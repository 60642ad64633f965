//! Replaces the simulated reviewer in a build without the rehearsal: there is none.

use std::future::Ready;

use tokio::sync::{mpsc, watch};

use gonogo_core::run::{NumberedRequest, RunSnapshot};

/// A simulated reviewer, of which there is none.
pub(super) enum SimulatedReviewer {}

impl SimulatedReviewer {
    /// The principal.
    pub(super) const fn principal(&self) -> &str {
        match *self {}
    }

    /// Acts.
    pub(super) const fn run(
        self,
        _: watch::Receiver<RunSnapshot>,
        _: mpsc::Sender<NumberedRequest>,
    ) -> Ready<()> {
        match self {}
    }
}
