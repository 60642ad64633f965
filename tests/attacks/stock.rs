//! A verifier that uses only stock tools, for a third party: it checks the hash chain and every signature.

use std::path::Path;

use crate::support::gonogo::{Output, Sandbox};

/// The script in the manual.
pub fn script() -> &'static str {
    const LOG: &str = include_str!("../../src/help/log.md");
    LOG.split("```bash\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script in the manual")
}

/// Exit code 0 (valid) or 4 (invalid), and a message.
#[track_caller]
pub fn verify(log: &Path, signers: &Path) -> Output {
    let words = ["-c", script(), "stock", log.to_str().unwrap(), signers.to_str().unwrap()];
    Sandbox::new().program("bash").args(words).run()
}
