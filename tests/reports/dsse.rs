//! Signed statements about a log, verified by `openssl` and by Python's `securesystemslib`.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{ComparedRuns, python, tampered};
use crate::runs::agent::SshAgent;
use crate::runs::world::ALICE;
use crate::support::keys::{SK_PROVIDER, SshKey};
use crate::support::need;

/// Writes the keys as PEM, the raw signatures and the signed message of an envelope to files, then verifies the envelope with
/// securesystemslib.
const CHECK: &str = r"
import base64, json, sys
from cryptography.hazmat.primitives import serialization as s
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
envelope = json.load(open(sys.argv[1]))
keys = []
for index, path in enumerate(sys.argv[3:]):
    public = s.load_ssh_public_key(open(path, 'rb').read())
    pem = public.public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    open(f'{sys.argv[2]}/key{index}.pem', 'wb').write(pem)
    entry = envelope['signatures'][index]
    open(f'{sys.argv[2]}/sig{index}', 'wb').write(base64.b64decode(entry['sig']))
    scheme = 'ed25519' if 'ed25519' in open(path).read() else 'ecdsa-sha2-nistp256'
    raw = lambda: public.public_bytes(s.Encoding.Raw, s.PublicFormat.Raw).hex()
    value = raw() if scheme == 'ed25519' else pem.decode()
    keys.append(SSlibKey(entry['keyid'], scheme.split('-')[0], scheme, {'public': value}))
read = Envelope.from_dict(envelope)
open(f'{sys.argv[2]}/message', 'wb').write(read.pae())
read.verify(keys, threshold=len(keys))
print(read.payload.decode())
";

