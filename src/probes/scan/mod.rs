//! The probe of an image's security scan: the scanner's report is read, not its exit code.

mod accepted;
mod image;
mod judge;
mod read;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use jiff::{Timestamp, Zoned};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use self::image::BuiltImage;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::judging;
use gonogo_core::checklist::spec::{ScanSpec, Severity};
use gonogo_core::files::open_regular;
use gonogo_core::outcome::{Observation, Outcome, Sha256Hex};
use gonogo_core::text::shell_word;

/// The largest report that is read, in bytes.
const MAX_REPORT: u64 = 64 << 20;

/// What a report says.
#[derive(Debug, Default)]
struct ScanReport {
    /// Who made it.
    scanner: String,
    /// The images that it is about: one for each run that names one.
    images: Vec<ScannedImage>,
    /// What was scanned.
    scanned: Vec<String>,
    /// Why the scan is incomplete, if it says so.
    gaps: Vec<String>,
    findings: Vec<ScanFinding>,
    /// The findings that the scanner does not count, and why: suppressed, ignored, a notice without severity.
    set_aside: Vec<String>,
    /// When it was made.
    made: Option<Timestamp>,
    /// Whether that is the file's time only.
    is_file_time: bool,
}

/// An image as a report names it.
#[derive(Debug, Default, PartialEq, Eq)]
struct ScannedImage {
    /// All its names; empty if the report has none.
    names: Vec<String>,
    /// Its digests: of the configuration, of the manifest, of the index.
    digests: Vec<String>,
}

/// One finding of a scanner.
#[derive(Debug)]
struct ScanFinding {
    id: String,
    /// Other ids of the same vulnerability: the CVE of a GHSA.
    aliases: Vec<String>,
    /// None where the scanner does not know.
    severity: Option<Severity>,
    /// Where: a package and its version, a file and its line.
    at: String,
}

pub(super) async fn run(spec: &ScanSpec, deadline: &Deadline) -> Outcome {
    let what = format!("report {}", spec.report);
    let expected = "JSON of Trivy or Grype, or SARIF";
    let reading = read(&spec.report, deadline);
    let seen = match deadline.limit(format!("reading {}", spec.report), reading).await {
        Ok(Ok((report, digest))) => {
            let today = Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date();
            let mut seen = vec![Observation::recorded(what, format!("{}, SHA-256 {digest}", report.scanner))];
            let built = spec.image_id.as_deref().map(BuiltImage::read);
            seen.extend(image::judge(spec.image.as_deref(), built.as_ref(), &report.images));
            seen.extend(judge::judge(spec, &report, Timestamp::now(), today));
            seen
        }
        Ok(Err(why)) => vec![Observation::unknown(what, expected, why)],
        Err(late) => vec![Observation::unknown(what, expected, late.to_string())],
    };
    Outcome::of(seen, format!("jq . {}", shell_word(&spec.report)))
}

async fn read(path: &str, deadline: &Deadline) -> ProbeResult<(ScanReport, Sha256Hex)> {
    let file =
        open_regular(path).map_err(|error| ProbeError::new(format!("it cannot be opened: {error}")))?;
    let file = File::from_std(file);
    let modified = file.metadata().await.and_then(|metadata| metadata.modified());
    let mut bytes = Vec::new();
    let length = file.take(MAX_REPORT + 1).read_to_end(&mut bytes).await;
    let length = length.map_err(|error| ProbeError::new(format!("it cannot be read: {error}")))?;
    if length as u64 > MAX_REPORT {
        return Err(ProbeError::new("longer than 64 MiB"));
    }
    let parse = move || read::report(&bytes).map(|report| (report, Sha256Hex::of(&bytes)));
    let (mut report, digest) = judging::on_blocking_thread("the report", deadline, parse).await??;
    if report.made.is_none() {
        report.made = modified.ok().and_then(moment);
        report.is_file_time = true;
    }
    Ok((report, digest))
}

fn moment(time: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(time).ok()
}
