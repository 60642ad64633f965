//! `gonogo verify`: reports whether a log is sealed, open or invalid.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;

use super::loaded_profile::open_log;
use super::require_go::unmet_requirements;
use super::verified_log::{VerifiedLog, open_and_verify};
use crate::cli::VerifyArgs;
use crate::engine::clock;
use crate::report::plan::PlanPart;
use crate::report::{TrustSources, describe_open_log};
use gonogo_core::checklist::Edition;
use gonogo_core::error::Exit;
use gonogo_core::journal::entry::{Decision, Predecessor, Recovered};
use gonogo_core::journal::log_file::LogFile;
use gonogo_core::journal::predecessor::PredecessorLog;
use gonogo_core::journal::raw::Relation;
use gonogo_core::journal::store::{StoreError, logs_beside};
use gonogo_core::journal::verify::{LogStatus, Verification};
use gonogo_core::run::{RunState, Seal};
use gonogo_core::text::{count, line};

pub(super) fn verify(arguments: &VerifyArgs) -> Result<Exit> {
    let VerifiedLog { source, report, state, trust, .. } = open_and_verify(&arguments.log, &arguments.trust)?;
    let refusals = unmet_requirements(arguments, &report, state.as_ref(), clock::now().wall);
    let relation = arguments.against.as_deref().map(|other| compare_with(&source, other)).transpose()?;
    let mut out = io::stdout().lock();
    write_result(&mut out, &arguments.log, &report, state.as_ref())?;
    write_trust(&mut out, &trust)?;
    if let Some(run) = state.as_ref().and_then(|state| state.predecessor.as_ref()) {
        write_previous_run(&mut out, source.log(), run)?;
    }
    if let (Some(other), Some(relation)) = (&arguments.against, &relation) {
        writeln!(out, "  against   {}", relation.describe(&line(&other.display().to_string())))?;
    }
    refusals.iter().try_for_each(|why| writeln!(out, "  rejected  {why}"))?;
    let exit = exit_code(&report, state.as_ref(), arguments.require_go);
    Ok(match relation {
        Some(Relation::Fork(_) | Relation::OtherRun) => Exit::LogInvalid,
        _ if exit == Exit::Success && !refusals.is_empty() => Exit::NoGo,
        _ => exit,
    })
}

/// The relation of another log to this one.
fn compare_with(log: &LogFile, other: &Path) -> Result<Relation> {
    Ok(Relation::of(log, &open_log(other)?).map_err(StoreError::into_user_failure)?)
}

/// The exit code after the result of a verification.
pub(super) fn exit_code(report: &Verification, state: Option<&RunState>, require_go: bool) -> Exit {
    let decision = state.and_then(|state| state.verdict.as_ref()).map(|verdict| verdict.decision);
    match report.status {
        LogStatus::Invalid { .. } => Exit::LogInvalid,
        LogStatus::Open => Exit::LogOpen,
        LogStatus::Sealed if require_go && decision != Some(Decision::Go) => Exit::NoGo,
        LogStatus::Sealed => Exit::Success,
    }
}

fn write_result(
    out: &mut impl Write,
    log: &Path,
    report: &Verification,
    state: Option<&RunState>,
) -> io::Result<()> {
    let file = line(&log.display().to_string());
    match &report.status {
        LogStatus::Sealed => {
            let verdict = state.and_then(|state| state.verdict.as_ref());
            let verdict =
                verdict.map(|verdict| format!(", verdict {}", verdict.decision)).unwrap_or_default();
            let by = names(&report.sealed_by);
            writeln!(out, "{file}: sealed by {by}{verdict}{}", describe_checklist(state))?;
        }
        LogStatus::Open => {
            writeln!(out, "{file}: {}{}", describe_open_log(report, state), describe_checklist(state))?;
        }
        LogStatus::Invalid { at, why } => {
            writeln!(out, "{file}: INVALID at line {} (byte {}): {}", at.line, at.byte, line(why))?;
        }
    }
    let entries = usize::try_from(report.entries).unwrap_or(usize::MAX);
    writeln!(
        out,
        "  valid     {}, head {}",
        count(entries, "entry").replace("entrys", "entries"),
        report.head
    )?;
    if let Some(state) = state {
        write_run(out, state)?;
    }
    for (who, times) in &report.signers {
        writeln!(
            out,
            "  signed    {} by {}",
            count(usize::try_from(*times).unwrap_or(usize::MAX), "entry").replace("entrys", "entries"),
            line(who)
        )?;
    }
    if !matches!(report.status, LogStatus::Sealed) {
        write_coverage(out, report)?;
    }
    report.warnings.iter().try_for_each(|warning| writeln!(out, "  warning   {}", line(warning)))
}

