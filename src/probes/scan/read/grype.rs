//! Grype's JSON: <https://github.com/anchore/grype/blob/main/grype/presenter/models/document.go>.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::super::{ScanFinding, ScanReport, ScannedImage};
use super::{moment, or_default, package, scored, severity};
use crate::probes::image_id::digest;
use gonogo_core::checklist::spec::Severity;

/// The age of the vulnerability database above which Grype itself refuses it (`db.max-allowed-built-age`).
const MAX_DATABASE_AGE: SignedDuration = SignedDuration::from_hours(120);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GrypeReport {
    /// None if nothing was searched.
    matches: Option<Vec<GrypeMatch>>,
    #[serde(default, deserialize_with = "or_default")]
    ignored_matches: Vec<GrypeIgnored>,
    #[serde(default, deserialize_with = "or_default")]
    alerts_by_package: Vec<GrypeAlerts>,
    #[serde(default, deserialize_with = "or_default")]
    source: GrypeSource,
    #[serde(default, deserialize_with = "or_default")]
    descriptor: GrypeDescriptor,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GrypeMatch {
    vulnerability: GrypeVulnerability,
    #[serde(default, deserialize_with = "or_default")]
    related_vulnerabilities: Vec<GrypeVulnerability>,
    #[serde(default, deserialize_with = "or_default")]
    artifact: GrypePackage,
}

#[derive(Deserialize)]
struct GrypeVulnerability {
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    severity: String,
    #[serde(default, deserialize_with = "or_default")]
    cvss: Vec<GrypeScore>,
    #[serde(default, deserialize_with = "or_default")]
    fix: GrypeFix,
}

#[derive(Deserialize)]
struct GrypeScore {
    #[serde(default, deserialize_with = "or_default")]
    metrics: GrypeMetrics,
}

#[derive(Default, Deserialize)]
struct GrypeMetrics {
    #[serde(rename = "baseScore", default, deserialize_with = "or_default")]
    base: f64,
}

#[derive(Default, Deserialize)]
struct GrypeFix {
    #[serde(default, deserialize_with = "or_default")]
    versions: Vec<String>,
}

#[derive(Default, Deserialize)]
struct GrypePackage {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GrypeIgnored {
    vulnerability: GrypeVulnerability,
    #[serde(default, deserialize_with = "or_default")]
    applied_ignore_rules: Vec<GrypeRule>,
}

#[derive(Default, Deserialize)]
struct GrypeRule {
    #[serde(default, deserialize_with = "or_default")]
    reason: String,
    #[serde(rename = "vex-status", default, deserialize_with = "or_default")]
    vex_status: String,
    #[serde(rename = "fix-state", default, deserialize_with = "or_default")]
    fix_state: String,
}

#[derive(Deserialize)]
struct GrypeAlerts {
    #[serde(default, deserialize_with = "or_default")]
    alerts: Vec<GrypeAlert>,
}

#[derive(Deserialize)]
struct GrypeAlert {
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    message: String,
}

/// What was scanned. The target of an image is an object, of a directory a path.
#[derive(Default, Deserialize)]
struct GrypeSource {
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default)]
    target: Value,
}

#[derive(Default, Deserialize)]
struct GrypeDescriptor {
    #[serde(default, deserialize_with = "or_default")]
    timestamp: String,
    #[serde(default, deserialize_with = "or_default")]
    db: GrypeDatabase,
}

/// The database; since Grype 0.88 its state is one level deeper.
#[derive(Default, Deserialize)]
struct GrypeDatabase {
    status: Option<Box<GrypeDatabase>>,
    #[serde(default, deserialize_with = "or_default")]
    built: String,
    valid: Option<bool>,
    #[serde(default)]
    error: Value,
}

pub(super) fn report(report: GrypeReport) -> ScanReport {
    let GrypeReport { matches, ignored_matches, alerts_by_package, source, descriptor } = report;
    let made = moment(&descriptor.timestamp);
    let mut gaps: Vec<_> = database_gap(&descriptor.db, made).into_iter().collect();
    gaps.extend(alert_gaps(&alerts_by_package));
    if matches.is_none() {
        gaps.push("nothing was scanned: matches is null".into());
    }
    let matches = matches.unwrap_or_default();
    let mut scanned: Vec<_> = [source.kind.clone()].into_iter().filter(|kind| !kind.is_empty()).collect();
    if scanned.is_empty() && !matches.is_empty() {
        scanned.push("packages of an unnamed target".into());
    }
    ScanReport {
        scanner: "Grype".into(),
        images: image(&source).into_iter().collect(),
        scanned,
        gaps,
        findings: matches.into_iter().map(ScanFinding::from).collect(),
        set_aside: ignored_matches.iter().map(describe_ignored).collect(),
        made,
        is_file_time: false,
    }
}

