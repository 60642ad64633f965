//! `gonogo verify`: sealed, open or invalid.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};

use super::identity::{revoked_file, signers_file};
use super::settings::Settings;
use crate::cli::VerifyArgs;
use crate::engine::clock;
use crate::error::Exit;
use crate::journal::entry::{Decision, Entry, Recovered};
use crate::journal::revoked::Revoked;
use crate::journal::signers::AllowedSigners;
use crate::journal::verify::{self, Answer, Report, Rules};
use crate::run::{Replay, RunState};
use crate::text::{count, line};

pub(super) fn verify(arguments: &VerifyArgs) -> Result<Exit> {
    let log = File::open(&arguments.log).with_context(|| format!("run log {}", arguments.log.display()))?;
    let settings = Settings::read()?;
    let signers = read_signers(&signers_file(arguments.signers.as_deref(), &settings)?)?;
    let signers = signers.without(read_revoked(revoked_file(arguments.revoked.as_deref(), &settings))?);
    let mut rules = ByTheRules(Replay::default());
    let report = verify::verify(BufReader::new(log), &signers, clock::now().wall, &mut rules)
        .with_context(|| format!("run log {}", arguments.log.display()))?;
    let state = rules.0.into_state();
    tell(&mut io::stdout().lock(), &arguments.log, &report, state.as_ref())?;
    Ok(exit(&report, state.as_ref(), arguments.require_go))
}

fn read_signers(path: &Path) -> Result<AllowedSigners> {
    let text = fs::read_to_string(path).with_context(|| format!("allowed signers {}", path.display()))?;
    Ok(AllowedSigners::parse(&path.display().to_string(), &text)?)
}

/// None is as good as an empty one; one that is named and cannot be read is an error.
fn read_revoked(path: Option<PathBuf>) -> Result<Revoked> {
    let Some(path) = path else { return Ok(Revoked::default()) };
    let name = path.display().to_string();
    let bytes = fs::read(&path).with_context(|| format!("revoked keys {name}"))?;
    Revoked::parse(&name, &bytes).map_err(|problem| anyhow!("{problem}"))
}

/// The rules of a run, for the journal's verifier.
struct ByTheRules(Replay);

impl Rules for ByTheRules {
    fn take(&mut self, entry: &Entry) -> Result<(), String> {
        self.0.take(entry)
    }

    fn is_sealed(&self) -> bool {
        self.0.is_sealed()
    }
}

fn exit(report: &Report, state: Option<&RunState>, require_go: bool) -> Exit {
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
        Answer::Sealed => writeln!(out, "{file}: sealed by {}", names(&report.sealed_by))?,
        Answer::Open => writeln!(out, "{file}: open: valid, but not sealed")?,
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
            count(usize::try_from(*times).unwrap_or(usize::MAX), "act"),
            line(who)
        )?;
    }
    if !matches!(report.answer, Answer::Sealed) {
        tell_unvouched(out, report)?;
    }
    report.warnings.iter().try_for_each(|warning| writeln!(out, "  warning   {}", line(warning)))
}

fn names(principals: &[String]) -> String {
    principals.iter().map(|name| line(name)).collect::<Vec<_>>().join(" and ")
}

fn tell_run(out: &mut impl Write, state: &RunState) -> io::Result<()> {
    let plan = &state.plan;
    let (environment, release) = (line(&plan.environment), line(&plan.release));
    writeln!(
        out,
        "  run       {} of {environment}, release {release}, checklist {}",
        state.run,
        line(&plan.checklist)
    )?;
    if plan.solo {
        writeln!(out, "  solo      one person may have stood for two")?;
    }
    state.recoveries.iter().try_for_each(|(seq, left)| tell_recovered(out, *seq, left))?;
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
    Ok(())
}

/// Lines count from 1, positions from 0.
fn tell_recovered(out: &mut impl Write, seq: u64, left: &Recovered) -> io::Result<()> {
    if let Some(torn) = &left.torn {
        writeln!(
            out,
            "  recovered line {}: {} bytes of a torn line set aside in {}",
            seq + 1,
            torn.bytes,
            line(&torn.kept)
        )?;
    }
    match left.in_doubt {
        Some(doubted) => writeln!(
            out,
            "  in doubt  line {}: the program ended before it is known to have shown it",
            doubted + 1
        ),
        None => Ok(()),
    }
}

/// What stands after the last signature could have been written by anybody who could write the file.
fn tell_unvouched(out: &mut impl Write, report: &Report) -> io::Result<()> {
    match &report.last_signed {
        Some((last, who)) => {
            writeln!(
                out,
                "  vouched   up to line {last}, by {}; what follows is vouched for by nobody",
                line(who)
            )?;
        }
        None => writeln!(out, "  vouched   nothing is")?,
    }
    if report.trailing > 0 {
        writeln!(out, "  trailing  {} bytes after the last line end", report.trailing)?;
    }
    Ok(())
}
