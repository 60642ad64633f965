//! What went wrong, where, and what to do about it; and the exit codes that pipelines read.

use std::fmt;
use std::io;

/// How the program ends. The numbers are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// GO, every look good, or a sealed log.
    Good,
    /// NO-GO: something was looked at and is wrong, or a person has still to act.
    NoGo,
    /// The command line, a profile, a checklist or the settings are wrong, or what was asked is refused.
    Usage,
    /// Nothing failed, but something could not be looked at.
    CouldNotLook,
    /// The run log is invalid.
    LogInvalid,
    /// The run log is valid so far, but not sealed.
    LogOpen,
    /// Something on this machine that the program needs is missing: an ssh-agent, a home directory.
    Environment,
    /// The program crashed, or is wrong in another way that its author has to fix.
    Internal,
    /// A file, a disk or a terminal failed: full, read-only, moved away, no permission.
    Io,
    /// Ended by a signal.
    Interrupted,
}

impl Exit {
    /// The process exit status. From 64 on, the numbers are those of `sysexits.h`: `EX_UNAVAILABLE`, `EX_SOFTWARE`
    /// and `EX_IOERR`; 2 is what command lines are refused with everywhere.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::NoGo => 1,
            Self::Usage => 2,
            Self::CouldNotLook => 3,
            Self::LogInvalid => 4,
            Self::LogOpen => 5,
            Self::Environment => 69,
            Self::Internal => 70,
            Self::Io => 74,
            Self::Interrupted => 130,
        }
    }
}

/// Where the cause of a failure lies, and so who can do something about it. Decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// What was asked for: a command line, an answer, a file that it names and that is not there.
    User,
    /// A profile, a checklist, the settings, or a key that they name.
    Configuration,
    /// The machine: something that the program needs is missing or does not answer.
    Environment,
    /// A file, a disk or a terminal.
    Io,
    /// The program itself.
    Internal,
}

impl ErrorKind {
    /// How the program ends after a failure of this kind.
    #[must_use]
    pub const fn exit(self) -> Exit {
        match self {
            Self::User | Self::Configuration => Exit::Usage,
            Self::Environment => Exit::Environment,
            Self::Io => Exit::Io,
            Self::Internal => Exit::Internal,
        }
    }
}

/// An error that knows its kind.
pub trait HasKind {
    /// Where its cause lies.
    fn kind(&self) -> ErrorKind;
}

impl HasKind for io::Error {
    /// A file that is not there, or is no file, was named wrongly; what has no error number is what a file's content
    /// was found to be. The rest is the system's: full, read-only, not permitted, broken.
    fn kind(&self) -> ErrorKind {
        use io::ErrorKind as Io;
        let is_misnamed =
            matches!(self.kind(), Io::NotFound | Io::NotADirectory | Io::IsADirectory | Io::InvalidFilename);
        let is_content =
            matches!(self.kind(), Io::InvalidData | Io::InvalidInput | Io::UnexpectedEof | Io::Other);
        if is_misnamed || is_content && self.raw_os_error().is_none() {
            ErrorKind::User
        } else {
            ErrorKind::Io
        }
    }
}

/// An error of a kind that its words alone do not tell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// Where its cause lies.
    pub kind: ErrorKind,
    /// What happened, and what to do about it.
    pub what: String,
}

impl Failure {
    /// A failure of this kind.
    #[must_use]
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }
}

impl HasKind for Failure {
    fn kind(&self) -> ErrorKind {
        self.kind
    }
}

/// A position in a text file; line and column count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as the person named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of byte `offset` in `source`. An offset past the end is the end.
    #[must_use]
    pub fn at(file: &str, source: &str, offset: usize) -> Self {
        let mut end = offset.min(source.len());
        while !source.is_char_boundary(end) {
            end -= 1;
        }
        let before = &source[..end];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing wrong with a file that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as exactly as is known.
    pub place: Option<Place>,
    /// What is wrong and what was expected.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem whose place is not (yet) known.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { place: None, what: what.into(), hint: None }
    }

    /// The same problem, at `place`.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same problem, with what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// All that is wrong with a file, told at once.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Problems(pub Vec<Problem>);

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl HasKind for Problems {
    /// They stand in files that people write.
    fn kind(&self) -> ErrorKind {
        ErrorKind::Configuration
    }
}

/// An error and every cause below it on one line, each said once.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_and_lines_from_one() {
        assert_eq!(Place::at("f", "ab\näö = 1", 7).to_string(), "f:2:3");
        assert_eq!(Place::at("f", "", 9).to_string(), "f:1:1");
    }

    #[test]
    fn a_system_error_is_of_the_kind_that_can_be_done_something_about() {
        let system = io::Error::from_raw_os_error;
        // ENOENT, EISDIR; EIO, EACCES, EINVAL, ENOSPC, EROFS.
        for misnamed in [2, 21] {
            assert_eq!(HasKind::kind(&system(misnamed)), ErrorKind::User, "{misnamed}");
        }
        for of_disk in [5, 13, 22, 28, 30] {
            assert_eq!(HasKind::kind(&system(of_disk)), ErrorKind::Io, "{of_disk}");
        }
        let of_content = io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
        assert_eq!(HasKind::kind(&of_content), ErrorKind::User);
        // As libraries wrap it to add a path.
        let full = io::Error::new(io::ErrorKind::StorageFull, "at /tmp/x");
        assert_eq!(HasKind::kind(&full), ErrorKind::Io);
    }

    #[test]
    fn a_problem_says_where_what_and_what_to_do() {
        let problem = Problem::new("expected a number").at(Place::at("p.toml", "x", 0)).hint("write 5");
        assert_eq!(problem.to_string(), "p.toml:1:1: expected a number\n  hint: write 5");
    }
}
