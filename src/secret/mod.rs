//! Secrets: named by reference, read when needed, and taken out of everything that is kept or shown.

mod command;
mod redact;
mod search;
mod store;
mod stream;

use std::fmt;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::sync::{Arc, Mutex};

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use zeroize::Zeroizing;

use crate::files::read_regular_text;
use crate::process::Permit;
use crate::text;
pub use command::{Terminal, unless_asked};
pub use redact::{Needle, Redactor};
use store::{Lease, Store, lock};
pub use stream::Stream;

/// Where a secret is to be found. This, and never the value, stands in profiles, plans and logs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; one trailing line end is not part of the secret.
    File(String),
    /// A program and its arguments, run without a shell; one trailing line end of its output is not
    /// part of the secret.
    Command(Vec<String>),
}

/// How a reference is written; anything else is refused without being repeated.
const REFERENCE: &str =
    "a secret's reference: { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"…\"] }";

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reference;
        impl<'de> Visitor<'de> for Reference {
            type Value = SecretRef;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str(REFERENCE)
            }
            // The default would repeat the text, which is the secret.
            fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretRef, E> {
                Err(E::custom(format_args!("a secret is written out here; expected {REFERENCE}")))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
                let missing = || de::Error::custom(format_args!("expected {REFERENCE}"));
                let reference = match map.next_key::<String>()?.as_deref() {
                    Some("env") => SecretRef::Env(map.next_value()?),
                    Some("file") => SecretRef::File(map.next_value()?),
                    Some("command") => SecretRef::Command(map.next_value()?),
                    _ => return Err(missing()),
                };
                if map.next_key::<String>()?.is_some() { Err(missing()) } else { Ok(reference) }
            }
        }
        from.deserialize_any(Reference)
    }
}

impl SecretRef {
    /// The program that is run to read it, with its arguments.
    #[must_use]
    pub fn command(&self) -> Option<&[String]> {
        match self {
            Self::Command(argv) => Some(argv),
            Self::Env(_) | Self::File(_) => None,
        }
    }

    /// The reference as a word of a shell command that a person could type.
    #[must_use]
    pub fn shell(&self) -> String {
        match self {
            Self::Env(name) => format!("\"${name}\""),
            Self::File(path) => format!("\"$(cat {})\"", text::shell_word(path)),
            Self::Command(argv) => format!("\"$({})\"", shell_line(argv)),
        }
    }
}

impl SecretRef {
    /// What stands in the place of this value where it is taken out. A command that holds what it prints is not told.
    fn rule(&self, value: &str) -> String {
        let whole = self.to_string();
        match self {
            Self::Command(argv) if whole.contains(value) => {
                let program = argv.first().map(String::as_str).unwrap_or_default();
                if program.contains(value) { "command".to_owned() } else { format!("command {program}") }
            }
            _ => whole,
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {path}"),
            Self::Command(argv) => write!(f, "command {}", shell_line(argv)),
        }
    }
}

fn shell_line(argv: &[String]) -> String {
    argv.iter().map(|word| text::shell_word(word)).collect::<Vec<_>>().join(" ")
}

/// A secret's value. Its memory is wiped when it is dropped; it has no readable `Debug`.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value into custody.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a secret could not be had. Never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum ReadSecretError {
    /// The environment variable does not exist, or is not UTF-8.
    #[error("environment variable {0} is not set; export it before starting gonogo")]
    NotSet(String),
    /// The file could not be read as text.
    #[error("secret file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The program could not be started or did not end well.
    #[error("secret command `{command}`: {why}")]
    Command {
        /// The program's name.
        command: String,
        /// What happened.
        why: String,
    },
    /// Nothing is there.
    #[error("{0} is empty")]
    Empty(SecretRef),
    /// Too short to be kept out of a log by looking for it.
    #[error("{0} holds fewer than {MIN_LENGTH} characters: too short to be kept out of the run log")]
    TooShort(SecretRef),
}

/// The shortest secret in bytes that can be redacted by value without mutilating all other text.
pub const MIN_LENGTH: usize = 4;

/// The largest file that holds a secret, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Reads secrets, and remembers every value it has read so that it can be taken out of any text.
///
/// Some come from programs, so it holds the permit to start them, for probes and actions too.
#[derive(Clone, Debug)]
pub struct Keeper {
    known: Arc<Mutex<Store>>,
    permit: Permit,
    terminal: Terminal,
    /// What is read through this one is known as long as its lease.
    lease: Option<Arc<Lease>>,
}

impl Keeper {
    /// One that has read nothing yet.
    #[must_use]
    pub fn new(permit: Permit) -> Self {
        Self { known: Arc::default(), permit, terminal: Terminal::default(), lease: None }
    }

    /// The same, whose programs may ask on the terminal, or may not.
    #[must_use]
    pub fn asking(mut self, terminal: Terminal) -> Self {
        self.terminal = terminal;
        self
    }

    /// The same, for one run of a probe: what a server gives through it (a token) is forgotten when the run has ended,
    /// with the last clone of it. What the configuration names is known for as long as there is a keeper.
    #[must_use]
    pub fn for_one_run(&self) -> Self {
        Self { lease: Some(Arc::new(Lease::of(&self.known))), ..self.clone() }
    }

