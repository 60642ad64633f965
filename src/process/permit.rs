//! Who may start a program, as a type.

/// The permission to start programs. Every start takes one.
///
/// There is no other way to get one than the constructors below; `tests/layers` holds a table of who calls which.
#[derive(Clone, Debug)]
pub struct Permit(());

impl Permit {
    /// For what a profile, a checklist or a log's plan names: a person has allowed it, or it runs no command.
    /// Only `trust::require` gives it.
    #[must_use]
    pub fn given_by_trust() -> Self {
        Self(())
    }

    /// For this program itself, in place of the one that runs now.
    #[must_use]
    pub fn for_own_program() -> Self {
        Self(())
    }

    /// For reading git's global and system configuration, outside of any repository.
    #[must_use]
    pub fn for_user_git_settings() -> Self {
        Self(())
    }

    /// For a supervisor: the gonogo that started it had a permit for the program that it is to run.
    #[must_use]
    pub fn for_supervisor() -> Self {
        Self(())
    }

    /// For a rehearsal: its profile is written by gonogo, and leads to its own stack.
    #[must_use]
    pub fn for_rehearsal() -> Self {
        Self(())
    }

    /// For tests only; no code that ships calls it.
    #[doc(hidden)]
    #[must_use]
    pub fn for_tests() -> Self {
        Self(())
    }
}
