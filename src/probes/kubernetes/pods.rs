//! The pods of a deployment: which images run in them, and why one does not start. Only what is needed is kept of what
//! `kubectl` prints, which is large for many pods.

use std::fmt::Write as _;

use serde::Deserialize;

use super::Lookup;
use gonogo_core::outcome::{Observation, key};
use gonogo_core::text;

/// How many pods that do not start are reported.
const MAX_REPORTED: usize = 3;
/// The longest reason of a pod, in bytes.
const MAX_REASON: usize = 160;

/// A list of pods.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Pods {
    #[serde(default)]
    items: Vec<Pod>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Pod {
    metadata: Metadata,
    spec: PodSpec,
    status: PodStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    deletion_timestamp: Option<String>,
    owner_references: Vec<Owner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Owner {
    kind: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    image: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PodStatus {
    phase: String,
    reason: String,
    message: String,
    conditions: Vec<Condition>,
    init_container_statuses: Vec<ContainerStatus>,
    container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    image: String,
    #[serde(rename = "imageID")]
    image_id: String,
    ready: Option<bool>,
    restart_count: u64,
    state: State,
    last_state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<StateReason>,
    terminated: Option<StateReason>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StateReason {
    reason: String,
    message: String,
    exit_code: Option<i64>,
}

/// What is known of the image of a pod.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Running {
    Expected,
    Other,
    /// The runtime reports only the id of the image, which is the digest of its config.
    Unknown,
}

impl Pod {
    /// Whether it is a pod of the deployment that is not being deleted. Others may have the same labels.
    fn is_of(&self, deployment: &str) -> bool {
        let replica_sets: Vec<_> =
            self.metadata.owner_references.iter().filter(|owner| owner.kind == "ReplicaSet").collect();
        let is_its = |owner: &&Owner| {
            let hash = owner.name.strip_prefix(deployment).and_then(|rest| rest.strip_prefix('-'));
            hash.is_some_and(|hash| !hash.contains('-'))
        };
        let is_own = self.metadata.owner_references.is_empty() || replica_sets.iter().any(is_its);
        self.metadata.deletion_timestamp.is_none() && is_own
    }

    fn running(&self, digest: &str) -> Running {
        let images = self.status.container_statuses.iter().map(|status| self.image(status, digest));
        images
            .min_by_key(|image| match image {
                Running::Expected => 0,
                Running::Unknown => 1,
                Running::Other => 2,
            })
            .unwrap_or(Running::Other)
    }

    /// `imageID` is `…@sha256:MANIFEST`, with containerd and CRI-O sometimes `sha256:CONFIG`, or without the algorithm.
    fn image(&self, status: &ContainerStatus, digest: &str) -> Running {
        let spec = self.spec.containers.iter().find(|container| container.name == status.name);
        let references =
            [status.image_id.as_str(), status.image.as_str(), spec.map_or("", |spec| spec.image.as_str())];
        let is_expected = references.iter().any(|reference| reference.ends_with(digest));
        let is_known = status.image_id.contains('@') || status.image_id.is_empty();
        match (is_expected, is_known) {
            (true, _) => Running::Expected,
            (false, true) => Running::Other,
            (false, false) => Running::Unknown,
        }
    }

    /// Why it does not start or is not ready.
    fn problem(&self) -> Option<String> {
        let mut statuses = self.status.init_container_statuses.iter().chain(&self.status.container_statuses);
        let container = statuses.find_map(ContainerStatus::problem);
        let unscheduled = self
            .status
            .conditions
            .iter()
            .find(|condition| condition.kind == "PodScheduled" && condition.status == "False");
        let unscheduled = unscheduled.map(|condition| with_message(&condition.reason, &condition.message));
        let whole = (self.status.phase == "Failed" || !self.status.reason.is_empty())
            .then(|| with_message(&self.status.reason, &self.status.message));
        container.or(unscheduled).or(whole)
    }
}

impl ContainerStatus {
    fn problem(&self) -> Option<String> {
        let waiting = self.state.waiting.as_ref();
        let waiting =
            waiting.filter(|state| !["ContainerCreating", "PodInitializing", ""].contains(&&*state.reason));
        let ended = [&self.state, &self.last_state].into_iter().find_map(|state| state.terminated.as_ref());
        let ended = ended.filter(|state| state.exit_code != Some(0) || state.reason == "OOMKilled");
        let exit = ended.map(|state| {
            let code = state.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
            format!("{}{code}", with_message(&state.reason, &state.message))
        });
        match (waiting, exit) {
            (Some(state), exit) => {
                let exit = exit.map(|exit| format!("; before: {exit}")).unwrap_or_default();
                Some(format!("{}: {}{exit}", self.name, with_message(&state.reason, &state.message)))
            }
            (None, Some(exit)) if self.ready == Some(false) => Some(format!("{}: {exit}", self.name)),
            _ if self.ready == Some(false) && self.restart_count > 0 => {
                Some(format!("{}: not ready, restarted {} times", self.name, self.restart_count))
            }
            _ => None,
        }
    }
}

fn with_message(reason: &str, message: &str) -> String {
    let message = text::excerpt(message.as_bytes(), MAX_REASON);
    if message.is_empty() { reason.to_owned() } else { format!("{reason} ({message})") }
}

/// Why pods of a deployment do not start, for people; empty if nothing says so.
pub(super) fn problems(deployment: &str, pods: &Pods) -> String {
    let mut known = Vec::new();
    let mut all = String::new();
    let own = pods.items.iter().filter(|pod| pod.is_of(deployment));
    for (pod, problem) in own.filter_map(|pod| Some((pod, pod.problem()?))) {
        if !known.contains(&problem) && known.len() < MAX_REPORTED {
            let _ = write!(all, "; pod {}: {problem}", pod.metadata.name);
            known.push(problem);
        }
    }
    all
}

/// How often containers of a deployment's pods were restarted, where any was: between two crashes all is well.
pub(super) fn restarts(deployment: &str, pods: &Pods) -> Option<Observation> {
    let own = pods.items.iter().filter(|pod| pod.is_of(deployment));
    let counted = own.map(|pod| {
        let restarts = pod.status.container_statuses.iter().map(|status| status.restart_count);
        (restarts.sum::<u64>(), pod.metadata.name.as_str())
    });
    let (most, name) = counted.max().filter(|(restarts, _)| *restarts > 0)?;
    let seen = format!("{most} (pod {name})");
    Some(Observation::recorded(format!("restarts of {deployment}"), seen).as_measured().with_key(key::NOTICE))
}

/// Whether running containers have the digest that was pushed.
pub(super) fn digest(deployment: &str, digest: &str, pods: &Lookup<Pods>) -> Observation {
    let (what, expected) = (format!("image of {deployment}"), format!("{digest} in every pod"));
    let none = Pods::default();
    let pods = match pods {
        Ok(pods) => pods.as_ref().unwrap_or(&none),
        Err(why) => return Observation::unknown(what, expected, why.clone()),
    };
    let own = pods.items.iter().filter(|pod| pod.is_of(deployment));
    let running = own.filter(|pod| pod.status.phase == "Running").map(|pod| pod.running(digest));
    let running: Vec<_> = running.collect();
    let count = |kind| running.iter().filter(|pod| **pod == kind).count();
    match (running.len(), count(Running::Other), count(Running::Unknown)) {
        (0, ..) => Observation::new(what, expected, "no pod runs", false),
        (all, 0, 0) => Observation::new(what, expected, format!("in all {all}"), true),
        (all, 0, unknown) => {
            let why = format!(
                "the container runtime does not report it for {unknown} of {all}: their imageID is the id of the \
                 image's config"
            );
            Observation::unknown(what, expected, why)
        }
        (all, other, _) => {
            Observation::new(what, expected, format!("a different image in {other} of {all}"), false)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use gonogo_core::outcome::{Class, Outcome};

    const DIGEST: &str = "sha256:aa";

    fn pods(items: &Value) -> Pods {
        serde_json::from_value(json!({"items": items})).unwrap()
    }

    fn running(image_id: &str) -> Value {
        json!({"metadata": {"name": "app-1-x"}, "status": {"phase": "Running", "containerStatuses": [
            {"name": "app", "image": "h/app:v1", "imageID": image_id}]}})
    }

    #[test]
    fn an_image_is_recognized_in_every_form_that_runtimes_report() {
        for (id, ok) in [
            ("h/app@sha256:aa", Some(true)),
            ("docker-pullable://h/app@sha256:aa", Some(true)),
            ("sha256:aa", Some(true)),
            ("h/app@sha256:bb", Some(false)),
            ("sha256:cc", None),
            ("docker://sha256:cc", None),
            ("cccccccccccc", None),
            ("", Some(false)),
        ] {
            let seen = digest("app", DIGEST, &Ok(Some(pods(&json!([running(id)])))));
            assert_eq!(seen.ok, ok, "{id}: {seen:?}");
        }
        let mut by_digest = running("cccc");
        by_digest["spec"] = json!({"containers": [{"name": "app", "image": "h/app:v1@sha256:aa"}]});
        assert_eq!(digest("app", DIGEST, &Ok(Some(pods(&json!([by_digest]))))).ok, Some(true));
        let two = json!([running("h/app@sha256:bb"), running("sha256:cc")]);
        let seen = digest("app", DIGEST, &Ok(Some(pods(&two))));
        assert_eq!((seen.ok, &*seen.seen), (Some(false), "a different image in 1 of 2"));
    }

    #[test]
    fn an_altered_list_of_pods_never_runs_the_image_for_nothing() {
        let json = json!({"items": [running("h/app@sha256:aa")]});
        let of_pod = |field: &str| format!("/items/0/status{field}");
        let carriers = ["", "/containerStatuses", "/containerStatuses/0/imageID"].map(of_pod);
        let carriers: Vec<_> = carriers.iter().map(String::as_str).chain(["/items"]).collect();
        GoodDocument { json, carriers: &carriers, maps: &[] }.check(|printed| {
            let Ok(pods) = serde_json::from_slice::<Pods>(printed) else { return Class::Error };
            problems("app", &pods);
            restarts("app", &pods);
            Outcome::of(vec![digest("app", DIGEST, &Ok(Some(pods)))], "").class
        });
    }

    #[test]
    fn only_the_pods_of_the_deployment_that_stay_are_judged() {
        let mut ending = running("h/app@sha256:bb");
        ending["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        let mut foreign = running("h/app@sha256:bb");
        foreign["metadata"]["ownerReferences"] = json!([{"kind": "ReplicaSet", "name": "app-canary-5d4f"}]);
        let mut own = running("h/app@sha256:aa");
        own["metadata"]["ownerReferences"] = json!([{"kind": "ReplicaSet", "name": "app-5d4f"}]);
        let mut evicted = running("h/app@sha256:bb");
        evicted["status"]["phase"] = json!("Failed");
        let seen = digest("app", DIGEST, &Ok(Some(pods(&json!([ending, foreign, own, evicted])))));
        assert_eq!((seen.ok, &*seen.seen), (Some(true), "in all 1"));
        let seen = digest("app", DIGEST, &Ok(Some(pods(&json!([ending])))));
        assert_eq!((seen.ok, &*seen.seen), (Some(false), "no pod runs"));
    }

    #[test]
    fn a_pod_that_does_not_start_says_why() {
        let pod = |status: Value| json!([{"metadata": {"name": "app-1-x"}, "status": status}]);
        let of = |container: Value| pod(json!({"phase": "Pending", "containerStatuses": [container]}));
        let waiting = |reason: &str, message: &str| json!({"name": "app", "ready": false, "state": {"waiting": {"reason": reason, "message": message}}});
        let mut crashing = waiting("CrashLoopBackOff", "back-off 40s");
        crashing["lastState"] = json!({"terminated": {"reason": "OOMKilled", "exitCode": 137}});
        let unscheduled = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]});
        for (items, expected) in [
            (
                of(waiting("ImagePullBackOff", "not found")),
                "; pod app-1-x: app: ImagePullBackOff (not found)",
            ),
            (
                of(crashing),
                "; pod app-1-x: app: CrashLoopBackOff (back-off 40s); before: OOMKilled, exit code 137",
            ),
            (pod(unscheduled), "; pod app-1-x: Unschedulable (0/3 nodes are available)"),
            (of(waiting("ContainerCreating", "")), ""),
            (of(json!({"name": "app", "ready": true, "restartCount": 3})), ""),
        ] {
            assert_eq!(problems("app", &pods(&items)), expected);
        }
    }
}
