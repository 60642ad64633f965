//! Protecting the memory of this process, which has secrets in it.

/// Keeps the memory of this process out of core files, including those that the system passes to a program (`core(5)`;
/// a limit of 0 does not prevent that), and away from the user's other programs (`ptrace(2)`, `/proc/PID/mem`).
/// Programs that it starts are not affected: `execve(2)` resets it.
///
/// Then only root can see which files the process has open; [`super::recorded`] uses its locks instead.
pub fn keep_private() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Linux only refuses other values.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
