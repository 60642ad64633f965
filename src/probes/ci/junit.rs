//! A `JUnit` report: how many tests ran, which failed, and of which commit it is. What counts is the tests
//! themselves, not the sums that the report gives.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;

use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use super::super::judging;
use gonogo_core::files::open_regular;
use gonogo_core::outcome::Observation;
use gonogo_core::text;

/// The largest report that is read, in bytes.
const MAX_REPORT: u64 = 64 << 20;
/// How many failed tests are named.
const MAX_NAMED: usize = 5;
/// The shortest piece of a commit's name that names it.
const MIN_COMMIT_PREFIX: usize = 7;

/// The content of a report.
#[derive(Debug, Default, PartialEq, Eq)]
struct JunitReport {
    tests: usize,
    failed: Vec<String>,
    skipped: usize,
    properties: Vec<(String, String)>,
}

pub(super) async fn run(file: &str, commit: &str, deadline: &Deadline) -> Vec<Observation> {
    let read = async {
        let text = read(file).await?;
        judging::on_blocking_thread("the report", deadline, move || parse(&text)).await?
    };
    match deadline.limit(format!("reading {file}"), read).await {
        Ok(Ok(report)) => vec![tests(&report), names(&report, commit)],
        Ok(Err(why)) => vec![Observation::unknown(format!("report {file}"), "a JUnit report", why)],
        Err(late) => vec![Observation::unknown(format!("report {file}"), "a JUnit report", late.to_string())],
    }
}

async fn read(file: &str) -> ProbeResult<String> {
    let opened =
        open_regular(file).map_err(|error| ProbeError::new(format!("it cannot be opened: {error}")))?;
    let opened = File::from_std(opened);
    let mut text = String::new();
    let read = opened.take(MAX_REPORT + 1).read_to_string(&mut text).await;
    let length = read.map_err(|error| ProbeError::new(format!("it cannot be read: {error}")))?;
    if length as u64 > MAX_REPORT {
        return Err(ProbeError::new("it is longer than 64 MiB"));
    }
    Ok(text)
}

fn tests(report: &JunitReport) -> Observation {
    let run_count = report.tests - report.skipped;
    let mut seen = format!("{run_count} run, {} failed, {} skipped", report.failed.len(), report.skipped);
    if !report.failed.is_empty() {
        let first = report.failed.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if report.failed.len() > MAX_NAMED { ", …" } else { "" };
        seen = format!("{seen}: {first}{more}");
    }
    Observation::new("tests", "one or more run, none failed", seen, run_count > 0 && report.failed.is_empty())
}

fn names(report: &JunitReport, commit: &str) -> Observation {
    let what = "commit of the report";
    let names_commit = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["commit", "sha", "revision"].iter().any(|word| name.contains(word))
    };
    let of_commit =
        |value: &str| value.len() >= MIN_COMMIT_PREFIX && commit.starts_with(&value.to_ascii_lowercase());
    let properties: Vec<_> = report.properties.iter().filter(|(name, _)| names_commit(name)).collect();
    if let Some((name, value)) =
        properties.iter().find(|(_, value)| of_commit(value)).or_else(|| properties.first())
    {
        return Observation::new(what, commit, format!("{value} (property {name})"), of_commit(value));
    }
    let message = "no property of it names a commit; pytest: record_testsuite_property(\"commit\", …)";
    Observation::new(what, commit, message, false)
}

fn parse(text: &str) -> ProbeResult<JunitReport> {
    let parse_error = |why: &dyn std::fmt::Display| ProbeError::new(format!("it is no JUnit report: {why}"));
    let (mut reader, mut report) = (Reader::from_str(text), JunitReport::default());
    let (mut open, mut current, mut is_report) = (0_usize, None, false);
    loop {
        match reader.read_event().map_err(|error| parse_error(&error))? {
            Event::Start(element) => {
                open += 1;
                is_report |= matches!(element.name().as_ref(), "testsuites" | "testsuite");
                element_of(&mut report, &mut current, &element).map_err(|why| parse_error(&why))?;
            }
            Event::Empty(element) => {
                element_of(&mut report, &mut current, &element).map_err(|why| parse_error(&why))?;
            }
            Event::End(_) => open = open.saturating_sub(1),
            Event::Eof if open > 0 => return Err(parse_error(&"it breaks off")),
            Event::Eof if !is_report => return Err(parse_error(&"it has no test suite")),
            Event::Eof => return Ok(report),
            _ => {}
        }
    }
}

fn element_of(
    report: &mut JunitReport,
    current: &mut Option<String>,
    element: &BytesStart,
) -> quick_xml::Result<()> {
    match element.name().as_ref() {
        "testcase" => {
            report.tests += 1;
            *current = Some(text::excerpt(attribute(element, "name")?.as_bytes(), 120));
        }
        // A test may have both a failure and an error.
        "failure" | "error" => report.failed.extend(current.take()),
        "skipped" => report.skipped += 1,
        "property" => {
            report.properties.push((attribute(element, "name")?, attribute(element, "value")?));
        }
        _ => {}
    }
    Ok(())
}

fn attribute(element: &BytesStart, name: &str) -> quick_xml::Result<String> {
    let value = element.try_get_attribute(name)?;
    value.map_or_else(
        || Ok(String::new()),
        |value| value.normalized_value(XmlVersion::Implicit1_0).map(Cow::into_owned),
    )
}
