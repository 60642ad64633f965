//! Plain signatures without SSHSIG, for formats other than run logs: 64 bytes for an ed25519 key, DER for an ecdsa key
//! (RFC 3279, 2.2.3).

use ssh_encoding::{Decode as _, Encode as _};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, Mpint, PublicKey, Signature};

use super::sshsig::{self, SignatureError};

/// The maximum length that DER writes in one byte.
const MAX_SHORT_LENGTH: usize = 127;

/// Verifies a plain signature with a public key, `ssh-ed25519 AAAA…`.
///
/// # Errors
/// Why it is not valid.
pub fn verify(public: &str, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    let key = PublicKey::from_openssh(public).map_err(|error| SignatureError::Format(error.to_string()))?;
    let signature = to_ssh(key.key_data(), signature).ok_or(SignatureError::Mismatch)?;
    sshsig::check_signature(key.key_data(), message, &signature)
}

/// Converts a plain signature to SSH format. None if it is not canonical, or if keys of this type cannot make one.
fn to_ssh(key: &KeyData, plain: &[u8]) -> Option<Signature> {
    match key.algorithm() {
        Algorithm::Ed25519 => Signature::new(Algorithm::Ed25519, plain.to_vec()).ok(),
        kind @ Algorithm::Ecdsa { .. } => {
            let signature = Signature::new(kind, der_integers(plain)?).ok()?;
            (to_der(&signature).ok()? == plain).then_some(signature)
        }
        _ => None,
    }
}

/// The two integers of a DER signature, in SSH format.
fn der_integers(der: &[u8]) -> Option<Vec<u8>> {
    let (_, mut rest) = der.split_at_checked(if der.get(1) == Some(&0x81) { 3 } else { 2 })?;
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let (head, after) = rest.split_at_checked(2)?;
        let (number, after) = after.split_at_checked(head[1].into())?;
        Mpint::from_bytes(number).ok()?.encode(&mut numbers).ok()?;
        rest = after;
    }
    Some(numbers)
}

/// Converts an ecdsa signature to DER. SSH writes the two integers as DER does, only with other headers.
pub(super) fn to_der(signature: &Signature) -> Result<Vec<u8>, ssh_key::Error> {
    let mut rest = signature.as_bytes();
    let mut body = Vec::new();
    for _ in 0..2 {
        let integer = Mpint::decode(&mut rest)?;
        let bytes = integer.as_bytes();
        body.extend([2, u8::try_from(bytes.len()).unwrap_or(u8::MAX)]);
        body.extend(bytes);
    }
    let length = u8::try_from(body.len()).unwrap_or(u8::MAX);
    let head = if body.len() > MAX_SHORT_LENGTH { vec![0x30, 0x81, length] } else { vec![0x30, length] };
    Ok([head, body].concat())
}

#[cfg(test)]
mod tests {
    use ssh_key::{EcdsaCurve, PrivateKey};

    use super::*;

    fn key(kind: Algorithm) -> (String, PrivateKey) {
        let key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, kind).unwrap();
        (sshsig::public_line(key.public_key().key_data()).unwrap(), key)
    }

    #[test]
    fn a_plain_signature_is_valid_for_its_key_and_message_and_in_one_form() {
        let curves = [EcdsaCurve::NistP256, EcdsaCurve::NistP384, EcdsaCurve::NistP521];
        let kinds = curves.map(|curve| Algorithm::Ecdsa { curve });
        for kind in [&[Algorithm::Ed25519][..], &kinds[..]].concat() {
            let ((public, private), (other, _)) = (key(kind.clone()), key(kind.clone()));
            let signature: Signature = signature::Signer::try_sign(&private, b"m".as_slice()).unwrap();
            let is_ed25519 = kind == Algorithm::Ed25519;
            let plain = if is_ed25519 { signature.as_bytes().to_vec() } else { to_der(&signature).unwrap() };
            assert_eq!(verify(&public, b"m", &plain), Ok(()), "{kind}");
            assert_eq!(verify(&public, b"n", &plain), Err(SignatureError::Mismatch), "{kind}");
            assert_eq!(verify(&other, b"m", &plain), Err(SignatureError::Mismatch), "{kind}");
            for cut in 0..plain.len() {
                assert_eq!(
                    verify(&public, b"m", &plain[..cut]),
                    Err(SignatureError::Mismatch),
                    "{kind} {cut}"
                );
            }
            let long = [&plain[..], b"\0"].concat();
            assert_eq!(verify(&public, b"m", &long), Err(SignatureError::Mismatch), "{kind}");
            assert_eq!(verify(&public, b"m", &[0; 3]), Err(SignatureError::Mismatch), "{kind}");
        }
    }
}
