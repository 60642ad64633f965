//! The list of permissions as text: in groups, and compared with those allowed before.

use std::fmt::Write as _;

use gonogo_core::checklist::permissions::{
    BaseDirectories, ContentRun, Destination, Permission, Permissions, ProgramRun, RemoteChange,
    SecretTransfer,
};
use gonogo_core::secret::SecretRef;
use gonogo_core::text::{clip, line, shell_word};

/// The maximum length of a word that is shown in full, in bytes.
const MAX_WORD: usize = 1000;

/// Permissions to show.
pub(super) struct PermissionList<'a> {
    pub(super) directories: &'a BaseDirectories,
    pub(super) now: &'a Permissions,
    /// The permissions to compare with.
    pub(super) before: Option<&'a Permissions>,
    /// Whether to show unchanged permissions, too.
    pub(super) is_whole: bool,
}

/// A permission, and how it has changed.
#[derive(Clone, Copy)]
enum PermissionChange<'a> {
    Unchanged(&'a Permission),
    Added(&'a Permission),
    Changed(&'a Permission, &'a Permission),
    Removed(&'a Permission),
}

const GROUPS: [&str; 4] =
    ["Runs as you:", "Reads and sends:", "Runs code from (as it is at that time):", "Writes to:"];

const fn group(permission: &Permission) -> usize {
    match permission {
        Permission::Runs(_) => 0,
        Permission::Sends(_) => 1,
        Permission::RunsContentOf(_) => 2,
        Permission::Writes(_) => 3,
    }
}

impl PermissionList<'_> {
    /// The list as text.
    pub(super) fn text(&self) -> String {
        let rows = self.rows();
        let mut text = String::new();
        for (index, title) in GROUPS.iter().enumerate() {
            let mut rows = rows.iter().filter(|row| group(row.permission()) == index).peekable();
            if rows.peek().is_some() {
                let _ = writeln!(text, "\n{title}");
            }
            rows.for_each(|row| self.row(*row, &mut text));
        }
        text + "\n"
    }

    fn rows(&self) -> Vec<PermissionChange<'_>> {
        let Some(before) = self.before else {
            return self.now.iter().map(PermissionChange::Unchanged).collect();
        };
        let removed: Vec<_> = before.difference(self.now).collect();
        let new: Vec<_> = self.now.difference(before).collect();
        let mut rows: Vec<_> =
            self.now.iter().filter(|_| self.is_whole).map(PermissionChange::Unchanged).collect();
        rows.retain(|row| before.contains(row.permission()));
        let partner = |permission: &Permission| {
            sole_program_run(&removed, permission).filter(|_| sole_program_run(&new, permission).is_some())
        };
        rows.extend(new.iter().map(|permission| {
            partner(permission)
                .map_or(PermissionChange::Added(permission), |old| PermissionChange::Changed(permission, old))
        }));
        let is_changed = |old: &&&Permission| {
            sole_program_run(&new, old).is_some() && sole_program_run(&removed, old).is_some()
        };
        rows.extend(removed.iter().filter(|old| !is_changed(old)).map(|old| PermissionChange::Removed(old)));
        rows.sort_by_key(PermissionChange::permission);
        rows
    }

    fn row(&self, row: PermissionChange, text: &mut String) {
        let mark = match row {
            PermissionChange::Unchanged(_) => "",
            PermissionChange::Added(_) => "new",
            PermissionChange::Changed(..) => "changed",
            PermissionChange::Removed(_) => "removed",
        };
        let mut lines = self.lines(row.permission()).into_iter();
        let _ = writeln!(text, "  {mark:<9} {}", lines.next().unwrap_or_default());
        lines.for_each(|line| _ = writeln!(text, "              {line}"));
        if let PermissionChange::Changed(Permission::Runs(now), Permission::Runs(old)) = row {
            self.changes(now, old).iter().for_each(|line| _ = writeln!(text, "            ! {line}"));
        }
    }

    fn lines(&self, permission: &Permission) -> Vec<String> {
        match permission {
            Permission::Runs(runs) => self.runs(runs),
            Permission::Sends(SecretTransfer { to, secret }) => {
                vec![format!("{} → {}", self.secret(secret), self.destination(to))]
            }
            Permission::RunsContentOf(ContentRun { tool, path }) => {
                vec![format!("{} in {}", self.word(tool), self.word(path))]
            }
            Permission::Writes(RemoteChange { to, what }) => {
                vec![format!("{}: {}", self.destination(to), line(&self.directories.display(what)))]
            }
        }
    }

    fn runs(&self, runs: &ProgramRun) -> Vec<String> {
        let with =
            runs.environment.iter().map(|(name, value)| format!("with {}", self.variable(name, value)));
        let details = [
            Some(format!("for {}", line(&runs.purpose))),
            runs.directory.as_ref().map(|directory| format!("in {}", self.word(directory))),
            runs.stdin.as_ref().map(|stdin| format!("input: {}", line(&self.directories.display(stdin)))),
        ];
        [self.command(&runs.argv)].into_iter().chain(details.into_iter().flatten()).chain(with).collect()
    }

    /// The differences between two program runs, old and new.
    fn changes(&self, now: &ProgramRun, old: &ProgramRun) -> Vec<String> {
        let place = |runs: &ProgramRun| {
            runs.directory.as_ref().map_or_else(|| "the current directory".into(), |d| self.word(d))
        };
        let input =
            |runs: &ProgramRun| runs.stdin.as_ref().map_or_else(|| "nothing".into(), |input| line(input));
        let variable = |runs: &ProgramRun, name: &str| {
            runs.environment
                .get(name)
                .map_or_else(|| "not set".to_owned(), |value| self.variable(name, value))
        };
        let names = now.environment.keys().chain(old.environment.keys());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names.dedup();
        let fixed = [
            ("command", self.command(&old.argv), self.command(&now.argv)),
            ("directory", place(old), place(now)),
            ("input", input(old), input(now)),
        ];
        let variables =
            names.into_iter().map(|name| ("environment", variable(old, name), variable(now, name)));
        let changes = fixed.into_iter().chain(variables).filter(|(_, old, now)| old != now);
        changes.map(|(what, old, now)| format!("{what}: {old} → {now}")).collect()
    }

    fn command(&self, argv: &[String]) -> String {
        argv.iter().map(|word| self.word(word)).collect::<Vec<_>>().join(" ")
    }

    /// The value is already a shell word: a reference looks different from a text.
    fn variable(&self, name: &str, value: &str) -> String {
        format!("{}={}", self.word(name), line(&self.directories.display(value)))
    }

    fn secret(&self, secret: &SecretRef) -> String {
        match secret {
            SecretRef::Env(name) => format!("env {}", self.word(name)),
            SecretRef::File(path) => format!("file {}", self.word(path)),
            SecretRef::Command(argv) => format!("the output of {}", self.command(argv)),
        }
    }

    fn destination(&self, to: &Destination) -> String {
        let besides = to.besides.iter().map(|others| format!(" and {}", line(others)));
        let through = to
            .through
            .iter()
            .map(|through| format!(", through {}", line(&self.directories.display(through))));
        let roots =
            to.roots.iter().map(|file| format!(", verified with the certificates in {}", self.word(file)));
        let rest = besides.chain(through).chain(roots);
        rest.fold(self.word(&to.address), |text, part| text + &part)
    }

    /// Quoted unless it is a plain word, so that it cannot look like several words.
    fn word(&self, text: &str) -> String {
        // The digest covers the whole word; a longer one would push the rest out of sight.
        clip(&line(&shell_word(&self.directories.display(text))), MAX_WORD)
    }
}

impl<'a> PermissionChange<'a> {
    const fn permission(&self) -> &'a Permission {
        match self {
            Self::Unchanged(permission)
            | Self::Added(permission)
            | Self::Changed(permission, _)
            | Self::Removed(permission) => permission,
        }
    }
}

/// The only one that runs for the same purpose.
fn sole_program_run<'a>(candidates: &[&'a Permission], permission: &Permission) -> Option<&'a Permission> {
    let Permission::Runs(ProgramRun { purpose, .. }) = permission else { return None };
    let mut same =
        candidates.iter().filter(|other| matches!(other, Permission::Runs(runs) if runs.purpose == *purpose));
    match (same.next(), same.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}
