//! Public keys in OpenSSH format, and their identity: one secret key is one person, in whatever form its public key is
//! written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ssh_encoding::{Decode as _, Encode as _};
use ssh_key::public::{EcdsaPublicKey, KeyData};
use ssh_key::{Algorithm, PublicKey};

use super::sshsig::public_line;

/// The first byte of an uncompressed point.
const UNCOMPRESSED: u8 = 4;
/// The key types of `ssh-keygen` that are read here.
const KINDS: [&str; 8] = [
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
    "ssh-dss",
];
/// The suffix of certificate type names.
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// The identity of a secret key: equal for two public keys if the same secret key can sign for both.
///
/// A security key has the identity of the plain key with its point, for any application. A point and its negative have
/// the same identity, and of an ed25519 point only the part in the prime-order subgroup counts: the secret key of one
/// of these can sign for the others too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyIdentity(KeyForm);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum KeyForm {
    Ed25519([u8; 32]),
    /// The first coordinate; its length determines the curve.
    Ecdsa(Vec<u8>),
    /// No known point: the key as text.
    Text(String),
}

impl KeyIdentity {
    /// The identity of a public key, `ssh-ed25519 AAAA…`.
    #[must_use]
    pub fn of(public: &str) -> Self {
        let point = PublicKey::from_openssh(public).ok().and_then(|key| Self::of_point(key.key_data()));
        point.unwrap_or_else(|| Self(KeyForm::Text(public.to_owned())))
    }

    /// The identity of a key with a point.
    pub(super) fn of_point(key: &KeyData) -> Option<Self> {
        let form = match key {
            KeyData::Ed25519(point) => KeyForm::Ed25519(in_subgroup(&point.0)?),
            KeyData::SkEd25519(key) => KeyForm::Ed25519(in_subgroup(&key.public_key().0)?),
            KeyData::Ecdsa(EcdsaPublicKey::NistP256(point)) => KeyForm::Ecdsa(point.x()?.to_vec()),
            KeyData::Ecdsa(EcdsaPublicKey::NistP384(point)) => KeyForm::Ecdsa(point.x()?.to_vec()),
            KeyData::Ecdsa(EcdsaPublicKey::NistP521(point)) => KeyForm::Ecdsa(point.x()?.to_vec()),
            KeyData::SkEcdsaSha2NistP256(key) => KeyForm::Ecdsa(key.ec_point().x()?.to_vec()),
            _ => return None,
        };
        Some(Self(form))
    }
}

/// What a point and its negative share, reduced to the subgroup of prime order.
fn in_subgroup(point: &[u8; 32]) -> Option<[u8; 32]> {
    let point = ed25519_dalek::VerifyingKey::from_bytes(point).ok()?;
    Some(point.to_edwards().mul_by_cofactor().to_montgomery().to_bytes())
}

/// Why a key is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RejectedKey {
    /// It has a small order.
    #[error("the key is weak (small order): anybody could sign with it")]
    Weak,
    /// Its point has a form that OpenSSH does not accept.
    #[error(
        "the key's point is compressed, which OpenSSH does not accept; write the key as `ssh-keygen -y` does"
    )]
    Compressed,
    /// Its type is not accepted in run logs.
    #[error("it is an {0} key; run logs are signed with ed25519, ecdsa or sk- keys")]
    Kind(String),
}

/// Whether run logs accept keys of a type.
pub(super) const fn is_accepted(algorithm: &Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256
    )
}

/// Checks whether run logs accept a key.
pub(super) fn check_key(key: &KeyData) -> Result<(), RejectedKey> {
    let kind = key.algorithm();
    if !is_accepted(&kind) {
        return Err(RejectedKey::Kind(kind.to_string()));
    }
    if is_compressed(key) {
        return Err(RejectedKey::Compressed);
    }
    let point = match key {
        KeyData::Ed25519(point) => point,
        KeyData::SkEd25519(key) => key.public_key(),
        _ => return Ok(()),
    };
    match ed25519_dalek::VerifyingKey::from_bytes(&point.0) {
        Ok(point) if !point.is_weak() => Ok(()),
        _ => Err(RejectedKey::Weak),
    }
}

/// Whether an ecdsa point lacks its second coordinate.
pub(super) fn is_compressed(key: &KeyData) -> bool {
    let tag = match key {
        KeyData::Ecdsa(point) => point.as_sec1_bytes().first(),
        KeyData::SkEcdsaSha2NistP256(key) => key.ec_point().as_bytes().first(),
        _ => return false,
    };
    tag != Some(&UNCOMPRESSED)
}

