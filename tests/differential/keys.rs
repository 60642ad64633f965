//! The same keys in other formats.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::operators::Operators;

/// A string in the SSH wire format.
pub fn string(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes(), text].concat()
}

fn line(kind: &str, parts: &[&[u8]]) -> String {
    let blob: Vec<u8> = [kind.as_bytes()].iter().chain(parts).flat_map(|part| string(part)).collect();
    format!("{kind} {}", BASE64.encode(blob))
}

/// The last string of a plain key's blob.
fn point(key: &str, length: usize) -> Vec<u8> {
    let blob = BASE64.decode(key.split(' ').nth(1).unwrap()).unwrap();
    blob[blob.len() - length..].to_vec()
}

/// An ed25519 key as a security key, with this application.
pub fn security_key(key: &str, application: &str) -> String {
    line("sk-ssh-ed25519@openssh.com", &[&point(key, 32), application.as_bytes()])
}

/// An ecdsa key as a security key.
pub fn ecdsa_security_key(key: &str) -> String {
    line("sk-ecdsa-sha2-nistp256@openssh.com", &[b"nistp256", &point(key, 65), b"ssh:"])
}

/// An ecdsa key with a compressed point.
pub fn compressed(key: &str) -> String {
    let point = point(key, 65);
    let short = [&[2 + (point[64] & 1)], &point[1..33]].concat();
    line("ecdsa-sha2-nistp256", &[b"nistp256", &short])
}

/// Files with other formats of Alice's and Carol's keys, with and without the plain keys.
pub fn key_formats(operators: &Operators) -> Vec<(&'static str, String)> {
    let (alice, carol) = (&operators.alice, &operators.carol);
    let (sk, short) = (security_key(&alice.key, "ssh:"), compressed(&carol.key));
    let ecdsa_sk = ecdsa_security_key(&carol.key);
    let plain = format!("{} {}\n{} {}\n", alice.principal, alice.key, carol.principal, carol.key);
    let security_keys_only = format!("{} {sk}\n{} {ecdsa_sk}\n", alice.principal, carol.principal);
    let named = line("ED25519", &[&point(&alice.key, 32)]).replace("ED25519 ", "ssh-ed25519 ");
    vec![
        ("security keys of the same points", security_keys_only.clone()),
        ("both formats of one operator", security_keys_only + &plain),
        (
            "the same key for another operator",
            format!("bob@x.example {sk}\nbob@x.example {ecdsa_sk}\n{plain}"),
        ),
        ("a compressed point", format!("{} {short}\n", carol.principal)),
        ("a compressed point and the uncompressed one", format!("{} {short}\n{plain}", carol.principal)),
        ("a kind by its short name", format!("{} {named}\n", alice.principal)),
    ]
}