/// Verifies a signature with `openssl`.
#[track_caller]
fn openssl(dir: &Path, index: usize, digest: &[&str]) {
    let mut verify = Command::new("openssl");
    verify.current_dir(dir).args(["pkeyutl", "-verify", "-rawin", "-pubin", "-in", "message"]).args(digest);
    verify.args(["-inkey", &format!("key{index}.pem"), "-sigfile", &format!("sig{index}")]);
    let output = verify.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[track_caller]
fn sign(
    runs: &mut ComparedRuns,
    key: &SshKey,
    principal: &str,
    add: Option<&Path>,
) -> crate::support::gonogo::Output {
    let (log, key) = (runs.old.display().to_string(), key.path.display().to_string());
    let mut args = vec!["report", &log, "--format", "dsse", "--as", principal, "--key", &key];
    let add = add.map(|path| path.display().to_string());
    args.extend(add.iter().flat_map(|path| ["--add", path]));
    runs.gonogo(&args)
}

#[test]
fn a_statement_is_signed_by_two_and_verified_by_other_tools() {
    need!("ssh-keygen", "openssl", "poetry");
    let mut runs = ComparedRuns::new();
    let dir = runs.work("dsse");
    fs::create_dir(&dir).unwrap();
    let alice = SshKey { path: runs.world.key.path.clone(), public: runs.world.key.public.clone() };
    let bob = loop {
        let bob = SshKey::of_kind(&dir, "bob", "", &["ecdsa", "-b", "256"]);
        let readable = gonogo_core::journal::keys::public_of(&bob.path).is_ok();
        if readable {
            break bob;
        }
        fs::remove_file(&bob.path).unwrap();
    };
    let (one, two) = (dir.join("one.json"), dir.join("two.json"));
    fs::write(&one, sign(&mut runs, &alice, ALICE, None).code(0).stdout).unwrap();
    let _ = sign(&mut runs, &alice, ALICE, Some(&one)).code(2).stderr_has("has already signed it");
    fs::write(&two, sign(&mut runs, &bob, "bob@deck.example", Some(&one)).code(0).stdout).unwrap();

    let public = |key: &SshKey| format!("{}.pub", key.path.display());
    let files = [two.display().to_string(), dir.display().to_string(), public(&alice), public(&bob)];
    let payload = python(CHECK, &files.each_ref().map(String::as_str));
    openssl(&dir, 0, &[]);
    openssl(&dir, 1, &["-digest", "sha256"]);
    let statement: serde_json::Value = serde_json::from_str(&payload).unwrap();
    let sha256 = Command::new("sha256sum").arg(&runs.old).output().unwrap();
    let sha256 = String::from_utf8(sha256.stdout).unwrap();
    assert!(sha256.starts_with(statement["subject"][0]["digest"]["sha256"].as_str().unwrap()));
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicate"]["verification"]["answer"], "sealed");

    // The envelope of another log is rejected.
    let other = runs.work("other.jsonl");
    tampered(&runs.old.clone(), &other);
    runs.old = other;
    let _ = sign(&mut runs, &bob, "bob@deck.example", Some(&one))
        .code(2)
        .stderr_has("is not the statement of this log");
}

#[test]
fn a_signature_is_added_only_if_the_existing_signers_are_trusted() {
    need!("ssh-keygen");
    let mut runs = ComparedRuns::new();
    let dir = runs.work("dsse");
    fs::create_dir(&dir).unwrap();
    let alice = SshKey { path: runs.world.key.path.clone(), public: runs.world.key.public.clone() };
    let [bob, carol, dave] =
        ["bob", "carol", "dave"].map(|name| SshKey::of_kind(&dir, name, "", &["ed25519"]));
    runs.signers = runs.world.sandbox.allowed_signers(&[(ALICE, &alice), ("bob@deck.example", &bob)]);
    let (one, two) = (dir.join("one.json"), dir.join("two.json"));
    fs::write(&one, sign(&mut runs, &alice, ALICE, None).code(0).stdout).unwrap();
    fs::write(&two, sign(&mut runs, &bob, "bob@deck.example", Some(&one)).code(0).stdout).unwrap();
    let third =
        |runs: &mut ComparedRuns, envelope: &Path| sign(runs, &carol, "carol@deck.example", Some(envelope));
    let three = dir.join("three.json");
    fs::write(&three, third(&mut runs, &two).code(0).stdout).unwrap();
    // A signer whom the trusted signers do not list is reported to the next one.
    let output = sign(&mut runs, &dave, "dave@deck.example", Some(&three)).code(2);
    let _ = output.stderr_has(&format!("its signature 3 by {}", fingerprint(&carol)));
    assert_invalid_signatures_are_rejected(&mut runs, &dir, &one, &two, third);
    let output = runs.gonogo(&["verify", &one.display().to_string()]).code(2);
    let _ = output.stderr_has("is a signed statement about a run log");
}

/// No signature is added to an envelope with an unknown signer or an invalid signature.
#[track_caller]
fn assert_invalid_signatures_are_rejected(
    runs: &mut ComparedRuns,
    dir: &Path,
    one: &Path,
    two: &Path,
    add: impl Fn(&mut ComparedRuns, &Path) -> crate::support::gonogo::Output,
) {
    let read = |path: &Path| serde_json::from_slice::<serde_json::Value>(&fs::read(path).unwrap()).unwrap();
    let (alices, both) = (read(one), read(two));
    let signature = |index: usize| both["signatures"][index].clone();
    let unknown_signer =
        serde_json::json!({"keyid": "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "sig": "AAAA"});
    let forged = serde_json::json!({"keyid": signature(0)["keyid"], "sig": "AAAA"});
    let swapped = serde_json::json!({"keyid": signature(1)["keyid"], "sig": signature(0)["sig"]});
    let empty_key_id = serde_json::json!({"keyid": "", "sig": signature(0)["sig"]});
    for (signatures, why) in [
        (
            vec![unknown_signer.clone()],
            "its signature 1 by SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU is not trusted",
        ),
        (vec![signature(0), unknown_signer], "its signature 2 by SHA256:47DEQ"),
        (vec![empty_key_id], "its signature 1 by  is not trusted"),
        (vec![forged], "not a signature of this key over this statement"),
        (vec![swapped, signature(0)], "not a signature of this key over this statement"),
        (vec![signature(0), signature(0)], "has already signed it"),
    ] {
        let mut envelope = alices.clone();
        envelope["signatures"] = signatures.into();
        let path = dir.join("refused.json");
        fs::write(&path, envelope.to_string()).unwrap();
        let output = add(runs, &path).code(2).stderr_has(why);
        assert_eq!(output.stdout, "", "{why}");
    }
}

#[track_caller]
fn fingerprint(key: &SshKey) -> String {
    gonogo_core::journal::keys::fingerprint(&key.public).unwrap()
}

#[test]
fn a_security_key_cannot_sign_a_statement_and_the_reason_is_given() {
    need!("ssh-keygen", "ssh-agent", "ssh-add", SK_PROVIDER);
    let mut runs = ComparedRuns::new();
    let key = SshKey::of_kind(&runs.world.sandbox.work(), "sk", "", &["ed25519-sk"]);
    let agent = SshAgent::start();
    agent.add(&key.path, "");
    let sandbox = std::mem::replace(&mut runs.world.sandbox, crate::support::gonogo::Sandbox::new());
    runs.world.sandbox = sandbox.env("SSH_AUTH_SOCK", &agent.socket);
    let output = sign(&mut runs, &key, ALICE, None).code(2);
    let _ = output.stderr_has("also signs its flags and counter").stderr_has("use an ed25519 or ecdsa key");
}
