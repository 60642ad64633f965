//! Revoked keys, in the formats of `ssh-keygen -Y verify -r`: public keys, one a line, or OpenSSH's binary list
//! (`PROTOCOL.krl`).

mod krl;

use std::collections::BTreeSet;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use ssh_encoding::Encode as _;
use ssh_key::PublicKey;
use ssh_key::public::{EcdsaPublicKey, KeyData, SkEcdsaSha2NistP256, SkEd25519};

use super::public_key::{self, KeyIdentity};
use crate::error::{Problem, SourceLocation};
use crate::text::BYTE_ORDER_MARK;

/// The default application of security keys.
const APPLICATION: &str = "ssh:";

/// Keys whose signatures are not valid, whenever they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevokedKeys {
    /// Keys that are listed in full, in any form.
    keys: BTreeSet<KeyIdentity>,
    /// Hashes of keys; each covers only one form of the key.
    sha1: BTreeSet<Vec<u8>>,
    sha256: BTreeSet<Vec<u8>>,
}

impl RevokedKeys {
    /// Reads a revocation file.
    ///
    /// # Errors
    /// What is invalid. An incomplete list would be unsafe.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Problem> {
        if let Some(list) = bytes.strip_prefix(krl::MAGIC) {
            return krl::read(list)
                .map_err(|why| Problem::new(format!("{name}: not a revocation list: {why}")));
        }
        let mut keys = Self::default();
        for (number, line) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            let place = || SourceLocation { file: name.to_owned(), line: number, column: 1 };
            keys.add_line(line).map_err(|why| Problem::new(why).at(place()))?;
        }
        Ok(keys)
    }

    /// Whether a key, `ssh-ed25519 AAAA…`, is revoked in any of its forms. If the list has only hashes, these forms
    /// are checked: the key itself, the plain key, and the security key for `ssh:`.
    #[must_use]
    pub fn contains(&self, public: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        let Ok(key) = PublicKey::from_openssh(public) else { return false };
        let key = key.key_data();
        let written = KeyIdentity::of_point(key).is_some_and(|identity| self.keys.contains(&identity));
        written || forms(key).iter().any(|form| self.has_hash(form))
    }

    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.sha1.is_empty() && self.sha256.is_empty()
    }

    fn has_hash(&self, key: &KeyData) -> bool {
        let mut blob = Vec::new();
        key.encode(&mut blob).is_ok()
            && (self.sha1.contains(Sha1::digest(&blob).as_slice())
                || self.sha256.contains(Sha256::digest(&blob).as_slice()))
    }

    /// A line as `sshkey_in_file` reads it: blank, a comment, or a key with any text after it.
    fn add_line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        if line.starts_with(BYTE_ORDER_MARK.as_bytes()) {
            return Err(
                "a byte order mark (BOM), which OpenSSH reads as part of the line; save the file as UTF-8 without BOM",
            );
        }
        if line.contains(&0) {
            return Err("a zero byte in a list of revoked keys");
        }
        let text = String::from_utf8_lossy(line);
        let text = text.trim_start_matches([' ', '\t']);
        if text.is_empty() || text.starts_with(['#', '\n']) {
            return Ok(());
        }
        let (key, _comment) = public_key::parse_key(text).ok_or(
            "expected a public key, as `ssh-keygen -y` writes it, or a KRL that `ssh-keygen -k` makes",
        )?;
        self.add(&key);
        Ok(())
    }

    /// A key of a type that cannot sign run logs has no effect.
    fn add(&mut self, key: &KeyData) {
        self.keys.extend(KeyIdentity::of_point(key));
    }
}

/// The forms of a key whose hashes are checked.
fn forms(key: &KeyData) -> Vec<KeyData> {
    let more = match key {
        KeyData::Ed25519(point) => vec![KeyData::SkEd25519(SkEd25519::new(*point, APPLICATION))],
        KeyData::SkEd25519(sk) => vec![
            KeyData::Ed25519(*sk.public_key()),
            KeyData::SkEd25519(SkEd25519::new(*sk.public_key(), APPLICATION)),
        ],
        KeyData::Ecdsa(EcdsaPublicKey::NistP256(point)) => {
            vec![KeyData::SkEcdsaSha2NistP256(SkEcdsaSha2NistP256::new(*point, APPLICATION))]
        }
        KeyData::SkEcdsaSha2NistP256(sk) => vec![
            KeyData::Ecdsa(EcdsaPublicKey::NistP256(*sk.ec_point())),
            KeyData::SkEcdsaSha2NistP256(SkEcdsaSha2NistP256::new(*sk.ec_point(), APPLICATION)),
        ],
        _ => Vec::new(),
    };
    [vec![key.clone()], more].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::public_key::tests::{ecdsa_forms, ed25519_forms};
    use crate::testing::signer;

    #[test]
    fn only_the_listed_keys_are_revoked() {
        let (a, b) = (signer("a@x").public, signer("b@x").public);
        let list = format!("# gone\n\n \t\n {a} alice, until she lost it\r\n");
        let revoked = RevokedKeys::parse("r", list.as_bytes()).unwrap();
        assert!(revoked.contains(&a) && !revoked.contains(&b));
    }

    /// As in `sshkey_in_file`, a line that is not a key makes the list unreliable.
    #[test]
    fn a_line_that_is_not_a_key_is_rejected() {
        let key = signer("a@x").public;
        for line in [
            "nonsense",
            "\r",
            "ssh-ed25519 AAAA",
            "a@x ",
            "\u{a0}",
            "\x0c",
            "\0",
            "ssh-xmss@openssh.com AAAA",
        ] {
            let error = RevokedKeys::parse("r", format!("{key}\n{line}\n").as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with("r:2:1: "), "{line:?}: {error}");
        }
        assert!(RevokedKeys::parse("r", format!("restrict {key}\n").as_bytes()).is_err());
        assert!(RevokedKeys::parse("r", b"\xff\xfe").is_err());
    }

    #[test]
    fn a_key_is_revoked_in_each_of_its_forms() {
        let (ed25519, ecdsa) = (ed25519_forms(), ecdsa_forms());
        for forms in [ed25519.as_slice(), ecdsa.as_slice()] {
            for (revoked, key) in forms.iter().flat_map(|one| forms.iter().map(move |other| (one, other))) {
                let list = RevokedKeys::parse("r", revoked.as_bytes()).unwrap();
                assert!(list.contains(key), "{revoked} / {key}");
            }
        }
    }
}
