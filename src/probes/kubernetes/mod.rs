//! The Kubernetes probe, through `kubectl`: where credentials come from, whether a rollout is complete, which
//! paths report health, and whether a command would be allowed.

mod judge;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::ProbeContext;
use super::content;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::process::{self, Program, ProgramResult};
use crate::process::Permit;
use gonogo_core::checklist::spec::{KubernetesSpec, RolloutCheck};
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;

const KUBECTL: &str = "kubectl";
/// The longest piece of what `kubectl` says, in bytes.
const MAX_REASON: usize = 300;

/// The requested object; none if it does not exist.
type Lookup<T> = ProbeResult<Option<T>>;

pub(super) async fn run(
    spec: &KubernetesSpec,
    deadline: &Deadline,
    permit: &Permit,
    context: &ProbeContext,
) -> Outcome {
    let cluster = KubernetesCluster { spec, permit, deadline };
    let mut seen = Vec::new();
    for name in &spec.deployments {
        let lookup = cluster.deployment(name).await;
        seen.extend(judge::judge_deployment(name, lookup, "credentials by reference", |deployment| {
            judge::credentials(name, deployment)
        }));
    }
    if let Some(rollout) = &spec.rollout {
        seen.extend(cluster.rolled_out(rollout, context).await);
    }
    if let Some(health) = &spec.health {
        let name = &health.deployment;
        let lookup = cluster.deployment(name).await;
        seen.extend(judge::judge_deployment(name, lookup, "probe paths", |deployment| {
            judge::health(health, deployment)
        }));
    }
    if !spec.dry_run.is_empty() {
        seen.push(cluster.dry_run().await);
    }
    Outcome::of(seen, reproduce(spec))
}

/// A cluster, with the permit and the deadline of its queries.
struct KubernetesCluster<'a> {
    spec: &'a KubernetesSpec,
    permit: &'a Permit,
    deadline: &'a Deadline,
}

impl KubernetesCluster<'_> {
    async fn rolled_out(&self, rollout: &RolloutCheck, context: &ProbeContext) -> Vec<Observation> {
        let name = &rollout.deployment;
        let lookup = self.deployment(name).await;
        let labels = lookup.as_ref().ok().and_then(|deployment| judge::selector(deployment.as_ref()?));
        let mut seen = judge::judge_deployment(name, lookup, "rollout complete", |deployment| {
            judge::rollout(name, deployment)
        });
        let digest = rollout.digest.clone().map(Some).or_else(|| context.digest.clone());
        match (digest, labels) {
            (Some(Some(digest)), Some(labels)) => {
                let pods = self.get(&["pods", &format!("--selector={labels}")]).await;
                seen.push(judge::digest(name, &digest, pods));
            }
            (Some(None), _) => {
                let why = "the registry has not reported the digest of the pushed image";
                seen.push(Observation::unknown(format!("image of {name}"), "the pushed one", why));
            }
            _ => {}
        }
        seen
    }

    async fn deployment(&self, name: &str) -> Lookup<Value> {
        self.get(&[&target(name)]).await
    }

    /// What `kubectl get` has, as JSON.
    async fn get(&self, what: &[&str]) -> Lookup<Value> {
        let mut words = vec!["get"];
        words.extend(what);
        words.push("--output=json");
        let result = self.run(&kubectl(self.spec, &words)).await?;
        if result.status.success() {
            if let Some(why) = result.stdout.cut {
                return Err(why);
            }
            return content::json(&result.stdout.bytes)
                .map(Some)
                .map_err(|why| ProbeError::new(format!("kubectl prints what is {why}")));
        }
        let message = reason(&result);
        if message.contains("(NotFound)") { Ok(None) } else { Err(explain(self.spec, &message)) }
    }

    async fn run(&self, argv: &[String]) -> ProbeResult<ProgramResult> {
        let program = Program { argv, cwd: None, env: BTreeMap::new() };
        process::run(program, self.permit, self.deadline).await
    }

    /// Tries a command without its effect.
    async fn dry_run(&self) -> Observation {
        let spec = self.spec;
        let shown = spec.dry_run.iter().map(|word| text::shell_word(word)).collect::<Vec<_>>().join(" ");
        let what = format!("dry run of `{shown}`");
        let program = spec.dry_run.first().map(String::as_str).unwrap_or_default();
        if Path::new(program).file_name().is_none_or(|name| name != KUBECTL) {
            return judge_program_exists(&shown, program);
        }
        let expected = "allowed";
        match self.run(&dry(spec)).await {
            Ok(result) if result.status.success() => Observation::new(what, expected, "allowed", true),
            Ok(result) => {
                let message = reason(&result);
                if message.contains("(NotFound)") {
                    Observation::new(what, expected, format!("its target does not exist: {message}"), false)
                } else if message.contains("(Forbidden)") {
                    // A right that is missing now is missing in the night too.
                    Observation::new(what, expected, format!("this account may not: {message}"), false)
                } else if message.contains("unknown") || message.contains("error: invalid") {
                    Observation::new(what, expected, message, false)
                } else {
                    Observation::unknown(what, expected, explain(spec, &message))
                }
            }
            Err(why) => Observation::unknown(what, expected, why),
        }
    }
}

