//! Why something could not be checked.

use std::error::Error;
use std::fmt;

use gonogo_core::error;

/// Why something could not be checked, for people. Contains no secret.
#[derive(Clone, Debug)]
pub(super) struct ProbeError(String);

impl ProbeError {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error + 'static> From<E> for ProbeError {
    fn from(error: E) -> Self {
        Self(error::chain(&error))
    }
}

impl From<ProbeError> for String {
    fn from(error: ProbeError) -> Self {
        error.0
    }
}

/// What was observed, or why it could not be.
pub(super) type ProbeResult<T> = Result<T, ProbeError>;
