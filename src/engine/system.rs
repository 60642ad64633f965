//! What the engine takes from the machine that it runs on: time, probes, keys that wait, supervisors; the disk comes with
//! the log. With others in their place, schedules are simulated.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::clock;
use super::hand_over::{HandedOver, hand_over};
use super::supervisor::{Begun, Files, Order};
use crate::checklist::spec::Spec;
use crate::journal::chain::Unsigned;
use crate::journal::keys::{SignError, Signer};
use crate::outcome::Outcome;
use crate::probe::{self, ProbeContext};
use crate::process::recorded::RecordedProcessError;
use crate::process::{Permit, own_program};
use crate::secret::Keeper;
use crate::time::Moment;

/// Takes what a key said.
pub(super) type TakesSignature = Box<dyn FnOnce(Result<String, SignError>) + Send>;

/// The machine, or one that is made up.
pub(super) trait System: Send + Sync {
    /// What both clocks say.
    fn now(&self) -> Moment;

    /// Lets a probe look once.
    fn look<'a>(
        &'a self,
        spec: &'a Spec,
        deadline: Duration,
        keeper: &'a Keeper,
        given: &'a ProbeContext,
    ) -> BoxFuture<'a, Outcome>;

    /// Whether signing with this key may take as long as a person takes.
    fn may_wait(&self, key: &Signer) -> bool;

    /// Asks such a key for its signature; `told` takes it, from wherever it comes, or nothing does.
    ///
    /// # Errors
    /// When it cannot even be asked.
    fn sign(&self, entry: Unsigned, key: Arc<Signer>, told: TakesSignature) -> io::Result<()>;

    /// Hands an action to a supervisor.
    fn hand_over<'a>(&'a self, order: &'a Order, permit: &'a Permit) -> BoxFuture<'a, HandedOver>;

    /// Asks the supervisor that a mark names to stop what it runs.
    ///
    /// # Errors
    /// When it is not shown to be that supervisor, or cannot be asked.
    fn stop(&self, begun: &Begun, files: &Files) -> Result<(), RecordedProcessError>;
}

/// The machine.
#[derive(Debug, Default)]
pub(super) struct Machine {
    /// The program that supervises actions, if it is not this one.
    pub(super) supervisor: Option<PathBuf>,
}

impl System for Machine {
    fn now(&self) -> Moment {
        clock::now()
    }

    fn look<'a>(
        &'a self,
        spec: &'a Spec,
        deadline: Duration,
        keeper: &'a Keeper,
        given: &'a ProbeContext,
    ) -> BoxFuture<'a, Outcome> {
        probe::run(spec, deadline, keeper, given).boxed()
    }

    fn may_wait(&self, key: &Signer) -> bool {
        key.may_wait()
    }

    /// In a thread that nobody waits for: it lasts as long as a person takes.
    fn sign(&self, entry: Unsigned, key: Arc<Signer>, told: TakesSignature) -> io::Result<()> {
        thread::Builder::new().name("signing".into()).spawn(move || told(entry.sign(&key))).map(drop)
    }

    fn hand_over<'a>(&'a self, order: &'a Order, permit: &'a Permit) -> BoxFuture<'a, HandedOver> {
        async move {
            match self.supervisor.clone().map_or_else(own_program, Ok) {
                Ok(program) => hand_over(order, &program, permit).await,
                Err(error) => HandedOver::NotBegun(format!("no supervisor: {error}")),
            }
        }
        .boxed()
    }

    fn stop(&self, begun: &Begun, files: &Files) -> Result<(), RecordedProcessError> {
        files.supervisor(begun)?.terminate()
    }
}
