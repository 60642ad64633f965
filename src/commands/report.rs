//! `gonogo report` and `gonogo diff`: the report of a run, and the differences between two runs.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};

use super::identity;
use super::settings::Settings;
use super::trusted_signers::read_trusted_signers;
use super::verified_log::{MAX_ENVELOPE, VerifiedLog, open_and_verify, open_and_verify_with};
use super::verify::exit_code;
use crate::cli::{DiffArgs, PlainFormat, ReportArgs, ReportFormat};
use crate::engine::clock;
use crate::headless::{self, LeftOut};
use crate::report::comparison::Comparison;
use crate::report::debrief::DrillInfo;
use crate::report::dsse::{Envelope, signed_message};
use crate::report::{Document, DocumentInput, html, markdown, statement};
use gonogo_core::checklist::Plan;
use gonogo_core::error::Exit;
use gonogo_core::files::{self, read_regular_text};
use gonogo_core::journal::entry::Entry;
use gonogo_core::journal::keys::fingerprint;
use gonogo_core::journal::lock_owner::is_recorded;
use gonogo_core::journal::log_file::LogFile;
use gonogo_core::journal::raw::Relation;
use gonogo_core::journal::store::{StoreError, read_unverified_with_digest};
use gonogo_core::journal::verify::{LogStatus, Verification};
use gonogo_core::outcome::Sha256Hex;
use gonogo_core::run::RunState;

/// A log, and the document of its run.
struct ReportInput {
    judged: VerifiedLog,
    state: RunState,
    document: Document,
}

pub(super) fn report(arguments: &ReportArgs) -> Result<Exit> {
    let input = build_document(open_and_verify(&arguments.log, &arguments.trust)?, &arguments.log)?;
    let default = arguments.output.is_empty().then_some(ReportFormat::Markdown);
    let standard = arguments.format.or(default);
    let mut formats = arguments.output.iter().map(|(format, _)| *format).chain(standard);
    if arguments.add.is_some() && formats.all(|format| format != ReportFormat::Dsse) {
        bail!("--add requires --format dsse: it adds a signature to an envelope");
    }
    for (format, path) in &arguments.output {
        let text = render(&input, *format, arguments)?;
        files::write_readable(path, &text).with_context(|| format!("report {}", path.display()))?;
    }
    if let Some(format) = standard {
        io::stdout().lock().write_all(render(&input, format, arguments)?.as_bytes())?;
    }
    Ok(exit_code(&input.judged.report, Some(&input.state), false))
}

pub(super) fn diff(arguments: &DiffArgs) -> Result<Exit> {
    let trusted = read_trusted_signers(&arguments.trust)?;
    let [old, new] =
        [&arguments.old, &arguments.new].map(|log| build_document(open_and_verify_with(log, &trusted)?, log));
    let (old, new) = (old?, new?);
    let mut comparison = Comparison::of(&old.document, &new.document);
    let relation =
        Relation::of(&old.judged.source, &new.judged.source).map_err(StoreError::into_user_failure)?;
    if !matches!(relation, Relation::OtherRun | Relation::Same) {
        comparison.same_run = Some(relation.describe("the newer log"));
    }
    let text = match arguments.format {
        PlainFormat::Human => comparison.human(),
        PlainFormat::Json => serde_json::to_string_pretty(&comparison)? + "\n",
    };
    io::stdout().lock().write_all(text.as_bytes())?;
    Ok(if comparison.is_same() { Exit::Success } else { Exit::NoGo })
}

fn build_document(judged: VerifiedLog, path: &Path) -> Result<ReportInput> {
    let log = judged.source.log();
    let (entries, sha256) = read_again(&judged.source, &judged.report)?;
    let state = RunState::fold(&entries).ok_or_else(|| match &judged.report.status {
        LogStatus::Invalid { why, .. } => anyhow!("{}: no valid entry: {why}", path.display()),
        LogStatus::Sealed | LogStatus::Open => anyhow!("{}: no entry", path.display()),
    })?;
    let name = log.file_name().unwrap_or_default().to_string_lossy();
    // A session that was killed leaves its record, but not its lock.
    let is_going_on = !state.is_ended() && is_recorded(log) && judged.source.is_held();
    let drills = if is_going_on { hidden_drills(&state.plan) } else { drill_infos(&state.plan) };
    let basis = DocumentInput {
        name: &name,
        sha256,
        entries: &entries,
        state: &state,
        verified: &judged.report,
        trust: &judged.trust,
        drills: &drills,
    };
    let document = Document::of(&basis);
    let document = document.ok_or_else(|| anyhow!("{}: the log is empty", path.display()))?;
    Ok(ReportInput { judged, state, document })
}

/// The drills of a rehearsal's plan; those that this gonogo does not know are named unknown.
pub(super) fn drill_infos(plan: &Plan) -> Vec<DrillInfo<'_>> {
    let named = plan.rehearsal.iter().flat_map(|rehearsal| &rehearsal.drills);
    named.map(|name| find_drill(name).unwrap_or(UNKNOWN)).collect()
}

