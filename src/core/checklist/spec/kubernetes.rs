//! The spec of the Kubernetes probe.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::syntax::{self, Context, Deployment, Digest, Namespace};

/// The program that a cluster is checked with.
pub const KUBECTL: &str = "kubectl";

/// A namespace of a cluster, checked with `kubectl`.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubernetesSpec {
    /// The context of the kubeconfig.
    #[serde(deserialize_with = "syntax::one::<Context, _>")]
    pub context: String,
    /// The namespace.
    #[serde(deserialize_with = "syntax::one::<Namespace, _>")]
    pub namespace: String,
    /// The kubeconfig; by default kubectl's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<String>,
    /// Deployments whose containers must take credentials only from secrets.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "syntax::list::<Deployment, _>"
    )]
    pub deployments: Vec<String>,
    /// A deployment whose rollout must be complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutCheck>,
    /// A deployment whose containers must have health probes with these paths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthCheck>,
    /// The settings that deployments must have where they are written out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsCheck>,
    /// A deployment whose number of replicas is noted, for the step of the rollback that resumes it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "syntax::option::<Deployment, _>"
    )]
    pub replicas: Option<String>,
    /// A command for a dry run: `kubectl` runs with `--dry-run`; other programs have none, and only have to be on `PATH`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<String>,
    /// What that command must pause, where it is one of `kubectl scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pauses: Option<PauseCheck>,
}

impl KubernetesSpec {
    pub(super) fn checks_nothing(&self) -> bool {
        self.read_deployments().next().is_none() && self.settings.is_none() && self.dry_run.is_empty()
    }

    /// Why a part of it checks nothing, with the key that is wrong.
    #[must_use]
    pub(in crate::checklist) fn contradiction(&self) -> Option<(&'static str, &'static str)> {
        let is_empty = |check: &SettingsCheck| check.deployments.is_empty() || check.values.is_empty();
        let what = "expected one or more `deployments` and `values`: without any, nothing would be checked";
        self.settings.as_ref().is_some_and(is_empty).then_some(("settings", what))
    }

    /// The deployments that are read; some may be there twice.
    pub fn read_deployments(&self) -> impl Iterator<Item = &String> {
        let rollout = self.rollout.iter().map(|rollout| &rollout.deployment);
        let health = self.health.iter().map(|health| &health.deployment);
        let settings = self.settings.iter().flat_map(|check| &check.deployments);
        self.deployments.iter().chain(rollout).chain(health).chain(settings).chain(&self.replicas)
    }

    /// Whether config maps are read that deployments take variables from.
    #[must_use]
    pub const fn reads_config_maps(&self) -> bool {
        !self.deployments.is_empty() || self.settings.is_some()
    }

    /// Whether the command for the dry run is one of `kubectl`, which alone has a dry run.
    #[must_use]
    pub fn is_kubectl(&self) -> bool {
        let program = self.dry_run.first().map(Path::new);
        program.and_then(Path::file_name).is_some_and(|name| name == KUBECTL)
    }

    /// The options of kubectl for the cluster and namespace.
    #[must_use]
    pub fn kubectl_options(&self) -> Vec<String> {
        let own = [format!("--context={}", self.context), format!("--namespace={}", self.namespace)];
        let file = self.kubeconfig.iter().map(|file| format!("--kubeconfig={file}"));
        own.into_iter().chain(file).collect()
    }
}

/// What a command must pause.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseCheck {
    /// The deployment that consumes: it must be scaled to 0.
    #[serde(deserialize_with = "syntax::one::<Deployment, _>")]
    pub consumer: String,
    /// The deployment that serves the users: it must keep running.
    #[serde(deserialize_with = "syntax::one::<Deployment, _>")]
    pub application: String,
}

/// A rollout that must be complete.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutCheck {
    /// The deployment.
    #[serde(deserialize_with = "syntax::one::<Deployment, _>")]
    pub deployment: String,
    /// The expected digest of its running containers.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "syntax::option::<Digest, _>"
    )]
    pub digest: Option<String>,
}

/// The values of environment variables in the deployments' containers.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsCheck {
    /// The deployments.
    #[serde(deserialize_with = "syntax::list::<Deployment, _>")]
    pub deployments: Vec<String>,
    /// The variables, and their values as the profile has them.
    pub values: BTreeMap<String, Setting>,
}

/// The value that a setting must have.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a string, or { url = \"https://…\", path = \"/…\" }")]
pub enum Setting {
    /// This text, or the same JSON.
    Text(String),
    /// An address with this path. Its host may have another name inside the cluster.
    Address(AddressSetting),
}

/// An address as a setting.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressSetting {
    /// The address, with or without the path.
    pub url: String,
    /// The path that the program needs at its end.
    pub path: String,
}

impl AddressSetting {
    /// The whole address.
    #[must_use]
    pub fn whole(&self) -> String {
        let base = self.url.trim_end_matches('/');
        format!("{}{}", base.strip_suffix(&self.path).unwrap_or(base), self.path)
    }
}

/// The paths of the health probes of a deployment's containers.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthCheck {
    /// The deployment.
    #[serde(deserialize_with = "syntax::one::<Deployment, _>")]
    pub deployment: String,
    /// The path of the liveness probe.
    #[serde(default = "healthz")]
    pub liveness: String,
    /// The path of the readiness probe.
    #[serde(default = "readyz")]
    pub readiness: String,
    /// The port of the container that they must ask; by default any. A name in the probe is that of a port of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The scheme that they must use; by default either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<HealthScheme>,
}

/// The scheme of a health probe, as Kubernetes writes it.
#[cfg_attr(any(test, feature = "testing"), derive(schemars::JsonSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum HealthScheme {
    /// Without TLS.
    Http,
    /// With TLS; the kubelet does not verify the certificate.
    Https,
}

impl HealthScheme {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
        }
    }
}

fn healthz() -> String {
    "/healthz".into()
}

fn readyz() -> String {
    "/readyz".into()
}