/// The names and digests of the source; none if the report has none, as of an SBOM.
fn image(source: &GrypeSource) -> Option<ScannedImage> {
    let text = |key: &str| source.target.get(key).and_then(Value::as_str).map(str::to_owned);
    let list = |key: &str| {
        let list = source.target.get(key).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|item| item.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let path = source.target.as_str().map(str::to_owned).or_else(|| text("path"));
    let names: Vec<_> =
        text("userInput").or(path).into_iter().chain(list("tags")).chain(list("repoDigests")).collect();
    let references = names.iter().filter(|name| name.contains('@')).cloned();
    let ids = references.chain(text("imageID")).chain(text("manifestDigest"));
    let digests: Vec<_> = ids.filter_map(|id| digest(&id)).collect();
    (!names.is_empty() || !digests.is_empty()).then_some(ScannedImage { names, digests })
}

/// A database that is broken or old does not know the vulnerabilities of today.
fn database_gap(database: &GrypeDatabase, made: Option<Timestamp>) -> Option<String> {
    let database = database.status.as_deref().unwrap_or(database);
    let error = match &database.error {
        Value::Null => String::new(),
        Value::String(error) => error.clone(),
        error => error.to_string(),
    };
    if !error.is_empty() || database.valid == Some(false) {
        let why = if error.is_empty() { "it is not valid" } else { &error };
        return Some(format!("the vulnerability database could not be used: {why}"));
    }
    let built = moment(&database.built)?;
    let age = made?.duration_since(built);
    (age > MAX_DATABASE_AGE).then(|| {
        let (days, most) = (age.as_hours() / 24, MAX_DATABASE_AGE.as_hours() / 24);
        format!(
            "the vulnerability database was {days} days old, and Grype's limit is {most} (grype db update)"
        )
    })
}

/// Each kind of alert once: a distribution that is out of support, unknown, or not searched.
fn alert_gaps(packages: &[GrypeAlerts]) -> Vec<String> {
    let mut gaps = Vec::new();
    for alert in packages.iter().flat_map(|package| &package.alerts) {
        let gap = format!("{}: {}", alert.kind, alert.message);
        if !gaps.iter().any(|known: &String| known.starts_with(&format!("{}:", alert.kind))) {
            gaps.push(gap);
        }
    }
    gaps
}

impl From<GrypeMatch> for ScanFinding {
    fn from(item: GrypeMatch) -> Self {
        let GrypeMatch { vulnerability, related_vulnerabilities: related, artifact } = item;
        Self {
            at: package(&artifact.name, &artifact.version, &vulnerability.fix.versions.join(", ")),
            severity: rated(&vulnerability).or_else(|| related.iter().filter_map(rated).max()),
            aliases: related
                .into_iter()
                .map(|related| related.id)
                .filter(|id| *id != vulnerability.id)
                .collect(),
            id: vulnerability.id,
        }
    }
}

/// Its severity, or else that of its worst score.
fn rated(vulnerability: &GrypeVulnerability) -> Option<Severity> {
    let scores = vulnerability.cvss.iter().map(|score| score.metrics.base).filter(|score| *score > 0.0);
    severity(&vulnerability.severity).or_else(|| scores.filter_map(scored).max())
}

fn describe_ignored(ignored: &GrypeIgnored) -> String {
    let reasons = ignored
        .applied_ignore_rules
        .iter()
        .flat_map(|rule| [&rule.reason, &rule.vex_status, &rule.fix_state]);
    let reasons: Vec<_> = reasons.map(String::as_str).filter(|reason| !reason.is_empty()).collect();
    let why = if reasons.is_empty() { "no reason given".to_owned() } else { reasons.join(", ") };
    format!("{} (suppressed: {why})", ignored.vulnerability.id)
}
