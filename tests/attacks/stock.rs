//! A verifier that uses only stock tools, for a third party: it checks the hash chain and every signature.

use std::path::Path;

use crate::support::gonogo::{Output, Sandbox};

/// The script in the README.
pub fn script() -> &'static str {
    const README: &str = include_str!("../../README.md");
    README
        .split("```bash\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("a script in the README")
}

/// Exit code 0 (valid) or 4 (invalid), and a message.
#[track_caller]
pub fn verify(log: &Path, signers: &Path) -> Output {
    let words = ["-c", script(), "stock", log.to_str().unwrap(), signers.to_str().unwrap()];
    Sandbox::new().program("bash").args(words).run()
}
