//! SARIF 2.1.0 (OASIS), <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>: its results and what a run
//! says about itself. Numbers such as 3.27.10 are its sections.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::{ScanFinding, ScanReport, ScannedImage};
use super::sarif_rules::{RuleReference, SarifTool, SeverityProperties};
use super::{moment, or_default, vulnerability_id};
use crate::probes::error::{ProbeError, ProbeResult};
use crate::probes::image_id::digest;
use gonogo_core::checklist::spec::Severity;
use gonogo_core::text;

/// The longest piece of a message, in bytes.
const MAX_MESSAGE: usize = 160;

#[derive(Deserialize)]
pub(super) struct SarifLog {
    #[serde(default, deserialize_with = "or_default")]
    version: String,
    #[serde(default, deserialize_with = "or_default")]
    runs: Vec<SarifRun>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifRun {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) tool: SarifTool,
    /// None if the run did not scan, or its results are elsewhere (3.14.23).
    results: Option<Vec<SarifResult>>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) invocations: Vec<SarifInvocation>,
    #[serde(default, deserialize_with = "or_default")]
    external_property_file_references: SarifExternalFiles,
    #[serde(default, deserialize_with = "or_default")]
    properties: SarifRunProperties,
}

#[derive(Default, Deserialize)]
struct SarifExternalFiles {
    #[serde(default, deserialize_with = "or_default")]
    results: Vec<Value>,
}

/// What Trivy says about the image.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SarifRunProperties {
    image_name: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    repo_digests: Vec<String>,
    #[serde(rename = "imageID")]
    image_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifInvocation {
    execution_successful: Option<bool>,
    start_time_utc: Option<String>,
    end_time_utc: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    tool_execution_notifications: Vec<SarifNotification>,
    #[serde(default, deserialize_with = "or_default")]
    tool_configuration_notifications: Vec<SarifNotification>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) rule_configuration_overrides: Vec<SarifOverride>,
}

#[derive(Deserialize)]
struct SarifNotification {
    level: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    message: SarifMessage,
}

#[derive(Default, Deserialize)]
struct SarifMessage {
    text: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SarifOverride {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) descriptor: RuleReference,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) configuration: SarifConfiguration,
}

#[derive(Default, Deserialize)]
pub(super) struct SarifConfiguration {
    pub(super) level: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifResult {
    pub(super) rule_id: Option<String>,
    pub(super) rule_index: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) rule: RuleReference,
    pub(super) level: Option<String>,
    kind: Option<String>,
    baseline_state: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    suppressions: Vec<SarifSuppression>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) provenance: SarifProvenance,
    #[serde(default, deserialize_with = "or_default")]
    taxa: Vec<RuleReference>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) properties: SeverityProperties,
    #[serde(default, deserialize_with = "or_default")]
    locations: Vec<Value>,
}

