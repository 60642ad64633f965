//! `gonogo verify`: reports whether a log is sealed, open or invalid.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;

use super::gate::refusals;
use super::judged::{Judged, judge};
use super::load::open_log;
use crate::checklist::Edition;
use crate::cli::VerifyArgs;
use crate::engine::clock;
use crate::error::Exit;
use crate::journal::before::Before;
use crate::journal::entry::{Decision, Predecessor, Recovered};
use crate::journal::raw::Relation;
use crate::journal::source::Source;
use crate::journal::store::{StoreError, logs_beside};
use crate::journal::verify::{Answer, Report};
use crate::report::plan::PlanPart;
use crate::report::{Trust, open_sentence};
use crate::run::{RunState, Seal};
use crate::text::{count, line};

pub(super) fn verify(arguments: &VerifyArgs) -> Result<Exit> {
    let Judged { source, report, state, trust, .. } = judge(&arguments.log, &arguments.trust)?;
    let refusals = refusals(arguments, &report, state.as_ref(), clock::now().wall);
    let relation = arguments.against.as_deref().map(|other| against(&source, other)).transpose()?;
    let mut out = io::stdout().lock();
    tell(&mut out, &arguments.log, &report, state.as_ref())?;
    tell_trust(&mut out, &trust)?;
    if let Some(run) = state.as_ref().and_then(|state| state.predecessor.as_ref()) {
        tell_before(&mut out, source.log(), run)?;
    }
    if let (Some(other), Some(relation)) = (&arguments.against, &relation) {
        writeln!(out, "  against   {}", relation.told(&line(&other.display().to_string())))?;
    }
    refusals.iter().try_for_each(|why| writeln!(out, "  rejected  {why}"))?;
    let exit = exit(&report, state.as_ref(), arguments.require_go);
    Ok(match relation {
        Some(Relation::Fork(_) | Relation::OtherRun) => Exit::LogInvalid,
        _ if exit == Exit::Good && !refusals.is_empty() => Exit::NoGo,
        _ => exit,
    })
}

/// The relation of another log to this one.
fn against(log: &Source, other: &Path) -> Result<Relation> {
    Ok(Relation::of(log, &open_log(other)?).map_err(StoreError::of_named)?)
}

/// The exit code after the result of a verification.
pub(super) fn exit(report: &Report, state: Option<&RunState>, require_go: bool) -> Exit {
    let decision = state.and_then(|state| state.verdict.as_ref()).map(|verdict| verdict.decision);
    match report.answer {
        Answer::Invalid { .. } => Exit::LogInvalid,
        Answer::Open => Exit::LogOpen,
        Answer::Sealed if require_go && decision != Some(Decision::Go) => Exit::NoGo,
        Answer::Sealed => Exit::Good,
    }
}

