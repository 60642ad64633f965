//! Actions: checked first, then handed to a supervisor once their start is logged.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::action_watch::{ActionResult, ActionWatch, WatchHandle};
use super::probe_task::{DEADLINE_GRACE as OVERRUN, NoResult, ProbeTask, run_limited};
use super::supervisor::{LaunchSpec, StartMarker, SupervisorFiles};
use super::supervisor_launch::SupervisorLaunch;
use super::system::System;
use crate::probes::ProbeContext;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::TextOrSecret;
use gonogo_core::checklist::{Action, ActionCommand, ActionKey, Plan, Probe};
use gonogo_core::journal::marks::Marks;
use gonogo_core::outcome::{Class, Observation, Outcome, Sha256Hex, limit_observations};
use gonogo_core::run::StartRequest;
use gonogo_core::text;
use gonogo_core::time::span;

/// How long an action has to end after SIGTERM before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// The timeout for reading one secret. Longer than the timeout of a secret command.
const SECRET_TIMEOUT: Duration = Duration::from_secs(15);
/// How many bytes of guard and check observations an entry holds, as written in the log.
const MAX_PREFLIGHT_BYTES: usize = 40 << 10;

/// What the tasks of actions report to the engine.
#[derive(Debug)]
pub(super) enum ActionEvent {
    /// Guards and checks have run, and the secrets were read; or an error.
    Prepared { by: String, start: Box<StartRequest>, env: Result<ActionEnv, String>, changed: Vec<String> },
    /// The number of bytes printed so far.
    Printed { started: u64, bytes: u64 },
    /// A warning for people.
    Warning { started: u64, what: String },
    /// The action has ended.
    Finished { action: ActionKey, started: u64, result: ActionResult },
}

/// The environment of an action, with its secrets.
pub(super) struct ActionEnv(BTreeMap<String, Zeroizing<String>>);

impl std::fmt::Debug for ActionEnv {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Env(…)")
    }
}

/// A guard, or a check of an action's own.
pub(super) struct PreflightCheck {
    /// The key of its observations.
    pub(super) key: String,
    pub(super) probe: Probe,
    pub(super) context: ProbeContext,
}

/// The checks that run before an action, and what they need.
pub(super) struct Preflight {
    pub(super) checks: Vec<PreflightCheck>,
    pub(super) secret_store: SecretStore,
    pub(super) system: Arc<dyn System>,
}

/// Runs guards and checks, and reads the secrets. Always reports a result.
pub(super) async fn prepare(
    plan: Arc<Plan>,
    Preflight { checks, secret_store, system }: Preflight,
    by: String,
    mut start: StartRequest,
    events: mpsc::Sender<ActionEvent>,
) {
    let program = plan.action(&start.action).and_then(|action| action.program.as_ref());
    let runs: Vec<_> = checks
        .into_iter()
        .map(|PreflightCheck { key, probe, context }| {
            let title = probe.title.clone();
            (key, title, ProbeTask::new(probe, context, &secret_store, Arc::clone(&system)))
        })
        .collect();
    let secrets = program.map_or(0, |program| program.env.len());
    let limit = runs.iter().map(|(.., run)| run.limit()).sum::<Duration>()
        + SECRET_TIMEOUT * u32::try_from(secrets).unwrap_or(u32::MAX)
        + OVERRUN;
    let prepared = run_limited(limit, async {
        let mut checked = Vec::new();
        for (key, title, run) in &runs {
            checked.extend(run_check(key, title, run, MAX_PREFLIGHT_BYTES / runs.len()).await);
        }
        let env = match program {
            Some(program) => read_environment(program, &secret_store, SECRET_TIMEOUT).await,
            None => Err("the profile lacks values".into()),
        };
        (checked, env)
    });
    let env = match prepared.await {
        Ok((checked, env)) => {
            start.preflight.extend(checked);
            env
        }
        Err(NoResult::Panicked) => {
            Err(format!("its pre-flight checks crashed; {}", crate::diagnostic::please_report()))
        }
        Err(NoResult::TimedOut) => {
            Err(format!("its pre-flight checks did not finish within {}", span(limit)))
        }
    };
    let changed = runs.iter().flat_map(|(.., run)| run.trace().effects()).collect();
    let _ = events.send(ActionEvent::Prepared { by, start: Box::new(start), env, changed }).await;
}

