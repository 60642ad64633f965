//! The table of attacks on a sealed log. gonogo must detect each at its line, with the reason; a third party with stock tools
//! must detect it too, unless the table says why it cannot. To print it:
//!
//!     tests/run --nocapture attacks

pub mod forge;
mod formats;
mod operators;
mod plans;
pub mod stock;
pub mod table;

use std::fs;
use std::path::PathBuf;

use gonogo_core::journal::keys::Signer;

use crate::runs::world::{ALICE, World};
use crate::support::gonogo::Sandbox;
use crate::support::keys::SshKey;
use crate::support::need;
use forge::ForgedLog;
use table::{Attack, attacks};

const MALLORY: &str = "mallory@deck.example";
const BOB: &str = "bob@deck.example";

/// Two sealed logs of Alice. Bob is trusted too, Mallory is not.
pub struct AttackSetup {
    pub log: ForgedLog,
    other: ForgedLog,
    pub alice: Signer,
    bob: Signer,
    pub mallory: Signer,
    /// An ecdsa key, `ecdsa-sha2-nistp256 AAAA…`.
    ecdsa: String,
    sandbox: Sandbox,
    pub signers: PathBuf,
}

/// A run with probe results, a confirmation, a note, a verdict and a seal.
fn sealed() -> (World, Vec<u8>) {
    let world = World::sealed("all quiet");
    let bytes = fs::read(world.log()).unwrap();
    (world, bytes)
}

fn signer(principal: &str, key: &SshKey) -> Signer {
    Signer::load(principal, &key.path, None, &mut |_| unreachable!("no passphrase")).unwrap()
}

impl AttackSetup {
    pub fn new() -> Self {
        let (world, bytes) = sealed();
        let log = ForgedLog::read(&bytes);
        // Another run of the same operator, with the same key.
        let mut other = log.clone();
        let alice = signer(ALICE, &world.key);
        for entry in &mut other.0 {
            entry.header.run = "cd".repeat(16);
        }
        other.resign(0, &alice);
        let (bob, mallory) = (world.sandbox.key("bob"), world.sandbox.key("mallory"));
        let signers = world.sandbox.allowed_signers(&[(ALICE, &world.key), (BOB, &bob)]);
        let (bob, mallory) = (signer(BOB, &bob), signer(MALLORY, &mallory));
        let ecdsa = SshKey::of_kind(&world.sandbox.work(), "ecdsa", "", &["ecdsa", "-b", "256"]);
        let ecdsa = ecdsa.public.rsplit_once(' ').unwrap().0.to_owned();
        Self { log, other, alice, bob, mallory, ecdsa, sandbox: world.sandbox, signers }
    }

    /// Exit code and output of gonogo, and of the stock tools.
    fn verify_both(&mut self, bytes: &[u8]) -> [(i32, String); 2] {
        let log = self.sandbox.work().join("attacked.jsonl");
        fs::write(&log, bytes).unwrap();
        let args = ["verify", log.to_str().unwrap(), "--signers", self.signers.to_str().unwrap()];
        let sandbox = std::mem::replace(&mut self.sandbox, Sandbox::new());
        self.sandbox = sandbox.args(args);
        let (own, stock) = (self.sandbox.run(), stock::verify(&log, &self.signers));
        [own, stock].map(|output| (output.status.code().unwrap(), output.stdout))
    }

    fn run_attack(&mut self, attack: &Attack) -> Result<String, String> {
        let [(code, output), (stock, found)] = self.verify_both(&(attack.apply)(self));
        if code != attack.code || !output.contains(attack.message) {
            return Err(format!(
                "{}: expected {} and {:?}, got {code}:\n{output}",
                attack.name, attack.code, attack.message
            ));
        }
        let agrees = match attack.undetected_by_stock {
            None => stock == 4,
            Some(_) => stock == 0,
        };
        if !agrees {
            return Err(format!("{}: the stock tools end with {stock}: {found}", attack.name));
        }
        let why = output.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, why)| why);
        let why = if attack.code == 0 { "valid, as it should be" } else { why };
        let stock =
            attack.undetected_by_stock.map_or("detected too".into(), |why| format!("not detected: {why}"));
        Ok(format!("{} · {why} · stock tools: {stock}", attack.name))
    }
}

