//! Deployments and their pods: read, given another image, and watched until they run it.

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

use super::{Objects, Shared, forbidden, lock, missing};

/// How often a watched deployment is looked at.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    field_selector: Option<String>,
    label_selector: Option<String>,
    watch: Option<String>,
    dry_run: Option<String>,
}

impl Objects {
    /// Lets the rollouts end whose time has come.
    pub(super) fn settle(&mut self) {
        let is_stuck = |name: &String| {
            let image = self.deployments.get(name).and_then(image_of);
            self.hangs || (self.stuck.is_some() && image == self.stuck.as_deref())
        };
        let due = |(name, at): &(&String, &Instant)| at.elapsed() >= self.takes && !is_stuck(name);
        let done: Vec<String> = self.rolling.iter().filter(due).map(|(name, _)| name.clone()).collect();
        for name in done {
            self.rolling.remove(&name);
            let Some(deployment) = self.deployments.get_mut(&name) else { continue };
            let replicas = deployment["spec"]["replicas"].clone();
            let generation = deployment["metadata"]["generation"].clone();
            deployment["metadata"]["resourceVersion"] = next(&deployment["metadata"]["resourceVersion"]);
            deployment["status"] = json!({
                "observedGeneration": generation,
                "replicas": replicas,
                "updatedReplicas": replicas,
                "availableReplicas": replicas,
                "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
            });
        }
    }

    /// Gives a deployment what a patch says of its containers' images; a rollout begins.
    pub(super) fn patch(&mut self, name: &str, patch: &Value) {
        let Some(deployment) = self.deployments.get_mut(name) else { return };
        let images = patch.pointer("/spec/template/spec/containers").and_then(Value::as_array);
        for wanted in images.into_iter().flatten() {
            let containers = deployment.pointer_mut("/spec/template/spec/containers");
            let containers = containers.and_then(Value::as_array_mut).into_iter().flatten();
            for container in containers.filter(|own| own["name"] == wanted["name"]) {
                container["image"] = wanted["image"].clone();
            }
        }
        let generation = deployment["metadata"]["generation"].as_u64().unwrap_or_default() + 1;
        deployment["metadata"]["generation"] = generation.into();
        deployment["metadata"]["resourceVersion"] = next(&deployment["metadata"]["resourceVersion"]);
        deployment["status"]["updatedReplicas"] = 0.into();
        deployment["status"]["observedGeneration"] = generation.into();
        deployment["status"]["conditions"] =
            json!([{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]);
        self.rolling.insert(name.to_owned(), Instant::now());
        self.written += 1;
    }

    /// The pods of the deployments that a selector means.
    pub(super) fn own_pods(&self, selector: Option<&str>) -> Vec<Value> {
        if self.digests.is_empty() {
            return Vec::new();
        }
        let is_meant = |name: &str| selector.is_none_or(|selector| selector == format!("app={name}"));
        let meant = self.deployments.iter().filter(|(name, _)| is_meant(name));
        let pods = meant.flat_map(|(name, deployment)| {
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

/// The image that a deployment asks for.
pub(super) fn image_of(deployment: &Value) -> Option<&str> {
    deployment.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str)
}

fn next(version: &Value) -> Value {
    let number = version.as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    (number + 1).to_string().into()
}

pub(super) async fn pods(State(state): Shared, Query(asked): Query<Asked>) -> Response {
    let mut state = lock(&state);
    state.asked.insert("list pods".into());
    if state.shut {
        return forbidden("list", "pods");
    }
    state.settle();
    let items = if state.pods.is_empty() {
        state.own_pods(asked.label_selector.as_deref())
    } else {
        state.pods.clone()
    };
    Json(json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})).into_response()
}

pub(super) async fn one(
    State(state): Shared,
    Path((_, name)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    method: Method,
    body: String,
) -> Response {
    let writes = method != Method::GET;
    let mut state = lock(&state);
    state.asked.insert(format!("{} deployments.apps", if writes { "patch" } else { "get" }));
    if state.shut || (writes && state.read_only) {
        return forbidden(if writes { "patch" } else { "get" }, "deployments");
    }
    state.settle();
    if writes && asked.dry_run.is_none() {
        state.patch(&name, &serde_json::from_str(&body).unwrap_or_default());
    }
    state.deployments.get(&name).map_or_else(|| missing(&name), |found| Json(found.clone()).into_response())
}

/// The deployments that a selector means; watched, every change of them.
pub(super) async fn list(State(state): Shared, Query(asked): Query<Asked>) -> Response {
    let wanted = asked.field_selector.as_deref().and_then(|selector| selector.strip_prefix("metadata.name="));
    let wanted = wanted.map(str::to_owned);
    let meant = move |objects: &mut Objects| -> Vec<Value> {
        objects.settle();
        let all = objects.deployments.iter();
        all.filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == *name))
            .map(|(_, one)| one.clone())
            .collect()
    };
    if asked.watch.is_none() {
        let items = meant(&mut lock(&state));
        let list = json!({"kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": {"resourceVersion": "1"}, "items": items});
        return Json(list).into_response();
    }
    let changes = stream::unfold(Vec::new(), move |seen: Vec<Value>| {
        let (state, meant) = (state.clone(), meant.clone());
        async move {
            tokio::time::sleep(PAUSE).await;
            let now = meant(&mut lock(&state));
            let told = now.iter().filter(|one| !seen.contains(one));
            let told: Vec<u8> = told.flat_map(event).collect();
            Some((Ok::<_, Infallible>(told), now))
        }
    });
    Response::new(Body::from_stream(changes))
}

/// A change as a watch tells it: a line of JSON.
fn event(object: &Value) -> Vec<u8> {
    let mut line = json!({"type": "MODIFIED", "object": object}).to_string().into_bytes();
    line.push(b'\n');
    line
}