#[derive(Deserialize)]
struct SarifSuppression {
    status: Option<String>,
    justification: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SarifProvenance {
    pub(super) invocation_index: Option<i64>,
}

/// What a result says.
enum Reading {
    Finding(ScanFinding),
    /// It is none, and why, if a person should know.
    SetAside(Option<String>),
}

pub(super) fn report(log: SarifLog) -> ProbeResult<ScanReport> {
    if !log.version.is_empty() && !log.version.starts_with("2.1") {
        let message =
            format!("it is SARIF {}; expected version 2.1.0", text::excerpt(log.version.as_bytes(), 40));
        return Err(ProbeError::new(message));
    }
    if log.runs.is_empty() {
        return Err(ProbeError::new("SARIF without a run: nothing was scanned"));
    }
    let mut report = ScanReport::default();
    let mut scanners: Vec<String> = Vec::new();
    let mut times = Vec::new();
    for run in log.runs {
        let name = run.tool.driver.name.clone();
        times.push(run.made());
        report.images.extend(run.image());
        report.gaps.extend(run.gaps().into_iter().map(|gap| format!("{name}: {gap}")));
        read_results(&run, &mut report);
        if !scanners.contains(&name) {
            scanners.push(name);
        }
    }
    report.scanner = format!("{} (SARIF)", scanners.join(", "));
    // The oldest run counts.
    report.made = times.into_iter().flatten().min();
    Ok(report)
}

fn read_results(run: &SarifRun, report: &mut ScanReport) {
    let Some(results) = &run.results else { return };
    report.scanned.push(run.tool.driver.name.clone());
    let rules = run.tool.index();
    for result in results {
        let rule = run.tool.rule(result, &rules);
        match read_result(result, rule.map(|rule| rule.id.as_str()), || result.severity(run, rule)) {
            Reading::Finding(finding) => report.findings.push(finding),
            Reading::SetAside(why) => report.set_aside.extend(why),
        }
    }
}

fn read_result(
    result: &SarifResult,
    rule: Option<&str>,
    severity: impl Fn() -> Result<Option<Severity>, &'static str>,
) -> Reading {
    let id = result.rule_id.as_deref().or(result.rule.id.as_deref()).or(rule).unwrap_or("without an id");
    if let Some(why) = result.suppression() {
        return Reading::SetAside(Some(format!("{id} (suppressed: {why})")));
    }
    let at = result.locations.first().and_then(place).unwrap_or_else(|| "somewhere".into());
    let finding = |severity, at| {
        let taxa = result.taxa.iter().filter_map(|taxon| taxon.id.as_deref().and_then(vulnerability_id));
        let aliases = taxa.chain(vulnerability_id(id)).chain(rule).filter(|alias| *alias != id);
        Reading::Finding(ScanFinding {
            id: id.to_owned(),
            aliases: aliases.map(str::to_owned).collect(),
            severity,
            at,
        })
    };
    // A level contradicts a kind other than fail (3.27.9).
    let has_level = result.level.as_deref().is_some_and(|level| level != "none");
    match result.kind.as_deref().unwrap_or("fail") {
        _ if result.baseline_state.as_deref() == Some("absent") => Reading::SetAside(None),
        "fail" => match severity() {
            Ok(severity) => finding(severity, at),
            Err(why) => Reading::SetAside(Some(format!("{id} ({why})"))),
        },
        kind @ ("open" | "review") => finding(None, format!("{at}; {kind}: needs a decision")),
        kind @ ("pass" | "informational" | "notApplicable") if has_level => {
            finding(None, format!("{at}; kind {kind} contradicts its level"))
        }
        "pass" | "informational" | "notApplicable" => Reading::SetAside(None),
        kind => finding(None, format!("{at}; of unknown kind {}", text::excerpt(kind.as_bytes(), 40))),
    }
}

impl SarifRun {
    /// When the scan ended, or else began.
    fn made(&self) -> Option<Timestamp> {
        let time = |invocation: &SarifInvocation| {
            let times = [&invocation.end_time_utc, &invocation.start_time_utc];
            times.into_iter().flatten().find_map(|time| moment(time))
        };
        self.invocations.iter().filter_map(time).max()
    }

    fn image(&self) -> Option<ScannedImage> {
        let SarifRunProperties { image_name, repo_tags, repo_digests, image_id } = &self.properties;
        let names: Vec<_> = image_name.iter().chain(repo_tags).chain(repo_digests).cloned().collect();
        let references = names.iter().filter(|name| name.contains('@'));
        let digests: Vec<_> = references.chain(image_id).filter_map(|id| digest(id)).collect();
        (!names.is_empty() || !digests.is_empty()).then_some(ScannedImage { names, digests })
    }

    /// Why the scan is not complete.
    fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        if !self.external_property_file_references.results.is_empty() {
            gaps.push("its results are in other files (externalPropertyFileReferences): not read".into());
        } else if self.results.is_none() {
            gaps.push("no results, not even an empty list: nothing was scanned".into());
        }
        for invocation in &self.invocations {
            let notifications = invocation
                .tool_execution_notifications
                .iter()
                .chain(&invocation.tool_configuration_notifications);
            let errors = notifications.filter(|notification| notification.level.as_deref() == Some("error"));
            let errors: Vec<_> = errors.filter_map(|error| error.message.text.as_deref()).collect();
            let said = text::excerpt(errors.join("; ").as_bytes(), MAX_MESSAGE);
            if invocation.execution_successful == Some(false) {
                let said = if said.is_empty() { "no reason given".into() } else { said };
                gaps.push(format!("the scanner reports failure (executionSuccessful: false): {said}"));
            } else if invocation.has_error() {
                gaps.push(format!("it reports an error: {said}"));
            }
        }
        gaps
    }
}

impl SarifInvocation {
    fn has_error(&self) -> bool {
        let notifications = [&self.tool_execution_notifications, &self.tool_configuration_notifications];
        notifications.into_iter().flatten().any(|said| said.level.as_deref() == Some("error"))
    }
}

impl SarifResult {
    /// Why it is suppressed: each of its suppressions must be accepted, and one without a status is (3.27.23).
    fn suppression(&self) -> Option<String> {
        let is_accepted =
            |item: &SarifSuppression| item.status.as_deref().is_none_or(|status| status == "accepted");
        let is_suppressed = !self.suppressions.is_empty() && self.suppressions.iter().all(is_accepted);
        let why = self.suppressions.iter().find_map(|item| item.justification.as_deref());
        is_suppressed.then(|| text::excerpt(why.unwrap_or("no reason given").as_bytes(), MAX_MESSAGE))
    }
}

fn place(location: &Value) -> Option<String> {
    let physical = location.get("physicalLocation")?;
    let file = physical.pointer("/artifactLocation/uri")?.as_str()?;
    let line = physical.pointer("/region/startLine").and_then(Value::as_u64);
    Some(line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")))
}
