//! Reading secrets when they are needed: from the environment, from files, and from programs.

mod command;

use std::io;
use std::os::unix::fs::FileTypeExt as _;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

use crate::process::Permit;
pub use command::{Terminal, when_not_prompting};
use gonogo_core::files::read_regular_text;
use gonogo_core::secret::{MIN_LENGTH, Redactor, Secret, SecretRef, SecretValues};

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

/// The maximum size of a secret file, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// Reads secrets, and remembers every value in order to redact it.
///
/// Secret commands need a permit, so this holds one, for probes and actions too.
#[derive(Clone, Debug)]
pub struct SecretStore {
    values: SecretValues,
    permit: Permit,
    terminal: Terminal,
}

impl SecretStore {
    /// A store without values.
    #[must_use]
    pub fn new(permit: Permit) -> Self {
        Self { values: SecretValues::default(), permit, terminal: Terminal::default() }
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
        Self { values: self.values.for_one_run(), ..self.clone() }
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
    /// their secrets are redacted once a probe has read them. Errors are reported when the secret is needed.
    pub async fn preload(&self, references: &[SecretRef]) {
        for reference in references.iter().filter(|reference| reference.command().is_none()) {
            let _ = self.read(reference).await;
        }
    }

    /// Registers a value from a server, for example a token, to be redacted as `rule` until the run of the probe has
    /// ended ([`Self::for_one_run`]).
    pub fn register(&self, rule: &str, value: &Secret) {
        self.values.register(rule, value);
    }

    /// The same for a value that is used after the run too: actions may print it.
    pub fn register_lasting(&self, rule: &str, value: &Secret) {
        self.values.register_lasting(rule, value);
    }

    /// A redactor for all current values.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        self.values.redactor()
    }
}

async fn read_file(path: &str) -> Result<Secret, ReadSecretError> {
    let is_pipe = std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo());
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

    #[tokio::test]
    async fn a_pipe_is_read_to_its_end_and_blocks_nothing() {
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
        let mut pipe = std::fs::File::options().read(true).write(true).open(&path).unwrap();
        pipe.write_all(b"swordfish\n").unwrap();
        let reading = read();
        let ending = async { drop(pipe) };
        assert_eq!(tokio::join!(reading, ending).0.unwrap().expose(), "swordfish");
    }

    #[tokio::test]
    async fn the_replacement_of_a_secret_does_not_reveal_it() {
        let secret_store = SecretStore::new(Permit::for_tests());
        let argv = ["sh", "-c", "echo swordfish"].map(str::to_owned).to_vec();
        secret_store.read(&SecretRef::Command(argv)).await.unwrap();
        let redacted =
            secret_store.redactor().redact("it is swordfish", &mut std::collections::BTreeMap::new());
        assert_eq!(redacted, "it is [redacted: command sh]");
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
}