/// A note on a checklist that is not built into gonogo.
fn describe_checklist(state: Option<&RunState>) -> String {
    let Some(state) = state else { return String::new() };
    let (name, edition) = (line(&state.plan.checklist), state.lock.edition());
    match Edition::of(&state.plan.checklist, edition) {
        Edition::Released => String::new(),
        // Any text can be a name; quotes show where it ends.
        Edition::Own => format!("; own checklist {name:?}, edition {edition}"),
        Edition::Unknown => {
            format!("; CHECKLIST UNKNOWN: named {name}, but edition {edition} was never released")
        }
    }
}

/// Prints the requirements of the plan, what was loosened, and the basis of the evidence.
fn write_plan(out: &mut impl Write, state: &RunState) -> io::Result<()> {
    PlanPart::of(state).lines().iter().try_for_each(|(word, text)| writeln!(out, "  {word:<9} {text}"))
}

/// Prints the files of the trusted signers and revoked keys.
fn write_trust(out: &mut impl Write, trust: &TrustSources) -> io::Result<()> {
    trust.lines().iter().try_for_each(|(word, text)| writeln!(out, "  {word:<9} {text}"))
}

/// Prints the previous run, as the log names it, and whether its log is beside this one.
fn write_previous_run(out: &mut impl Write, log: &Path, run: &Predecessor) -> io::Result<()> {
    let ended = run.state;
    let location = match PredecessorLog::find(&logs_beside(log), run) {
        PredecessorLog::Found(path) => format!("its log is {}", line(&path.display().to_string())),
        PredecessorLog::Missing => "its log is not in this directory".into(),
        PredecessorLog::Changed(path) => {
            format!("its log {} has changed since", line(&path.display().to_string()))
        }
    };
    writeln!(
        out,
        "  previous  run {}, {ended}, head {} at line {}; {location}",
        line(&run.run),
        run.head.short(),
        run.seq + 1
    )
}

fn names(principals: &[String]) -> String {
    principals.iter().map(|name| line(name)).collect::<Vec<_>>().join(" and ")
}

fn write_run<W: Write>(out: &mut W, state: &RunState) -> io::Result<()> {
    let plan = &state.plan;
    let (environment, release) = (line(&plan.environment), line(&plan.release));
    writeln!(out, "  run       {} of {environment}, release {release}", state.run)?;
    write_plan(out, state)?;
    if plan.rehearsal.is_some() {
        writeln!(out, "  rehearsal not evidence of a real deployment")?;
    }
    if plan.solo {
        writeln!(out, "  solo      one person may confirm what needs two")?;
    }
    state.recoveries.iter().try_for_each(|(seq, recovery)| write_recovery(out, *seq, recovery))?;
    if let Some(rollback) = &state.rolled_back {
        let digest = rollback.digest.as_deref().unwrap_or("digest unknown");
        let at = rollback.at.wall.readable();
        writeln!(
            out,
            "  rollback  to {} ({digest}), {at}, by {}",
            line(&rollback.release),
            line(&rollback.by)
        )?;
    }
    if let Some(verdict) = &state.verdict {
        let total = plan.points().count();
        writeln!(
            out,
            "  verdict   {} {}/{total}, {}",
            verdict.decision,
            verdict.done,
            verdict.at.wall.readable()
        )?;
    }
    let seal = |out: &mut W, seal: &Seal| {
        writeln!(out, "  seal      {}, by {} ({})", seal.at.wall.readable(), line(&seal.by), seal.role)
    };
    state.seals.iter().try_for_each(|item| seal(out, item))?;
    match &state.abandoned {
        Some(end) => {
            let (by, reason) = (line(&end.by), line(&end.reason));
            writeln!(out, "  abandoned {}, by {by}: {reason}", end.at.wall.readable())
        }
        None => Ok(()),
    }
}

/// Lines count from 1, positions from 0.
fn write_recovery(out: &mut impl Write, seq: u64, recovery: &Recovered) -> io::Result<()> {
    if let Some(torn) = &recovery.torn {
        writeln!(
            out,
            "  recovered line {}: {} bytes of an incomplete line, kept in {}",
            seq + 1,
            torn.bytes,
            line(&torn.file)
        )?;
    }
    match recovery.in_doubt {
        Some(doubted) => writeln!(
            out,
            "  unsure    line {}: gonogo ended before this entry is known to have been shown",
            doubted + 1
        ),
        None => Ok(()),
    }
}

/// Prints how far signatures cover the log: anybody who can write the file could have written the rest.
fn write_coverage(out: &mut impl Write, report: &Verification) -> io::Result<()> {
    match &report.last_signed {
        Some((last, who)) => {
            writeln!(
                out,
                "  covered   by signatures up to line {last} (by {}); later lines are not covered",
                line(who)
            )?;
        }
        None => writeln!(out, "  covered   nothing is covered by a signature")?,
    }
    if report.trailing > 0 {
        writeln!(out, "  trailing  {} bytes after the last line end", report.trailing)?;
    }
    Ok(())
}
