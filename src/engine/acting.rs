//! The engine's part in actions: no action starts before its start is logged, and every logged action is watched until
//! its end is logged.

use std::sync::Arc;

use super::action::{Acted, Check, Checks, Entered, Env, Runner, prepare};
use super::signing::{Job, Then};
use super::{Engine, Going, NotDone};
use crate::checklist::{ActionKey, Probe};
use crate::journal::entry::MACHINE;
use crate::journal::file::AppendError;
use crate::probe::ProbeContext;
use crate::run::{Act, Command, Refusal, RequestId, Response, Start, Update, decide};
use crate::text;

impl Engine {
    /// What is needed to run actions; none if this run has no log.
    pub(super) fn runner(&self) -> Option<Runner> {
        let (log, marks) = (self.log.path()?.to_owned(), self.log.marks()?.clone());
        let (keeper, tell) = (self.scheduler.keeper().clone(), self.acted.0.clone());
        let system = Arc::clone(&self.system);
        Some(Runner { log, marks, keeper, tell, system })
    }

    /// Resumes watching the action that an earlier process started.
    pub(super) fn attach(&mut self) {
        let (Some(runner), Some((key, deed))) = (self.runner(), self.state.under_way()) else { return };
        let entered = Entered { action: key.clone(), started: deed.seq, prev: deed.prev };
        let stopped = deed.stopped.is_some();
        self.watching = Some(runner.attach(entered, stopped));
    }

    /// Checks the rules, then runs guards and checks. The rules are checked again after that.
    pub(super) fn prepare(&mut self, id: RequestId, by: String, start: Start) {
        let key = start.action.clone();
        if let Err(why) = self.may_prepare(&by, &start) {
            return self.answer(id, Response::Refused(why));
        }
        self.preparing = Some(id);
        let checks = self.checks(&key, start.dry);
        let now = self.now();
        self.scheduler.live_mut().preparing = Some((key, now));
        self.publish();
        let plan = Arc::clone(&self.state.plan);
        let (keeper, tell) = (self.scheduler.keeper().clone(), self.acted.0.clone());
        let checks = Checks { all: checks, keeper, system: Arc::clone(&self.system) };
        tokio::spawn(prepare(plan, checks, by, start, tell));
    }

    fn may_prepare(&self, by: &str, start: &Start) -> Result<(), String> {
        if let Some((other, _)) = &self.scheduler.live().preparing {
            return Err(format!("{other} is being checked; actions run one at a time"));
        }
        if self.runner().is_none() {
            return Err("this run has no log; actions need one".into());
        }
        let asked = Command::new(by, Act::Start(Box::new(start.clone())));
        match decide(&self.state, asked, &self.now()) {
            // The pre-flight checks run next.
            Ok(_) | Err(Refusal::NotChecked { .. }) => Ok(()),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    /// The guards of the plan, and the action's own checks.
    fn checks(&self, key: &ActionKey, dry: bool) -> Vec<Check> {
        let plan = &self.state.plan;
        let with = |(key, probe): (String, &Probe)| {
            let digest = probe.digest_of.as_ref().map(|key| self.digest_reviewed(key));
            Check { key, probe: probe.clone(), given: ProbeContext { digest, ..ProbeContext::default() } }
        };
        plan.checks_before(plan.action(key), dry).map(with).collect()
    }

    /// The digest that a probe saw, if the point's current status depends on that result.
    fn digest_reviewed(&self, key: &crate::checklist::ProbeKey) -> Option<String> {
        let now = self.now();
        let is_closed = self.state.judge(&now).is_closed(&key.point);
        self.digest_seen(key).filter(|_| is_closed)
    }

    pub(super) async fn acted(&mut self, acted: Acted) -> Going {
        match acted {
            Acted::Prepared { by, start, env, changed } => {
                let (key, entries) = (start.action.clone(), self.state.seq);
                let going = self.enter(by, *start, env).await;
                if self.state.seq == entries && !changed.is_empty() {
                    let changed = text::line(&changed.join("; "));
                    self.say(Update::Warned(format!("{key} did not start; its checks changed: {changed}")));
                }
                return going;
            }
            Acted::Printed { started, bytes } if self.watches(started) => {
                self.scheduler.live_mut().printed = bytes;
                self.publish();
            }
            Acted::Ended { action, started, came } if self.watches(started) => {
                self.watching = None;
                self.scheduler.live_mut().printed = 0;
                return self.record(came.act(action, started));
            }
            Acted::Warned { started, what } if self.watches(started) => self.say(Update::Warned(what)),
            Acted::Printed { .. } | Acted::Warned { .. } | Acted::Ended { .. } => {}
        }
        Going::On
    }

    /// Reports that the action whose checks are running will not start.
    pub(super) fn drop_prepared(&mut self) {
        let (Some(id), Some((key, _))) = (self.preparing.take(), &self.scheduler.live().preparing) else {
            return;
        };
        let why = format!("{key} did not start: gonogo was stopped during its checks");
        self.answer(id, Response::Refused(why));
    }

    fn watches(&self, started: u64) -> bool {
        self.watching.as_ref().is_some_and(|watching| watching.started == started)
    }

    /// Logs the start of the action; the action is launched only after that.
    async fn enter(&mut self, by: String, start: Start, env: Result<Env, String>) -> Going {
        self.scheduler.live_mut().preparing = None;
        let id = self.preparing.take().unwrap_or_default();
        match env {
            Ok(env) => {
                let command = Command::new(by, Act::Start(Box::new(start)));
                self.submit(Job { command, then: Then::Begin(id, env) }).await
            }
            Err(why) => {
                self.publish();
                self.answer(id, Response::Refused(why));
                Going::On
            }
        }
    }

    pub(super) fn record(&mut self, act: Act) -> Going {
        match self.carry_out(&Command::new(MACHINE, act)) {
            Err(NotDone::Log(broken @ AppendError::Broken { .. })) => Going::Broken(broken.to_string()),
            Err(NotDone::Refused(Refusal::Sealed | Refusal::BeingSealed(_) | Refusal::NotAtWork(_)))
            | Ok(_) => {
                self.publish();
                Going::On
            }
            Err(why) => {
                self.publish();
                self.say(Update::Warned(why.to_string()));
                Going::On
            }
        }
    }

    /// Stops the action if the request to stop it is logged.
    pub(super) fn stop_if_asked(&self) {
        let asked = self.state.under_way().is_some_and(|(_, deed)| deed.stopped.is_some());
        if let (true, Some(watching)) = (asked, &self.watching) {
            watching.stop();
        }
    }
}
