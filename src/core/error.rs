//! Errors: what went wrong, where, and what to do about it; and the exit codes for pipelines.

use std::fmt;
use std::io;

/// The exit status of the program. The numbers are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// GO, every probe passed, or a sealed log.
    Success,
    /// NO-GO: something failed, or a confirmation or an action is missing.
    NoGo,
    /// The command line, a profile, a checklist or the settings are wrong, or the request was rejected.
    Usage,
    /// Nothing failed, but something could not be checked.
    ProbeError,
    /// The run log is invalid.
    LogInvalid,
    /// The run log is valid so far, but not sealed.
    LogOpen,
    /// This machine lacks something that the program needs: an ssh-agent, a home directory.
    Environment,
    /// The program crashed, or has another bug.
    Internal,
    /// A file, a disk or a terminal failed: full, read-only, moved away, no permission.
    Io,
    /// A signal ended the program.
    Interrupted,
}

/// Every exit status, and what it means, for the help and the manual.
pub const EXIT_CODES: [(Exit, &str); 10] = [
    (Exit::Success, "GO, passed or sealed"),
    (Exit::NoGo, "NO-GO, or points are still open (PENDING)"),
    (
        Exit::Usage,
        "usage or configuration: the command line, a file that it names, a profile, a checklist, the settings; or the request was rejected",
    ),
    (Exit::ProbeError, "probe error, and nothing failed"),
    (Exit::LogInvalid, "log invalid"),
    (Exit::LogOpen, "log open"),
    (
        Exit::Environment,
        "environment: a program or service on this machine is missing or does not respond, such as the ssh-agent or a home directory",
    ),
    (Exit::Internal, "gonogo crashed; please report it"),
    (
        Exit::Io,
        "I/O error: disk full or read-only, no permission, the log was moved, output that cannot be written",
    ),
    (
        Exit::Interrupted,
        "ended by a signal; before the screen or the probes start, the signal itself ends gonogo, except at a passphrase prompt",
    ),
];

impl Exit {
    /// The process exit status. From 64 on, the numbers are those of `sysexits.h`: `EX_UNAVAILABLE`, `EX_SOFTWARE` and
    /// `EX_IOERR`; 2 is the usual code for a rejected command line.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::NoGo => 1,
            Self::Usage => 2,
            Self::ProbeError => 3,
            Self::LogInvalid => 4,
            Self::LogOpen => 5,
            Self::Environment => 69,
            Self::Internal => 70,
            Self::Io => 74,
            Self::Interrupted => 130,
        }
    }
}

/// The cause of a failure, and so who can fix it. Determines the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request: a command line, an answer, a file that it names but that is missing.
    User,
    /// A profile, a checklist, the settings, or a key that they name.
    Configuration,
    /// The machine: something that the program needs is missing or does not respond.
    Environment,
    /// A file, a disk or a terminal.
    Io,
    /// The program itself.
    Internal,
}

impl ErrorKind {
    /// The exit status for a failure of this kind.
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

/// An error with a kind.
pub trait HasKind {
    /// The kind of its cause.
    fn kind(&self) -> ErrorKind;
}

impl HasKind for io::Error {
    /// A missing file, or one that is not a file, is a wrong name. An error without an error number is about a file's
    /// content. Everything else is a system problem: full, read-only, not permitted, broken.
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

/// An error with an explicit kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// The kind of its cause.
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
pub struct SourceLocation {
    /// The file, as the user named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl SourceLocation {
    /// The position of byte `offset` in `source`. An offset past the end is the end.
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

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A problem in a file that a person wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The position, as exactly as known.
    pub location: Option<SourceLocation>,
    /// What is wrong and what was expected.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem whose position is not known (yet).
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self { location: None, what: what.into(), hint: None }
    }

    /// The same problem, at `place`.
    #[must_use]
    pub fn at(mut self, place: SourceLocation) -> Self {
        self.location = Some(place);
        self
    }

    /// The same problem, with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.location {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// All problems of a file.
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
    /// They are in files that people write.
    fn kind(&self) -> ErrorKind {
        ErrorKind::Configuration
    }
}

/// An error with all its causes on one line, each text only once.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_counts_characters_and_lines_from_one() {
        assert_eq!(SourceLocation::at("f", "ab\näö = 1", 7).to_string(), "f:2:3");
        assert_eq!(SourceLocation::at("f", "", 9).to_string(), "f:1:1");
    }

    #[test]
    fn a_system_error_gets_the_kind_that_says_who_can_fix_it() {
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
    fn a_problem_has_a_location_a_message_and_a_hint() {
        let problem =
            Problem::new("expected a number").at(SourceLocation::at("p.toml", "x", 0)).hint("write 5");
        assert_eq!(problem.to_string(), "p.toml:1:1: expected a number\n  hint: write 5");
    }
}
