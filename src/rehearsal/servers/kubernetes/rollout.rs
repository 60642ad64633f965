//! Rollouts: deployments and their pods are read, patched with another image, and watched.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ClusterState, SharedCluster, forbidden, lock, not_found};

/// How often a watch checks deployments for changes.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListParams {
    field_selector: Option<String>,
    label_selector: Option<String>,
    watch: Option<String>,
    dry_run: Option<String>,
}

impl ClusterState {
    /// Completes the rollouts whose time has elapsed.
    pub(super) fn complete_rollouts(&mut self) {
        let is_stuck = |name: &String| {
            let image = self.deployments.get(name).and_then(image_of);
            self.rollouts_hang || (self.hanging_image.is_some() && image == self.hanging_image.as_deref())
        };
        let due = |(name, at): &(&String, &Instant)| at.elapsed() >= self.rollout_duration && !is_stuck(name);
        let done: Vec<String> = self.rollouts.iter().filter(due).map(|(name, _)| name.clone()).collect();
        for name in done {
            self.rollouts.remove(&name);
            let Some(deployment) = self.deployments.get_mut(&name) else { continue };
            let replicas = deployment["spec"]["replicas"].clone();
            let generation = deployment["metadata"]["generation"].clone();
            deployment["metadata"]["resourceVersion"] =
                next_version(&deployment["metadata"]["resourceVersion"]);
            deployment["status"] = json!({
                "observedGeneration": generation,
                "replicas": replicas,
                "updatedReplicas": replicas,
                "availableReplicas": replicas,
                "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
            });
        }
    }

    /// Applies the images of a patch to a deployment's containers and starts a rollout.
    pub(super) fn patch(&mut self, name: &str, patch: &Value) {
        let Some(deployment) = self.deployments.get_mut(name) else { return };
        let images = patch.pointer("/spec/template/spec/containers").and_then(Value::as_array);
        for patched in images.into_iter().flatten() {
            let containers = deployment.pointer_mut("/spec/template/spec/containers");
            let containers = containers.and_then(Value::as_array_mut).into_iter().flatten();
            for container in containers.filter(|container| container["name"] == patched["name"]) {
                container["image"] = patched["image"].clone();
            }
        }
        let generation = deployment["metadata"]["generation"].as_u64().unwrap_or_default() + 1;
        deployment["metadata"]["generation"] = generation.into();
        deployment["metadata"]["resourceVersion"] = next_version(&deployment["metadata"]["resourceVersion"]);
        deployment["status"]["updatedReplicas"] = 0.into();
        deployment["status"]["observedGeneration"] = generation.into();
        deployment["status"]["conditions"] =
            json!([{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]);
        self.rollouts.insert(name.to_owned(), Instant::now());
        self.write_count += 1;
    }

    /// The pods of the deployments that a label selector selects.
    pub(super) fn deployment_pods(&self, selector: Option<&str>) -> Vec<Value> {
        if self.digests.is_empty() {
            return Vec::new();
        }
        let is_selected = |name: &str| selector.is_none_or(|selector| selector == format!("app={name}"));
        let selected = self.deployments.iter().filter(|(name, _)| is_selected(name));
        let pods = selected.flat_map(|(name, deployment)| {
            let image = image_of(deployment).unwrap_or_default().to_owned();
            let digest = self.digests.get(&image).cloned().unwrap_or_default();
            let replicas = deployment["spec"]["replicas"].as_u64().unwrap_or_default();
            (0..replicas).map(move |number| {
                json!({
                    "metadata": {"name": format!("{name}-{number}"), "labels": {"app": name}},
                    "status": {"phase": "Running", "containerStatuses": [{
                        "name": name, "image": image, "imageID": format!("{image}@{digest}"), "ready": true,
                    }]},
                })
            })
        });
        pods.collect()
    }
}

/// The image in a deployment's spec.
pub(super) fn image_of(deployment: &Value) -> Option<&str> {
    deployment.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str)
}

fn next_version(version: &Value) -> Value {
    let number = version.as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    (number + 1).to_string().into()
}

pub(super) async fn list_pods(State(state): SharedCluster, Query(params): Query<ListParams>) -> Response {
    let mut state = lock(&state);
    state.requests.insert("list pods".into());
    if state.no_access {
        return forbidden("list", "pods");
    }
    state.complete_rollouts();
    let items = if state.pods.is_empty() {
        state.deployment_pods(params.label_selector.as_deref())
    } else {
        state.pods.clone()
    };
    Json(json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})).into_response()
}

pub(super) async fn deployment(
    State(state): SharedCluster,
    Path((_, name)): Path<(String, String)>,
    Query(params): Query<ListParams>,
    method: Method,
    body: String,
) -> Response {
    let writes = method != Method::GET;
    let mut state = lock(&state);
    state.requests.insert(format!("{} deployments.apps", if writes { "patch" } else { "get" }));
    if state.no_access || (writes && state.read_only) {
        return forbidden(if writes { "patch" } else { "get" }, "deployments");
    }
    state.complete_rollouts();
    if writes && params.dry_run.is_none() {
        state.patch(&name, &serde_json::from_str(&body).unwrap_or_default());
    }
    state
        .deployments
        .get(&name)
        .map_or_else(|| not_found(&name), |deployment| Json(deployment.clone()).into_response())
}

/// The deployments that a field selector selects; with `watch`, a stream of their changes.
pub(super) async fn list_deployments(
    State(state): SharedCluster,
    Query(params): Query<ListParams>,
) -> Response {
    let name_selector =
        params.field_selector.as_deref().and_then(|selector| selector.strip_prefix("metadata.name="));
    let name_selector = name_selector.map(str::to_owned);
    let selected = move |cluster: &mut ClusterState| -> Vec<Value> {
        cluster.complete_rollouts();
        let deployments = cluster.deployments.iter();
        deployments
            .filter(|(name, _)| name_selector.as_ref().is_none_or(|name_selector| name_selector == *name))
            .map(|(_, one)| one.clone())
            .collect()
    };
    if params.watch.is_none() {
        let items = selected(&mut lock(&state));
        let list = json!({"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {"resourceVersion": "1"}, "items": items});
        return Json(list).into_response();
    }
    let changes = stream::unfold(Vec::new(), move |seen: Vec<Value>| {
        let (state, selected) = (state.clone(), selected.clone());
        async move {
            tokio::time::sleep(WATCH_INTERVAL).await;
            let now = selected(&mut lock(&state));
            let events = now.iter().filter(|one| !seen.contains(one));
            let events: Vec<u8> = events.flat_map(watch_event).collect();
            Some((Ok::<_, Infallible>(events), now))
        }
    });
    Response::new(Body::from_stream(changes))
}

/// An event of a watch: a line of JSON.
fn watch_event(object: &Value) -> Vec<u8> {
    let mut line = json!({"type": "MODIFIED", "object": object}).to_string().into_bytes();
    line.push(b'\n');
    line
}
