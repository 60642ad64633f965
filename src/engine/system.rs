//! What the engine takes from its machine: time, probes, keys that wait, supervisors. The disk comes with the log.
//! Simulations replace it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::clock;
use super::supervisor::{LaunchSpec, StartMarker, SupervisorFiles};
use super::supervisor_launch::{SupervisorLaunch, launch_supervisor};
use crate::probes::{self, ProbeContext};
use crate::process::{Permit, own_program};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::ProbeSpec;
use gonogo_core::journal::chain::UnsignedEntry;
use gonogo_core::journal::keys::{SignError, Signer};
use gonogo_core::outcome::Outcome;
use gonogo_core::recorded_process::RecordedProcessError;
use gonogo_core::time::Moment;

/// Receives the answer of a key.
pub(super) type SignatureCallback = Box<dyn FnOnce(Result<String, SignError>) + Send>;

/// The machine, or a simulated one.
pub(super) trait System: Send + Sync {
    /// The current time by both clocks.
    fn now(&self) -> Moment;

    /// Runs one attempt of a probe.
    fn run_probe<'a>(
        &'a self,
        spec: &'a ProbeSpec,
        deadline: Duration,
        secret_store: &'a SecretStore,
        context: &'a ProbeContext,
    ) -> BoxFuture<'a, Outcome>;

    /// Whether signing with this key may have to wait for a person.
    fn may_block(&self, key: &Signer) -> bool;

    /// Asks such a key for its signature. `callback` receives the answer, from any thread, or is dropped.
    ///
    /// # Errors
    /// When the key cannot be asked.
    fn sign(&self, entry: UnsignedEntry, key: Arc<Signer>, callback: SignatureCallback) -> io::Result<()>;

    /// Launches a supervisor for an action.
    fn launch_supervisor<'a>(
        &'a self,
        spec: &'a LaunchSpec,
        permit: &'a Permit,
    ) -> BoxFuture<'a, SupervisorLaunch>;

    /// Asks the supervisor of a start marker to stop its program.
    ///
    /// # Errors
    /// When the process is not that supervisor, or cannot be signalled.
    fn stop(&self, marker: &StartMarker, files: &SupervisorFiles) -> Result<(), RecordedProcessError>;
}

/// The real machine.
#[derive(Debug, Default)]
pub(super) struct HostSystem {
    /// The program that supervises actions, if it is not this one.
    pub(super) supervisor: Option<PathBuf>,
}

impl System for HostSystem {
    fn now(&self) -> Moment {
        clock::now()
    }

    fn run_probe<'a>(
        &'a self,
        spec: &'a ProbeSpec,
        deadline: Duration,
        secret_store: &'a SecretStore,
        context: &'a ProbeContext,
    ) -> BoxFuture<'a, Outcome> {
        probes::run(spec, deadline, secret_store, context).boxed()
    }

    fn may_block(&self, key: &Signer) -> bool {
        key.may_block()
    }

    /// In a detached thread: it can last as long as a person takes.
    fn sign(&self, entry: UnsignedEntry, key: Arc<Signer>, callback: SignatureCallback) -> io::Result<()> {
        thread::Builder::new().name("signing".into()).spawn(move || callback(entry.sign(&key))).map(drop)
    }

    fn launch_supervisor<'a>(
        &'a self,
        spec: &'a LaunchSpec,
        permit: &'a Permit,
    ) -> BoxFuture<'a, SupervisorLaunch> {
        async move {
            match self.supervisor.clone().map_or_else(own_program, Ok) {
                Ok(program) => launch_supervisor(spec, &program, permit).await,
                Err(error) => SupervisorLaunch::NotStarted(format!("no supervisor: {error}")),
            }
        }
        .boxed()
    }

    fn stop(&self, marker: &StartMarker, files: &SupervisorFiles) -> Result<(), RecordedProcessError> {
        files.supervisor(marker)?.terminate()
    }
}
