//! Revoked keys, as `ssh-keygen -r` takes them: public keys, one a line, or OpenSSH's binary list (`PROTOCOL.krl`).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use ssh_key::PublicKey;

use crate::error::{Place, Problem};

const MAGIC: &[u8] = b"SSHKRL\n\0";
const VERSION: u32 = 1;
/// Sections of the binary list.
const CERTIFICATES: u8 = 1;
const KEYS: u8 = 2;
const SHA1: u8 = 3;
const SIGNATURE: u8 = 4;
const SHA256: u8 = 5;
const EXTENSION: u8 = 255;

/// Keys that nobody may sign with any more, whenever they did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revoked {
    blobs: BTreeSet<Vec<u8>>,
    sha1: BTreeSet<Vec<u8>>,
    sha256: BTreeSet<Vec<u8>>,
}

impl Revoked {
    /// Reads a revocation file.
    ///
    /// # Errors
    /// What is not understood: then nobody knows what is revoked.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Problem> {
        if let Some(list) = bytes.strip_prefix(MAGIC) {
            return binary(list).map_err(|why| Problem::new(format!("{name}: not a revocation list: {why}")));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Problem::new(format!("{name}: neither public keys nor a revocation list of OpenSSH"))
        })?;
        let (mut all, mut offset) = (Self::default(), 0);
        for line in text.split_inclusive('\n') {
            let place = Place::at(name, text, offset);
            offset += line.len();
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let blob = PublicKey::from_openssh(line).and_then(|key| key.to_bytes());
            let wrong = |error| Problem::new(format!("expected a public key: {error}")).at(place);
            all.blobs.insert(blob.map_err(wrong)?);
        }
        Ok(all)
    }

    /// Whether a key, `ssh-ed25519 AAAA…`, is revoked.
    #[must_use]
    pub fn has(&self, public: &str) -> bool {
        let blob = public.split_whitespace().nth(1).and_then(|text| BASE64.decode(text).ok());
        blob.is_some_and(|blob| {
            self.blobs.contains(&blob)
                || self.sha1.contains(Sha1::digest(&blob).as_slice())
                || self.sha256.contains(Sha256::digest(&blob).as_slice())
        })
    }
}

fn binary(mut rest: &[u8]) -> Result<Revoked, &'static str> {
    if u32::from_be_bytes(take(&mut rest)?) != VERSION {
        return Err("it is of a version that this gonogo does not know");
    }
    // Its own number, when it was made, flags.
    let _: [u8; 24] = take(&mut rest)?;
    let (_reserved, _comment) = (string(&mut rest)?, string(&mut rest)?);
    let mut all = Revoked::default();
    while !rest.is_empty() {
        let [kind] = take(&mut rest)?;
        let section = string(&mut rest)?;
        match kind {
            KEYS => all.blobs.extend(strings(section)?),
            SHA1 => all.sha1.extend(strings(section)?),
            SHA256 => all.sha256.extend(strings(section)?),
            // Run logs are signed with plain keys.
            CERTIFICATES => {}
            // The list's own signature, which `ssh-keygen` does not check either.
            SIGNATURE => {
                string(&mut rest)?;
            }
            EXTENSION => extension(section)?,
            _ => return Err("it has a section that this gonogo does not know"),
        }
    }
    Ok(all)
}

/// An extension that is not critical may be passed over.
fn extension(mut section: &[u8]) -> Result<(), &'static str> {
    string(&mut section)?;
    let [critical] = take(&mut section)?;
    if critical == 0 { Ok(()) } else { Err("it has a critical extension that this gonogo does not know") }
}

fn strings(mut section: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut all = Vec::new();
    while !section.is_empty() {
        all.push(string(&mut section)?.to_vec());
    }
    Ok(all)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], &'static str> {
    let (first, after) = rest.split_first_chunk::<N>().ok_or("it ends in the middle")?;
    *rest = after;
    Ok(*first)
}

fn string<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(u32::from_be_bytes(take(rest)?)).unwrap_or(usize::MAX);
    let (string, after) = rest.split_at_checked(length).ok_or("it ends in the middle")?;
    *rest = after;
    Ok(string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::keys::tests::signer;

    #[test]
    fn keys_one_a_line_are_revoked_and_no_others() {
        let (a, b) = (signer("a@x").public, signer("b@x").public);
        let revoked =
            Revoked::parse("r", format!("# gone\n\n{a} alice, until she lost it\n").as_bytes()).unwrap();
        assert!(revoked.has(&a) && !revoked.has(&b));
        let told = Revoked::parse("r", format!("{a}\nnonsense\n").as_bytes()).unwrap_err().to_string();
        assert!(told.starts_with("r:2:1: expected a public key"), "{told}");
    }

    #[test]
    fn a_list_that_is_not_understood_whole_is_refused() {
        let head = [MAGIC, &[0, 0, 0, 1], &[0; 24], &[0; 8]].concat();
        let told = |end: &[u8]| Revoked::parse("r", &[&head, end].concat()).map_err(|told| told.to_string());
        assert_eq!(told(&[]), Ok(Revoked::default()));
        assert!(told(&[9, 0, 0, 0, 0]).unwrap_err().contains("a section that this gonogo does not know"));
        assert!(told(&[2, 0, 0, 0, 9, 1]).unwrap_err().contains("ends in the middle"));
        assert!(told(&[255, 0, 0, 0, 6, 0, 0, 0, 1, b'x', 1]).unwrap_err().contains("critical"));
        assert_eq!(told(&[255, 0, 0, 0, 6, 0, 0, 0, 1, b'x', 0]), Ok(Revoked::default()));
        assert!(Revoked::parse("r", b"\xff\xfe").is_err());
    }
}
