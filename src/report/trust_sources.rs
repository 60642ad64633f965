//! The trusted signers and revoked keys of a verification: their files, and what named these.

use serde::Serialize;

/// The trusted signers and revoked keys of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrustSources {
    /// The file of trusted signers; none if a rehearsal's own keys were trusted.
    pub signers: Option<TrustFile>,
    /// The file of revoked keys, if there is one.
    pub revoked: Option<TrustFile>,
    /// Warnings: ignored lines of the trusted signers, and why.
    pub warnings: Vec<String>,
}

/// A file of trusted signers or revoked keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustFile {
    /// Where it is.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// The option or setting that names it.
    pub from: String,
}

impl TrustSources {
    /// A label and a text for each file.
    #[must_use]
    pub fn lines(&self) -> [(&'static str, String); 2] {
        let describe = |file: &Option<TrustFile>, none: &str| match file {
            Some(TrustFile { path, sha256, from }) => format!("{path} ({from}), SHA-256 {sha256}"),
            None => none.to_owned(),
        };
        [
            ("trusted", describe(&self.signers, "the rehearsal's own keys (--rehearsal)")),
            ("revoked", describe(&self.revoked, "no revocation list")),
        ]
    }
}
