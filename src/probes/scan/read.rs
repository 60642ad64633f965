//! Reports of scanners: Trivy's JSON (<https://trivy.dev/latest/docs/configuration/reporting/>), Grype's
//! (<https://github.com/anchore/grype>), and SARIF 2.1.0 (OASIS), in which severities are those of
//! `security-severity`, a CVSS score.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::error::{ProbeError, ProbeResult};
use super::{ScanFinding, ScanReport};
use gonogo_core::checklist::spec::Severity;

/// Any of the three; the fields that are present say which.
#[derive(Deserialize)]
struct AnyReport {
    #[serde(rename = "ArtifactName")]
    artifact: Option<String>,
    #[serde(rename = "CreatedAt")]
    created: Option<String>,
    #[serde(rename = "Metadata")]
    metadata: Option<TrivyMetadata>,
    #[serde(rename = "Results")]
    results: Option<Vec<TrivyTarget>>,
    matches: Option<Vec<GrypeMatch>>,
    source: Option<GrypeSource>,
    descriptor: Option<GrypeDescriptor>,
    runs: Option<Vec<SarifRun>>,
}

#[derive(Deserialize)]
struct TrivyMetadata {
    #[serde(rename = "ImageID")]
    id: Option<String>,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "RepoDigests", default)]
    digests: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyTarget {
    #[serde(rename = "Target")]
    name: String,
    class: Option<String>,
    #[serde(default)]
    vulnerabilities: Option<Vec<TrivyVulnerability>>,
    #[serde(default)]
    misconfigurations: Option<Vec<TrivyMisconfiguration>>,
    #[serde(default)]
    secrets: Option<Vec<TrivySecret>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyVulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    pkg_name: String,
    #[serde(default)]
    installed_version: String,
    #[serde(default)]
    fixed_version: String,
    #[serde(default)]
    severity: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyMisconfiguration {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    severity: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivySecret {
    #[serde(rename = "RuleID")]
    id: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    start_line: u64,
}

#[derive(Deserialize)]
struct GrypeMatch {
    vulnerability: GrypeVulnerability,
    artifact: GrypePackage,
}

#[derive(Deserialize)]
struct GrypeVulnerability {
    id: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    fix: GrypeFix,
}

#[derive(Default, Deserialize)]
struct GrypeFix {
    #[serde(default)]
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct GrypePackage {
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct GrypeSource {
    #[serde(rename = "type")]
    kind: String,
    target: serde_json::Value,
}

#[derive(Deserialize)]
struct GrypeDescriptor {
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct SarifRun {
    tool: SarifTool,
    #[serde(default)]
    results: Vec<SarifResult>,
    #[serde(default)]
    properties: SarifProperties,
}

#[derive(Default, Deserialize)]
struct SarifProperties {
    #[serde(rename = "imageName")]
    image: Option<String>,
    #[serde(rename = "repoTags", default)]
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct SarifTool {
    driver: SarifDriver,
}

#[derive(Deserialize)]
struct SarifDriver {
    name: String,
    #[serde(default)]
    rules: Vec<SarifRule>,
}

#[derive(Deserialize)]
struct SarifRule {
    id: String,
    #[serde(default)]
    properties: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: Option<String>,
    level: Option<String>,
    #[serde(default)]
    locations: Vec<serde_json::Value>,
}

pub(super) fn report(bytes: &[u8]) -> ProbeResult<ScanReport> {
    let report: AnyReport = serde_json::from_slice(bytes)
        .map_err(|error| ProbeError::new(format!("it is no report of a scanner that is known: {error}")))?;
    let AnyReport { artifact, created, metadata, results, matches, source, descriptor, runs } = report;
    if artifact.is_some() {
        let created_at = created.and_then(|at| at.parse().ok());
        let id = metadata.as_ref().and_then(|metadata| metadata.id.clone());
        let names = metadata
            .map(|metadata| [metadata.tags, metadata.digests])
            .into_iter()
            .flatten()
            .flatten()
            .flatten();
        let images = artifact.into_iter().chain(names).collect();
        return Ok(ScanReport { images, id, made: created_at, ..trivy(results.unwrap_or_default()) });
    }
    if let Some(matches) = matches {
        let created_at = descriptor.and_then(|descriptor| descriptor.timestamp?.parse().ok());
        return Ok(ScanReport { made: created_at, ..grype(matches, source) });
    }
    runs.map(sarif)
        .ok_or_else(|| ProbeError::new("it is JSON, but no report of Trivy or Grype, and no SARIF"))
}

fn severity(word: &str) -> Option<Severity> {
    match word.to_ascii_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "high" => Some(Severity::High),
        "medium" => Some(Severity::Medium),
        "low" | "negligible" => Some(Severity::Low),
        _ => None,
    }
}

fn trivy(results: Vec<TrivyTarget>) -> ScanReport {
    let mut report = ScanReport { scanner: "Trivy".into(), ..ScanReport::default() };
    for result in results {
        let target = result.name;
        report
            .scanned
            .push(result.class.map_or_else(|| target.clone(), |class| format!("{target} ({class})")));
        let vulnerable = result.vulnerabilities.into_iter().flatten().map(|vulnerability| ScanFinding {
            at: package(
                &vulnerability.pkg_name,
                &vulnerability.installed_version,
                &vulnerability.fixed_version,
            ),
            severity: severity(&vulnerability.severity),
            id: vulnerability.id,
        });
        report.findings.extend(vulnerable);
        let failed = result
            .misconfigurations
            .into_iter()
            .flatten()
            .filter(|misconfiguration| misconfiguration.status != "PASS");
        report.findings.extend(failed.map(|misconfiguration| ScanFinding {
            at: target.clone(),
            severity: severity(&misconfiguration.severity),
            id: misconfiguration.id,
        }));
        report.findings.extend(result.secrets.into_iter().flatten().map(|secret| ScanFinding {
            at: format!("{target}:{}", secret.start_line),
            severity: severity(&secret.severity),
            id: secret.id,
        }));
    }
    report
}

fn package(name: &str, version: &str, fixed: &str) -> String {
    let fixed = if fixed.is_empty() { "not fixed yet".to_owned() } else { format!("fixed in {fixed}") };
    format!("{name} {version}; {fixed}")
}

fn grype(matches: Vec<GrypeMatch>, source: Option<GrypeSource>) -> ScanReport {
    let mut report = ScanReport { scanner: "Grype".into(), ..ScanReport::default() };
    if let Some(source) = source {
        let text = |key: &str| source.target.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        report.images.extend(text("userInput").or_else(|| source.target.as_str().map(str::to_owned)));
        let tags = source.target.get("tags").and_then(|tags| tags.as_array()).into_iter().flatten();
        report.images.extend(tags.filter_map(|tag| tag.as_str().map(str::to_owned)));
        report.id = text("imageID");
        report.scanned.push(source.kind);
    }
    report.findings = matches
        .into_iter()
        .map(|item| ScanFinding {
            at: package(
                &item.artifact.name,
                &item.artifact.version,
                &item.vulnerability.fix.versions.join(", "),
            ),
            severity: severity(&item.vulnerability.severity),
            id: item.vulnerability.id,
        })
        .collect();
    report
}

fn sarif(runs: Vec<SarifRun>) -> ScanReport {
    let mut report = ScanReport::default();
    for run in runs {
        let driver = run.tool.driver;
        report.scanner = format!("{} (SARIF)", driver.name);
        report.images.extend(run.properties.image.into_iter().chain(run.properties.tags));
        report.scanned.push(driver.name);
        let scores: BTreeMap<_, _> = driver
            .rules
            .iter()
            .map(|rule| (rule.id.as_str(), rule.properties.get("security-severity")))
            .collect();
        report.findings.extend(run.results.into_iter().map(|result| {
            let id = result.rule_id.unwrap_or_else(|| "without an id".into());
            let score = scores.get(id.as_str()).copied().flatten();
            let at = result.locations.first().and_then(place).unwrap_or_else(|| "somewhere".into());
            ScanFinding {
                severity: score.and_then(scored).or_else(|| by_level(result.level.as_deref())),
                at,
                id,
            }
        }));
    }
    report
}

/// CVSS 3: <https://www.first.org/cvss/v3.1/specification-document>, section 5.
fn scored(score: &serde_json::Value) -> Option<Severity> {
    let score = score.as_f64().or_else(|| score.as_str()?.parse().ok())?;
    Some(match score {
        9.0.. => Severity::Critical,
        7.0.. => Severity::High,
        4.0.. => Severity::Medium,
        _ => Severity::Low,
    })
}

/// A result without a level is a warning (SARIF 2.1.0, 3.27.10).
fn by_level(level: Option<&str>) -> Option<Severity> {
    match level.unwrap_or("warning") {
        "error" => Some(Severity::High),
        "warning" => Some(Severity::Medium),
        "note" => Some(Severity::Low),
        _ => None,
    }
}

fn place(location: &serde_json::Value) -> Option<String> {
    let physical = location.get("physicalLocation")?;
    let file = physical.pointer("/artifactLocation/uri")?.as_str()?;
    let line = physical.pointer("/region/startLine").and_then(serde_json::Value::as_u64);
    Some(line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")))
}
