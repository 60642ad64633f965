//! Secrets: named by reference, and redacted in everything that is stored or shown. `gonogo` reads them.

mod redact;
mod reference;
mod search;
mod stream;
mod value_table;

use std::fmt;
use std::sync::{Arc, Mutex};

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::text;
pub use redact::{Needle, Redactor, needles};
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

    /// A shell command that shows whether it can be read, and not the value.
    #[must_use]
    pub fn shell_check(&self) -> String {
        match self {
            Self::Env(name) => format!(": \"${{{name}:?}}\""),
            Self::File(path) => format!("cat {} > /dev/null", text::shell_word(path)),
            Self::Command(argv) => format!("{} > /dev/null", shell_line(argv)),
        }
    }
}

impl SecretRef {
    /// The rule that replaces this value in redacted text. A command that contains its own output is not shown.
    #[must_use]
    pub fn rule(&self, value: &str) -> String {
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

/// The shortest secret in bytes that can be redacted without damaging ordinary text.
pub const MIN_LENGTH: usize = 4;

/// The values of all secrets that were read, which are redacted from then on. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct SecretValues {
    table: Arc<Mutex<ValueTable>>,
    /// Values that are registered through this instance are forgotten when this lease ends.
    lease: Option<Arc<Lease>>,
}

impl SecretValues {
    /// A scope for one run of a probe: values from a server (a token) are forgotten when the run has ended, with the
    /// last clone of it. Lasting values are remembered.
    #[must_use]
    pub fn for_one_run(&self) -> Self {
        Self { lease: Some(Arc::new(Lease::of(&self.table))), table: Arc::clone(&self.table) }
    }

    /// Registers a value to be redacted as `rule` until the run of the probe has ended ([`Self::for_one_run`]).
    pub fn register(&self, rule: &str, value: &Secret) {
        lock(&self.table).add(self.lease.as_ref().map(|lease| lease.id()), rule, value);
    }

    /// The same without an end.
    pub fn register_lasting(&self, rule: &str, value: &Secret) {
        lock(&self.table).add(None, rule, value);
    }

    /// A redactor for all current values.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        lock(&self.table).redactor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_no_value() {
        let values = SecretValues::default();
        values.register("env X", &Secret::new("hunter22".into()));
        let shown = format!("{values:?} {:?}", values.redactor());
        assert!(!shown.contains("hunter22") && !format!("{values:?}").contains("hunter22"), "{shown}");
        // A panic prints the debug form of a value.
        let refuse = |secret: Secret| -> Result<(), Secret> { Err(secret) };
        let failed = || refuse(Secret::new("hunter22".to_owned())).unwrap();
        let panic = std::panic::catch_unwind(failed).unwrap_err();
        let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(!message.is_empty() && !message.contains("hunter22"), "{message}");
    }

    #[test]
    fn a_reference_is_quoted_for_a_shell() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let command = SecretRef::Command(words(&["pass", "show", "it's here"]));
        assert_eq!(command.to_string(), r"command pass show 'it'\''s here'");
        assert_eq!(command.shell(), r#""$(pass show 'it'\''s here')""#);
        assert_eq!(SecretRef::File("a b".into()).shell(), r#""$(cat 'a b')""#);
        assert_eq!(SecretRef::Env("TOKEN".into()).shell(), "\"$TOKEN\"");
    }
}
