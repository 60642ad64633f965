//! Actions: checked, put on record, handed to a supervisor, and watched until they end.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use zeroize::Zeroizing;

use super::probe_run::{GRACE as OVERRUN, NoResult, ProbeRun, limited};
use super::supervisor::{Begun, End, Files, Order, Stands};
use crate::ansi;
use crate::checklist::spec::Value;
use crate::checklist::{Action, ActionKey, Plan, Probe, Program};
use crate::journal::entry::{Cause, Ended, Output};
use crate::journal::side;
use crate::outcome::{Class, Observation, Outcome, some_of};
use crate::probe::Given;
use crate::process::{Child, Launch, Permit, Stdio};
use crate::run::{Act, Start, seen_by};
use crate::secret::Keeper;
use crate::text;
use crate::time::span;

/// How often it is looked for what an action has printed, and whether it has ended.
const WATCH: Duration = Duration::from_millis(50);
/// How long an action has to end once it was asked to, before it is made to.
const GRACE: Duration = Duration::from_secs(10);
/// How long one secret may take to be read. Longer than what a command that gives one may take.
const SECRET: Duration = Duration::from_secs(15);
/// How much of what guards and checks have seen an entry holds, in bytes as they are written.
const CHECKED: usize = 40 << 10;
/// How much of the end of an output an entry holds, in bytes and in lines.
const TAIL: usize = 2048;
const TAIL_LINES: usize = 20;

/// What the tasks of actions tell the engine.
#[derive(Debug)]
pub(super) enum Acted {
    /// Guards and checks have looked, and the secrets were read: or why not.
    Prepared { by: String, start: Box<Start>, env: Result<Env, String>, changed: Vec<String> },
    /// So much has been printed.
    Printed { started: u64, bytes: u64 },
    /// It has ended.
    Ended { action: ActionKey, started: u64, came: Came },
}

/// The environment of an action, secrets read.
pub(super) struct Env(BTreeMap<String, Zeroizing<String>>);

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Env(…)")
    }
}

/// What an action came to.
#[derive(Debug)]
pub(super) struct Came {
    ended: Ended,
    cause: Option<Cause>,
    took_ms: u64,
    output: Option<Output>,
}

impl Came {
    pub(super) fn act(self, action: ActionKey, started: u64) -> Act {
        let Self { ended, cause, took_ms, output } = self;
        Act::Ended { action, started, ended, cause, took_ms, output }
    }
}

