//! Actions: checked first, then handed to a supervisor once their start is logged.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::hand_over::HandedOver;
use super::probe_run::{GRACE as OVERRUN, NoResult, ProbeRun, limited};
use super::supervisor::{Begun, Files, Order};
use super::system::System;
use super::watch::{Came, Watch, Watching};
use crate::checklist::spec::Value;
use crate::checklist::{Action, ActionKey, Plan, Probe, Program};
use crate::journal::marks::Marks;
use crate::outcome::{Class, Observation, Outcome, Sha256Hex, some_of};
use crate::probe::ProbeContext;
use crate::run::Start;
use crate::secret::Keeper;
use crate::text;
use crate::time::span;

/// How long an action has to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// The timeout for reading one secret. Longer than the timeout of a secret command.
const SECRET: Duration = Duration::from_secs(15);
/// How many bytes of guard and check observations an entry holds, as written in the log.
const CHECKED: usize = 40 << 10;

/// What the tasks of actions report to the engine.
#[derive(Debug)]
pub(super) enum Acted {
    /// Guards and checks have run, and the secrets were read; or an error.
    Prepared { by: String, start: Box<Start>, env: Result<Env, String>, changed: Vec<String> },
    /// The number of bytes printed so far.
    Printed { started: u64, bytes: u64 },
    /// A warning for people.
    Warned { started: u64, what: String },
    /// The action has ended.
    Ended { action: ActionKey, started: u64, came: Came },
}

/// The environment of an action, with its secrets.
pub(super) struct Env(BTreeMap<String, Zeroizing<String>>);

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Env(…)")
    }
}

/// A guard, or a check of an action's own.
pub(super) struct Check {
    /// The key of its observations.
    pub(super) key: String,
    pub(super) probe: Probe,
    pub(super) given: ProbeContext,
}

/// The checks that run before an action, and what they need.
pub(super) struct Checks {
    pub(super) all: Vec<Check>,
    pub(super) keeper: Keeper,
    pub(super) system: Arc<dyn System>,
}

/// Runs guards and checks, and reads the secrets. Always reports a result.
pub(super) async fn prepare(
    plan: Arc<Plan>,
    Checks { all, keeper, system }: Checks,
    by: String,
    mut start: Start,
    tell: mpsc::Sender<Acted>,
) {
    let program = plan.action(&start.action).and_then(|action| action.program.as_ref());
    let runs: Vec<_> = all
        .into_iter()
        .map(|Check { key, probe, given }| {
            let title = probe.title.clone();
            (key, title, ProbeRun::new(probe, given, &keeper, Arc::clone(&system)))
        })
        .collect();
    let secrets = program.map_or(0, |program| program.env.len());
    let limit = runs.iter().map(|(.., run)| run.limit()).sum::<Duration>()
        + SECRET * u32::try_from(secrets).unwrap_or(u32::MAX)
        + OVERRUN;
    let prepared = limited(limit, async {
        let mut checked = Vec::new();
        for (key, title, run) in &runs {
            checked.extend(seen(key, title, run, CHECKED / runs.len()).await);
        }
        let env = match program {
            Some(program) => environment(program, &keeper, SECRET).await,
            None => Err("the profile lacks values".into()),
        };
        (checked, env)
    });
    let env = match prepared.await {
        Ok((checked, env)) => {
            start.checked.extend(checked);
            env
        }
        Err(NoResult::Crashed) => {
            Err(format!("its pre-flight checks crashed; {}", crate::diagnostic::please_report()))
        }
        Err(NoResult::Late) => Err(format!("its pre-flight checks did not finish within {}", span(limit))),
    };
    let changed = runs.iter().flat_map(|(.., run)| run.trace().effects()).collect();
    let _ = tell.send(Acted::Prepared { by, start: Box::new(start), env, changed }).await;
}

/// The observations of a guard or check, under its key and title, in about `most` bytes. Never empty: an empty result
/// would count as a check that has not run.
pub(super) async fn seen(key: &str, title: &str, run: &ProbeRun, most: usize) -> Vec<Observation> {
    let Outcome { observations, effects, class, .. } = run.once().await;
    let mut seen = observations;
    if seen.iter().all(|seen| seen.ok.is_none()) {
        seen.push(match class {
            Class::Pass => Observation::new("result", "passed", "passed", true),
            Class::Fail | Class::Error => Observation::unseen("result", "passed", "no observation"),
        });
    }
    seen.extend(effects.into_iter().map(|effect| Observation::recorded("changed", effect)));
    let title = text::line(title);
    let mut named = some_of(seen, most.saturating_sub(text::written(&title)));
    for seen in &mut named {
        seen.what = format!("{title}: {}", seen.what);
        seen.key = Some(key.to_owned());
    }
    named
}

pub(super) async fn environment(program: &Program, keeper: &Keeper, limit: Duration) -> Result<Env, String> {
    let mut env = BTreeMap::new();
    for (name, value) in &program.env {
        let value = match value {
            Value::Text(text) => Zeroizing::new(text.clone()),
            Value::Secret(held) => {
                let read = limited(limit, keeper.read(&held.secret)).await;
                let read =
                    read.map_err(|_| format!("{name}: no answer within {} ({})", span(limit), held.secret))?;
                let secret = read.map_err(|error| format!("{name}: {error}"))?;
                Zeroizing::new(format!("{}{}", held.prefix, secret.expose()))
            }
        };
        env.insert(name.clone(), value);
    }
    Ok(Env(env))
}

/// What is needed to run actions of a run.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) log: PathBuf,
    pub(super) marks: Marks,
    pub(super) keeper: Keeper,
    pub(super) tell: mpsc::Sender<Acted>,
    pub(super) system: Arc<dyn System>,
}

/// The start of an action, as logged.
#[derive(Clone)]
pub(super) struct Entered {
    pub(super) action: ActionKey,
    /// The position of its start entry.
    pub(super) started: u64,
    /// The hash of the line before its start entry.
    pub(super) prev: Sha256Hex,
}

impl Runner {
    /// Hands a logged action to a supervisor, and watches it. Returns the result if the action has not started and
    /// never will.
    pub(super) async fn start(
        &self,
        action: &Action,
        entered: Entered,
        dry: bool,
        env: Env,
    ) -> Result<Watching, Came> {
        let Some(program) = &action.program else {
            return Err(Came::not_begun("the plan does not configure its command"));
        };
        let order = Order {
            files: Files::of(&self.log, entered.started),
            argv: program.argv(dry).to_vec(),
            cwd: program.cwd.as_ref().map(PathBuf::from),
            env: env.0,
            deadline_ms: action.deadline_ms,
            grace_ms: u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX),
            needles: self.keeper.redactor().needles().to_vec(),
        };
        let mut watch = self.watch(entered, false);
        match self.system.hand_over(&order, self.keeper.permit()).await {
            HandedOver::Begun(child) => {
                watch.seen = Some(Begun::default());
                watch.child = child;
            }
            HandedOver::NotBegun(why) => return Err(Came::not_begun(&why)),
            HandedOver::Unclear(child) => watch.child = child,
        }
        Ok(watch.spawn())
    }

    /// Watches an action that an earlier process started.
    pub(super) fn attach(&self, entered: Entered, stopped: bool) -> Watching {
        self.watch(entered, stopped).spawn()
    }

    fn watch(&self, entered: Entered, stopped: bool) -> Watch {
        let (marks, tell, system) = (self.marks.clone(), self.tell.clone(), Arc::clone(&self.system));
        Watch {
            stop: Arc::new(AtomicBool::new(stopped)),
            ..Watch::of(entered, &self.log, marks, tell, system)
        }
    }
}
