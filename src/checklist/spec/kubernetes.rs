//! What a Kubernetes probe is asked to look at.

use serde::{Deserialize, Serialize};

use super::form::{self, Context, Deployment, Digest, Namespace};

/// A namespace of a cluster, seen through `kubectl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// The context of the kubeconfig.
    #[serde(deserialize_with = "form::one::<Context, _>")]
    pub context: String,
    /// The namespace.
    #[serde(deserialize_with = "form::one::<Namespace, _>")]
    pub namespace: String,
    /// Another kubeconfig than the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<String>,
    /// Deployments whose containers take credentials from secrets only.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "form::list::<Deployment, _>"
    )]
    pub deployments: Vec<String>,
    /// A deployment whose rollout must be complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// A deployment whose containers are asked for their health by these paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// A command that is only tried: `kubectl` is told so, of others it is seen that they are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<String>,
}

impl Kubernetes {
    /// The options of kubectl that say which cluster and namespace.
    #[must_use]
    pub fn place(&self) -> Vec<String> {
        let own = [format!("--context={}", self.context), format!("--namespace={}", self.namespace)];
        let file = self.kubeconfig.iter().map(|file| format!("--kubeconfig={file}"));
        own.into_iter().chain(file).collect()
    }
}

/// A rollout that must be complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The deployment.
    #[serde(deserialize_with = "form::one::<Deployment, _>")]
    pub deployment: String,
    /// The digest that its running containers must have.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "form::option::<Digest, _>"
    )]
    pub digest: Option<String>,
}

/// The paths that a deployment's containers are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The deployment.
    #[serde(deserialize_with = "form::one::<Deployment, _>")]
    pub deployment: String,
    /// Whether a container lives.
    #[serde(default = "healthz")]
    pub liveness: String,
    /// Whether it can serve.
    #[serde(default = "readyz")]
    pub readiness: String,
}

fn healthz() -> String {
    "/healthz".into()
}

fn readyz() -> String {
    "/readyz".into()
}
