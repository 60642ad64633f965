//! The part of the Kubernetes API that `kubectl` asks for when it reads, scales and rolls out deployments, and waits
//! for that.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::server::Server;

mod rollout;

/// A cluster with deployments and pods, by name.
#[derive(Debug)]
pub struct Cluster {
    server: Server,
    state: Arc<Mutex<Objects>>,
}

/// What there is.
#[derive(Debug, Default)]
pub struct Objects {
    /// Deployments, by name.
    pub deployments: BTreeMap<String, Value>,
    /// Pods, as a list has them; where there are none, those of the deployments.
    pub pods: Vec<Value>,
    /// The digests of images, by their names; of others, none is known.
    pub digests: BTreeMap<String, String>,
    /// How long a rollout takes.
    pub takes: Duration,
    /// Whether a rollout that begins never ends.
    pub hangs: bool,
    /// The image whose rollout never ends.
    pub stuck: Option<String>,
    /// Rollouts under way: when each began.
    pub(crate) rolling: BTreeMap<String, Instant>,
    /// Whether writing is forbidden.
    pub read_only: bool,
    /// Whether reading is forbidden too.
    pub shut: bool,
    /// How often something was written for good.
    pub written: usize,
    /// What was asked for: `get deployments.apps`.
    pub asked: BTreeSet<String>,
}

type Shared = State<Arc<Mutex<Objects>>>;

impl Cluster {
    /// Starts one without anything in it.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(Mutex::default());
        let server = Server::start(routes(Arc::clone(&state)))?;
        Ok(Self { server, state })
    }

    /// Changes what there is.
    pub fn set(&self, change: impl FnOnce(&mut Objects)) {
        change(&mut lock(&self.state));
    }

    /// What was asked for.
    #[must_use]
    pub fn asked(&self) -> BTreeSet<String> {
        lock(&self.state).asked.clone()
    }

    /// How often something was written for good.
    #[must_use]
    pub fn written(&self) -> usize {
        lock(&self.state).written
    }

    /// A deployment as it stands.
    #[must_use]
    pub fn deployment(&self, name: &str) -> Option<Value> {
        let mut state = lock(&self.state);
        state.settle();
        state.deployments.get(name).cloned()
    }

    /// The pods that a selector means, all if there is none.
    #[must_use]
    pub fn pods(&self, selector: Option<&str>) -> Vec<Value> {
        let mut state = lock(&self.state);
        state.settle();
        state.own_pods(selector)
    }

    /// The image that a deployment asks for, and how many replicas.
    #[must_use]
    pub fn wanted(&self, name: &str) -> Option<(String, u64)> {
        let found = self.deployment(name)?;
        let replicas = found.pointer("/spec/replicas").and_then(Value::as_u64);
        Some((rollout::image_of(&found)?.to_owned(), replicas?))
    }

    /// Gives a deployment another image; a rollout begins.
    pub fn set_image(&self, name: &str, image: &str) {
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": name, "image": image}]}}}});
        lock(&self.state).patch(name, &patch);
    }

    /// Gives a deployment another number of replicas, at once. False if there is no such deployment.
    #[must_use]
    pub fn scale(&self, name: &str, replicas: u64) -> bool {
        lock(&self.state).scale(name, replicas)
    }

    /// A kubeconfig with one context of this name.
    #[must_use]
    pub fn kubeconfig(&self, context: &str) -> String {
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": "c", "cluster": {"server": self.server.url()}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        });
        config.to_string()
    }
}

impl Objects {
    /// Gives a deployment another number of replicas, at once. False if there is no such deployment.
    fn scale(&mut self, name: &str, replicas: u64) -> bool {
        let Some(found) = self.deployments.get_mut(name) else { return false };
        for place in
            ["/spec/replicas", "/status/replicas", "/status/updatedReplicas", "/status/availableReplicas"]
        {
            if let Some(value) = found.pointer_mut(place) {
                *value = replicas.into();
            }
        }
        true
    }
}

