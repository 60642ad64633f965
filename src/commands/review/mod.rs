//! `gonogo review`: shows a log on the screen, offline; without a log, lists the runs on this machine.

mod list;
mod record;

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail};

use self::record::Log;
use super::judged::judge_log;
use super::load::{check_first_entry, open_log};
use super::run::look;
use super::session::hear_signals;
use super::settings::Settings;
use super::trusted::trusted;
use crate::checklist::Role;
use crate::cli::ReviewArgs;
use crate::engine::clock;
use crate::error::{Exit, chain};
use crate::journal::entry::Enrolled;
use crate::journal::side::Outputs;
use crate::journal::verify::{Answer, Report};
use crate::text::line;
use crate::tui::review::{Found, Progress, Record};
use crate::tui::terminal::{Taken, read_events};
use crate::tui::{self, Msg, Setup};

pub(super) fn review(arguments: &ReviewArgs) -> Result<Exit> {
    let Some(log) = &arguments.log else { return list::list(arguments) };
    open(log, arguments)
}

/// Opens a log on the screen.
fn open(path: &Path, arguments: &ReviewArgs) -> Result<Exit> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!("`gonogo review` needs a terminal; without one, use `gonogo verify` and `gonogo report`");
    }
    let named = || format!("run log {}", path.display());
    let source = Arc::new(open_log(path)?);
    check_first_entry(path, &source)?;
    // Trust errors are reported before the screen is opened.
    let trusted = trusted(&arguments.trust)?;
    let log = Arc::new(Log::open(&source, trusted.source.clone()).with_context(named)?);
    let (tell, messages) = mpsc::channel();
    let (reading, to_screen, unpacked) = (Arc::clone(&log), tell.clone(), Arc::clone(&source));
    let first = log.first().ok_or_else(|| {
        anyhow!("{}: the first entry is not valid; `gonogo verify` says why", path.display())
    })?;
    // The thread ends with the program.
    thread::spawn(move || {
        let mut read = |whole| drop(to_screen.send(Msg::Reviewed(Progress::Read(whole))));
        let found = match reading.read(&mut read) {
            Ok(()) => match judge_log(&unpacked, &trusted) {
                Ok((report, _)) => found(&report),
                Err(error) => Found::Unknown(chain(error.as_ref())),
            },
            Err(error) => Found::Unknown(error.to_string()),
        };
        drop(to_screen.send(Msg::Reviewed(Progress::Verified(found))));
    });
    let settings = Settings::read()?;
    let nobody = Enrolled { principal: String::new(), key: String::new(), role: Role::Reviewer };
    let setup = Setup {
        me: nobody,
        log: path.display().to_string(),
        look: look(&arguments.screen, &settings),
        clock: Box::new(clock::now),
        unlock: Arc::new(|_| Err("a review has no keys".into())),
        review: Some(Arc::clone(&log) as Arc<dyn Record>),
        outputs: Some(Outputs::beside(source.log())),
        last: None,
        notices: Vec::new(),
        looks_on: false,
    };
    hear_signals(&tell)?;
    let mut taken = Taken::take()?;
    read_events(tell)?;
    // `source` keeps a bundle unpacked until here.
    let left = tui::run(&mut *taken.terminal()?, &mut taken, &setup, first, &messages, &mut |_| {})?;
    Ok(if left.signalled { Exit::Interrupted } else { Exit::Good })
}

/// Describes the result of the verification.
fn found(report: &Report) -> Found {
    let warnings = match report.warnings.as_slice() {
        [] => String::new(),
        [one] => format!("; {one}"),
        [one, rest @ ..] => format!("; {one} (and {} more, see gonogo verify)", rest.len()),
    };
    match &report.answer {
        Answer::Sealed => Found::Sealed(format!("by {}{warnings}", report.sealed_by.join(" and "))),
        Answer::Open => {
            let vouched = match &report.last_signed {
                Some((last, who)) => format!("covered by signatures up to line {last} (by {who})"),
                None => "not covered by any signature".into(),
            };
            let torn = if report.trailing > 0 { "; its last line is incomplete" } else { "" };
            Found::Open(format!("valid, not sealed; {vouched}{torn}{warnings}"))
        }
        Answer::Invalid { at, why } => {
            let valid = usize::try_from(report.entries).unwrap_or(usize::MAX);
            Found::Invalid(format!("at line {}: {}; shown up to there", at.line, line(why)), valid)
        }
    }
}
