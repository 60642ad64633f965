//! Reports of scanners: Trivy's and Grype's JSON, and SARIF 2.1.0. What the report says it is decides; a report in
//! another format is named.

mod formats;
mod grype;
mod sarif;
mod sarif_rules;
mod trivy;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::ScanReport;
use crate::probes::encoding;
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::checklist::spec::Severity;
use gonogo_core::text;

/// How many unknown keys are named.
const MAX_NAMED: usize = 6;
/// The longest piece of what is no JSON, in bytes.
const MAX_EXCERPT: usize = 60;

pub(super) fn report(bytes: &[u8]) -> ProbeResult<ScanReport> {
    let bytes = plain_json(bytes)?;
    let top = formats::Top::of(bytes)?;
    match top.format() {
        Some(formats::Format::Trivy) => Ok(trivy::report(parse(bytes, "Trivy")?)),
        Some(formats::Format::TrivyList) => Ok(trivy::list(parse(bytes, "Trivy")?)),
        Some(formats::Format::Grype) => Ok(grype::report(parse(bytes, "Grype")?)),
        Some(formats::Format::Sarif) => sarif::report(parse(bytes, "SARIF")?),
        Some(formats::Format::Other(name)) => Err(ProbeError::new(format!(
            "it is {name}; expected JSON of Trivy or Grype, or SARIF 2.1.0, which most scanners write"
        ))),
        None => Err(ProbeError::new(format!(
            "JSON, but not a report of Trivy or Grype, and not SARIF: {}",
            described(&top.keys)
        ))),
    }
}

/// The bytes after a byte order mark. JSON is UTF-8 (RFC 8259, 8.1).
fn plain_json(bytes: &[u8]) -> ProbeResult<&[u8]> {
    if let Some(name) = encoding::wide(bytes) {
        let message = format!("{name}, but JSON is UTF-8: let the scanner write the file (--output)");
        return Err(ProbeError::new(message));
    }
    let bytes = bytes.strip_prefix(encoding::UTF8_MARK).unwrap_or(bytes);
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(ProbeError::new("compressed with gzip: decompress it first"));
    }
    match bytes.trim_ascii_start().first() {
        None => Err(ProbeError::new("empty: did the scanner finish?")),
        Some(b'{' | b'[' | b'"') => Ok(bytes),
        Some(_) => Err(ProbeError::new(format!(
            "not a report of a supported scanner: not JSON (--format json), starts with {}",
            text::excerpt(
                bytes.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default(),
                MAX_EXCERPT
            )
        ))),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8], format: &str) -> ProbeResult<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        ProbeError::new(format!("looks like a report of {format}, but does not match its format: {error}"))
    })
}

fn described(keys: &BTreeSet<String>) -> String {
    let named = keys.iter().take(MAX_NAMED).map(|key| text::excerpt(key.as_bytes(), MAX_EXCERPT));
    let named: Vec<_> = named.collect();
    if named.is_empty() { "it has no keys".into() } else { format!("its keys are {}", named.join(", ")) }
}

/// A value that may be null or absent.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A time of RFC 3339; one without a zone is in UTC. The year 1 is Go's word for no time.
fn moment(text: &str) -> Option<Timestamp> {
    let in_utc =
        || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let time = text.parse().ok().or_else(in_utc)?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

/// The words of Trivy, Grype and Red Hat.
fn severity(word: &str) -> Option<Severity> {
    match word.to_ascii_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "high" | "important" => Some(Severity::High),
        "medium" | "moderate" => Some(Severity::Medium),
        "low" | "negligible" => Some(Severity::Low),
        _ => None,
    }
}

/// CVSS 3: <https://www.first.org/cvss/v3.1/specification-document>, section 5.
fn scored(score: f64) -> Option<Severity> {
    Some(match score {
        9.0..=10.0 => Severity::Critical,
        7.0..9.0 => Severity::High,
        4.0..7.0 => Severity::Medium,
        0.0..4.0 => Severity::Low,
        _ => return None,
    })
}

/// The CVE or GHSA id with which an id begins: scanners add the package (`CVE-2026-0001-zlib`).
fn vulnerability_id(id: &str) -> Option<&str> {
    let parts: Vec<_> = id.split(['-', '/', ' ']).collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    let is_code = |part: &&str| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let length = match parts.as_slice() {
        ["CVE", rest @ ..] if rest.len() >= 2 && rest[..2].iter().all(is_number) => 3,
        ["GHSA", rest @ ..] if rest.len() >= 3 && rest[..3].iter().all(is_code) => 4,
        _ => return None,
    };
    id.get(..parts[..length].iter().map(|part| part.len() + 1).sum::<usize>() - 1)
}

/// Where a vulnerable package is.
fn package(name: &str, version: &str, fixed: &str) -> String {
    let fixed = if fixed.is_empty() { "not fixed yet".to_owned() } else { format!("fixed in {fixed}") };
    let version = if version.is_empty() { "of unknown version" } else { version };
    format!("{name} {version}; {fixed}")
}
