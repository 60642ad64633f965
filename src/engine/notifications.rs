//! Notifications: a face of the engine that tells others what needs them or has ended. It only reads states, so that
//! nothing waits for it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use super::clock;
use crate::probes::deliver;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::{Notify, NotifyEvent, Role};
use gonogo_core::journal::entry::Decision;
use gonogo_core::run::{RunChange, RunSnapshot, RunState, changes};
use gonogo_core::text;

/// The time limit for a delivery. It is not repeated.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum number of notifications that wait. Changes in the meantime are merged, so more is not usual.
const MAX_QUEUED: usize = 32;

/// Sends the notifications of a run.
pub struct Notifier {
    /// The profile's notifications. A person has allowed them.
    pub notify: Vec<Notify>,
    /// The command that joins the run.
    pub join: String,
    /// Reads their secrets, and permits their programs.
    pub secret_store: SecretStore,
}

/// A notification, as it is sent. It has ids, never evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Notification<'a> {
    event: NotifyEvent,
    run: &'a str,
    /// The position of the entry, or of the last one.
    seq: u64,
    environment: &'a str,
    release: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    point: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    join: &'a str,
}

impl Notifier {
    /// Sends notifications until the engine stops, one at a time. `warn` gets what was not delivered.
    ///
    /// What is in the run at the time of the call is not sent.
    pub fn run(
        self,
        mut states: watch::Receiver<RunSnapshot>,
        warn: impl Fn(String) + Send,
    ) -> impl Future<Output = ()> + Send {
        let before = states.borrow_and_update().state.clone();
        self.run_from(before, states, warn)
    }

    async fn run_from(
        self,
        mut before: Arc<RunState>,
        mut states: watch::Receiver<RunSnapshot>,
        warn: impl Fn(String) + Send,
    ) {
        while !self.notify.is_empty() && states.changed().await.is_ok() {
            let after = states.borrow_and_update().state.clone();
            let due = self.due(&before, &after);
            if due.len() > MAX_QUEUED {
                warn(format!("{} notifications were not sent: too many at once", due.len() - MAX_QUEUED));
            }
            for (notify, json) in due.into_iter().take(MAX_QUEUED) {
                if let Err(why) = deliver(notify, &json, DELIVERY_TIMEOUT, &self.secret_store).await {
                    let target = text::line(notify.target());
                    let what = format!("a notification was not delivered to {target}: {}", text::line(&why));
                    tracing::warn!("{what}");
                    warn(what);
                }
            }
            before = after;
        }
    }

    /// What to send after a change, with the target of each.
    fn due(&self, before: &RunState, after: &RunState) -> Vec<(&Notify, String)> {
        self.addressed(after, changes(before, after, &clock::now()))
    }

    fn addressed(&self, state: &RunState, changes: Vec<RunChange>) -> Vec<(&Notify, String)> {
        let notifications = changes.into_iter().filter_map(|change| self.notification(state, change));
        let addressed = notifications.flat_map(|notification| {
            let targets = self.notify.iter().filter(move |notify| notify.on.contains(&notification.event));
            let json = serde_json::to_string(&notification).unwrap_or_default();
            targets.map(move |notify| (notify, json.clone())).collect::<Vec<_>>()
        });
        addressed.collect()
    }

    fn notification<'a>(&'a self, state: &'a RunState, change: RunChange) -> Option<Notification<'a>> {
        let about = |event, seq| Notification {
            event,
            run: &state.run,
            seq,
            environment: &state.plan.environment,
            release: &state.plan.release,
            point: None,
            action: None,
            decision: None,
            by: None,
            role: None,
            join: &self.join,
        };
        Some(match change {
            RunChange::NeedsConfirmation(point) => {
                Notification { point: Some(point), ..about(NotifyEvent::NeedsConfirmation, state.seq) }
            }
            RunChange::ActionFinished { is_success: true, .. } => return None,
            RunChange::ActionFinished { action, seq, .. } => Notification {
                point: Some(action.point),
                action: Some(action.action),
                ..about(NotifyEvent::ActionFailed, seq)
            },
            RunChange::Verdict { decision, by, seq } => {
                Notification { decision: Some(decision), by: Some(by), ..about(NotifyEvent::Verdict, seq) }
            }
            RunChange::Sealed { by, role, seq } => {
                Notification { by: Some(by), role: Some(role), ..about(NotifyEvent::Sealed, seq) }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ephemeral_run;
    use crate::process::Permit;
    use gonogo_core::checklist::{ActionKey, Checklist, Profile, Promotion, SourceFile, resolve};

    const NOTIFY: &str = "environment = \"stage\"\n[[notify]]\non = [\"action-failed\", \"sealed\"]\ncommand = [\"a\"]\n\
                          [[notify]]\non = [\"sealed\", \"needs-confirmation\", \"verdict\"]\nurl = \"https://h/x\"\n";

    /// The whole text, so that a new field is noticed: nothing but ids may be sent.
    #[test]
    fn a_notification_has_ids_and_goes_to_those_who_asked_for_it() {
        let profile = Profile::parse(SourceFile::new("p", NOTIFY)).unwrap();
        let promotion = Promotion { release: Some("v2".into()), previous: Some("none".into()) };
        let plan = resolve(&Checklist::standard().unwrap(), &profile, &promotion).unwrap();
        let state = ephemeral_run(plan).unwrap().1;
        let notifier = Notifier {
            notify: profile.file.notify,
            join: "gonogo run p".into(),
            secret_store: SecretStore::new(Permit::for_tests()),
        };
        let sent = |change| {
            let addressed = notifier.addressed(&state, vec![change]);
            addressed.into_iter().map(|(notify, json)| (notify.target().to_owned(), json)).collect::<Vec<_>>()
        };
        let run = &state.run;
        let json = |event: &str, seq: u64, about: &str| {
            format!(
                "{{\"event\":\"{event}\",\"run\":\"{run}\",\"seq\":{seq},\"environment\":\"stage\",\"release\":\"v2\",\
                 {about},\"join\":\"gonogo run p\"}}"
            )
        };
        let action = ActionKey::new("deploy.x", "build");
        let finished = |is_success| RunChange::ActionFinished { action: action.clone(), seq: 7, is_success };
        let failed = json("action-failed", 7, "\"point\":\"deploy.x\",\"action\":\"build\"");
        assert_eq!(sent(finished(false)), [("a".into(), failed)]);
        assert_eq!(sent(finished(true)), []);
        let needs = json("needs-confirmation", state.seq, "\"point\":\"infra.redis\"");
        let change = RunChange::NeedsConfirmation("infra.redis".into());
        assert_eq!(sent(change), [("https://h/x".into(), needs)]);
        let verdict = RunChange::Verdict { decision: Decision::NoGo, by: "bob".into(), seq: 8 };
        let expected = json("verdict", 8, "\"decision\":\"NO-GO\",\"by\":\"bob\"");
        assert_eq!(sent(verdict), [("https://h/x".into(), expected)]);
        let sealed = sent(RunChange::Sealed { by: "bob".into(), role: Role::Driver, seq: 9 });
        let expected = json("sealed", 9, "\"by\":\"bob\",\"role\":\"driver\"");
        assert_eq!(sealed, [("a".into(), expected.clone()), ("https://h/x".into(), expected)]);
    }
}
