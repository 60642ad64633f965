//! The list of permissions as text: in groups, and compared with those allowed before.

use std::fmt::Write as _;

use crate::checklist::permissions::{
    Destination, Permission, Permissions, Places, Runs, RunsContentOf, Sends, Writes,
};
use crate::secret::SecretRef;
use crate::text::{clip, line, shell_word};

/// The maximum length of a word that is shown in full, in bytes.
const LONGEST: usize = 1000;

/// Permissions to show.
pub(super) struct Listing<'a> {
    pub(super) places: &'a Places,
    pub(super) now: &'a Permissions,
    /// The permissions to compare with.
    pub(super) before: Option<&'a Permissions>,
    /// Whether to show unchanged permissions, too.
    pub(super) is_whole: bool,
}

/// A permission, and how it has changed.
#[derive(Clone, Copy)]
enum Row<'a> {
    Same(&'a Permission),
    New(&'a Permission),
    Changed(&'a Permission, &'a Permission),
    Gone(&'a Permission),
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

impl Listing<'_> {
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

    fn rows(&self) -> Vec<Row<'_>> {
        let Some(before) = self.before else { return self.now.iter().map(Row::Same).collect() };
        let gone: Vec<_> = before.difference(self.now).collect();
        let new: Vec<_> = self.now.difference(before).collect();
        let mut rows: Vec<_> = self.now.iter().filter(|_| self.is_whole).map(Row::Same).collect();
        rows.retain(|row| before.contains(row.permission()));
        let partner = |one: &Permission| only(&gone, one).filter(|_| only(&new, one).is_some());
        rows.extend(new.iter().map(|one| partner(one).map_or(Row::New(one), |old| Row::Changed(one, old))));
        let is_changed = |old: &&&Permission| only(&new, old).is_some() && only(&gone, old).is_some();
        rows.extend(gone.iter().filter(|old| !is_changed(old)).map(|old| Row::Gone(old)));
        rows.sort_by_key(Row::permission);
        rows
    }

    fn row(&self, row: Row, text: &mut String) {
        let mark = match row {
            Row::Same(_) => "",
            Row::New(_) => "new",
            Row::Changed(..) => "changed",
            Row::Gone(_) => "removed",
        };
        let mut lines = self.lines(row.permission()).into_iter();
        let _ = writeln!(text, "  {mark:<9} {}", lines.next().unwrap_or_default());
        lines.for_each(|line| _ = writeln!(text, "              {line}"));
        if let Row::Changed(Permission::Runs(now), Permission::Runs(old)) = row {
            self.changes(now, old).iter().for_each(|line| _ = writeln!(text, "            ! {line}"));
        }
    }

    fn lines(&self, permission: &Permission) -> Vec<String> {
        match permission {
            Permission::Runs(runs) => self.runs(runs),
            Permission::Sends(Sends { to, secret }) => {
                vec![format!("{} → {}", self.secret(secret), self.destination(to))]
            }
            Permission::RunsContentOf(RunsContentOf { tool, path }) => {
                vec![format!("{} in {}", self.word(tool), self.word(path))]
            }
            Permission::Writes(Writes { to, what }) => {
                vec![format!("{}: {}", self.destination(to), line(&self.places.shown(what)))]
            }
        }
    }

    fn runs(&self, runs: &Runs) -> Vec<String> {
        let with =
            runs.environment.iter().map(|(name, value)| format!("with {}", self.variable(name, value)));
        let details = [
            Some(format!("for {}", line(&runs.purpose))),
            runs.directory.as_ref().map(|directory| format!("in {}", self.word(directory))),
            runs.stdin.as_ref().map(|stdin| format!("input: {}", line(&self.places.shown(stdin)))),
        ];
        [self.command(&runs.argv)].into_iter().chain(details.into_iter().flatten()).chain(with).collect()
    }

    /// The differences between two program runs, old and new.
    fn changes(&self, now: &Runs, old: &Runs) -> Vec<String> {
        let place = |runs: &Runs| {
            runs.directory.as_ref().map_or_else(|| "the current directory".into(), |d| self.word(d))
        };
        let input = |runs: &Runs| runs.stdin.as_ref().map_or_else(|| "nothing".into(), |input| line(input));
        let variable = |runs: &Runs, name: &str| {
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
        let all = fixed.into_iter().chain(variables).filter(|(_, old, now)| old != now);
        all.map(|(what, old, now)| format!("{what}: {old} → {now}")).collect()
    }

    fn command(&self, argv: &[String]) -> String {
        argv.iter().map(|word| self.word(word)).collect::<Vec<_>>().join(" ")
    }

    /// The value is already a shell word: a reference looks different from a text.
    fn variable(&self, name: &str, value: &str) -> String {
        format!("{}={}", self.word(name), line(&self.places.shown(value)))
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
        let through =
            to.through.iter().map(|through| format!(", through {}", line(&self.places.shown(through))));
        let roots =
            to.roots.iter().map(|file| format!(", verified with the certificates in {}", self.word(file)));
        let rest = besides.chain(through).chain(roots);
        rest.fold(self.word(&to.address), |text, part| text + &part)
    }

    /// Quoted unless it is a plain word, so that it cannot look like several words.
    fn word(&self, text: &str) -> String {
        // The digest covers the whole word; a longer one would push the rest out of sight.
        clip(&line(&shell_word(&self.places.shown(text))), LONGEST)
    }
}

impl<'a> Row<'a> {
    const fn permission(&self) -> &'a Permission {
        match self {
            Self::Same(one) | Self::New(one) | Self::Changed(one, _) | Self::Gone(one) => one,
        }
    }
}

/// The only one that runs for the same purpose.
fn only<'a>(all: &[&'a Permission], one: &Permission) -> Option<&'a Permission> {
    let Permission::Runs(Runs { purpose, .. }) = one else { return None };
    let mut same =
        all.iter().filter(|other| matches!(other, Permission::Runs(runs) if runs.purpose == *purpose));
    match (same.next(), same.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}