/// The drills of a rehearsal that is going on: a report does not tell what is still to be found.
fn hidden_drills(plan: &Plan) -> Vec<DrillInfo<'_>> {
    plan.rehearsal.iter().flat_map(|rehearsal| &rehearsal.drills).map(|_| HIDDEN).collect()
}

/// A drill that is still to be found.
const HIDDEN: DrillInfo<'static> = DrillInfo {
    name: "not revealed",
    what: "shown when the rehearsal has ended",
    points: &[],
    passes_on_retry: false,
};

/// A drill that this gonogo does not know: of another version, or this one is built without the rehearsal.
const UNKNOWN: DrillInfo<'static> =
    DrillInfo { name: "unknown", what: "a drill of another version", points: &[], passes_on_retry: false };

#[cfg(feature = "rehearsal")]
fn find_drill(name: &str) -> Option<DrillInfo<'static>> {
    let drill = gonogo_rehearsal::drills::resolve(name)?;
    Some(DrillInfo {
        name: drill.name,
        what: drill.description,
        points: drill.points,
        passes_on_retry: drill.passes_on_retry,
    })
}

#[cfg(not(feature = "rehearsal"))]
const fn find_drill(_: &str) -> Option<DrillInfo<'static>> {
    None
}

/// The verified entries, and the SHA-256 of their log, in one pass. The hash of the last one shows that they are the
/// entries that were verified.
fn read_again(source: &LogFile, verified: &Verification) -> Result<(Vec<Entry>, Sha256Hex)> {
    let log = source.log();
    let failed = |source| StoreError { path: log.to_owned(), source };
    let (mut entries, sha256) = read_unverified_with_digest(source.reader()).map_err(failed)?;
    entries.truncate(usize::try_from(verified.entries).unwrap_or(usize::MAX));
    if entries.last().is_some_and(|last| last.hash != verified.head) {
        bail!("{}: the log changed while it was read; no report was written", log.display());
    }
    Ok((entries, sha256))
}

fn render(input: &ReportInput, format: ReportFormat, arguments: &ReportArgs) -> Result<String> {
    let document = &input.document;
    Ok(match format {
        ReportFormat::Markdown => markdown(document)?,
        ReportFormat::Html => html(document)?,
        ReportFormat::Json => serde_json::to_string_pretty(document)? + "\n",
        ReportFormat::Junit => {
            let judged = &document.verification;
            let warnings = judged.warnings.iter().map(|warning| ("warning", warning.clone())).collect();
            let facts = [document.plan.lines(), document.trust.lines().to_vec(), warnings].concat();
            let log = headless::LogCase {
                properties: &facts,
                name: &document.log.name,
                problem: (judged.answer != "sealed").then_some(judged.sentence.as_str()),
                invalid: judged.answer == "invalid",
            };
            headless::junit(&input.state.judge(&input.state.at), &LeftOut::default(), Some(&log))
        }
        ReportFormat::Dsse => envelope(input, arguments)?,
    })
}

/// The statement, signed by the operator.
fn envelope(input: &ReportInput, arguments: &ReportArgs) -> Result<String> {
    let statement = statement(&input.document);
    let signer = identity::signer(&arguments.identity, &Settings::read()?)?;
    let keyid = fingerprint(&signer.public).ok_or_else(|| anyhow!("{} has no fingerprint", signer.public))?;
    let mut envelope = match &arguments.add {
        None => Envelope::of(&statement),
        Some(path) => {
            let text = read_regular_text(path, MAX_ENVELOPE)
                .with_context(|| format!("envelope {}", path.display()))?;
            let envelope: Envelope = serde_json::from_str(&text)
                .with_context(|| format!("envelope {}: expected a DSSE envelope", path.display()))?;
            let (signers, now) = (&input.judged.signers, clock::now().wall);
            let check = envelope.check_can_add(&statement, &keyid, signers, now);
            check.with_context(|| format!("envelope {}", path.display()))?;
            envelope
        }
    };
    let signature = signer.sign_raw(&signed_message(&statement))?;
    envelope.add(keyid, &signature);
    Ok(serde_json::to_string(&envelope)? + "\n")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use gonogo_core::testing::first_line_of;

    #[test]
    fn a_log_that_is_changed_after_it_was_verified_is_not_reported_on() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run.jsonl");
        let lines = ["aa", "bb"].map(|run| first_line_of(&run.repeat(16), None, 1000));
        fs::write(&path, &lines[0]).unwrap();
        let source = LogFile::open(&path, || unreachable!("it is no bundle")).unwrap();
        let verified = Verification {
            status: LogStatus::Open,
            entries: 1,
            head: Sha256Hex::of_line(lines[0].trim_ascii_end()),
            last_signed: None,
            signers: BTreeMap::new(),
            sealed_by: Vec::new(),
            trailing: 0,
            warnings: Vec::new(),
        };
        let (entries, sha256) = read_again(&source, &verified).unwrap();
        assert_eq!((entries.len(), sha256), (1, Sha256Hex::of(&lines[0])));
        // In the same file, which was opened once.
        fs::write(&path, &lines[1]).unwrap();
        let why = read_again(&source, &verified).unwrap_err().to_string();
        assert!(why.contains("the log changed while it was read; no report was written"), "{why}");
    }
}
