//! Private key files: who may read them, their format, and their passphrase.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ssh_key::{Algorithm, PrivateKey};

use super::LoadKeyError;
use crate::files::{open_regular, read_bounded};
use crate::journal::public_key::is_accepted;
use crate::journal::signers::is_key;
use crate::secret::Secret;
use crate::text::{BYTE_ORDER_MARK, shell_word};

/// The largest key file, in bytes.
const MAX_KEY_FILE: u64 = 1 << 20;

pub(super) fn read_key(path: &Path) -> Result<PrivateKey, LoadKeyError> {
    let read_error = |source| LoadKeyError::Read { path: path.to_owned(), source };
    let file = open_regular(path).map_err(read_error)?;
    let mode = file.metadata().map_err(read_error)?.mode() & 0o7777;
    let text = zeroize::Zeroizing::new(read_bounded(&file, MAX_KEY_FILE).map_err(read_error)?);
    // Others may read a file that is no private key.
    if is_key(&first_line(&text)) {
        return Err(LoadKeyError::PublicKey { path: path.to_owned() });
    }
    if !is_private_key(&text) {
        return Err(LoadKeyError::NotAKey { path: path.to_owned() });
    }
    if mode & 0o077 != 0 {
        return Err(LoadKeyError::Mode { path: path.to_owned(), mode });
    }
    let key =
        PrivateKey::from_openssh(text.as_slice()).map_err(|source| format_error(path, &text, source))?;
    if !is_accepted(&key.algorithm()) {
        return Err(LoadKeyError::Algorithm { path: path.to_owned(), algorithm: key.algorithm() });
    }
    Ok(key)
}

/// Whether a text has the first line of a private key. OpenSSH reads a key after other lines, too.
fn is_private_key(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').map(first_line).any(|line| {
        let label = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
        label.is_some_and(|label| label.ends_with("PRIVATE KEY") || label == "EC PARAMETERS")
            || line.starts_with("PuTTY-User-Key-File-")
    })
}

fn first_line(text: &[u8]) -> zeroize::Zeroizing<String> {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = zeroize::Zeroizing::new(String::from_utf8_lossy(line).into_owned());
    zeroize::Zeroizing::new(line.trim_start_matches(BYTE_ORDER_MARK).trim().to_owned())
}

/// The first line names the format: the labels of PEM (RFC 7468, RFC 5915, RFC 8017), or the header of `PuTTY`'s files.
fn format_error(path: &Path, text: &[u8], source: ssh_key::Error) -> LoadKeyError {
    let first = first_line(text);
    let label = first.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
    let file = shell_word(&path.display().to_string());
    let rewrite = format!("`ssh-keygen -p -f {file}` rewrites it as one");
    let path = path.to_owned();
    match label {
        Some("RSA PRIVATE KEY") => LoadKeyError::Algorithm { path, algorithm: Algorithm::Rsa { hash: None } },
        Some("DSA PRIVATE KEY") => LoadKeyError::Algorithm { path, algorithm: Algorithm::Dsa },
        Some("EC PRIVATE KEY" | "EC PARAMETERS") => {
            LoadKeyError::OtherFormat { path, format: "a PEM file of an EC key", fix: rewrite }
        }
        Some("PRIVATE KEY" | "ENCRYPTED PRIVATE KEY") => {
            let fix = format!("{rewrite} (an ed25519 key: by OpenSSH 9.6 or newer)");
            LoadKeyError::OtherFormat { path, format: "a PKCS#8 PEM file", fix }
        }
        _ if first.starts_with("PuTTY-User-Key-File-") => {
            let fix = format!("`puttygen {file} -O private-openssh-new -o NEW_FILE` converts it");
            LoadKeyError::OtherFormat { path, format: "a PuTTY key file", fix }
        }
        _ => LoadKeyError::Format { path, source },
    }
}

pub(super) fn unlock(
    key: PrivateKey,
    path: &Path,
    ask: &mut dyn FnMut(&Path) -> io::Result<Secret>,
) -> Result<PrivateKey, LoadKeyError> {
    if !key.is_encrypted() {
        return Ok(key);
    }
    let passphrase =
        ask(path).map_err(|source| LoadKeyError::NoPassphrase { path: path.to_owned(), source })?;
    key.decrypt(passphrase.expose()).map_err(|error| match error {
        ssh_key::Error::Crypto => LoadKeyError::WrongPassphrase { path: path.to_owned() },
        source => LoadKeyError::Format { path: path.to_owned(), source },
    })
}