/// Parses a public key at the start of a text, as OpenSSH's `sshkey_read` does, and returns the rest too. `None` if
/// there is none.
pub(super) fn parse_key(text: &str) -> Option<(KeyData, &str)> {
    let (kind, rest) = text.split_at(text.find([' ', '\t'])?);
    if !KINDS.contains(&kind) {
        return None;
    }
    let rest = rest.trim_start_matches([' ', '\t']);
    let (encoded, rest) = rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len()));
    let encoded: String = encoded.chars().filter(|c| !is_space(*c)).collect();
    let key = from_blob(&BASE64.decode(encoded).ok()?)?;
    (key.algorithm().as_str() == kind).then(|| (key, rest.trim_start_matches([' ', '\t'])))
}

/// Parses a key from its blob, which must be canonical.
pub(super) fn from_blob(blob: &[u8]) -> Option<KeyData> {
    let key = PublicKey::from_bytes(blob).ok()?.key_data().clone();
    let mut again = Vec::new();
    key.encode(&mut again).ok()?;
    (again == blob && KINDS.contains(&key.algorithm().as_str())).then_some(key)
}

/// Whether a text starts with a certificate, which is not a plain key.
#[must_use]
pub fn is_certificate(text: &str) -> bool {
    text.split([' ', '\t']).next().is_some_and(|kind| kind.ends_with(CERTIFICATE))
}

/// The plain key of a certificate, `ssh-ed25519 AAAA…`; another public key as it is. OpenSSH signs with a plain key
/// whether there is a certificate for it or not.
#[must_use]
pub fn plain_key(public: &str) -> String {
    let encoded = public.split([' ', '\t']).nth(1).filter(|_| is_certificate(public));
    let blob = encoded.and_then(|encoded| BASE64.decode(encoded).ok());
    blob.and_then(|blob| certified_key(&blob)).unwrap_or_else(|| public.to_owned())
}

/// The plain key in a certificate's blob: it follows the type and a nonce
/// (<https://cvsweb.openbsd.org/cgi-bin/cvsweb/src/usr.bin/ssh/PROTOCOL.certkeys>).
pub(super) fn certified_key(mut blob: &[u8]) -> Option<String> {
    let kind = String::decode(&mut blob).ok()?;
    let name = kind.strip_suffix(CERTIFICATE)?;
    let plain = KINDS.into_iter().find(|kind| kind.strip_suffix("@openssh.com").unwrap_or(kind) == name)?;
    Vec::<u8>::decode(&mut blob).ok()?;
    let mut key = Vec::new();
    plain.encode(&mut key).ok()?;
    key.extend(blob);
    public_line(&KeyData::decode(&mut key.as_slice()).ok()?).ok()
}

/// Whether a text starts with a key whose blob has a short type name (`ED25519`). OpenSSH reads it, but nothing writes
/// it.
pub(super) fn is_short_form(text: &str) -> bool {
    let mut words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    let (Some(kind), Some(encoded)) = (words.next(), words.next()) else { return false };
    let encoded: String = encoded.chars().filter(|c| !is_space(*c)).collect();
    let blob = BASE64.decode(encoded).unwrap_or_default();
    let name = blob.get(..4).and_then(|head| {
        let length = u32::from_be_bytes(head.try_into().ok()?);
        blob.get(4..4 + usize::try_from(length).ok()?)
    });
    let short = |name: &[u8]| {
        ["ed25519", "ed25519-sk", "rsa", "dsa"].iter().any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
    };
    KINDS.contains(&kind) && name.is_some_and(short)
}

/// White space as in C. OpenSSH skips it within base64.
const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

#[cfg(test)]
pub(crate) mod tests {
    use ssh_key::public::{SkEcdsaSha2NistP256, SkEd25519};
    use ssh_key::{EcdsaCurve, PrivateKey};

    use super::*;
    use crate::journal::sshsig::public_line;

