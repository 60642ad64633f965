//! Whether a rollout is complete, as `kubectl rollout status` has it: seen by the controller, all replicas new, all of
//! them available.

use serde_json::Value;

use super::deployment::{list, word};
use super::pods::{self, Pods};
use gonogo_core::outcome::{Observation, key};

const EXPECTED: &str = "rollout complete";

/// How far a rollout is.
pub(super) struct Progress {
    /// For people.
    seen: String,
    pub(super) is_complete: bool,
    is_paused: bool,
    replicas: u64,
}

impl Progress {
    pub(super) fn of(deployment: &Value) -> Self {
        let number = |path: &str| deployment.pointer(path).and_then(Value::as_u64);
        // Without the field, one replica is meant.
        let replicas = number("/spec/replicas").unwrap_or(1);
        let count = |field: &str| number(&format!("/status/{field}")).unwrap_or(0);
        let [updated, total, available] = ["updatedReplicas", "replicas", "availableReplicas"].map(count);
        // What an older generation's status says is of no use.
        let is_observed = count("observedGeneration") >= number("/metadata/generation").unwrap_or(0);
        let is_done = updated >= replicas && total == updated && available >= replicas;
        let stuck = stuck(deployment);
        let (is_complete, seen) = match (is_observed, stuck, is_done) {
            (false, ..) => (false, "its latest change is not observed by the controller yet".to_owned()),
            (true, Some(stuck), _) => (false, stuck),
            (true, None, true) => (true, format!("complete: {available} of {replicas} available")),
            (true, None, false) => {
                let old = total.saturating_sub(updated);
                let seen = format!("{updated} of {replicas} updated, {available} available, {old} old");
                (false, seen + &hint(deployment))
            }
        };
        Self { seen, is_complete, is_paused: is_paused(deployment), replicas }
    }

    /// One observation, with the reasons of pods that do not start.
    pub(super) fn judge(self, name: &str, pods: Option<&Pods>) -> Vec<Observation> {
        let why =
            pods.filter(|_| !self.is_complete).map(|pods| pods::problems(name, pods)).unwrap_or_default();
        let seen = self.seen + &why;
        let mut seen = vec![Observation::new(format!("deployment {name}"), EXPECTED, seen, self.is_complete)];
        if self.replicas == 0 {
            let what = format!("replicas of {name}");
            seen.push(Observation::new(what, "1 or more", "0: nothing runs", false));
        }
        if self.is_complete && self.is_paused {
            let why = "paused: another image, also that of a rollback, does not roll out";
            seen.push(Observation::recorded(format!("rollouts of {name}"), why).with_key(key::NOTICE));
        }
        seen.extend(pods.and_then(|pods| pods::restarts(name, pods)));
        seen
    }
}

fn stuck(deployment: &Value) -> Option<String> {
    let condition = condition(deployment, "Progressing", "False")?;
    let reason = word(condition, "/reason");
    (reason == "ProgressDeadlineExceeded")
        .then(|| format!("stuck: {} ({reason})", word(condition, "/message")))
}

fn is_paused(deployment: &Value) -> bool {
    deployment.pointer("/spec/paused").and_then(Value::as_bool) == Some(true)
}

/// Why a rollout may not progress, by the deployment itself.
fn hint(deployment: &Value) -> String {
    let paused =
        if is_paused(deployment) { "; it is paused (`kubectl rollout resume` continues it)" } else { "" };
    let failure = condition(deployment, "ReplicaFailure", "True");
    let failure =
        failure.map(|failure| format!("; {}: {}", word(failure, "/reason"), word(failure, "/message")));
    format!("{paused}{}", failure.unwrap_or_default())
}