/// A deployment whose rollout is complete, with one container that has this environment.
#[must_use]
pub fn deployment(name: &str, replicas: u64, env: &Value) -> Value {
    let path = |path: &str| json!({"httpGet": {"path": path, "port": 8004}});
    let container = json!({
        "name": name,
        "image": name,
        "env": env,
        "livenessProbe": path("/healthz"),
        "readinessProbe": path("/readyz"),
    });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "realtime", "generation": 2, "resourceVersion": "1"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
        "status": {
            "observedGeneration": 2,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "availableReplicas": replicas,
            "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
        },
    })
}

fn lock(state: &Mutex<Objects>) -> MutexGuard<'_, Objects> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn routes(state: Arc<Mutex<Objects>>) -> Router {
    let versions = || async { Json(json!({"kind": "APIVersions", "versions": ["v1"]})) };
    Router::new()
        .route("/api", get(versions))
        .route("/apis", get(groups))
        .route("/api/v1", get(core))
        .route("/apis/apps/v1", get(apps))
        .route("/api/v1/namespaces/{namespace}/pods", get(rollout::pods))
        .route("/apis/apps/v1/namespaces/{namespace}/deployments", get(rollout::list))
        .route("/apis/apps/v1/namespaces/{namespace}/deployments/{name}", any(rollout::one))
        .route("/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale", any(scale))
        .with_state(state)
}

async fn groups() -> Json<Value> {
    let version = json!({"groupVersion": "apps/v1", "version": "v1"});
    let group = json!({"name": "apps", "versions": [version], "preferredVersion": version});
    Json(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}))
}

async fn core() -> Json<Value> {
    resources("v1", &[("pods", "Pod", &["get", "list"])])
}

async fn apps() -> Json<Value> {
    let all: &[(&str, &str, &[&str])] = &[
        ("deployments", "Deployment", &["get", "list", "watch", "patch", "update"]),
        ("deployments/scale", "Scale", &["get", "patch", "update"]),
    ];
    resources("apps/v1", all)
}

fn resources(version: &str, all: &[(&str, &str, &[&str])]) -> Json<Value> {
    let one = |(name, kind, verbs): &(&str, &str, &[&str])| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": verbs});
    let all: Vec<_> = all.iter().map(one).collect();
    Json(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": all}))
}

async fn scale(
    State(state): Shared,
    Path((namespace, name)): Path<(String, String)>,
    request: axum::extract::Request,
) -> Response {
    let writes = request.method() != Method::GET;
    let dry = request.uri().query().is_some_and(|query| query.contains("dryRun=All"));
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
    let wanted = serde_json::from_slice::<Value>(&body).ok();
    let wanted = wanted.and_then(|body| body.pointer("/spec/replicas").and_then(Value::as_u64));
    let mut state = lock(&state);
    state.asked.insert(format!("{} deployments.apps/scale", if writes { "patch" } else { "get" }));
    if state.shut || (writes && state.read_only) {
        return forbidden("patch", "deployments/scale");
    }
    let Some(found) = state.deployments.get(&name) else { return missing(&name) };
    let own = found.pointer("/spec/replicas").cloned().unwrap_or_default();
    let replicas = wanted.map_or(own, Value::from);
    if let (Some(wanted), false) = (wanted, dry) {
        state.scale(&name, wanted);
    }
    state.written += usize::from(writes && !dry);
    let metadata = json!({"name": name, "namespace": namespace, "resourceVersion": "2"});
    Json(json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": replicas},
        "status": {"replicas": replicas},
    }))
    .into_response()
}

fn status(code: StatusCode, reason: &str, message: &str) -> Response {
    let body = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code.as_u16(),
    });
    (code, Json(body)).into_response()
}

fn missing(name: &str) -> Response {
    status(StatusCode::NOT_FOUND, "NotFound", &format!("deployments.apps \"{name}\" not found"))
}

fn forbidden(verb: &str, resource: &str) -> Response {
    let message = format!(
        "{resource} is forbidden: User \"gonogo\" cannot {verb} resource \"{resource}\" in API group \"apps\""
    );
    status(StatusCode::FORBIDDEN, "Forbidden", &message)
}