#[test]
fn every_attack_is_detected_at_its_line() {
    need!("ssh-keygen", "jq", "sha256sum", "bash");
    let mut setup = AttackSetup::new();
    let [own, stock] = setup.verify_both(&setup.log.bytes());
    assert_eq!((own.0, stock.0), (0, 0), "the log must be valid before the attack:\n{}{}", own.1, stock.1);
    let results: Vec<_> = attacks().iter().map(|attack| setup.run_attack(attack)).collect();
    results.iter().flatten().for_each(|line| println!("{line}"));
    let failures: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Flips one bit at many positions of the log.
#[test]
fn no_changed_byte_passes_either_verifier() {
    need!("ssh-keygen", "jq", "sha256sum", "bash");
    let mut setup = AttackSetup::new();
    let whole = setup.log.bytes();
    for at in (0..whole.len() - 1).step_by(whole.len() / 40) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let [own, stock] = setup.verify_both(&changed);
        // If the version of the rules in the first line changes, it is a log of another version, and not valid either.
        assert!([2, 4].contains(&own.0) && stock.0 == 4, "byte {at}: {}{}", own.1, stock.1);
    }
}

/// In each format of revocation list that `ssh-keygen` writes.
#[test]
fn signatures_of_a_revoked_key_are_not_valid() {
    need!("ssh-keygen");
    let (mut world, bytes) = sealed();
    let work = world.sandbox.work();
    fs::write(work.join("sealed.jsonl"), bytes).unwrap();
    let (other, public) = (world.sandbox.key("other"), world.key.path.with_extension("pub"));
    let make = |name: &str, spec: &str| {
        fs::write(work.join("spec"), spec).unwrap();
        let mut keygen = std::process::Command::new("ssh-keygen");
        let status = keygen.current_dir(&work).args(["-q", "-k", "-f", name, "spec"]).status().unwrap();
        assert!(status.success());
        let query = std::process::Command::new("ssh-keygen")
            .current_dir(&work)
            .args(["-Q", "-f", name])
            .arg(&public)
            .output();
        assert_eq!(query.unwrap().status.code(), Some(1), "ssh-keygen does not find the key in {name}");
    };
    let key = &world.key.public;
    make("keys.krl", key);
    make("sha1.krl", &format!("sha1: {key}\n"));
    make("sha256.krl", &format!("sha256: {key}\n"));
    fs::write(work.join("plain"), format!("{key}\n")).unwrap();
    fs::write(work.join("others"), format!("{}\n", other.public)).unwrap();
    let log = work.join("sealed.jsonl");
    for revoked in ["keys.krl", "sha1.krl", "sha256.krl", "plain"] {
        let output = world.verify(&log, &["--revoked", revoked]).code(4);
        let _ = output.stdout_has("INVALID at line 1").stdout_has("the key of alice@deck.example is revoked");
    }
    let _ = world.verify(&log, &["--revoked", "others"]).code(0);
    let _ = world.verify(&log, &["--revoked", "nowhere"]).code(2).stderr_has("revoked keys nowhere");
}

#[test]
fn a_real_run_does_not_verify_as_a_rehearsal() {
    need!("ssh-keygen");
    let (mut world, _) = sealed();
    let log = world.log();
    let _ = world.verify(&log, &[]).code(0);
    let _ = world
        .verify(&log, &["--rehearsal"])
        .code(4)
        .stdout_has("INVALID at line 1")
        .stdout_has("a real run, not a rehearsal");
}

/// A line of a gigabyte, with far less memory than that.
#[test]
fn an_endless_line_is_rejected_within_the_memory_limit() {
    need!("ssh-keygen", "sh");
    let sandbox = Sandbox::new();
    sandbox.allowed_signers(&[(ALICE, &sandbox.key("alice"))]);
    let log = sandbox.work().join("endless.jsonl");
    fs::File::create(&log).unwrap().set_len(1 << 30).unwrap();
    let script = "ulimit -v 400000; exec \"$0\" verify endless.jsonl --signers allowed_signers";
    let sandbox = sandbox.program("sh").args(["-c", script, crate::support::gonogo::GONOGO]);
    let _ = sandbox.run().code(4).stdout_has("INVALID at line 1").stdout_has("exceeds the line limit");
}
