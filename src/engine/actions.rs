//! The engine's part in actions: no action starts before its start is logged, and every logged action is watched until
//! its end is logged.

use std::sync::Arc;

use super::action_launch::{
    ActionEnv, ActionEvent, ActionLauncher, LoggedStart, Preflight, PreflightCheck, prepare,
};
use super::signing::{JobCompletion, SigningJob};
use super::{ActError, Engine, LoopControl};
use crate::probes::ProbeContext;
use gonogo_core::checklist::{ActionKey, Probe};
use gonogo_core::journal::entry::MACHINE;
use gonogo_core::journal::file::AppendError;
use gonogo_core::run::{Act, Command, Rejection, RequestId, Response, StartRequest, Update, decide};
use gonogo_core::text;

impl Engine {
    /// What is needed to run actions; none if this run has no log.
    pub(super) fn action_launcher(&self) -> Option<ActionLauncher> {
        let (log, marks) = (self.log.path()?.to_owned(), self.log.marks()?.clone());
        let (secret_store, events) = (self.scheduler.secret_store().clone(), self.action_events.0.clone());
        let system = Arc::clone(&self.system);
        Some(ActionLauncher { log, marks, secret_store, events, system })
    }

    /// Resumes watching the action that an earlier process started.
    pub(super) fn attach_running_action(&mut self) {
        let (Some(launcher), Some((key, action_run))) = (self.action_launcher(), self.state.running_action())
        else {
            return;
        };
        let logged_start =
            LoggedStart { action: key.clone(), started: action_run.seq, prev: action_run.prev };
        let is_stop_requested = action_run.stopped_by.is_some();
        self.action_watch = Some(launcher.attach(logged_start, is_stop_requested));
    }

    /// Checks the rules, then runs guards and checks. The rules are checked again after that.
    pub(super) fn prepare_action(&mut self, id: RequestId, by: String, start: StartRequest) {
        let key = start.action.clone();
        if let Err(why) = self.check_prepare(&by, &start) {
            return self.answer(id, Response::Rejected(why));
        }
        self.preparing_request = Some(id);
        let checks = self.preflight_checks(&key, start.dry_run);
        let now = self.now();
        self.scheduler.in_flight_mut().preparing_action = Some((key, now));
        self.publish();
        let plan = Arc::clone(&self.state.plan);
        let (secret_store, events) = (self.scheduler.secret_store().clone(), self.action_events.0.clone());
        let checks = Preflight { checks, secret_store, system: Arc::clone(&self.system) };
        tokio::spawn(prepare(plan, checks, by, start, events));
    }

    fn check_prepare(&self, by: &str, start: &StartRequest) -> Result<(), String> {
        if let Some((other, _)) = &self.scheduler.in_flight().preparing_action {
            return Err(format!("{other} is being checked; actions run one at a time"));
        }
        if self.action_launcher().is_none() {
            return Err("this run has no log; actions need one".into());
        }
        let command = Command::new(by, Act::Start(Box::new(start.clone())));
        match decide(&self.state, command, &self.now()) {
            // The pre-flight checks run next.
            Ok(_) | Err(Rejection::PreflightIncomplete { .. }) => Ok(()),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    /// The guards of the plan, and the action's own checks.
    fn preflight_checks(&self, key: &ActionKey, dry: bool) -> Vec<PreflightCheck> {
        let plan = &self.state.plan;
        let with = |(key, probe): (String, &Probe)| {
            let digest = probe.digest_of.as_ref().map(|key| self.reviewed_digest(key));
            PreflightCheck {
                key,
                probe: probe.clone(),
                context: ProbeContext { digest, ..ProbeContext::default() },
            }
        };
        plan.checks_before(plan.action(key), dry).map(with).collect()
    }

    /// The digest that a probe saw, if the point's current status depends on that result.
    fn reviewed_digest(&self, key: &gonogo_core::checklist::ProbeKey) -> Option<String> {
        let now = self.now();
        let is_closed = self.state.judge(&now).is_done(&key.point);
        self.seen_digest(key).filter(|_| is_closed)
    }

    pub(super) async fn on_action_event(&mut self, event: ActionEvent) -> LoopControl {
        match event {
            ActionEvent::Prepared { by, start, env, changed } => {
                let (key, entries) = (start.action.clone(), self.state.seq);
                let control = self.record_start(by, *start, env).await;
                if self.state.seq == entries && !changed.is_empty() {
                    let changed = text::line(&changed.join("; "));
                    self.send(Update::Warning(format!("{key} did not start; its checks changed: {changed}")));
                }
                return control;
            }
            ActionEvent::Printed { started, bytes } if self.is_watching(started) => {
                self.scheduler.in_flight_mut().printed_bytes = bytes;
                self.publish();
            }
            ActionEvent::Finished { action, started, result } if self.is_watching(started) => {
                self.action_watch = None;
                self.scheduler.in_flight_mut().printed_bytes = 0;
                return self.record_act(result.into_act(action, started));
            }
            ActionEvent::Warning { started, what } if self.is_watching(started) => {
                self.send(Update::Warning(what));
            }
            ActionEvent::Printed { .. } | ActionEvent::Warning { .. } | ActionEvent::Finished { .. } => {}
        }
        LoopControl::Continue
    }

    /// Reports that the action whose checks are running will not start.
    pub(super) fn cancel_preparing(&mut self) {
        let (Some(id), Some((key, _))) =
            (self.preparing_request.take(), &self.scheduler.in_flight().preparing_action)
        else {
            return;
        };
        let why = format!("{key} did not start: gonogo was stopped during its checks");
        self.answer(id, Response::Rejected(why));
    }

    fn is_watching(&self, started: u64) -> bool {
        self.action_watch.as_ref().is_some_and(|watch| watch.started == started)
    }

    /// Logs the start of the action; the action is launched only after that.
    async fn record_start(
        &mut self,
        by: String,
        start: StartRequest,
        env: Result<ActionEnv, String>,
    ) -> LoopControl {
        self.scheduler.in_flight_mut().preparing_action = None;
        let id = self.preparing_request.take().unwrap_or_default();
        match env {
            Ok(env) => {
                let command = Command::new(by, Act::Start(Box::new(start)));
                self.submit(SigningJob { command, completion: JobCompletion::LaunchAction(id, env) }).await
            }
            Err(why) => {
                self.publish();
                self.answer(id, Response::Rejected(why));
                LoopControl::Continue
            }
        }
    }

    pub(super) fn record_act(&mut self, act: Act) -> LoopControl {
        match self.execute(&Command::new(MACHINE, act)) {
            Err(ActError::Log(broken @ AppendError::Broken { .. })) => LoopControl::Fail(broken.to_string()),
            Err(ActError::Rejected(
                Rejection::Sealed | Rejection::SealingStarted(_) | Rejection::ActionNotRunning(_),
            ))
            | Ok(_) => {
                self.publish();
                LoopControl::Continue
            }
            Err(why) => {
                self.publish();
                self.send(Update::Warning(why.to_string()));
                LoopControl::Continue
            }
        }
    }

    /// Stops the action if the request to stop it is logged.
    pub(super) fn stop_if_requested(&self) {
        let is_requested =
            self.state.running_action().is_some_and(|(_, action_run)| action_run.stopped_by.is_some());
        if let (true, Some(watch)) = (is_requested, &self.action_watch) {
            watch.stop();
        }
    }
}