fn condition<'a>(deployment: &'a Value, kind: &str, status: &str) -> Option<&'a Value> {
    let mut conditions = list(deployment, "/status/conditions");
    conditions.find(|condition| word(condition, "/type") == kind && word(condition, "/status") == status)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use gonogo_core::outcome::Outcome;

    #[test]
    fn a_rollout_that_hangs_says_why() {
        let waiting =
            json!({"name": "app", "ready": false, "state": {"waiting": {"reason": "ErrImagePull"}}});
        let pod = json!({"metadata": {"name": "app-1-x"}, "status": {"containerStatuses": [waiting]}});
        let pods: Pods = serde_json::from_value(json!({"items": [pod]})).unwrap();
        let seen = |available: u64| {
            let status = json!({"updatedReplicas": 1, "replicas": 1, "availableReplicas": available});
            Progress::of(&json!({"status": status})).judge("app", Some(&pods)).remove(0).seen
        };
        assert_eq!(seen(0), "1 of 1 updated, 0 available, 0 old; pod app-1-x: app: ErrImagePull");
        assert_eq!(seen(1), "complete: 1 of 1 available");
    }

    #[test]
    fn a_paused_deployment_and_restarts_are_notices() {
        let status = json!({"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1});
        let pod = |restarts: u64| {
            let container = json!({"name": "app", "ready": true, "restartCount": restarts});
            json!({"metadata": {"name": "app-1-x"}, "status": {"phase": "Running", "containerStatuses": [container]}})
        };
        let pods =
            |restarts| serde_json::from_value::<Pods>(json!({"items": [pod(0), pod(restarts)]})).unwrap();
        let seen = |paused: bool, restarts: u64| {
            let deployment = json!({"spec": {"paused": paused}, "status": status});
            let seen = Progress::of(&deployment).judge("app", Some(&pods(restarts)));
            assert!(seen[1..].iter().all(|seen| seen.has_key(key::NOTICE)), "{seen:?}");
            seen[1..].iter().map(|seen| format!("{}: {}", seen.what, seen.seen)).collect::<Vec<_>>()
        };
        assert_eq!(seen(false, 0), [""; 0]);
        assert!(seen(true, 0)[0].starts_with("rollouts of app: paused"));
        assert_eq!(seen(false, 57), ["restarts of app: 57 (pod app-1-x)"]);
    }

    #[test]
    fn a_rollout_is_complete_only_when_every_replica_is_new_and_available() {
        let status = |observed: u64, updated: u64, total: u64, available: u64, conditions: Value| {
            json!({"observedGeneration": observed, "updatedReplicas": updated, "replicas": total,
                   "availableReplicas": available, "conditions": conditions})
        };
        let exceeded = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]);
        let quota = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]);
        for (status, paused, ok, seen) in [
            (status(3, 2, 2, 2, json!([])), false, true, "complete: 2 of 2 available"),
            (status(3, 2, 2, 2, json!([])), true, true, "complete: 2 of 2 available"),
            (
                status(2, 2, 2, 2, json!([])),
                false,
                false,
                "its latest change is not observed by the controller yet",
            ),
            (
                status(2, 2, 2, 2, exceeded.clone()),
                false,
                false,
                "its latest change is not observed by the controller yet",
            ),
            (status(3, 1, 2, 2, exceeded), false, false, "stuck: timed out (ProgressDeadlineExceeded)"),
            (status(3, 1, 3, 2, json!([])), false, false, "1 of 2 updated, 2 available, 2 old"),
            (status(3, 0, 2, 2, json!([])), true, false, "0 of 2 updated, 2 available, 2 old; it is paused"),
            (
                status(3, 1, 1, 1, quota),
                false,
                false,
                "1 of 2 updated, 1 available, 0 old; FailedCreate: exceeded quota",
            ),
        ] {
            let spec = json!({"replicas": 2, "paused": paused});
            let deployment = json!({"metadata": {"generation": 3}, "spec": spec, "status": status});
            let observation = Progress::of(&deployment).judge("app", None).remove(0);
            assert_eq!(observation.ok, Some(ok), "{seen}");
            assert!(observation.seen.starts_with(seen), "{} instead of {seen}", observation.seen);
        }
    }

    #[test]
    fn an_altered_status_is_never_complete_for_nothing() {
        let json = json!({"metadata": {"generation": 3}, "spec": {"replicas": 2}, "status": {
            "observedGeneration": 3, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2, "conditions": []}});
        let carriers =
            ["/status", "/status/updatedReplicas", "/status/availableReplicas", "/status/observedGeneration"];
        GoodDocument { json, carriers: &carriers, maps: &[] }.check(|printed| {
            let seen = serde_json::from_slice::<Value>(printed)
                .map(|object| Progress::of(&object).judge("app", None));
            Outcome::of(seen.unwrap_or_default(), "").class
        });
    }
}
