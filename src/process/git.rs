//! Git commands that run nothing that a checkout configures.
//!
//! The configuration of a checkout is foreign: it names programs for filters, hooks, file system monitors, remotes,
//! pagers. Keys with fixed names are overridden on the command line, which wins over every file, whatever `include`
//! adds. Keys with open names (`filter.NAME.clean`, `remote.NAME.uploadpack`, `diff.NAME.command`) cannot be
//! overridden, so only commands are used that never read them, and nothing is fetched, whatever is missing. See
//! git-config(1), "protocol" and "extensions", and git(1), "Environment Variables".

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::Launch;

/// The options of each call.
const SETTINGS: [&str; 19] = [
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.sshCommand=false",
    "core.gitProxy=",
    "core.askPass=false",
    "core.pager=cat",
    "core.editor=false",
    "core.alternateRefsCommand=false",
    "credential.helper=",
    "diff.external=",
    "gpg.program=false",
    "gpg.ssh.program=false",
    "gpg.x509.program=false",
    "log.showSignature=false",
    "protocol.allow=never",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
];

/// The environment of each call. No protocol is allowed, so nothing can be fetched; git before 2.45 does not know the
/// first variable, and the second one stops it.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ALLOW_PROTOCOL", ""),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_PAGER", "cat"),
    ("GIT_EDITOR", "false"),
    ("LC_ALL", "C"),
];

/// Git's variables that a call inherits: the location of the user's own settings, and how far up a checkout is
/// searched. Any other could lead to another repository, another index, or a program.
const INHERITED: [&str; 5] = [
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
];

/// A git command in a checkout. Only for plumbing commands that read objects, the index and attributes. Commands that
/// convert, fetch or compare work files can run what the checkout configures, and must not be used.
#[must_use]
pub fn git(checkout: &Path, words: &[&str]) -> Launch {
    bare().args([OsStr::new("-C"), checkout.as_os_str()]).args(words)
}

/// A scope of git's configuration outside of repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The user's.
    Global,
    /// This machine's.
    System,
}

/// The command that lists the settings of one scope whose keys match. It runs where no repository's own settings
/// apply. Output: key, newline, value, and a zero byte after each; sections and names in lower case.
#[must_use]
pub fn user_git_settings(scope: Scope, keys: &str) -> Launch {
    let scope = match scope {
        Scope::Global => "--global",
        Scope::System => "--system",
    };
    bare().args(["config", scope, "--includes", "-z", "--get-regexp", keys]).directory(Path::new("/"))
}

fn bare() -> Launch {
    let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
    Launch::new("git")
        .args(settings)
        .env_remove(foreign(env::vars_os().map(|(name, _)| name)))
        .envs(ENVIRONMENT)
}

/// The variables that a call does not inherit.
fn foreign(names: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let is_foreign = |name: &OsString| {
        let name = name.to_string_lossy();
        (name.starts_with("GIT_") || name == "SSH_ASKPASS") && !INHERITED.contains(&&*name)
    };
    names.filter(is_foreign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_to_the_users_own_settings_is_inherited() {
        let names = ["GIT_DIR", "GIT_CONFIG_COUNT", "GIT_CONFIG_GLOBAL", "GIT_EXEC_PATH", "PATH", "HOME"];
        let not_inherited = foreign(names.into_iter().map(OsString::from));
        assert_eq!(not_inherited, ["GIT_DIR", "GIT_CONFIG_COUNT", "GIT_EXEC_PATH"]);
    }
}
