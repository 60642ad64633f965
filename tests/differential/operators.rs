//! The operators of the cases: their keys and signatures, made once with the real `ssh-keygen`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::keys::{KEYGEN, SshKey};

pub const ENTRY: &str = "gonogo-entry-v1";
pub const SEAL: &str = "gonogo-seal-v1";
pub const MESSAGE: &[u8] = b"a line of a log\n";

/// A name with a key.
pub struct Operator {
    pub principal: &'static str,
    /// `ssh-ed25519 AAAA…`, without a comment.
    pub key: String,
}

pub struct Operators {
    pub dir: TempDir,
    pub alice: Operator,
    pub bob: Operator,
    /// Her key is an ecdsa key.
    pub carol: Operator,
    /// His key is an RSA key, which gonogo does not accept for run logs.
    pub dave: Operator,
    /// Binary lists of revoked keys: with Alice's key, and with others only.
    pub binary_lists: Vec<Vec<u8>>,
}

impl Operators {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let operator = |principal: &'static str, kind: &[&str]| {
            let name = principal.split('@').next().unwrap();
            let generated = SshKey::of_kind(dir.path(), name, "", kind);
            let key = generated.public.rsplit_once(' ').unwrap().0.to_owned();
            for namespace in [ENTRY, SEAL] {
                sign(&generated.path, namespace, &signature(dir.path(), name, namespace));
            }
            Operator { principal, key }
        };
        let alice = operator("alice@x.example", &["ed25519"]);
        let bob = operator("bob@x.example", &["ed25519"]);
        let carol = operator("carol@x.example", &["ecdsa", "-b", "256"]);
        let dave = operator("dave@x.example", &["rsa", "-b", "2048"]);
        let binary_lists = binary_lists(dir.path(), &[&alice, &bob, &carol]);
        Self { dir, alice, bob, carol, dave, binary_lists }
    }
}

/// The file of a signature.
pub fn signature(dir: &Path, name: &str, namespace: &str) -> PathBuf {
    dir.join(format!("{name}.{namespace}.sig"))
}

fn sign(key: &Path, namespace: &str, to: &Path) {
    let message = to.with_extension("message");
    fs::write(&message, MESSAGE).unwrap();
    let mut keygen = Command::new(KEYGEN);
    keygen.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(key).arg(&message);
    assert!(keygen.stderr(Stdio::null()).status().unwrap().success());
    fs::rename(message.with_extension("message.sig"), to).unwrap();
}

/// Lists by `ssh-keygen -k` of keys, hashes, serial numbers and names of certificates.
fn binary_lists(dir: &Path, operators: &[&Operator; 3]) -> Vec<Vec<u8>> {
    let [alice, bob, carol] = operators.map(|operator| operator.key.as_str());
    let specs = [
        format!("{alice}\n"),
        format!("{bob}\n{carol}\n"),
        format!("sha1: {alice}\n"),
        format!("sha256: {alice}\n"),
        format!("sha256: {bob}\nsha1: {carol}\n{bob}\n"),
        "serial: 1\nserial: 5-90\nserial: 100\nserial: 102\nid: somebody\n".to_owned(),
        format!("serial: 7\n{alice}\n"),
        String::new(),
    ];
    let make = |spec: &String| {
        fs::write(dir.join("spec"), spec).unwrap();
        let mut keygen = Command::new(KEYGEN);
        keygen.current_dir(dir).args(["-q", "-k", "-f", "list", "-s", "bob.pub", "-z", "3", "spec"]);
        assert!(keygen.status().unwrap().success(), "{spec}");
        fs::read(dir.join("list")).unwrap()
    };
    specs.iter().map(make).collect()
}
