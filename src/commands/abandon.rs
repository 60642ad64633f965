//! `gonogo abandon`: ends a run that will not be sealed, so that the next one can be opened.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::loaded_profile::store;
use super::settings::Settings;
use super::{identity, printing, resume, takeover};
use crate::cli::AbandonArgs;
use crate::engine::supervisor::{SupervisorFiles, SupervisorState};
use crate::engine::{self, clock};
use gonogo_core::checklist::Role;
use gonogo_core::error::Exit;
use gonogo_core::journal::raw;
use gonogo_core::journal::store::read_unverified;
use gonogo_core::run::{Act, RunState, judge};
use gonogo_core::text::line;

pub(super) fn abandon(arguments: &AbandonArgs) -> Result<Exit> {
    let (log, store, settings) = (&arguments.log, store(None)?, Settings::read()?);
    let state = resume::confirm_known(&store, log, &open_run(log)?, &settings)?;
    if let Some((action, action_run)) = state.running_action()
        && matches!(SupervisorFiles::of(log, action_run.seq).state(), Ok(SupervisorState::Running(_)))
    {
        bail!("{action} is running; `gonogo run` attaches to it: wait until it has finished, or stop it");
    }
    say!("{}", describe(&state));
    let reason = match &arguments.reason {
        Some(reason) => reason.clone(),
        None if io::stdin().is_terminal() => identity::ask("Reason: ")?,
        None => bail!("a reason is required: --reason TEXT"),
    };
    if io::stdin().is_terminal() {
        let environment = line(&state.plan.environment);
        let question =
            format!("After this, nothing can be added to the run. Type {environment} to abandon it: ");
        if identity::ask(&question)? != environment {
            bail!("not abandoned; the run is unchanged");
        }
    }
    let signer = identity::signer(&arguments.identity, &settings)?;
    resume::confirm_trusted(&signer, state.plan.rehearsal.is_some(), &settings)?;
    identity::announce_wait_for_key(&signer);
    let role = arguments.role.map_or(Role::Reviewer, Role::from);
    if let Some(error) = printing::failure() {
        return Err(error).context("standard output; the run is unchanged");
    }
    let opened = takeover::reopen(&store, log, &signer, role, false)?;
    resume::confirm_opened(&store, &opened, Some(&state), &settings)?;
    let ended = engine::execute_alone(opened, &signer, Act::Abandon { reason })?;
    say!("abandoned (log #{}); the next run of {} can be opened", ended.seq, line(&ended.plan.environment));
    if printing::failure().is_some() {
        note!("gonogo: the run is abandoned, but standard output could not be written");
    }
    Ok(Exit::Success)
}

/// The run of a log, if the run is open.
fn open_run(log: &Path) -> Result<RunState> {
    let shown = line(&log.display().to_string());
    let Some(state) = RunState::fold(&read_unverified(log)?) else {
        let why = raw::why_unreadable(log)?.unwrap_or_else(|| "it is empty".into());
        bail!("{shown}: the run cannot be abandoned: {}", line(&why));
    };
    if let Some(end) = &state.abandoned {
        bail!("{shown}: already abandoned by {}: {}", line(&end.by), line(&end.reason));
    }
    if state.is_sealed() {
        bail!("{shown}: sealed; it does not block the next run");
    }
    Ok(state)
}

fn describe(state: &RunState) -> String {
    let (plan, now) = (&state.plan, judge(&state.judge(&clock::now())));
    let seals: Vec<_> = state.seals.iter().map(|seal| line(&seal.by)).collect();
    let sealed =
        if seals.is_empty() { String::new() } else { format!(", sealed by {}", seals.join(" and ")) };
    format!(
        "{} {}, opened {} by {}: {} {}/{}{sealed}",
        line(&plan.environment),
        line(&plan.release),
        state.opened_at.wall.readable(),
        line(&state.opened_by),
        now.decision,
        now.done,
        now.total
    )
}
