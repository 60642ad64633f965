//! Secrets: named by reference, read when needed, and redacted in everything that is stored or shown.

mod command;
mod redact;
mod search;
mod stream;
mod value_table;

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
pub use command::{Terminal, when_not_prompting};
pub use redact::{Needle, Redactor};
pub use stream::RedactingStream;
use value_table::{Lease, ValueTable, lock};

/// A reference to a secret. Profiles, plans and logs have this, never the value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; one trailing line end is not part of the secret.
    File(String),
    /// A program with arguments, run without a shell; one trailing line end of its output is not part of the secret.
    Command(Vec<String>),
}

/// The syntax of a reference. Anything else is refused, and not repeated in the error.
const REFERENCE: &str =
    "a secret's reference: { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"…\"] }";

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct ReferenceVisitor;
        impl<'de> Visitor<'de> for ReferenceVisitor {
            type Value = SecretRef;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str(REFERENCE)
            }
            // The default message would repeat the text, which is the secret.
            fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretRef, E> {
                Err(E::custom(format_args!("a secret's value is written here; expected {REFERENCE}")))
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
        from.deserialize_any(ReferenceVisitor)
    }
}

impl SecretRef {
    /// The program that prints it, with its arguments.
    #[must_use]
    pub fn command(&self) -> Option<&[String]> {
        match self {
            Self::Command(argv) => Some(argv),
            Self::Env(_) | Self::File(_) => None,
        }
    }

    /// The reference as a word of a shell command.
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
    /// The rule that replaces this value in redacted text. A command that contains its own output is not shown.
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
    /// Wraps a value.
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

/// Why a secret cannot be read. Never has a value.
#[derive(Debug, thiserror::Error)]
pub enum ReadSecretError {
    /// The environment variable does not exist, or is not UTF-8.
    #[error("environment variable {0} is not set; export it before starting gonogo")]
    NotSet(String),
    /// The file cannot be read as text.
    #[error("secret file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// The system error.
        source: io::Error,
    },
    /// The program did not start, or failed.
    #[error("secret command `{command}`: {why}")]
    Command {
        /// The program's name.
        command: String,
        /// The problem.
        why: String,
    },
    /// The secret is empty.
    #[error("{0} is empty")]
    Empty(SecretRef),
    /// It is too short to be redacted.
    #[error("{0} has fewer than {MIN_LENGTH} characters: too short to be redacted in the run log")]
    TooShort(SecretRef),
}

/// The shortest secret in bytes that can be redacted without damaging ordinary text.
pub const MIN_LENGTH: usize = 4;

/// The maximum size of a secret file, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Reads secrets, and remembers every value in order to redact it.
///
/// Secret commands need a permit, so this holds one, for probes and actions too.
#[derive(Clone, Debug)]
pub struct SecretStore {
    values: Arc<Mutex<ValueTable>>,
    permit: Permit,
    terminal: Terminal,
    /// Values that are read through this instance are remembered until this lease ends.
    lease: Option<Arc<Lease>>,
}

impl SecretStore {
    /// A store without values.
    #[must_use]
    pub fn new(permit: Permit) -> Self {
        Self { values: Arc::default(), permit, terminal: Terminal::default(), lease: None }
    }

    /// Sets whether secret commands may prompt on the terminal.
    #[must_use]
    pub fn with_terminal(mut self, terminal: Terminal) -> Self {
        self.terminal = terminal;
        self
    }

    /// A scope for one run of a probe: values from a server (a token) are forgotten when the run has ended, with the
    /// last clone of it. Values of the configuration are remembered as long as the store exists.
    #[must_use]
    pub fn for_one_run(&self) -> Self {
        Self { lease: Some(Arc::new(Lease::of(&self.values))), ..self.clone() }
    }

    /// The permit for starting programs.
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Reads a secret now; a rotated secret is seen at the next read.
    ///
    /// # Errors
    /// Which reference failed and why; never the value.
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
                self.register_lasting(&reference.rule(value.expose()), &value);
                Ok(value)
            }
        }
    }

    /// Reads secrets before they are needed, so that they are redacted from now on. Commands do not run for that;
    /// their secrets are known once a probe has read them. Errors are reported when the secret is needed.
    pub async fn preload(&self, references: &[SecretRef]) {
        for reference in references.iter().filter(|reference| reference.command().is_none()) {
            let _ = self.read(reference).await;
        }
    }

    /// Registers a value from a server, for example a token, to be redacted as `rule` until the run of the probe has
    /// ended ([`Keeper::for_one_run`]).
    pub fn register(&self, rule: &str, value: &Secret) {
        lock(&self.values).add(self.lease.as_ref().map(|lease| lease.id()), rule, value);
    }

    /// The same for a value that is used after the run too: actions may print it.
    pub fn register_lasting(&self, rule: &str, value: &Secret) {
        lock(&self.values).add(None, rule, value);
    }

    /// A redactor for all current values.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        lock(&self.values).redactor()
    }
}

async fn read_file(path: &str) -> Result<Secret, ReadSecretError> {
    let is_pipe = std::fs::metadata(path).is_ok_and(|about| about.file_type().is_fifo());
    let text = if is_pipe { read_pipe(path).await } else { read_plain(path.to_owned()).await };
    let text = text.map_err(|source| ReadSecretError::File { path: path.to_owned(), source })?;
    Ok(without_line_end(text))
}

/// Reads a pipe, for example `<(command)` of a shell. A deadline ends the wait if nobody writes; no thread is blocked.
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
        let secret_store = SecretStore::new(Permit::for_tests());
        secret_store.register("env X", &Secret::new("hunter22".into()));
        let shown = format!("{secret_store:?} {:?}", secret_store.redactor());
        assert!(!shown.contains("hunter22") && !format!("{secret_store:?}").contains("hunter22"), "{shown}");
        // A panic prints the debug form of a value.
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
        let read = async || SecretStore::new(Permit::for_tests()).read(&reference).await;
        // A dropped read must be gone: a waiting thread would keep this test from ending.
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
        let secret_store = SecretStore::new(Permit::for_tests());
        let argv = ["sh", "-c", "echo swordfish"].map(str::to_owned).to_vec();
        secret_store.read(&SecretRef::Command(argv)).await.unwrap();
        let told = secret_store.redactor().redact("it is swordfish", &mut std::collections::BTreeMap::new());
        assert_eq!(told, "it is [redacted: command sh]");
    }

    #[tokio::test]
    async fn a_command_yields_its_output_without_the_line_end() {
        let argv = ["printf", "swordfish\\n"].map(str::to_owned).to_vec();
        let secret = SecretStore::new(Permit::for_tests()).read(&SecretRef::Command(argv)).await.unwrap();
        assert_eq!(secret.expose(), "swordfish");
        let missing =
            SecretStore::new(Permit::for_tests()).read(&SecretRef::File("/nonexistent/secret".into())).await;
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
