//! The reference: `ssh-keygen -Y verify`.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::cases::Case;
use super::operators::{MESSAGE, Operators, signature};
use crate::support::keys::KEYGEN;

pub struct Keygen {
    dir: PathBuf,
}

impl Keygen {
    pub fn new(operators: &Operators) -> Self {
        let dir = operators.dir.path().to_owned();
        fs::write(dir.join("message"), MESSAGE).unwrap();
        Self { dir }
    }

    /// `Ok` if it trusts the signature, otherwise its message.
    pub fn verify(&self, case: &Case) -> Result<(), String> {
        let at = |name: &str| self.dir.join(name);
        fs::write(at("allowed_signers"), &case.signers).unwrap();
        let name = case.signer.split('@').next().unwrap();
        let time: String = case.at.chars().filter(char::is_ascii_digit).collect();
        let mut keygen = Command::new(KEYGEN);
        keygen.args(["-Y", "verify", "-I", &case.principal, "-n", case.namespace]);
        keygen.arg("-f").arg(at("allowed_signers"));
        keygen.arg("-s").arg(signature(&self.dir, name, case.namespace));
        keygen.arg(format!("-Overify-time={time}Z")).env("TZ", case.zone);
        if let Some(list) = &case.revoked {
            fs::write(at("revoked"), list).unwrap();
            keygen.arg("-r").arg(at("revoked"));
        }
        let output = keygen.stdin(Stdio::from(File::open(at("message")).unwrap())).output().unwrap();
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