/// The observations of a guard or check, under its key and title, in about `max_bytes`. Never empty: an empty result
/// would count as a check that has not run.
pub(super) async fn run_check(key: &str, title: &str, run: &ProbeTask, max_bytes: usize) -> Vec<Observation> {
    let Outcome { mut observations, effects, class, .. } = run.run_once().await;
    if observations.iter().all(|observation| observation.ok.is_none()) {
        observations.push(match class {
            Class::Pass => Observation::new("result", "passed", "passed", true),
            Class::Fail | Class::Error => Observation::unknown("result", "passed", "no observation"),
        });
    }
    observations.extend(effects.into_iter().map(|effect| Observation::recorded("changed", effect)));
    let title = text::line(title);
    let mut named = limit_observations(observations, max_bytes.saturating_sub(text::json_length(&title)));
    for observation in &mut named {
        observation.what = format!("{title}: {}", observation.what);
        observation.key = Some(key.to_owned());
    }
    named
}

pub(super) async fn read_environment(
    program: &ActionCommand,
    secret_store: &SecretStore,
    limit: Duration,
) -> Result<ActionEnv, String> {
    let mut env = BTreeMap::new();
    for (name, value) in &program.env {
        let value = match value {
            TextOrSecret::Text(text) => Zeroizing::new(text.clone()),
            TextOrSecret::Secret(reference) => {
                let read = run_limited(limit, secret_store.read(&reference.secret)).await;
                let read = read.map_err(|_| {
                    format!("{name}: no response within {} ({})", span(limit), reference.secret)
                })?;
                let secret = read.map_err(|error| format!("{name}: {error}"))?;
                Zeroizing::new(format!("{}{}", reference.prefix, secret.expose()))
            }
        };
        env.insert(name.clone(), value);
    }
    Ok(ActionEnv(env))
}

/// What is needed to run actions of a run.
#[derive(Clone)]
pub(super) struct ActionLauncher {
    pub(super) log: PathBuf,
    pub(super) marks: Marks,
    pub(super) secret_store: SecretStore,
    pub(super) events: mpsc::Sender<ActionEvent>,
    pub(super) system: Arc<dyn System>,
}

/// The start of an action, as logged.
#[derive(Clone)]
pub(super) struct LoggedStart {
    pub(super) action: ActionKey,
    /// The position of its start entry.
    pub(super) started: u64,
    /// The hash of the line before its start entry.
    pub(super) prev: Sha256Hex,
}

impl ActionLauncher {
    /// Hands a logged action to a supervisor, and watches it. Returns the result if the action has not started and
    /// never will.
    pub(super) async fn launch(
        &self,
        action: &Action,
        argv: Vec<String>,
        logged_start: LoggedStart,
        env: ActionEnv,
    ) -> Result<WatchHandle, ActionResult> {
        let Some(program) = &action.program else {
            return Err(ActionResult::not_started("the plan does not configure its command"));
        };
        let spec = LaunchSpec {
            files: SupervisorFiles::of(&self.log, logged_start.started),
            argv,
            cwd: program.cwd.as_ref().map(PathBuf::from),
            env: env.0,
            deadline_ms: action.deadline_ms,
            grace_ms: u64::try_from(STOP_GRACE.as_millis()).unwrap_or(u64::MAX),
            needles: self.secret_store.redactor().needles().to_vec(),
        };
        let mut watch = self.watch(logged_start, false);
        match self.system.launch_supervisor(&spec, self.secret_store.permit()).await {
            SupervisorLaunch::Started(child) => {
                watch.last_marker = Some(StartMarker::default());
                watch.child = child;
            }
            SupervisorLaunch::NotStarted(why) => return Err(ActionResult::not_started(&why)),
            SupervisorLaunch::Unknown(child) => watch.child = child,
        }
        Ok(watch.spawn())
    }

    /// Watches an action that an earlier process started.
    pub(super) fn attach(&self, logged_start: LoggedStart, is_stop_requested: bool) -> WatchHandle {
        self.watch(logged_start, is_stop_requested).spawn()
    }

    fn watch(&self, logged_start: LoggedStart, is_stop_requested: bool) -> ActionWatch {
        let (marks, events, system) = (self.marks.clone(), self.events.clone(), Arc::clone(&self.system));
        ActionWatch {
            is_stop_requested: Arc::new(AtomicBool::new(is_stop_requested)),
            ..ActionWatch::of(logged_start, &self.log, marks, events, system)
        }
    }
}