fn tell(out: &mut impl Write, log: &Path, report: &Report, state: Option<&RunState>) -> io::Result<()> {
    let file = line(&log.display().to_string());
    match &report.answer {
        Answer::Sealed => {
            let verdict = state.and_then(|state| state.verdict.as_ref());
            let verdict =
                verdict.map(|verdict| format!(", verdict {}", verdict.decision)).unwrap_or_default();
            let by = names(&report.sealed_by);
            writeln!(out, "{file}: sealed by {by}{verdict}{}", whose_checklist(state))?;
        }
        Answer::Open => writeln!(out, "{file}: {}{}", open_sentence(report, state), whose_checklist(state))?,
        Answer::Invalid { at, why } => {
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
        tell_run(out, state)?;
    }
    for (who, times) in &report.signers {
        writeln!(
            out,
            "  signed    {} by {}",
            count(usize::try_from(*times).unwrap_or(usize::MAX), "entry").replace("entrys", "entries"),
            line(who)
        )?;
    }
    if !matches!(report.answer, Answer::Sealed) {
        tell_unvouched(out, report)?;
    }
    report.warnings.iter().try_for_each(|warning| writeln!(out, "  warning   {}", line(warning)))
}

/// A note on a checklist that is not built into gonogo.
fn whose_checklist(state: Option<&RunState>) -> String {
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
fn tell_plan(out: &mut impl Write, state: &RunState) -> io::Result<()> {
    PlanPart::of(state).lines().iter().try_for_each(|(word, told)| writeln!(out, "  {word:<9} {told}"))
}

/// Prints the files of the trusted signers and revoked keys.
fn tell_trust(out: &mut impl Write, trust: &Trust) -> io::Result<()> {
    trust.lines().iter().try_for_each(|(word, told)| writeln!(out, "  {word:<9} {told}"))
}

/// Prints the previous run, as the log names it, and whether its log is beside this one.
fn tell_before(out: &mut impl Write, log: &Path, run: &Predecessor) -> io::Result<()> {
    let ended = run.ended;
    let told = match Before::among(&logs_beside(log), run) {
        Before::Here(path) => format!("its log is {}", line(&path.display().to_string())),
        Before::Missing => "its log is not in this directory".into(),
        Before::Changed(path) => {
            format!("its log {} has changed since", line(&path.display().to_string()))
        }
    };
    writeln!(
        out,
        "  previous  run {}, {ended}, head {} at line {}; {told}",
        line(&run.run),
        run.head.short(),
        run.seq + 1
    )
}

fn names(principals: &[String]) -> String {
    principals.iter().map(|name| line(name)).collect::<Vec<_>>().join(" and ")
}

fn tell_run<W: Write>(out: &mut W, state: &RunState) -> io::Result<()> {
    let plan = &state.plan;
    let (environment, release) = (line(&plan.environment), line(&plan.release));
    writeln!(out, "  run       {} of {environment}, release {release}", state.run)?;
    tell_plan(out, state)?;
    if plan.rehearsal.is_some() {
        writeln!(out, "  rehearsal not evidence of a real deployment")?;
    }
    if plan.solo {
        writeln!(out, "  solo      one person may have confirmed for two")?;
    }
    state.recoveries.iter().try_for_each(|(seq, left)| tell_recovered(out, *seq, left))?;
    if let Some(back) = &state.rolled_back {
        let digest = back.digest.as_deref().unwrap_or("digest unknown");
        let at = back.at.wall.readable();
        writeln!(out, "  rollback  to {} ({digest}), {at}, by {}", line(&back.release), line(&back.by))?;
    }
    if let Some(verdict) = &state.verdict {
        let total = plan.points().count();
        writeln!(
            out,
            "  verdict   {} {}/{total}, {}",
            verdict.decision,
            verdict.closed,
            verdict.at.wall.readable()
        )?;
    }
    let seal = |out: &mut W, seal: &Seal| {
        writeln!(out, "  seal      {}, by {} ({})", seal.at.wall.readable(), line(&seal.by), seal.role)
    };
    state.seals.iter().try_for_each(|given| seal(out, given))?;
    match &state.abandoned {
        Some(end) => {
            let (by, reason) = (line(&end.by), line(&end.reason));
            writeln!(out, "  abandoned {}, by {by}: {reason}", end.at.wall.readable())
        }
        None => Ok(()),
    }
}

/// Lines count from 1, positions from 0.
fn tell_recovered(out: &mut impl Write, seq: u64, left: &Recovered) -> io::Result<()> {
    if let Some(torn) = &left.torn {
        writeln!(
            out,
            "  recovered line {}: {} bytes of an incomplete line, kept in {}",
            seq + 1,
            torn.bytes,
            line(&torn.kept)
        )?;
    }
    match left.in_doubt {
        Some(doubted) => writeln!(
            out,
            "  unsure    line {}: gonogo ended before this entry is known to have been shown",
            doubted + 1
        ),
        None => Ok(()),
    }
}

/// Prints how far signatures cover the log: anybody who can write the file could have written the rest.
fn tell_unvouched(out: &mut impl Write, report: &Report) -> io::Result<()> {
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
