//! Reading a secret within a deadline.

use super::deadline::Deadline;
use super::error::ProbeResult;
use crate::secret_store::SecretStore;
use gonogo_core::secret::{Secret, SecretRef};

/// The secret behind a reference.
///
/// # Errors
/// When it cannot be read, or not within the deadline.
pub(super) async fn read_secret(
    reference: &SecretRef,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<Secret> {
    Ok(deadline.limit(format!("reading {reference}"), secret_store.read(reference)).await??)
}
