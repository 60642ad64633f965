//! What this program has in its memory, secrets among it, is for nobody else.

/// Keeps the memory of this process out of core files, also of those that the system hands to a program (`core(5)`; a
/// limit of 0 does not keep from that), and from the user's other programs (`ptrace(2)`, `/proc/PID/mem`). Programs that it
/// starts are as they would be without this: `execve(2)` takes it back.
///
/// Nobody but root sees then which files the process has open: [`super::recorded`] tells it by the locks that it holds.
pub fn keep_private() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Linux refuses other values only.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