/// A deployment as one word, which cannot be taken for an option.
fn target(name: &str) -> String {
    format!("deployment/{name}")
}

fn kubectl(spec: &KubernetesSpec, words: &[&str]) -> Vec<String> {
    let mut argv = vec![KUBECTL.to_owned()];
    argv.extend(spec.kubectl_options());
    argv.extend(words.iter().map(|word| (*word).to_owned()));
    argv
}

fn reason(result: &ProgramResult) -> String {
    let bytes = if result.stderr.bytes.is_empty() { &result.stdout.bytes } else { &result.stderr.bytes };
    text::excerpt(bytes, MAX_REASON)
}

/// Why nothing could be checked.
fn explain(spec: &KubernetesSpec, message: &str) -> ProbeError {
    let contains = |part: &str| message.contains(part);
    ProbeError::new(if contains("(Forbidden)") {
        format!("this account may not: {message}")
    } else if contains("does not exist") && contains("context") {
        format!("there is no context `{}` in the kubeconfig", spec.context)
    } else if contains("(Unauthorized)") || contains("must be logged in") {
        format!("credentials are missing or refused: {message}")
    } else if contains("Unable to connect") || contains("was refused") || contains("dial tcp") {
        format!("the cluster does not answer: {message}")
    } else {
        format!("kubectl says: {message}")
    })
}

/// The command with the place and `--dry-run=server`, before any words that are not for `kubectl`.
fn dry(spec: &KubernetesSpec) -> Vec<String> {
    let (program, rest) = spec.dry_run.split_at(1);
    let end = rest.iter().position(|word| word == "--").unwrap_or(rest.len());
    let mut argv = program.to_vec();
    argv.extend(spec.kubectl_options());
    argv.extend_from_slice(&rest[..end]);
    argv.push("--dry-run=server".into());
    argv.extend_from_slice(&rest[end..]);
    argv
}

/// For another program, only its existence can be checked.
fn judge_program_exists(shown: &str, program: &str) -> Observation {
    let (what, expected) = (format!("program of `{shown}`"), "there; only kubectl can be tried");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |file: &Path| file.is_file();
    let file = if program.contains('/') {
        is_there(Path::new(program)).then(|| program.into())
    } else {
        std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| is_there(file))
    };
    match file {
        Some(file) => Observation::new(what, expected, file.display().to_string(), true),
        None => Observation::new(what, expected, format!("there is no program `{program}` here"), false),
    }
}

fn reproduce(spec: &KubernetesSpec) -> String {
    let rollout = spec.rollout.as_ref().map(|rollout| &rollout.deployment);
    let name = spec.deployments.first().or(rollout).or(spec.health.as_ref().map(|health| &health.deployment));
    let argv = match name {
        Some(name) => kubectl(spec, &["get", &target(name), "--output=json"]),
        None if spec.dry_run.is_empty() => kubectl(spec, &["get", "deployments"]),
        None => dry(spec),
    };
    argv.iter().map(|word| text::shell_word(word)).collect::<Vec<_>>().join(" ")
}
