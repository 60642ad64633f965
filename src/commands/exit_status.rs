//! The exit code of a failed command: the kind of the error decides.

use std::error::Error;
use std::io;

use anyhow::{Context as _, Result};
use tokio::task::JoinError;

use super::printing;
use crate::engine::{ActError, OpenRunError};
use gonogo_core::error::{ErrorKind, Exit, Failure, HasKind, Problems, chain};
use gonogo_core::journal::agent::AgentError;
use gonogo_core::journal::bundle::BundleError;
use gonogo_core::journal::file::{AppendError, OpenJournalError};
use gonogo_core::journal::keys::{CreateKeyError, LoadKeyError, SignError};
use gonogo_core::journal::store::StoreError;
use gonogo_core::journal::verify::VerifyError;

/// The exit code of a command; prints and logs its error.
pub(super) fn report_result(result: Result<Exit>) -> Exit {
    let exit = result.unwrap_or_else(|error| {
        let (kind, message) = (kind_of(&error), chain(error.as_ref()));
        tracing::error!(?kind, "{message}");
        // After a broken pipe, print nothing more, not even the error.
        if !is_broken_pipe(&error) {
            printing::note(format_args!("gonogo: {message}"));
        }
        kind.exit()
    });
    match printing::failure() {
        // The output was not delivered, so the command has not succeeded.
        Some(error) if exit == Exit::Success => report_result(Err(error).context("standard output")),
        _ => exit,
    }
}

/// The kind of the outermost error that has one; an error without a kind is the user's.
fn kind_of(error: &anyhow::Error) -> ErrorKind {
    let kind = |error: &(dyn Error + 'static)| KINDS.iter().find_map(|kind_if| kind_if(error));
    error.chain().find_map(kind).unwrap_or(ErrorKind::User)
}

type KindIf = fn(&(dyn Error + 'static)) -> Option<ErrorKind>;

/// Every error type with a kind that a command can return.
const KINDS: [KindIf; 15] = [
    kind_if::<Failure>,
    kind_if::<Problems>,
    kind_if::<OpenRunError>,
    kind_if::<ActError>,
    kind_if::<OpenJournalError>,
    kind_if::<AppendError>,
    kind_if::<StoreError>,
    kind_if::<LoadKeyError>,
    kind_if::<CreateKeyError>,
    kind_if::<SignError>,
    kind_if::<AgentError>,
    kind_if::<BundleError>,
    kind_if::<VerifyError>,
    kind_if::<io::Error>,
    // A task of the program has panicked.
    |error| error.is::<JoinError>().then_some(ErrorKind::Internal),
];

fn kind_if<T: HasKind + Error + 'static>(error: &(dyn Error + 'static)) -> Option<ErrorKind> {
    error.downcast_ref::<T>().map(HasKind::kind)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| io::Error::kind(error) == io::ErrorKind::BrokenPipe)
}
