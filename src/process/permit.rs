//! The permission to start programs, as a type.

/// The permission to start programs. Every start needs one.
///
/// The constructors below are the only way to get one; `tests/layers` has a table of their callers.
#[derive(Clone, Debug)]
pub struct Permit(());

impl Permit {
    /// For programs that a profile, a checklist or a log's plan names: a person has allowed them. Only
    /// `trust::require` returns it.
    #[must_use]
    pub fn for_trusted_program() -> Self {
        Self(())
    }

    /// For this program itself, in place of the running one.
    #[must_use]
    pub fn for_own_program() -> Self {
        Self(())
    }

    /// For reading git's global and system configuration, outside of any repository.
    #[must_use]
    pub fn for_user_git_settings() -> Self {
        Self(())
    }

    /// For asking a Python interpreter on `PATH` whether it finds a module, without importing it.
    #[must_use]
    pub fn for_python_modules() -> Self {
        Self(())
    }

    /// For the person's own editor, which their environment names.
    #[must_use]
    pub fn for_editor() -> Self {
        Self(())
    }

    /// For the person's own pager, which their environment names.
    #[must_use]
    pub fn for_pager() -> Self {
        Self(())
    }

    /// For a supervisor: the gonogo that started it had a permit for its program.
    #[must_use]
    pub fn for_supervisor() -> Self {
        Self(())
    }

    /// For a rehearsal: gonogo wrote its profile, which points to its own stack.
    #[must_use]
    pub fn for_rehearsal() -> Self {
        Self(())
    }

    /// For tests only; production code never calls it.
    #[doc(hidden)]
    #[must_use]
    pub fn for_tests() -> Self {
        Self(())
    }
}
