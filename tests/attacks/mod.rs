//! The table of attacks: what somebody does to a sealed log, and that it is found, where and why; by gonogo,
//! and by a stranger with stock tools, or why those cannot. To read it:
//!
//!     tests/run --nocapture attacks

pub mod forge;
mod forms;
mod people;
mod plans;
pub mod stock;
pub mod table;

use std::fs;
use std::path::PathBuf;

use gonogo_core::journal::keys::Signer;

use crate::bench::gonogo::Sandbox;
use crate::bench::keys::SshKey;
use crate::bench::need;
use crate::runs::world::{ALICE, World};
use forge::Log;
use table::{Attack, attacks};

const MALLORY: &str = "mallory@deck.example";
const BOB: &str = "bob@deck.example";

/// Two sealed logs of Alice's; Bob is trusted too, Mallory is not.
pub struct Stage {
    pub log: Log,
    other: Log,
    pub alice: Signer,
    bob: Signer,
    pub mallory: Signer,
    /// An ecdsa key, `ecdsa-sha2-nistp256 AAAA…`.
    ecdsa: String,
    sandbox: Sandbox,
    pub signers: PathBuf,
}

/// A run with looks, a confirmation, a note, a verdict and a seal.
fn sealed() -> (World, Vec<u8>) {
    let world = World::sealed("all quiet");
    let bytes = fs::read(world.log()).unwrap();
    (world, bytes)
}

fn signer(principal: &str, key: &SshKey) -> Signer {
    Signer::load(principal, &key.path, None, &mut |_| unreachable!("no passphrase")).unwrap()
}

impl Stage {
    pub fn new() -> Self {
        let (world, bytes) = sealed();
        let log = Log::read(&bytes);
        // Another run of the same person, under the same key.
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

    /// The codes of gonogo and of the stranger, and what they say.
    fn ask(&mut self, bytes: &[u8]) -> [(i32, String); 2] {
        let log = self.sandbox.work().join("attacked.jsonl");
        fs::write(&log, bytes).unwrap();
        let args = ["verify", log.to_str().unwrap(), "--signers", self.signers.to_str().unwrap()];
        let sandbox = std::mem::replace(&mut self.sandbox, Sandbox::new());
        self.sandbox = sandbox.args(args);
        let (own, stock) = (self.sandbox.run(), stock::verify(&log, &self.signers));
        [own, stock].map(|output| (output.status.code().unwrap(), output.stdout))
    }

    fn walk(&mut self, attack: &Attack) -> Result<String, String> {
        let [(code, told), (stock, found)] = self.ask(&(attack.apply)(self));
        if code != attack.code || !told.contains(attack.told) {
            return Err(format!(
                "{}: expected {} and {:?}, got {code}:\n{told}",
                attack.name, attack.code, attack.told
            ));
        }
        let agrees = match attack.stock_is_blind {
            None => stock == 4,
            Some(_) => stock == 0,
        };
        if !agrees {
            return Err(format!("{}: the stock tools answer {stock}: {found}", attack.name));
        }
        let why = told.lines().next().and_then(|line| line.split_once(": ")).map_or("", |(_, why)| why);
        let why = if attack.code == 0 { "holds, as it should" } else { why };
        let stock = attack.stock_is_blind.map_or("found too".into(), |why| format!("not found: {why}"));
        Ok(format!("{} · {why} · stock tools: {stock}", attack.name))
    }
}

#[test]
fn every_attack_is_found_where_it_was_made() {
    need!("ssh-keygen", "jq", "sha256sum", "bash");
    let mut stage = Stage::new();
    let [own, stock] = stage.ask(&stage.log.bytes());
    assert_eq!((own.0, stock.0), (0, 0), "the log must hold before it is attacked:\n{}{}", own.1, stock.1);
    let walked: Vec<_> = attacks().iter().map(|attack| stage.walk(attack)).collect();
    walked.iter().flatten().for_each(|line| println!("{line}"));
    let wrong: Vec<_> = walked.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// One bit of a byte, all over the log.
#[test]
fn no_changed_byte_passes_either_verifier() {
    need!("ssh-keygen", "jq", "sha256sum", "bash");
    let mut stage = Stage::new();
    let whole = stage.log.bytes();
    for at in (0..whole.len() - 1).step_by(whole.len() / 40) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let [own, stock] = stage.ask(&changed);
        // A first line that names other rules is of another version, and never called valid.
        assert!([2, 4].contains(&own.0) && stock.0 == 4, "byte {at}: {}{}", own.1, stock.1);
    }
}

/// In each form that `ssh-keygen` makes, a revoked key counts for nothing, and both verifiers say so.
#[test]
fn a_revoked_key_counts_for_nothing() {
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
        let asked = std::process::Command::new("ssh-keygen")
            .current_dir(&work)
            .args(["-Q", "-f", name])
            .arg(&public)
            .output();
        assert_eq!(asked.unwrap().status.code(), Some(1), "ssh-keygen itself finds it in {name}");
    };
    let key = &world.key.public;
    make("keys.krl", key);
    make("sha1.krl", &format!("sha1: {key}\n"));
    make("sha256.krl", &format!("sha256: {key}\n"));
    fs::write(work.join("plain"), format!("{key}\n")).unwrap();
    fs::write(work.join("others"), format!("{}\n", other.public)).unwrap();
    let log = work.join("sealed.jsonl");
    for revoked in ["keys.krl", "sha1.krl", "sha256.krl", "plain"] {
        let told = world.verify(&log, &["--revoked", revoked]).code(4);
        let _ = told.stdout_has("INVALID at line 1").stdout_has("the key of alice@deck.example is revoked");
    }
    let _ = world.verify(&log, &["--revoked", "others"]).code(0);
    let _ = world.verify(&log, &["--revoked", "nowhere"]).code(2).stderr_has("revoked keys nowhere");
}

/// A line of a gigabyte, with far less memory than that.
#[test]
fn a_real_run_is_not_taken_for_a_rehearsal() {
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

#[test]
fn a_line_without_end_costs_no_memory() {
    need!("ssh-keygen", "sh");
    let sandbox = Sandbox::new().file("signers", "");
    let log = sandbox.work().join("endless.jsonl");
    fs::File::create(&log).unwrap().set_len(1 << 30).unwrap();
    let script = "ulimit -v 400000; exec \"$0\" verify endless.jsonl --signers signers";
    let sandbox = sandbox.program("sh").args(["-c", script, crate::bench::gonogo::GONOGO]);
    let _ = sandbox.run().code(4).stdout_has("INVALID at line 1").stdout_has("exceeds the line limit");
}
