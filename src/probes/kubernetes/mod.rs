//! The Kubernetes probe, through `kubectl`: where credentials come from, whether a rollout is complete, which
//! paths report health, which settings are deployed, and whether a command would be allowed.

mod deployment;
mod errors;
mod health;
mod pause;
mod pods;
mod references;
mod reproduce;
mod rollout;
mod settings;

use std::collections::BTreeMap;

use serde_json::Value;

use super::ProbeContext;
use super::checked_by::{self, CheckedBy};
use super::content;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::process::{self, Program, ProgramResult};
use crate::process::{Permit, find_program};
use deployment::judge_deployment;
use errors::{DryRun, KubectlFailure};
use gonogo_core::checklist::spec::{
    HealthCheck, KubernetesSpec, RolloutCheck, SettingsCheck, deployment_target,
};
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;
use pods::Pods;
use references::ConfigMaps;
use rollout::Progress;

/// The most that is read of a list of pods, in bytes. A pod has some 10 kB.
const MAX_PODS: usize = 32 << 20;
/// The maximum number of config maps that are searched.
const MAX_CONFIG_MAPS: usize = 8;

/// The requested object; none if it does not exist.
type Lookup<T> = ProbeResult<Option<T>>;

pub(super) async fn run(
    spec: &KubernetesSpec,
    deadline: &Deadline,
    permit: &Permit,
    context: &ProbeContext,
) -> Outcome {
    let cluster = KubernetesCluster { spec, permit, deadline };
    let mut checks = Vec::new();
    for name in &spec.deployments {
        checks.push(cluster.credentials(name).await);
    }
    if let Some(rollout) = &spec.rollout {
        checks.extend(cluster.rolled_out(rollout, context).await);
    }
    if let Some(check) = &spec.health {
        checks.push(cluster.health(check).await);
    }
    if let Some(check) = &spec.settings {
        for name in &check.deployments {
            checks.push(cluster.settings(name, check).await);
        }
    }
    if let Some(name) = &spec.replicas {
        let seen = vec![deployment::replicas(&cluster.deployment(name).await)];
        checks.push(CheckedBy { command: reproduce::deployment(spec, name), seen });
    }
    if !spec.dry_run.is_empty() {
        checks.push(cluster.dry_run().await);
    }
    checked_by::outcome(checks)
}

/// A cluster, with the permit and the deadline of its queries.
struct KubernetesCluster<'a> {
    spec: &'a KubernetesSpec,
    permit: &'a Permit,
    deadline: &'a Deadline,
}

