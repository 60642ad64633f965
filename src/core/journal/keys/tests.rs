use std::fs;

use super::*;
use crate::testing::signer;

#[test]
fn a_new_key_signs_and_is_not_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("keys/id");
    let word = Secret::new("open sesame".into());
    create(&path, "a@x", Some(&word)).unwrap();
    assert!(create(&path, "a@x", None).unwrap_err().to_string().contains("exists"));
    let signer = Signer::load("a@x", &path, None, &mut |_| Ok(word.clone())).unwrap();
    let signature = signer.sign("n", b"message").unwrap();
    assert_eq!(sshsig::verify(&signature, "n", b"message"), Ok(signer.public.clone()));
    assert_eq!(public_of(&path).unwrap(), signer.public);
    let wrong = Signer::load("a@x", &path, None, &mut |_| Ok(Secret::new("x".into())));
    assert!(wrong.unwrap_err().to_string().contains("passphrase is wrong"));
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("id");
    create(&path, "a@x", None).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = public_of(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let error = error.to_string();
    assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
}

/// Its mode is no fault of a file that is no key.
#[test]
fn a_file_that_is_no_private_key_is_not_blamed_for_its_mode() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("mini.toml");
    for (content, said) in
        [("name = \"mini\"\n", "is not a private key"), ("ssh-ed25519 AAAA\n", "holds a public key")]
    {
        fs::write(&path, content).unwrap();
        let error = public_of(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(said) && !error.to_string().contains("chmod"), "{error}");
    }
}

/// Each format that people have, by its first line, and the way to a key that signs.
#[test]
fn a_key_in_another_format_is_named_with_the_way_out() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("id");
    let rewrite = "`ssh-keygen -p -f ";
    for (first, said) in [
        ("-----BEGIN EC PRIVATE KEY-----", &["a PEM file of an EC key", rewrite][..]),
        ("-----BEGIN EC PARAMETERS-----", &["a PEM file of an EC key", rewrite]),
        ("-----BEGIN EC PRIVATE KEY-----\r", &["a PEM file of an EC key", rewrite]),
        ("-----BEGIN PRIVATE KEY-----", &["a PKCS#8 PEM file", rewrite, "9.6"]),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----", &["a PKCS#8 PEM file", rewrite]),
        ("-----BEGIN RSA PRIVATE KEY-----", &["holds a ssh-rsa key", "`gonogo init`"]),
        ("-----BEGIN DSA PRIVATE KEY-----", &["holds a ssh-dss key", "`gonogo init`"]),
        ("PuTTY-User-Key-File-3: ssh-ed25519", &["a PuTTY key file", "puttygen"]),
        ("ssh-ed25519 AAAA a@x", &["holds a public key", "private key file"]),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", &["holds a public key", "private key file"]),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", &["cannot be read as an OpenSSH private key"]),
        ("-----BEGIN CERTIFICATE-----", &["is not a private key"]),
        ("nonsense", &["is not a private key"]),
        ("", &["is not a private key"]),
    ] {
        fs::write(&path, format!("{first}\nMHcCAQEEIA==\n-----END-----\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = public_of(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{first}");
        let error = error.to_string();
        assert!(said.iter().all(|said| error.contains(said)), "{first}: {error}");
        assert!(!error.contains("MHcC"), "{first}: {error}");
    }
}

/// The same secret key, with its point in a form that OpenSSH does not accept.
#[test]
fn a_signature_with_a_compressed_point_is_not_valid() {
    use ssh_key::public::EcdsaPublicKey;
    let kind = Algorithm::Ecdsa { curve: ssh_key::EcdsaCurve::NistP256 };
    let key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, kind).unwrap();
    let mut signer = Signer::with_key("a@x", &key).unwrap();
    let verified = |signer: &Signer| sshsig::verify(&signer.sign("n", b"m").unwrap(), "n", b"m");
    assert_eq!(verified(&signer), Ok(signer.public.clone()));
    let KeyData::Ecdsa(EcdsaPublicKey::NistP256(point)) = signer.key else { panic!("an ecdsa key") };
    signer.key = KeyData::Ecdsa(EcdsaPublicKey::NistP256(point.compress()));
    assert_eq!(verified(&signer), Err(SignatureError::Compressed));
}

#[test]
fn a_signature_is_valid_for_its_message_and_namespace_only() {
    let signature = signer("a@x").sign("n", b"message").unwrap();
    assert_eq!(sshsig::verify(&signature, "n", b"massage"), Err(SignatureError::Mismatch));
    assert!(matches!(sshsig::verify(&signature, "m", b"message"), Err(SignatureError::Namespace(..))));
    assert!(matches!(sshsig::verify(&signature[4..], "n", b"message"), Err(SignatureError::Format(_))));
}

/// An agent that has this key, and signs other bytes than requested.
fn lying_agent(home: &Path, key: &PrivateKey) -> Agent {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixListener;

    use ssh_encoding::Encode as _;
    let (socket, signing) = (home.join("agent"), Signer::with_key("a@x", key).unwrap());
    let listener = UnixListener::bind(&socket).unwrap();
    let mut public = Vec::new();
    signing.key.encode(&mut public).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 4];
            stream.read_exact(&mut length).unwrap();
            let mut question = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
            stream.read_exact(&mut question).unwrap();
            let mut answer = Vec::new();
            if question[0] == 11 {
                answer.extend([12, 0, 0, 0, 1]);
                public.as_slice().encode(&mut answer).unwrap();
                "a key".encode(&mut answer).unwrap();
            } else {
                answer.push(14);
                let mut signature = Vec::new();
                signing
                    .backend
                    .sign(&signing.key, b"another message")
                    .unwrap()
                    .encode(&mut signature)
                    .unwrap();
                signature.as_slice().encode(&mut answer).unwrap();
            }
            let length = u32::try_from(answer.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length, answer.as_slice()].concat()).unwrap();
        }
    });
    Agent::at(&socket)
}

#[test]
fn an_agents_signature_for_something_else_is_rejected() {
    let home = tempfile::tempdir().unwrap();
    let key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, Algorithm::Ed25519).unwrap();
    let agent = lying_agent(home.path(), &key);
    let public = sshsig::public_line(key.public_key().key_data()).unwrap();
    let signer = Signer::in_agent("a@x", &public, Some(&agent)).unwrap();
    assert!(signer.may_block());
    let why = signer.sign("n", b"message").unwrap_err().to_string();
    assert!(why.contains("a@x"), "{why}");
}
