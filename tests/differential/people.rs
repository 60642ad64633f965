//! Whose signatures are asked about: keys and signatures of the real `ssh-keygen`, made once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::bench::keys::{KEYGEN, SshKey};

pub const ENTRY: &str = "gonogo-entry-v1";
pub const SEAL: &str = "gonogo-seal-v1";
pub const MESSAGE: &[u8] = b"a line of a log\n";

/// Somebody with a key.
pub struct Person {
    pub principal: &'static str,
    /// `ssh-ed25519 AAAA…`, without a comment.
    pub key: String,
}

pub struct People {
    pub dir: TempDir,
    pub alice: Person,
    pub bob: Person,
    /// Her key is an ecdsa key.
    pub carol: Person,
    /// His is an RSA key, which signs no run log.
    pub dave: Person,
    /// Binary lists of revoked keys: with Alice's key, and with others only.
    pub lists: Vec<Vec<u8>>,
}

impl People {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let person = |principal: &'static str, kind: &[&str]| {
            let name = principal.split('@').next().unwrap();
            let made = SshKey::of_kind(dir.path(), name, "", kind);
            let key = made.public.rsplit_once(' ').unwrap().0.to_owned();
            for namespace in [ENTRY, SEAL] {
                sign(&made.path, namespace, &signature(dir.path(), name, namespace));
            }
            Person { principal, key }
        };
        let alice = person("alice@x.example", &["ed25519"]);
        let bob = person("bob@x.example", &["ed25519"]);
        let carol = person("carol@x.example", &["ecdsa", "-b", "256"]);
        let dave = person("dave@x.example", &["rsa", "-b", "2048"]);
        let lists = lists(dir.path(), &[&alice, &bob, &carol]);
        Self { dir, alice, bob, carol, dave, lists }
    }
}

/// The file of a person's signature.
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

/// What `ssh-keygen -k` makes of keys, hashes, serial numbers and names of certificates.
fn lists(dir: &Path, people: &[&Person; 3]) -> Vec<Vec<u8>> {
    let [alice, bob, carol] = people.map(|person| person.key.as_str());
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