impl KubernetesCluster<'_> {
    async fn credentials(&self, name: &str) -> CheckedBy {
        let lookup = self.deployment(name).await;
        let maps = self.config_maps(&lookup).await;
        let seen = judge_deployment(name, &lookup, "credentials by reference", |deployment| {
            references::credentials(name, deployment, &maps)
        });
        CheckedBy { command: reproduce::variables(self.spec, name, &maps), seen }
    }

    async fn health(&self, check: &HealthCheck) -> CheckedBy {
        let name = &check.deployment;
        let lookup = self.deployment(name).await;
        let seen =
            judge_deployment(name, &lookup, "probe paths", |deployment| health::health(check, deployment));
        CheckedBy { command: reproduce::deployment(self.spec, name), seen }
    }

    async fn settings(&self, name: &str, check: &SettingsCheck) -> CheckedBy {
        let lookup = self.deployment(name).await;
        let maps = self.config_maps(&lookup).await;
        let seen = judge_deployment(name, &lookup, "the profile's settings", |deployment| {
            settings::settings(name, deployment, &maps, &check.values)
        });
        CheckedBy { command: reproduce::variables(self.spec, name, &maps), seen }
    }

    /// The config maps that a deployment takes variables from.
    async fn config_maps(&self, lookup: &Lookup<Value>) -> ConfigMaps {
        let names = lookup.as_ref().ok().and_then(|found| Some(references::config_maps(found.as_ref()?)));
        let mut maps = ConfigMaps::new();
        for map in names.into_iter().flatten() {
            let content = if maps.len() < MAX_CONFIG_MAPS {
                self.get(&[&format!("configmap/{map}")]).await
            } else {
                Err(ProbeError::new(format!("limit of {MAX_CONFIG_MAPS} config maps exceeded")))
            };
            maps.insert(map, content);
        }
        maps
    }

    async fn rolled_out(&self, rollout: &RolloutCheck, context: &ProbeContext) -> Vec<CheckedBy> {
        let name = &rollout.deployment;
        let lookup = self.deployment(name).await;
        let found = lookup.as_ref().ok().and_then(Option::as_ref);
        let labels = found.and_then(deployment::selector);
        let is_complete = found.is_none_or(|deployment| Progress::of(deployment).is_complete);
        let digest = rollout.digest.clone().map(Some).or_else(|| context.digest.clone());
        let wants_digest = matches!(digest, Some(Some(_)));
        let pods = match labels.as_ref().filter(|_| wants_digest || !is_complete) {
            Some(labels) => Some(self.pods(labels).await),
            None => None,
        };
        let known = pods.as_ref().and_then(|pods| pods.as_ref().ok()?.as_ref());
        let seen = judge_deployment(name, &lookup, "rollout complete", |deployment| {
            Progress::of(deployment).judge(name, known)
        });
        // The deployment does not say why its pods do not start.
        let is_of_pods = !is_complete && known.is_some_and(|pods| !pods::problems(name, pods).is_empty());
        let of_deployment = reproduce::deployment(self.spec, name);
        let of_pods = labels.map(|labels| reproduce::pods(self.spec, &labels));
        let of_pods = of_pods.unwrap_or_else(|| of_deployment.clone());
        let image = digest.and_then(|digest| image(name, digest, pods.as_ref(), found.is_some()));
        let command = if is_of_pods { of_pods.clone() } else { of_deployment };
        let image = image.map(|image| CheckedBy { command: of_pods, seen: vec![image] });
        [CheckedBy { command, seen }].into_iter().chain(image).collect()
    }

    /// The pods with these labels. Of a long list only what is judged is kept.
    async fn pods(&self, labels: &str) -> Lookup<Pods> {
        let words = ["get", "pods", &format!("--selector={labels}"), "--output=json"];
        let argv = self.spec.kubectl(&words);
        let program = Program { argv: &argv, cwd: None, env: BTreeMap::new() };
        let result = process::run_keeping(program, MAX_PODS, self.permit, self.deadline).await?;
        let Some(bytes) = self.output(result)? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| ProbeError::new(format!("the output of kubectl is not a list of pods: {error}")))
    }

    async fn deployment(&self, name: &str) -> Lookup<Value> {
        self.get(&[&deployment_target(name)]).await
    }

    /// What `kubectl get` has, as JSON.
    async fn get(&self, what: &[&str]) -> Lookup<Value> {
        let mut words = vec!["get"];
        words.extend(what);
        words.push("--output=json");
        let result = self.run(&self.spec.kubectl(&words)).await?;
        let Some(bytes) = self.output(result)? else { return Ok(None) };
        content::json(&bytes)
            .map(Some)
            .map_err(|why| ProbeError::new(format!("the output of kubectl is {why}")))
    }

    /// What `kubectl get` printed; none if the object does not exist.
    fn output(&self, result: ProgramResult) -> Lookup<Vec<u8>> {
        if result.status.success() {
            return result.stdout.cut.map_or(Ok(Some(result.stdout.bytes)), Err);
        }
        let failure = KubectlFailure::of(&result);
        if failure.is_not_found() { Ok(None) } else { Err(failure.explain(self.spec)) }
    }

    async fn run(&self, argv: &[String]) -> ProbeResult<ProgramResult> {
        let program = Program { argv, cwd: None, env: BTreeMap::new() };
        process::run(program, self.permit, self.deadline).await
    }

    /// Tries a command without its effect, and says whether it pauses what it should.
    async fn dry_run(&self) -> CheckedBy {
        let spec = self.spec;
        let mut seen = self.tried().await;
        let pauses = spec.pauses.as_ref().filter(|_| spec.is_kubectl());
        seen.extend(pauses.and_then(|check| pause::judge(&spec.dry_run, check)));
        CheckedBy { command: reproduce::dry_run(spec), seen }
    }

    async fn tried(&self) -> Vec<Observation> {
        let spec = self.spec;
        let shown = spec.dry_run.iter().map(|word| text::shell_word(word)).collect::<Vec<_>>().join(" ");
        let what = format!("dry run of `{shown}`");
        let Some(argv) = spec.server_dry_run() else {
            let program = spec.dry_run.first().map(String::as_str).unwrap_or_default();
            return vec![judge_program(&shown, program), untried("only kubectl has a dry run")];
        };
        let expected = "allowed";
        vec![match self.run(&argv).await {
            Ok(result) if result.status.success() => Observation::new(what, expected, "allowed", true),
            Ok(result) => {
                let failure = KubectlFailure::of(&result);
                match failure.judge_dry_run() {
                    DryRun::Wrong(seen) => Observation::new(what, expected, seen, false),
                    DryRun::Unsupported => untried(&failure.message),
                    DryRun::Unknown => Observation::unknown(what, expected, failure.explain(spec)),
                }
            }
            Err(why) => Observation::unknown(what, expected, why),
        }]
    }
}

/// Whether the pods run the pushed image; nothing where the deployment is not known.
fn image(
    name: &str,
    digest: Option<String>,
    pods: Option<&Lookup<Pods>>,
    is_found: bool,
) -> Option<Observation> {
    let unknown = |why| Observation::unknown(format!("image of {name}"), "the pushed image", why);
    match (digest, pods) {
        (Some(digest), Some(pods)) => Some(pods::digest(name, &digest, pods)),
        (Some(_), None) => is_found.then(|| unknown("the deployment's selector cannot be passed to kubectl")),
        (None, _) => Some(unknown("the registry has not reported the digest of the pushed image")),
    }
}

/// A command that has no dry run. A checklist can leave it to people by this name.
fn untried(why: &str) -> Observation {
    Observation::unknown("dry run", "allowed", format!("not tried: {why}"))
}

/// For another program, only its existence can be checked.
fn judge_program(shown: &str, program: &str) -> Observation {
    let (what, expected) = (format!("program of `{shown}`"), "installed");
    match find_program(program) {
        Some(file) => Observation::new(what, expected, file.display().to_string(), true),
        None => Observation::new(what, expected, format!("program `{program}` not found"), false),
    }
}
