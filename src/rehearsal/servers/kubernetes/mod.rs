//! A cluster: the part of the Kubernetes API that `kubectl` uses to read, scale and roll out deployments and to wait
//! for a rollout.

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

use super::server::LoopbackServer;

mod rollout;

/// A running API server of a cluster with deployments and pods.
#[derive(Debug)]
pub struct KubernetesServer {
    server: LoopbackServer,
    state: Arc<Mutex<ClusterState>>,
}

/// The objects of the cluster, and how it behaves.
#[derive(Debug, Default)]
pub struct ClusterState {
    /// Deployments, by name.
    pub deployments: BTreeMap<String, Value>,
    /// Pods, as a pod list has them. If empty, those of the deployments are listed.
    pub pods: Vec<Value>,
    /// The digests of images, by image name.
    pub digests: BTreeMap<String, String>,
    /// How long a rollout takes.
    pub rollout_duration: Duration,
    /// Whether no rollout completes.
    pub rollouts_hang: bool,
    /// The image whose rollout never completes.
    pub hanging_image: Option<String>,
    /// Start of each rollout in progress, by deployment.
    pub(crate) rollouts: BTreeMap<String, Instant>,
    /// Whether writing is forbidden.
    pub read_only: bool,
    /// Whether reading and writing are forbidden.
    pub no_access: bool,
    /// Number of writes, without dry runs.
    pub write_count: usize,
    /// The requests that were made, such as `get deployments.apps`.
    pub requests: BTreeSet<String>,
}

type SharedCluster = State<Arc<Mutex<ClusterState>>>;

impl KubernetesServer {
    /// Starts an empty cluster.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start() -> io::Result<Self> {
        let state = Arc::new(Mutex::default());
        let server = LoopbackServer::start(routes(Arc::clone(&state)))?;
        Ok(Self { server, state })
    }

    /// Changes the state.
    pub fn update(&self, change: impl FnOnce(&mut ClusterState)) {
        change(&mut lock(&self.state));
    }

    /// The requests that were made, such as `get deployments.apps`.
    #[must_use]
    pub fn requests(&self) -> BTreeSet<String> {
        lock(&self.state).requests.clone()
    }

    /// Number of writes, without dry runs.
    #[must_use]
    pub fn write_count(&self) -> usize {
        lock(&self.state).write_count
    }

    /// The current state of a deployment.
    #[must_use]
    pub fn deployment(&self, name: &str) -> Option<Value> {
        let mut state = lock(&self.state);
        state.complete_rollouts();
        state.deployments.get(name).cloned()
    }

    /// The pods that a label selector selects; all without one.
    #[must_use]
    pub fn pods(&self, selector: Option<&str>) -> Vec<Value> {
        let mut state = lock(&self.state);
        state.complete_rollouts();
        state.deployment_pods(selector)
    }

    /// The image and the number of replicas in a deployment's spec.
    #[must_use]
    pub fn desired(&self, name: &str) -> Option<(String, u64)> {
        let deployment = self.deployment(name)?;
        let replicas = deployment.pointer("/spec/replicas").and_then(Value::as_u64);
        Some((rollout::image_of(&deployment)?.to_owned(), replicas?))
    }

    /// Sets the image of a deployment and starts a rollout.
    pub fn set_image(&self, name: &str, image: &str) {
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": name, "image": image}]}}}});
        lock(&self.state).patch(name, &patch);
    }

    /// Scales a deployment, at once. False if there is no such deployment.
    #[must_use]
    pub fn scale(&self, name: &str, replicas: u64) -> bool {
        lock(&self.state).scale(name, replicas)
    }

    /// A kubeconfig with one context, which has this name.
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

impl ClusterState {
    /// Scales a deployment, at once. False if there is no such deployment.
    fn scale(&mut self, name: &str, replicas: u64) -> bool {
        let Some(deployment) = self.deployments.get_mut(name) else { return false };
        for path in
            ["/spec/replicas", "/status/replicas", "/status/updatedReplicas", "/status/availableReplicas"]
        {
            if let Some(value) = deployment.pointer_mut(path) {
                *value = replicas.into();
            }
        }
        true
    }
}

/// A deployment whose rollout is complete, with one container with this environment.
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

fn lock(state: &Mutex<ClusterState>) -> MutexGuard<'_, ClusterState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn routes(state: Arc<Mutex<ClusterState>>) -> Router {
    let versions = || async { Json(json!({"kind": "APIVersions", "versions": ["v1"]})) };
    Router::new()
        .route("/api", get(versions))
        .route("/apis", get(api_groups))
        .route("/api/v1", get(core_resources))
        .route("/apis/apps/v1", get(apps_resources))
        .route("/api/v1/namespaces/{namespace}/pods", get(rollout::list_pods))
        .route("/apis/apps/v1/namespaces/{namespace}/deployments", get(rollout::list_deployments))
        .route("/apis/apps/v1/namespaces/{namespace}/deployments/{name}", any(rollout::deployment))
        .route("/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale", any(scale))
        .with_state(state)
}

async fn api_groups() -> Json<Value> {
    let version = json!({"groupVersion": "apps/v1", "version": "v1"});
    let group = json!({"name": "apps", "versions": [version], "preferredVersion": version});
    Json(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}))
}

async fn core_resources() -> Json<Value> {
    resource_list("v1", &[("pods", "Pod", &["get", "list"])])
}

async fn apps_resources() -> Json<Value> {
    let all: &[(&str, &str, &[&str])] = &[
        ("deployments", "Deployment", &["get", "list", "watch", "patch", "update"]),
        ("deployments/scale", "Scale", &["get", "patch", "update"]),
    ];
    resource_list("apps/v1", all)
}

fn resource_list(version: &str, resources: &[(&str, &str, &[&str])]) -> Json<Value> {
    let one = |(name, kind, verbs): &(&str, &str, &[&str])| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": verbs});
    let resources: Vec<_> = resources.iter().map(one).collect();
    Json(
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}),
    )
}

async fn scale(
    State(state): SharedCluster,
    Path((namespace, name)): Path<(String, String)>,
    request: axum::extract::Request,
) -> Response {
    let writes = request.method() != Method::GET;
    let dry = request.uri().query().is_some_and(|query| query.contains("dryRun=All"));
    let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap_or_default();
    let requested = serde_json::from_slice::<Value>(&body).ok();
    let requested = requested.and_then(|body| body.pointer("/spec/replicas").and_then(Value::as_u64));
    let mut state = lock(&state);
    state.requests.insert(format!("{} deployments.apps/scale", if writes { "patch" } else { "get" }));
    if state.no_access || (writes && state.read_only) {
        return forbidden("patch", "deployments/scale");
    }
    let Some(deployment) = state.deployments.get(&name) else { return not_found(&name) };
    let current = deployment.pointer("/spec/replicas").cloned().unwrap_or_default();
    let replicas = requested.map_or(current, Value::from);
    if let (Some(requested), false) = (requested, dry) {
        state.scale(&name, requested);
    }
    state.write_count += usize::from(writes && !dry);
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

fn status_response(code: StatusCode, reason: &str, message: &str) -> Response {
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

fn not_found(name: &str) -> Response {
    status_response(StatusCode::NOT_FOUND, "NotFound", &format!("deployments.apps \"{name}\" not found"))
}

fn forbidden(verb: &str, resource: &str) -> Response {
    let message = format!(
        "{resource} is forbidden: User \"gonogo\" cannot {verb} resource \"{resource}\" in API group \"apps\""
    );
    status_response(StatusCode::FORBIDDEN, "Forbidden", &message)
}