    /// A fresh ed25519 key and its forms as a security key.
    pub(crate) fn ed25519_forms() -> [String; 3] {
        let key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, Algorithm::Ed25519).unwrap();
        let point = *key.public_key().key_data().ed25519().unwrap();
        let sk = |application: &str| KeyData::SkEd25519(SkEd25519::new(point, application));
        [KeyData::Ed25519(point), sk("ssh:"), sk("ssh:other")].map(|key| public_line(&key).unwrap())
    }

    /// A fresh ecdsa key, its form as a security key, and both with their points compressed.
    pub(crate) fn ecdsa_forms() -> [String; 4] {
        let kind = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
        let key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, kind).unwrap();
        let Some(EcdsaPublicKey::NistP256(point)) = key.public_key().key_data().ecdsa().copied() else {
            panic!("an ecdsa key")
        };
        let short = point.compress();
        let sk = |point| KeyData::SkEcdsaSha2NistP256(SkEcdsaSha2NistP256::new(point, "ssh:"));
        let plain = |point| KeyData::Ecdsa(EcdsaPublicKey::NistP256(point));
        [plain(point), sk(point), plain(short), sk(short)].map(|key| public_line(&key).unwrap())
    }

    #[test]
    fn one_secret_key_is_one_person_in_every_form() {
        let (ed25519, ecdsa) = (ed25519_forms(), ecdsa_forms());
        let [first, second] = [ed25519.as_slice(), ecdsa.as_slice()].map(|forms| {
            let mut identities: Vec<_> = forms.iter().map(|form| KeyIdentity::of(form)).collect();
            identities.dedup();
            assert_eq!(identities.len(), 1, "{forms:?}");
            identities.remove(0)
        });
        assert!(first != second && first != KeyIdentity::of(&ed25519_forms()[0]));
        assert_ne!(KeyIdentity::of("no key"), KeyIdentity::of("another"));
    }

    /// The same secret key signs for a point, its negative, and either with a point of small order added.
    #[test]
    fn the_negative_of_a_point_is_the_same_person() {
        let public = ed25519_forms()[0].clone();
        let mut key = PublicKey::from_openssh(&public).unwrap().key_data().ed25519().copied().unwrap();
        key.0[31] ^= 0x80;
        assert_eq!(KeyIdentity::of(&public_line(&KeyData::Ed25519(key)).unwrap()), KeyIdentity::of(&public));
    }

    #[test]
    fn keys_are_parsed_as_by_openssh() {
        let line = ed25519_forms()[0].clone();
        let (kind, blob) = line.split_once(' ').unwrap();
        let rest = |text: &str| parse_key(text).map(|(_, rest)| rest.to_owned());
        assert_eq!(rest(&line).as_deref(), Some(""));
        assert_eq!(rest(&format!("{kind} \t{blob}\r\n")).as_deref(), Some(""));
        assert_eq!(rest(&format!("{kind}\t{blob} \ta comment")).as_deref(), Some("a comment"));
        let (begin, end) = blob.split_at(9);
        assert_eq!(rest(&format!("{kind} {begin}\x0c{end}")).as_deref(), Some(""));
        for wrong in [
            kind.to_owned(),
            format!("{kind} "),
            format!("{kind}\r{blob}"),
            format!("{kind}  {begin} {end}"),
            format!("ssh-rsa {blob}"),
            format!("ED25519 {blob}"),
            format!("{kind} {blob}AAAA"),
            format!("{kind} {blob}="),
            format!("{kind} {}", &blob[..blob.len() - 1]),
            format!("{kind} *{blob}"),
        ] {
            assert_eq!(rest(&wrong), None, "{wrong}");
        }
        let short = "ssh-ed25519 AAAAB0VEMjU1MTkAAAAgDGGLcyUreOVp3zVIKDnLIRib76whA6KIu2RpIDWaNTI=\n";
        assert!(parse_key(short).is_none() && is_short_form(short) && !is_short_form(&line));
        assert!(is_certificate("ssh-ed25519-cert-v01@openssh.com AAAA") && !is_certificate(&line));
    }

    /// Also one that is valid for ever, and of a security key, whose type name has its suffix elsewhere.
    #[test]
    fn a_certificate_stands_for_its_plain_key() {
        let string = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
        for plain in ed25519_forms().into_iter().chain(ecdsa_forms().into_iter().take(2)) {
            let (kind, encoded) = plain.split_once(' ').unwrap();
            let fields = BASE64.decode(encoded).unwrap().split_off(4 + kind.len());
            let kind = format!("{}{CERTIFICATE}", kind.trim_end_matches("@openssh.com"));
            let rest = [[0xff; 32].as_slice(), b"serial, names, validity"].concat();
            let blob = [string(kind.as_bytes()), string(&[7; 32]), fields, rest].concat();
            let certificate = format!("{kind} {}", BASE64.encode(&blob));
            assert_eq!(plain_key(&certificate), plain, "{certificate}");
            assert_eq!(plain_key(&plain), plain);
        }
        assert_eq!(certified_key(b""), None);
        let cut = "ssh-ed25519-cert-v01@openssh.com AAAA";
        assert_eq!(plain_key(cut), cut);
    }

    #[test]
    fn weak_and_compressed_keys_are_rejected_with_the_reason() {
        let check = |line: &str| check_key(PublicKey::from_openssh(line).unwrap().key_data());
        let weak = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(check(weak), Err(RejectedKey::Weak));
        let forms = ecdsa_forms();
        assert_eq!(
            forms.map(|form| check(&form)),
            [Ok(()), Ok(()), Err(RejectedKey::Compressed), Err(RejectedKey::Compressed)]
        );
    }
}