/// A running that is watched.
pub(super) struct Watching {
    /// The position of its begin.
    pub(super) started: u64,
    stop: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Watching {
    /// Lets it be stopped as soon as it is at work.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Runs guards and checks, and reads the secrets. Whatever becomes of that, it is told.
pub(super) async fn prepare(
    plan: Arc<Plan>,
    checks: Vec<(Probe, Given)>,
    by: String,
    mut start: Start,
    keeper: Keeper,
    tell: mpsc::Sender<Acted>,
) {
    let program = plan.action(&start.action).and_then(|action| action.program.as_ref());
    let runs: Vec<_> = checks
        .into_iter()
        .map(|(check, given)| (check.title.clone(), ProbeRun::new(check, given, &keeper)))
        .collect();
    let secrets = program.map_or(0, |program| program.env.len());
    let limit = runs.iter().map(|(_, run)| run.limit()).sum::<Duration>()
        + SECRET * u32::try_from(secrets).unwrap_or(u32::MAX)
        + OVERRUN;
    let prepared = limited(limit, async {
        let mut checked = Vec::new();
        for (title, run) in &runs {
            checked.extend(seen(title, run, CHECKED / runs.len()).await);
        }
        let env = match program {
            Some(program) => environment(program, &keeper, SECRET).await,
            None => Err("values are missing".into()),
        };
        (checked, env)
    });
    let env = match prepared.await {
        Ok((checked, env)) => {
            start.checked.extend(checked);
            env
        }
        Err(NoResult::Crashed) => Err(format!("checking it crashed; {}", crate::diagnostic::please_report())),
        Err(NoResult::Late) => Err(format!("checking it did not end within {}", span(limit))),
    };
    let changed = runs.iter().flat_map(|(_, run)| run.trace().effects()).collect();
    let _ = tell.send(Acted::Prepared { by, start: Box::new(start), env, changed }).await;
}

/// What a guard or check has seen, under its title, in at most about `most` bytes. Never nothing: then it would count as
/// one that has not run.
pub(super) async fn seen(title: &str, run: &ProbeRun, most: usize) -> Vec<Observation> {
    let Outcome { observations, effects, class, .. } = run.once().await;
    // What differs from run to run is nothing to hold anybody to; what is wrong always counts.
    let mut seen: Vec<_> =
        observations.into_iter().filter(|seen| !seen.measured || seen.ok != Some(true)).collect();
    if seen.is_empty() {
        seen.push(match class {
            Class::Pass => Observation::new("result", "passed", "passed", true),
            Class::Fail | Class::Error => Observation::unseen("result", "passed", "nothing was seen"),
        });
    }
    seen.extend(effects.into_iter().map(|effect| Observation::recorded("changed", effect)));
    let title = text::line(title);
    let mut named = some_of(seen, most.saturating_sub(text::written(&title)));
    for seen in &mut named {
        seen.what = seen_by(&title, &seen.what);
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

/// What it takes to run actions of a run.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) log: PathBuf,
    pub(super) keeper: Keeper,
    pub(super) tell: mpsc::Sender<Acted>,
}

impl Runner {
    /// Hands an action that stands in the log to a supervisor, and watches it.
    pub(super) fn start(
        &self,
        action: &Action,
        key: &ActionKey,
        started: u64,
        dry: bool,
        env: Env,
    ) -> Watching {
        let order = action.program.as_ref().map(|program| Order {
            files: Files::of(&self.log, started),
            argv: program.argv(dry).to_vec(),
            cwd: program.cwd.as_ref().map(PathBuf::from),
            env: env.0,
            deadline_ms: action.deadline_ms,
            grace_ms: u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX),
            needles: self.keeper.redactor().needles().to_vec(),
        });
        self.watch(key.clone(), started, false, order)
    }

    /// Watches an action that an earlier program has begun.
    pub(super) fn attach(&self, key: ActionKey, started: u64, stopped: bool) -> Watching {
        self.watch(key, started, stopped, None)
    }

    fn watch(&self, action: ActionKey, started: u64, stopped: bool, order: Option<Order>) -> Watching {
        let stop = Arc::new(AtomicBool::new(stopped));
        let watch = Watch {
            files: Files::of(&self.log, started),
            log: self.log.clone(),
            started,
            tell: self.tell.clone(),
            permit: self.keeper.permit().clone(),
            stop: Arc::clone(&stop),
            asked: false,
            bytes: 0,
        };
        let tell = self.tell.clone();
        let task = async move {
            let came = watch.run(order).await;
            let _ = tell.send(Acted::Ended { action, started, came }).await;
        };
        Watching { started, stop, task: tokio::spawn(task).abort_handle() }
    }
}

struct Watch {
    files: Files,
    log: PathBuf,
    started: u64,
    tell: mpsc::Sender<Acted>,
    permit: Permit,
    stop: Arc<AtomicBool>,
    asked: bool,
    bytes: u64,
}

impl Watch {
    async fn run(mut self, order: Option<Order>) -> Came {
        let mut child = None;
        if let Some(order) = order {
            match hand_over(&order, &self.permit).await {
                Ok(supervisor) => child = Some(supervisor),
                Err(error) => return not_begun(&format!("no supervisor: {error}")),
            }
        }
        loop {
            match self.files.stands() {
                Ok(Stands::Ended(end)) => return self.came(*end),
                Ok(Stands::Gone(begun)) => return self.gone(&begun),
                Ok(Stands::AtWork(begun)) => self.at_work(&begun).await,
                Ok(Stands::NotBegun) => {
                    let why = match &mut child {
                        Some(child) => last_words(child).await,
                        None => Some("the program that was to begin it was ended before".to_owned()),
                    };
                    if let Some(why) = why {
                        match self.files.give_up() {
                            Ok(true) => return not_begun(&why),
                            // Who was to begin it is gone; nobody else will.
                            Err(_) if child.is_some() => return not_begun(&why),
                            // It has begun in between, or it is looked again.
                            Ok(false) | Err(_) => {}
                        }
                    }
                }
                // What cannot be read now may be later; the action goes on meanwhile.
                Err(_) => {}
            }
            tokio::time::sleep(WATCH).await;
        }
    }

    async fn at_work(&mut self, begun: &Begun) {
        if self.stop.load(Ordering::Relaxed) && !self.asked {
            self.asked =
                Pid::from_raw(begun.supervisor).is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok());
        }
        let bytes = self.files.out().metadata().map_or(0, |about| about.len());
        if bytes != self.bytes {
            self.bytes = bytes;
            let _ = self.tell.send(Acted::Printed { started: self.started, bytes }).await;
        }
    }

    fn gone(&self, begun: &Begun) -> Came {
        let group = begun.group.map_or_else(String::new, |group| {
            format!("; look whether something of its process group {group} is still at work")
        });
        let why = format!("its supervisor was killed, or the machine went down{group}");
        let output = self.output(&BTreeMap::new(), None);
        Came { ended: Ended::Unknown(why), cause: None, took_ms: 0, output }
    }

    fn came(&self, end: End) -> Came {
        let output = self.output(&end.redacted, end.lost.as_deref());
        let output = output.map(|output| Output { bytes: end.bytes, sha256: end.sha256, ..output });
        Came { ended: end.ended, cause: end.cause, took_ms: end.took_ms, output }
    }

    /// What was printed, as far as it can be read.
    fn output(&self, redacted: &BTreeMap<String, u64>, lost: Option<&str>) -> Option<Output> {
        let path = self.files.out();
        let (bytes, sha256) = side::digest(&path).ok()?;
        let mut tail = tail(&path, bytes).unwrap_or_default();
        if let Some(lost) = lost {
            tail = format!("{tail}\n(not all of it is kept: {})", text::line(lost));
        }
        let name = format!("{}.out", side::action_name(self.started));
        let kept = side::directory(&self.log)
            .file_name()
            .map_or_else(|| name.clone(), |directory| format!("{}/{name}", directory.to_string_lossy()));
        Some(Output { bytes, sha256, kept, tail, redacted: redacted.clone() })
    }
}

fn not_begun(why: &str) -> Came {
    Came { ended: Ended::NotStarted(text::line(why)), cause: None, took_ms: 0, output: None }
}

/// The last lines of an output, without escapes.
fn tail(path: &Path, length: u64) -> io::Result<String> {
    let bytes = side::read(path, length.saturating_sub(4 * TAIL as u64), 4 * TAIL)?;
    let plain = ansi::plain(&bytes);
    let lines: Vec<&str> = plain.trim_end().lines().collect();
    let last = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
    let from = last.ceil_char_boundary(last.len().saturating_sub(TAIL));
    Ok(text::block(&last[from..]))
}

/// Starts a supervisor and tells it what to do; it goes on when this program ends.
async fn hand_over(order: &Order, permit: &Permit) -> io::Result<Child> {
    let supervisor = Launch::new(own_program()?).args(["supervise"]);
    let supervisor = supervisor.streams(Stdio::piped(), Stdio::null(), Stdio::piped());
    let mut child = supervisor.spawn_detached(permit)?;
    let told = Zeroizing::new(serde_json::to_vec(order).map_err(io::Error::other)?);
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&told).await?;
        stdin.shutdown().await?;
    }
    Ok(child)
}

/// This program, also when its file has been replaced since.
fn own_program() -> io::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { std::env::current_exe() }
}

/// What a supervisor has said that has ended, if it has.
async fn last_words(child: &mut Child) -> Option<String> {
    let status = child.try_wait().ok().flatten()?;
    let mut said = String::new();
    if let Some(stderr) = &mut child.stderr {
        let _ = stderr.read_to_string(&mut said).await;
    }
    let said = said.trim();
    Some(if said.is_empty() { format!("its supervisor ended with {status}") } else { said.to_owned() })
}
