//! Trivy's JSON, <https://trivy.dev/latest/docs/configuration/reporting/>: of schema version 2, and the list of results
//! that it wrote before.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::{ScanFinding, ScanReport, ScannedImage};
use super::{moment, or_default, package, scored, severity, vulnerability_id};
use crate::probes::image_id::digest;
use gonogo_core::checklist::spec::Severity;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TrivyReport {
    #[serde(default, deserialize_with = "or_default")]
    schema_version: u64,
    #[serde(default, deserialize_with = "or_default")]
    artifact_name: String,
    #[serde(default, deserialize_with = "or_default")]
    created_at: String,
    #[serde(default, deserialize_with = "or_default")]
    metadata: TrivyMetadata,
    #[serde(default, deserialize_with = "or_default")]
    results: Vec<TrivyTarget>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyMetadata {
    #[serde(rename = "ImageID", default, deserialize_with = "or_default")]
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    repo_digests: Vec<String>,
    #[serde(rename = "OS", default, deserialize_with = "or_default")]
    os: TrivyOs,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyOs {
    #[serde(default, deserialize_with = "or_default")]
    family: String,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(rename = "EOSL", default, deserialize_with = "or_default")]
    is_out_of_support: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TrivyTarget {
    #[serde(rename = "Target", default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    class: String,
    #[serde(default, deserialize_with = "or_default")]
    vulnerabilities: Vec<TrivyVulnerability>,
    #[serde(default, deserialize_with = "or_default")]
    misconfigurations: Vec<TrivyMisconfiguration>,
    #[serde(default, deserialize_with = "or_default")]
    secrets: Vec<TrivySecret>,
    #[serde(default, deserialize_with = "or_default")]
    licenses: Vec<TrivyLicense>,
    #[serde(rename = "ExperimentalModifiedFindings", default, deserialize_with = "or_default")]
    modified_findings: Vec<TrivyModified>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyVulnerability {
    #[serde(rename = "VulnerabilityID")]
    id: String,
    #[serde(rename = "VendorIDs", default, deserialize_with = "or_default")]
    vendor_ids: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pkg_name: String,
    #[serde(default, deserialize_with = "or_default")]
    installed_version: String,
    #[serde(default, deserialize_with = "or_default")]
    fixed_version: String,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
    #[serde(rename = "CVSS", default, deserialize_with = "or_default")]
    cvss: BTreeMap<String, TrivyScores>,
}

#[derive(Default, Deserialize)]
struct TrivyScores {
    #[serde(rename = "V3Score", default, deserialize_with = "or_default")]
    v3: f64,
    #[serde(rename = "V40Score", default, deserialize_with = "or_default")]
    v4: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyMisconfiguration {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "AVDID", default, deserialize_with = "or_default")]
    avd_id: String,
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivySecret {
    #[serde(rename = "RuleID")]
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
    #[serde(default, deserialize_with = "or_default")]
    start_line: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyLicense {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
    #[serde(default, deserialize_with = "or_default")]
    pkg_name: String,
    #[serde(default, deserialize_with = "or_default")]
    file_path: String,
}

/// A finding that an ignore file or a VEX statement has taken out (`--show-suppressed`).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrivyModified {
    #[serde(default, deserialize_with = "or_default")]
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    statement: String,
    #[serde(default, deserialize_with = "or_default")]
    finding: TrivyModifiedFinding,
}

/// A finding of any scanner: each names it in its own way.
#[derive(Default, Deserialize)]
struct TrivyModifiedFinding {
    #[serde(rename = "VulnerabilityID")]
    vulnerability: Option<String>,
    #[serde(rename = "ID")]
    check: Option<String>,
    #[serde(rename = "RuleID")]
    secret: Option<String>,
    #[serde(rename = "Name")]
    license: Option<String>,
}

pub(super) fn report(report: TrivyReport) -> ScanReport {
    let TrivyReport { schema_version, artifact_name, created_at, metadata, results } = report;
    let TrivyMetadata { id, repo_tags, repo_digests, os } = metadata;
    let references = [&artifact_name].into_iter().chain(&repo_digests).filter(|name| name.contains('@'));
    let digests = references.chain([&id]).filter_map(|name| digest(name)).collect();
    let names = [artifact_name].into_iter().chain(repo_tags).chain(repo_digests);
    let image = ScannedImage { names: names.filter(|name| !name.is_empty()).collect(), digests };
    let mut gaps = gaps(&os, &results);
    if schema_version > 2 {
        gaps.push(format!(
            "Trivy's schema version {schema_version} is newer than 2: parts of it may not be read"
        ));
    }
    let images = vec![image];
    ScanReport { images, gaps, made: moment(&created_at), ..of_results(results) }
}

/// The results alone name the image in the target of its distribution: `name:tag (debian 12)`.
pub(super) fn list(results: Vec<TrivyTarget>) -> ScanReport {
    let named = |result: &TrivyTarget| {
        result.name.split_once(" (").map_or(&*result.name, |(name, _)| name).to_owned()
    };
    let image = ScannedImage { names: results.iter().map(named).collect(), digests: Vec::new() };
    ScanReport { images: vec![image], ..of_results(results) }
}

/// What the scan did not search: only what was searched has a result, be it without a finding.
fn gaps(os: &TrivyOs, results: &[TrivyTarget]) -> Vec<String> {
    // Without a class: a version before 0.20.
    let has = |classes: &[&str]| results.iter().any(|result| classes.contains(&&*result.class));
    let distribution = format!("{} {}", os.family, os.name);
    let mut gaps = Vec::new();
    if results.is_empty() {
        return gaps;
    }
    if !has(&["os-pkgs", "lang-pkgs", ""]) {
        let scanners = "Trivy's --scanners vuln";
        gaps.push(format!(
            "no package was scanned for vulnerabilities: no result of class os-pkgs or lang-pkgs ({scanners})"
        ));
    } else if !os.family.is_empty() && os.family != "none" && !has(&["os-pkgs", ""]) {
        gaps.push(format!(
            "the packages of {} were not scanned: no result of class os-pkgs",
            distribution.trim()
        ));
    }
    if os.is_out_of_support {
        gaps.push(format!(
            "{} is out of support: it has no advisories for new vulnerabilities",
            distribution.trim()
        ));
    }
    gaps
}

fn of_results(results: Vec<TrivyTarget>) -> ScanReport {
    let mut report = ScanReport { scanner: "Trivy".into(), ..ScanReport::default() };
    for result in results {
        let target = &result.name;
        let class = if result.class.is_empty() { String::new() } else { format!(" ({})", result.class) };
        report.scanned.push(format!("{target}{class}"));
        let failed = result
            .misconfigurations
            .into_iter()
            .filter(|check| check.status.is_empty() || check.status == "FAIL");
        report.findings.extend(result.vulnerabilities.into_iter().map(ScanFinding::from));
        report.findings.extend(failed.map(|check| ScanFinding {
            at: target.clone(),
            severity: severity(&check.severity),
            aliases: [check.avd_id].into_iter().filter(|id| !id.is_empty()).collect(),
            id: check.id,
        }));
        report.findings.extend(result.secrets.into_iter().map(|secret| ScanFinding {
            at: format!("{target}:{}", secret.start_line),
            severity: severity(&secret.severity),
            aliases: Vec::new(),
            id: secret.id,
        }));
        report.findings.extend(result.licenses.into_iter().map(ScanFinding::from));
        report.set_aside.extend(result.modified_findings.iter().map(describe_modified));
    }
    report
}

impl From<TrivyVulnerability> for ScanFinding {
    fn from(found: TrivyVulnerability) -> Self {
        let ids = found.vendor_ids.iter().filter_map(|id| vulnerability_id(id));
        Self {
            aliases: ids.map(str::to_owned).collect(),
            severity: severity(&found.severity).or_else(|| by_score(&found.cvss)),
            at: package(&found.pkg_name, &found.installed_version, &found.fixed_version),
            id: found.id,
        }
    }
}

impl From<TrivyLicense> for ScanFinding {
    fn from(found: TrivyLicense) -> Self {
        let at = if found.pkg_name.is_empty() { found.file_path } else { found.pkg_name };
        Self {
            at: format!("license of {at}"),
            aliases: Vec::new(),
            severity: severity(&found.severity),
            id: found.name,
        }
    }
}

/// The worst score that any source gives.
fn by_score(cvss: &BTreeMap<String, TrivyScores>) -> Option<Severity> {
    let scores = cvss.values().flat_map(|scores| [scores.v3, scores.v4]).filter(|score| *score > 0.0);
    scores.filter_map(scored).max()
}

fn describe_modified(modified: &TrivyModified) -> String {
    let TrivyModifiedFinding { vulnerability, check, secret, license } = &modified.finding;
    let id = [vulnerability, check, secret, license].into_iter().flatten().next();
    let id = id.map_or("a finding", String::as_str);
    let why = [&*modified.status, &*modified.statement].into_iter().filter(|why| !why.is_empty());
    let why = why.collect::<Vec<_>>().join(": ");
    format!("{id} (suppressed: {})", if why.is_empty() { "no reason given" } else { &why })
}
