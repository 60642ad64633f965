//! The time to verify a log, against its signatures alone.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use gonogo::engine::RuleChecker;
use gonogo_core::journal::entry::{Entry, signed_bytes};
use gonogo_core::journal::signers::AllowedSigners;
use gonogo_core::journal::verify::{LogStatus, verify};
use ssh_encoding::Decode as _;
use ssh_key::SshSig;
use ssh_key::public::KeyData;

use crate::log::Log;
use crate::measure::{Measured, alternate, millis, size};
use crate::sample::SampleRun;

/// The number of entries of a long log.
pub fn entries() -> usize {
    size(10_000, 100)
}

const ROUNDS: usize = 9;

pub fn bench() {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let entries = entries();
    let log = Log::of(entries, home.path());
    let path = home.path().join("run.jsonl");
    fs::write(&path, log.lines.concat()).unwrap();
    let signer = &log.signer;
    let signers = AllowedSigners::parse("-", format!("{} {}\n", signer.principal, signer.public));
    let checks: Vec<SignatureCheck> = log.entries.iter().filter_map(SignatureCheck::of).collect();
    let signatures_only = || checks.iter().for_each(SignatureCheck::check);
    let (subject, reference) = alternate(
        ROUNDS,
        || millis(|| verify_log(&path, &signers, entries as u64)),
        || millis(signatures_only),
    );
    let aim = "at most 1.0x: on all cores, against one";
    let name = &format!("verify, {entries} entries");
    Measured { name, subject, reference: Some(reference), unit: "ms", aim }.report();
}

/// As `gonogo verify` does it.
pub fn verify_log(path: &Path, signers: &AllowedSigners, entries: u64) {
    let log = BufReader::new(File::open(path).unwrap());
    let verification = verify(log, signers, SampleRun::moment(0).wall, &mut RuleChecker::default()).unwrap();
    assert_eq!((verification.status, verification.entries), (LogStatus::Open, entries));
}

/// One signature, decoded and ready to be checked.
pub struct SignatureCheck {
    key: VerifyingKey,
    message: Vec<u8>,
    signature: Signature,
}

impl SignatureCheck {
    pub fn of(entry: &Entry) -> Option<Self> {
        let blob = BASE64.decode(entry.sig.as_ref()?).unwrap();
        let signature = SshSig::decode(&mut blob.as_slice()).unwrap();
        let KeyData::Ed25519(key) = signature.public_key() else {
            unreachable!("Alice's key is of that kind")
        };
        let line = signed_bytes(&entry.header, &entry.event).unwrap();
        let message = SshSig::signed_data(entry.event.namespace(false), signature.hash_alg(), &line).unwrap();
        Some(Self {
            key: VerifyingKey::from_bytes(&key.0).unwrap(),
            message,
            signature: Signature::from_slice(signature.signature_bytes()).unwrap(),
        })
    }

    pub fn check(&self) {
        self.key.verify_strict(&self.message, &self.signature).unwrap();
    }
}