    /// The permit to start programs.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Reads a secret now; a rotated one is seen at the next read.
    ///
    /// # Errors
    /// Where it was looked for and what was wrong; never the value.
    pub async fn read(&self, reference: &SecretRef) -> Result<Secret, ReadSecretError> {
        let value = match reference {
            SecretRef::Env(name) => {
                Secret::new(std::env::var(name).map_err(|_| ReadSecretError::NotSet(name.clone()))?)
            }
            SecretRef::File(path) => read_file(path).await?,
            SecretRef::Command(argv) => {
                command::read(argv, self.terminal, &self.redactor(), &self.permit).await?
            }
        };
        match value.expose().len() {
            0 => Err(ReadSecretError::Empty(reference.clone())),
            1..MIN_LENGTH => Err(ReadSecretError::TooShort(reference.clone())),
            _ => {
                self.keep_lasting(&reference.rule(value.expose()), &value);
                Ok(value)
            }
        }
    }

    /// Reads secrets ahead, so that they are taken out of whatever is told from now on. A command is not run
    /// for that; its secret is known once a probe has read it. What cannot be read is told by who needs it.
    pub async fn learn(&self, references: &[SecretRef]) {
        for reference in references.iter().filter(|reference| reference.command().is_none()) {
            let _ = self.read(reference).await;
        }
    }

    /// Takes a value that a server gave out of whatever is told, in the name of `rule`: a token, until the run of the
    /// probe has ended that it was given to ([`Keeper::for_one_run`]).
    pub fn keep(&self, rule: &str, value: &Secret) {
        lock(&self.known).keep(self.lease.as_ref().map(|lease| lease.id()), rule, value);
    }

    /// The same, for a value that others use after the run, too: actions may print it.
    pub fn keep_lasting(&self, rule: &str, value: &Secret) {
        lock(&self.known).keep(None, rule, value);
    }

    /// A redactor for every value that is known now.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        lock(&self.known).redactor()
    }
}

async fn read_file(path: &str) -> Result<Secret, ReadSecretError> {
    let is_pipe = std::fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo());
    let text = if is_pipe { read_pipe(path).await } else { read_plain(path.to_owned()).await };
    let text = text.map_err(|source| ReadSecretError::File { path: path.to_owned(), source })?;
    Ok(without_line_end(text))
}

/// What somebody writes into a pipe, `<(command)` of a shell for instance. Where nobody does, a deadline ends the wait:
/// it holds no thread.
async fn read_pipe(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let pipe = pipe::OpenOptions::new().open_receiver(path)?;
    pipe.take(MAX_FILE).read_to_string(&mut text).await?;
    Ok(text)
}

async fn read_plain(path: String) -> io::Result<String> {
    let read = tokio::task::spawn_blocking(move || read_regular_text(path, MAX_FILE));
    read.await.map_err(io::Error::other)?
}

fn without_line_end(mut text: String) -> Secret {
    if text.ends_with('\n') {
        text.pop();
    }
    if text.ends_with('\r') {
        text.pop();
    }
    Secret::new(text)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn debug_output_shows_no_value() {
        let keeper = Keeper::new(Permit::for_tests());
        keeper.keep("env X", &Secret::new("hunter22".into()));
        let shown = format!("{keeper:?} {:?}", keeper.redactor());
        assert!(!shown.contains("hunter22") && !format!("{keeper:?}").contains("hunter22"), "{shown}");
        // A panic says of a value what is printed for debugging.
        let refuse = |secret: Secret| -> Result<(), Secret> { Err(secret) };
        let failed = || refuse(Secret::new("hunter22".to_owned())).unwrap();
        let panic = std::panic::catch_unwind(failed).unwrap_err();
        let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(!said.is_empty() && !said.contains("hunter22"), "{said}");
    }

    #[tokio::test]
    async fn a_pipe_is_read_as_far_as_somebody_writes_and_holds_nothing_up() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let reference = SecretRef::File(path.display().to_string());
        let read = async || Keeper::new(Permit::for_tests()).read(&reference).await;
        // Given up, it is gone: a thread that waited would keep this test from ending.
        tokio::select! {
            biased;
            _ = read() => panic!("nobody has written"),
            () = tokio::task::yield_now() => {}
        }
        let mut both = std::fs::File::options().read(true).write(true).open(&path).unwrap();
        both.write_all(b"swordfish\n").unwrap();
        let reading = read();
        let ending = async { drop(both) };
        assert_eq!(tokio::join!(reading, ending).0.unwrap().expose(), "swordfish");
    }

    #[tokio::test]
    async fn what_stands_for_a_secret_does_not_tell_it() {
        let keeper = Keeper::new(Permit::for_tests());
        let argv = ["sh", "-c", "echo swordfish"].map(str::to_owned).to_vec();
        keeper.read(&SecretRef::Command(argv)).await.unwrap();
        let told = keeper.redactor().clean("it is swordfish", &mut std::collections::BTreeMap::new());
        assert_eq!(told, "it is [redacted: command sh]");
    }

    #[tokio::test]
    async fn a_command_yields_its_output_without_the_line_end() {
        let argv = ["printf", "swordfish\\n"].map(str::to_owned).to_vec();
        let secret = Keeper::new(Permit::for_tests()).read(&SecretRef::Command(argv)).await.unwrap();
        assert_eq!(secret.expose(), "swordfish");
        let missing =
            Keeper::new(Permit::for_tests()).read(&SecretRef::File("/nonexistent/secret".into())).await;
        assert!(missing.unwrap_err().to_string().contains("/nonexistent/secret"));
    }

    #[test]
    fn a_reference_is_written_as_a_shell_would_take_it() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let command = SecretRef::Command(words(&["pass", "show", "it's here"]));
        assert_eq!(command.to_string(), r"command pass show 'it'\''s here'");
        assert_eq!(command.shell(), r#""$(pass show 'it'\''s here')""#);
        assert_eq!(SecretRef::File("a b".into()).shell(), r#""$(cat 'a b')""#);
        assert_eq!(SecretRef::Env("TOKEN".into()).shell(), "\"$TOKEN\"");
    }
}
