//! Whom a verification trusted: which files said so, and where these were named.

use serde::Serialize;

/// Whom a verification trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trust {
    /// The trusted signers; none where a rehearsal's own names were taken.
    pub signers: Option<TrustFile>,
    /// The revoked keys, if there is a list of them.
    pub revoked: Option<TrustFile>,
    /// The lines of the trusted signers that do not count, and why.
    pub ignored: Vec<String>,
}

/// A file that says whom to trust.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustFile {
    /// Where it is.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// The option or setting that names it.
    pub from: String,
}

impl Trust {
    /// A word and a sentence for each file.
    #[must_use]
    pub fn lines(&self) -> [(&'static str, String); 2] {
        let told = |file: &Option<TrustFile>, none: &str| match file {
            Some(TrustFile { path, sha256, from }) => format!("{path} ({from}), SHA-256 {sha256}"),
            None => none.to_owned(),
        };
        [
            ("trusted", told(&self.signers, "whomever the rehearsal names (--rehearsal)")),
            ("revoked", told(&self.revoked, "no revocation list")),
        ]
    }
}
