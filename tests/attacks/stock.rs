//! The verifier of a stranger who has nothing but stock tools: the chain, and every signature.

use std::path::Path;

use crate::bench::gonogo::{Output, Sandbox};

/// The script that the README gives to strangers.
pub fn script() -> &'static str {
    const README: &str = include_str!("../../README.md");
    README
        .split("```bash\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("a script in the README")
}

/// What the stranger finds: 0 or 4, and words.
#[track_caller]
pub fn verify(log: &Path, signers: &Path) -> Output {
    let words = ["-c", script(), "stock", log.to_str().unwrap(), signers.to_str().unwrap()];
    Sandbox::new().program("bash").args(words).run()
}
