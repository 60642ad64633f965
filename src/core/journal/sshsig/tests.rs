use ssh_key::{EcdsaCurve, Mpint, PrivateKey};

use super::*;

/// The order of the group of P-256 (FIPS 186-4, D.1.2.3).
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order of the group minus a number below it.
fn order_less(number: &[u8]) -> [u8; 32] {
    let (mut rest, mut borrow) = (P256_ORDER, 0);
    for (at, digit) in rest.iter_mut().rev().enumerate() {
        let less = number.iter().rev().nth(at).copied().unwrap_or_default();
        let (difference, first) = digit.overflowing_sub(less);
        let (difference, second) = difference.overflowing_sub(borrow);
        (*digit, borrow) = (difference, u8::from(first || second));
    }
    rest
}

/// The twin of a valid signature: (r, n-s).
fn twin(signature: &Signature) -> Signature {
    let mut numbers = signature.as_bytes();
    let [r, s] = [(); 2].map(|()| Mpint::decode(&mut numbers).unwrap());
    let s = Mpint::from_positive_bytes(&order_less(s.as_positive_bytes().unwrap())).unwrap();
    let mut bytes = Vec::new();
    r.encode(&mut bytes).unwrap();
    s.encode(&mut bytes).unwrap();
    Signature::new(signature.algorithm(), bytes).unwrap()
}

/// OpenSSH makes both: refusing one of them would refuse half of all ecdsa signatures.
#[test]
fn both_forms_of_an_ecdsa_signature_are_valid_as_with_openssh() {
    let kind = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
    let key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, kind).unwrap();
    let public = key.public_key().key_data();
    let own: Signature = signature::Signer::try_sign(&key, b"x".as_slice()).unwrap();
    let other = twin(&own);
    assert!(own != other && twin(&other) == own);
    for signature in [own, other] {
        assert_eq!(check_signature(public, b"x", &signature), Ok(()));
    }
}
