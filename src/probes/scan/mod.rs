//! The probe of an image's security scan: the scanner's report is read, not its exit code.

mod judge;
mod read;

use std::time::SystemTime;

use jiff::{Timestamp, Zoned};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::judging;
use gonogo_core::checklist::spec::{ScanSpec, Severity};
use gonogo_core::files::{open_regular, read_regular_text};
use gonogo_core::outcome::{Observation, Outcome, Sha256Hex};
use gonogo_core::text::shell_word;

/// The largest report that is read, in bytes.
const MAX_REPORT: u64 = 64 << 20;

/// What a report says.
#[derive(Debug, Default)]
struct ScanReport {
    /// Who made it.
    scanner: String,
    /// All names of the scanned image; empty if the report does not name it.
    images: Vec<String>,
    /// The id of the scanned image, if the report has it.
    id: Option<String>,
    /// What was scanned.
    scanned: Vec<String>,
    findings: Vec<ScanFinding>,
    /// When it was made.
    made: Option<Timestamp>,
}

/// One finding of a scanner.
#[derive(Debug)]
struct ScanFinding {
    id: String,
    /// None where the scanner does not know.
    severity: Option<Severity>,
    /// Where: a package and its version, a file and its line.
    at: String,
}

pub(super) async fn run(spec: &ScanSpec, deadline: &Deadline) -> Outcome {
    let what = format!("report {}", spec.report);
    let reading = read(&spec.report, deadline);
    let seen = match deadline.limit(format!("reading {}", spec.report), reading).await {
        Ok(Ok((report, digest))) => {
            let today = Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date();
            let mut seen = vec![Observation::recorded(what, format!("{}, SHA-256 {digest}", report.scanner))];
            // Without it, the name must do.
            let built =
                spec.image_id.as_ref().and_then(|file| read_regular_text(file, super::MAX_IMAGE_ID).ok());
            seen.extend(judge::judge(spec, &report, built.as_deref(), Timestamp::now(), today));
            seen
        }
        Ok(Err(why)) => vec![Observation::unknown(what, "JSON of Trivy or Grype, or SARIF", why)],
        Err(late) => vec![Observation::unknown(what, "JSON of Trivy or Grype, or SARIF", late.to_string())],
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
        return Err(ProbeError::new("it is longer than 64 MiB"));
    }
    let parse = move || read::report(&bytes).map(|report| (report, Sha256Hex::of(&bytes)));
    let (mut report, digest) = judging::on_blocking_thread("the report", deadline, parse).await??;
    // If the report has no time, the file's time counts.
    report.made = report.made.or_else(|| modified.ok().and_then(moment));
    Ok((report, digest))
}

fn moment(time: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(time).ok()
}
