//! The summary printed when the screen of a run is closed, and the exit code.

use std::path::Path;

use anyhow::Result;

use super::settings::Settings;
use super::trusted_signers::read_signers_of_settings;
use crate::cli::{IdentityArgs, RunArgs};
use crate::engine::clock;
use crate::engine::supervisor::{SupervisorFiles, SupervisorState};
use crate::tui::SessionEnd;
use gonogo_core::error::Exit;
use gonogo_core::journal::entry::Decision;
use gonogo_core::run::{RunState, judge};
use gonogo_core::text::{line, shell_word};

/// Describes an action without an end in the log: it may have ended while the disk was full.
fn describe_unfinished_action(action: &str, supervisor: Option<&SupervisorState>) -> String {
    let next = "the next run of the environment";
    match supervisor {
        Some(SupervisorState::Finished(end)) => {
            format!("  ended   {action}: {}; not in the log yet, {next} records it", end.exit)
        }
        Some(SupervisorState::Running(_)) => {
            format!("  running {action} continues in the background; {next} attaches to it")
        }
        _ => format!("  unknown {action} may be running; {next} reports how it ended"),
    }
}

/// Whether the settings name trusted signers.
fn has_trusted_signers() -> bool {
    let signers = Settings::read().and_then(|settings| read_signers_of_settings(&settings));
    signers.is_ok_and(|signers| signers.is_some())
}

/// Prints the state of the run, the path of its log, and the command to continue.
pub(super) fn print_summary(path: &Path, arguments: &RunArgs, end: &SessionEnd) -> Result<Exit> {
    let (state, now) = (&end.state, clock::now());
    let verdict = judge(&state.judge(&now));
    let plan = &state.plan;
    let sealed = match &state.abandoned {
        Some(_) => "abandoned",
        None if state.is_sealed() => "sealed",
        None => "open",
    };
    say!(
        "{} {}: {} {}/{}, {sealed}",
        line(&plan.environment),
        line(&plan.release),
        verdict.decision,
        verdict.done,
        verdict.total
    );
    say!("  log     {}", line(&path.display().to_string()));
    if let Some((action, action_run)) = state.running_action() {
        let supervisor = SupervisorFiles::of(path, action_run.seq).state();
        say!("{}", describe_unfinished_action(&line(&action.to_string()), supervisor.ok().as_ref()));
    }
    if state.is_ended() {
        let how = match plan.rehearsal {
            Some(_) => "--rehearsal",
            None if has_trusted_signers() => "",
            None => "--signers allowed_signers",
        };
        say!("  verify  gonogo verify {} {how}", shell_word(&path.display().to_string()));
    } else {
        let log_dir = arguments
            .screen
            .log_dir
            .as_ref()
            .map(|dir| format!(" --log-dir {}", shell_word(&dir.display().to_string())));
        let profile = shell_word(&arguments.target.profile.display().to_string());
        let IdentityArgs { principal, key } = &arguments.identity;
        let principal = principal.as_ref().map(|name| format!(" --as {}", shell_word(name)));
        let key = key.as_ref().map(|file| format!(" --key {}", shell_word(&file.display().to_string())));
        let options: String = [principal, key, log_dir].into_iter().flatten().collect();
        say!("  resume  gonogo run {profile}{options}");
    }
    session_exit(end)
}

/// The exit code after the screen of a run.
pub(super) fn session_exit(end: &SessionEnd) -> Result<Exit> {
    match &end.engine_failure {
        Some(failure) => Err(failure.clone().into()),
        None if end.signalled => Ok(Exit::Interrupted),
        None => Ok(exit_code(&end.state)),
    }
}

/// An open run has not succeeded, whatever its points say.
fn exit_code(state: &RunState) -> Exit {
    match &state.verdict {
        _ if !state.is_sealed() => Exit::LogOpen,
        Some(verdict) if verdict.decision == Decision::Go => Exit::Success,
        _ => Exit::NoGo,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::engine::supervisor::{ExitRecord, StartMarker};
    use gonogo_core::journal::entry::ActionExit;
    use gonogo_core::outcome::Sha256Hex;

    /// Its end may be recorded beside a log that could not be written any more.
    #[test]
    fn a_finished_action_is_not_reported_as_running() {
        let end = ExitRecord {
            exit: ActionExit::Code(0),
            cause: None,
            took_ms: 1,
            bytes: 0,
            sha256: Sha256Hex::ZERO,
            redacted: BTreeMap::new(),
            lost: None,
        };
        let describe =
            |supervisor: Option<SupervisorState>| describe_unfinished_action("p/a", supervisor.as_ref());
        let ended = describe(Some(SupervisorState::Finished(Box::new(end))));
        assert!(ended.contains("ended   p/a: exit code 0; not in the log yet"), "{ended}");
        assert!(
            describe(Some(SupervisorState::Running(StartMarker::default())))
                .contains("running p/a continues in the background")
        );
        assert!(describe(Some(SupervisorState::Gone(StartMarker::default()))).contains("may be running"));
        assert!(describe(None).contains("may be running"));
    }
}
