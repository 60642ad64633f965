//! Replaces the simulated operators in a build without the rehearsal: there are none.

use std::future::Ready;

use tokio::sync::{mpsc, watch};

use gonogo_core::run::{NumberedRequest, RunSnapshot};

/// The simulated operators: this build has none.
pub(super) enum SimulatedOperators {}

impl SimulatedOperators {
    /// The reviewer's principal.
    pub(super) const fn reviewer(&self) -> &str {
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
