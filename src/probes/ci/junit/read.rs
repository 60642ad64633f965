//! Reads a report, or all of a directory.

use std::fs;
use std::path::{Path, PathBuf};

use super::JunitReport;
use super::parse::parse;
use crate::probes::encoding;
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::files::{open_regular, read_bounded};
use gonogo_core::text;

/// The most that is read of all reports, in bytes.
const MAX_REPORT: u64 = 64 << 20;
/// The maximum number of reports in a directory.
const MAX_FILES: usize = 10_000;
/// The start of a file, in which an XML declaration is, in bytes.
const DECLARATION: usize = 200;

/// The reports, each with the name of its file.
pub(super) fn reports(path: &str) -> ProbeResult<Vec<(String, JunitReport)>> {
    let path = Path::new(path);
    if !path.is_dir() {
        let (report, _) = report(path, MAX_REPORT)?;
        return Ok(vec![(path.display().to_string(), report)]);
    }
    let mut left = MAX_REPORT;
    let read = |file: PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match report(&file, left) {
            Ok((report, length)) => {
                left = left.saturating_sub(length);
                Ok((name, report))
            }
            Err(why) => Err(ProbeError::new(format!("{}: {why}", text::line(&name)))),
        }
    };
    files(path)?.into_iter().map(read).collect()
}

/// The reports in a directory: if any are named as Surefire and Gradle name theirs, only those.
fn files(directory: &Path) -> ProbeResult<Vec<PathBuf>> {
    let listed = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let listed = listed.map_err(|error| ProbeError::new(format!("the directory cannot be read: {error}")))?;
    let is_xml =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("xml"));
    let mut files: Vec<_> = listed.into_iter().map(|entry| entry.path()).filter(is_xml).collect();
    let is_suite =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"TEST-"));
    if files.iter().any(is_suite) {
        files.retain(is_suite);
    }
    files.sort();
    match files.len() {
        0 => Err(ProbeError::new("a directory without a report (*.xml)")),
        count if count > MAX_FILES => {
            Err(ProbeError::new(format!("a directory of more than {MAX_FILES} reports")))
        }
        _ => Ok(files),
    }
}

/// A report, and the length of its file.
fn report(path: &Path, limit: u64) -> ProbeResult<(JunitReport, u64)> {
    let file =
        open_regular(path).map_err(|error| ProbeError::new(format!("it cannot be opened: {error}")))?;
    let length = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
    if length > limit {
        return Err(ProbeError::new("longer than 64 MiB together with the other reports"));
    }
    let bytes =
        read_bounded(&file, limit).map_err(|error| ProbeError::new(format!("it cannot be read: {error}")))?;
    Ok((parse(&decoded(&bytes)?)?, length))
}

/// The text in the encoding that the byte order mark or the XML declaration names (XML 1.0, appendix F).
pub(super) fn decoded(bytes: &[u8]) -> ProbeResult<String> {
    if let Some(wide) = encoding::wide(bytes) {
        return encoding::utf16(bytes).ok_or_else(|| ProbeError::new(format!("it is not valid {wide}")));
    }
    let bytes = bytes.strip_prefix(encoding::UTF8_MARK).unwrap_or(bytes);
    let declared = declared_encoding(bytes).unwrap_or_else(|| "utf-8".into());
    match declared.as_str() {
        "iso-8859-1" | "latin1" | "latin-1" | "windows-1252" | "cp1252" => {
            Ok(bytes.iter().copied().map(char::from).collect())
        }
        // A file in UTF-16 would have been recognized: a tool has changed the bytes and not the declaration.
        "utf-8" | "utf8" | "us-ascii" | "ascii" | "utf-16" => match str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(ProbeError::new(format!(
                "it is not UTF-8 (byte {}), and it does not declare another encoding",
                error.valid_up_to()
            ))),
        },
        other if bytes.is_ascii() => {
            tracing::debug!(encoding = other, "read as ASCII");
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
        other => Err(ProbeError::new(format!(
            "its encoding is {}; expected UTF-8, UTF-16 or ISO-8859-1",
            text::excerpt(other.as_bytes(), 40)
        ))),
    }
}

/// The encoding in the XML declaration, in lower case.
fn declared_encoding(bytes: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION)]).to_ascii_lowercase();
    let declaration = start.trim_start().strip_prefix("<?xml")?.split_once("?>")?.0.to_owned();
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start().to_owned();
    let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    value[1..].split(quote).next().map(str::to_owned)
}
