//! Why something could not be looked at.

use std::error::Error;
use std::fmt;

use crate::error;

/// Why something could not be looked at, as people read it. Holds no secret.
#[derive(Clone, Debug)]
pub(super) struct Blind(String);

impl Blind {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Blind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: Error + 'static> From<E> for Blind {
    fn from(error: E) -> Self {
        Self(error::chain(&error))
    }
}

impl From<Blind> for String {
    fn from(blind: Blind) -> Self {
        blind.0
    }
}

/// Something that was looked at, or why it could not be.
pub(super) type Fact<T> = Result<T, Blind>;
