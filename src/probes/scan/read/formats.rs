//! The formats of reports, recognized by the keys at the top.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::probes::error::{ProbeError, ProbeResult};

/// A format that is read, or that is only known by name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Format {
    Trivy,
    /// Trivy before 0.20: the results alone.
    TrivyList,
    Grype,
    Sarif,
    Other(&'static str),
}

/// The keys at the top of a report, or of its first element.
pub(super) struct Top {
    pub(super) keys: BTreeSet<String>,
    is_list: bool,
}

/// The keys of an object; its values are not kept.
#[derive(Default)]
struct Keys(BTreeSet<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(KeysVisitor)
    }
}

struct KeysVisitor;

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Keys, A::Error> {
        let mut keys = Keys::default();
        while let Some((key, IgnoredAny)) = members.next_entry()? {
            keys.0.insert(key);
        }
        Ok(keys)
    }
}

/// Formats of other tools, and of these scanners for other purposes: the keys that a report of each has.
const OTHERS: [(&[&str], &str); 29] = [
    (&["bomFormat"], "CycloneDX, a bill of materials: it lists an image's content, not scan results"),
    (&["spdxVersion"], "SPDX, a bill of materials: it lists an image's content, not scan results"),
    (&["@context", "@graph"], "SPDX 3, a bill of materials: it lists an image's content, not scan results"),
    (&["artifacts", "artifactRelationships"], "Syft's bill of materials: scan it with Grype"),
    (&["@context", "statements"], "OpenVEX: statements about vulnerabilities, not a scan"),
    (&["payload", "payloadType"], "a signed attestation (DSSE): extract the report from it"),
    (&["predicateType"], "an in-toto attestation: extract the report from its predicate"),
    (&["invocation", "scanner"], "Cosign's vulnerability record (trivy --format cosign-vuln)"),
    (&["detector", "manifests"], "GitHub's dependency snapshot (trivy --format github)"),
    (&["ClusterName"], "Trivy's report of a Kubernetes cluster, not of an image"),
    (&["apiVersion", "kind"], "a Kubernetes object, such as those of the Trivy Operator"),
    (&["imageScanFindings"], "Amazon ECR's scan findings"),
    (&["imageScanStatus"], "Amazon ECR's scan status"),
    (&["findings", "nextToken"], "Amazon Inspector's findings"),
    (&["manifest_hash"], "Clair's report"),
    (&["imageDigest", "vulnerabilities"], "Anchore Enterprise's report"),
    (&["scan", "vulnerabilities"], "GitLab's security report"),
    (&["generated_at", "scanner"], "Harbor's report"),
    (&["securityViolations"], "JFrog Xray's report"),
    (&["licensesViolations"], "JFrog Xray's report"),
    (&["component_id"], "JFrog Xray's report"),
    (&["scan_id"], "JFrog Xray's report"),
    (&["dependencyCount"], "Snyk's report (snyk container test --sarif)"),
    (&["packageManager", "vulnerabilities"], "Snyk's report (snyk container test --sarif)"),
    (&["consoleURL", "results"], "Prisma Cloud's report"),
    (&["dependencies", "reportSchema"], "OWASP Dependency-Check's report"),
    (&["auditReportVersion"], "npm audit's report"),
    (&["error"], "an error message of a tool, not a report"),
    (&["noteName"], "Google Artifact Analysis' list of vulnerabilities"),
];

impl Top {
    /// # Errors
    /// It is no JSON, or neither an object nor a list.
    pub(super) fn of(json: &[u8]) -> ProbeResult<Self> {
        let why = |error| why(&error);
        match json.trim_ascii_start().first() {
            Some(b'{') => {
                let keys: Keys = serde_json::from_slice(json).map_err(why)?;
                Ok(Self { keys: keys.0, is_list: false })
            }
            Some(b'[') => {
                let elements: Vec<&RawValue> = serde_json::from_slice(json).map_err(why)?;
                // An element that is no object has no keys.
                let first = elements.first().and_then(|first| serde_json::from_str::<Keys>(first.get()).ok());
                Ok(Self { keys: first.unwrap_or_default().0, is_list: true })
            }
            _ => {
                Err(ProbeError::new("not a report of a supported scanner: expected a JSON object or a list"))
            }
        }
    }

    fn has(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.keys.contains(*key))
    }

    /// None for what is not known.
    pub(super) fn format(&self) -> Option<Format> {
        let known = match self.is_list {
            true if self.has(&["Target"]) => Some(Format::TrivyList),
            false if self.has(&["runs"]) => Some(Format::Sarif),
            false if self.has(&["ArtifactName"]) || self.has(&["Results", "SchemaVersion"]) => {
                Some(Format::Trivy)
            }
            false if self.has(&["matches"]) => Some(Format::Grype),
            _ => None,
        };
        let other = || OTHERS.iter().find(|(keys, _)| self.has(keys)).map(|(_, name)| Format::Other(name));
        let harbor = || {
            let is_type = |key: &String| key.starts_with("application/vnd.");
            self.keys.iter().any(is_type).then_some(Format::Other("Harbor's report"))
        };
        known.or_else(other).or_else(harbor)
    }
}

/// Why it is no JSON.
fn why(error: &serde_json::Error) -> ProbeError {
    let position = format!("line {}, column {}", error.line(), error.column());
    ProbeError::new(match error.classify() {
        Category::Eof => format!("truncated ({position}): did the scanner finish?"),
        _ if error.to_string().contains("trailing characters") => {
            format!("more content after the report ({position}): expected one report per file")
        }
        _ => format!("not a report of a supported scanner: {error}"),
    })
}
