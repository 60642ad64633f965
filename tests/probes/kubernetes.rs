use gonogo_core::outcome::Outcome;
use gonogo_rehearsal::servers::kubernetes::{KubernetesServer, deployment};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::*;
use crate::support::gonogo::Sandbox;
use crate::support::need;
use crate::support::ports::refused_port;
use crate::support::web::SilentServer;

pub(super) const KUBECTL: &str = "kubectl";
pub(super) const PAUSE: [&str; 5] = ["kubectl", "scale", "deployment", "advanced-worker", "--replicas=0"];

/// A cluster with the application and its worker, and a kubeconfig for it.
pub(super) struct ClusterFixture {
    pub(super) cluster: KubernetesServer,
    kubeconfig: NamedTempFile,
}

impl ClusterFixture {
    pub(super) fn new() -> Self {
        let cluster = KubernetesServer::start().unwrap();
        let reference = json!({"secretKeyRef": {"name": "advanced-redis", "key": "url"}});
        let env = json!([{"name": "ADVANCED_REDIS_URL", "valueFrom": reference}, {"name": "PORT", "value": "8004"}]);
        cluster.update(|objects| {
            for name in ["advanced-app", "advanced-worker"] {
                objects.deployments.insert(name.into(), deployment(name, 2, &env));
            }
        });
        let kubeconfig = NamedTempFile::new().unwrap();
        std::fs::write(kubeconfig.path(), cluster.kubeconfig("production")).unwrap();
        Self { cluster, kubeconfig }
    }

    #[track_caller]
    pub(super) fn run_probe(&self, more: &Value) -> Outcome {
        let with =
            json!({"context": "production", "namespace": "realtime", "kubeconfig": self.kubeconfig.path()});
        run_probe_within(DEADLINE, "kubernetes", &plus(&with, more))
    }

    /// Changes a field of the deployment of the application.
    fn change(&self, path: &str, value: Value) {
        self.cluster.update(|objects| {
            *objects.deployments.get_mut("advanced-app").unwrap().pointer_mut(path).unwrap() = value;
        });
    }
}

fn rollout_of_app() -> Value {
    json!({"rollout": {"deployment": "advanced-app"}})
}

#[test]
fn a_healthy_workload_passes() {
    need!(KUBECTL);
    let fixture = ClusterFixture::new();
    let outcome = fixture.run_probe(&json!({
        "deployments": ["advanced-app", "advanced-worker"],
        "rollout": {"deployment": "advanced-app"},
        "health": {"deployment": "advanced-app"},
        "dry_run": PAUSE,
    }));
    assert_pass(
        &outcome,
        &[
            "✓ deployment advanced-app | credentials by reference | ADVANCED_REDIS_URL (advanced-redis)",
            "✓ deployment advanced-app | rollout complete | complete: 2 of 2 available",
            "✓ liveness of deployment advanced-app | /healthz | /healthz",
            "✓ readiness of deployment advanced-app | /readyz | /readyz",
            "✓ dry run of `kubectl scale deployment advanced-worker --replicas=0` | allowed | allowed",
        ],
    );
    assert_eq!(fixture.cluster.write_count(), 0, "a dry run changes nothing");
    assert!(outcome.reproduce.starts_with("kubectl --context=production --namespace=realtime"));
}

#[test]
fn plaintext_credentials_are_named_and_not_repeated() {
    need!(KUBECTL);
    let fixture = ClusterFixture::new();
    let env = json!([
        {"name": "ADVANCED_RABBITMQ_URL", "value": "amqp://app:hunter22@rabbit:5672/"},
        {"name": "ADVANCED_REALTIME_TOKEN", "value": "hunter22"},
        {"name": "API_KEY", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "key"}}},
        {"name": "TOKEN_FILE", "value": "/run/token"},
    ]);
    fixture.change("/spec/template/spec/containers/0/env", env);
    let outcome = fixture.run_probe(&json!({"deployments": ["advanced-app", "no-such"]}));
    assert_fail(
        &outcome,
        &[
            "ADVANCED_RABBITMQ_URL contains a URL with a password",
            "ADVANCED_REALTIME_TOKEN is in plain text",
            "API_KEY comes from a config map",
            "✗ deployment advanced-app | credentials by reference | no variable or file comes from a secret",
            "✗ deployment no-such | credentials by reference | no such deployment",
        ],
    );
    assert!(!describe(&outcome).contains("hunter22") && !describe(&outcome).contains("TOKEN_FILE"));
    fixture.change(
        "/spec/template/spec/containers/0/env",
        json!([{"name": "T", "valueFrom": {"secretKeyRef": {"name": "t", "key": "t"}}}]),
    );
    let missing = fixture.run_probe(&json!({"deployments": ["advanced-app", "no-such"]}));
    assert!(by_hand(&missing).contains("(NotFound)"), "{}", by_hand(&missing));
}

#[test]
fn the_progress_of_an_incomplete_rollout_is_reported() {
    need!(KUBECTL);
    let fixture = ClusterFixture::new();
    fixture.change("/status/updatedReplicas", json!(1));
    assert_fail(&fixture.run_probe(&rollout_of_app()), &["1 of 2 updated, 2 available, 1 old"]);
    fixture.change("/status/observedGeneration", json!(1));
    assert_fail(
        &fixture.run_probe(&rollout_of_app()),
        &["its latest change is not observed by the controller yet"],
    );
    // The conditions of an older generation do not count.
    let fixture = ClusterFixture::new();
    let stuck = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]);
    fixture.change("/status/conditions", stuck);
    assert_fail(&fixture.run_probe(&rollout_of_app()), &["stuck: timed out (ProgressDeadlineExceeded)"]);
    let fixture = ClusterFixture::new();
    fixture.change("/spec/replicas", json!(0));
    assert_fail(
        &fixture.run_probe(&rollout_of_app()),
        &["✗ replicas of advanced-app | 1 or more | 0: nothing runs"],
    );
    fixture.change("/spec/template/spec/containers/0/readinessProbe/httpGet/path", json!("/healthz"));
    let health = fixture.run_probe(&json!({"health": {"deployment": "advanced-app"}}));
    assert_fail(&health, &["✗ readiness of deployment advanced-app | /readyz | /healthz"]);
}

#[test]
fn every_running_pod_must_have_the_configured_image_digest() {
    need!(KUBECTL);
    let fixture = ClusterFixture::new();
    let pod = |digest: &str| {
        json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": digest}, "status": {"phase": "Running",
        "containerStatuses": [{"imageID": format!("registry/app@sha256:{digest}")}]}})
    };
    let rollout = json!({"rollout": {"deployment": "advanced-app", "digest": "sha256:aa"}});
    assert_fail(
        &fixture.run_probe(&rollout),
        &["✗ image of advanced-app | sha256:aa in every pod | no pod runs"],
    );
    fixture.cluster.update(|objects| objects.pods = vec![pod("aa"), pod("bb")]);
    assert_fail(&fixture.run_probe(&rollout), &["a different image in 1 of 2"]);
    fixture.cluster.update(|objects| objects.pods = vec![pod("aa")]);
    assert_pass(
        &fixture.run_probe(&rollout),
        &["✓ image of advanced-app | sha256:aa in every pod | in all 1"],
    );
    // A response of more than 1 MiB.
    let padding = json!([{"name": "app", "env": [{"name": "PADDING", "value": "x".repeat(10_000)}]}]);
    let large = plus(&pod("aa"), &json!({"spec": {"containers": padding}}));
    fixture.cluster.update(|objects| objects.pods = vec![large; 150]);
    assert_pass(
        &fixture.run_probe(&rollout),
        &["✓ image of advanced-app | sha256:aa in every pod | in all 150"],
    );
}

#[test]
fn forbidden_requests_and_unknown_contexts_have_their_own_messages() {
    need!(KUBECTL);
    let fixture = ClusterFixture::new();
    fixture.cluster.update(|objects| objects.read_only = true);
    assert_fail(&fixture.run_probe(&json!({"dry_run": PAUSE})), &["permission denied: ", "(Forbidden)"]);
    fixture.cluster.update(|objects| objects.no_access = true);
    assert_error(
        &fixture.run_probe(&rollout_of_app()),
        &["? deployment advanced-app | rollout complete | permission denied: "],
    );
    let context = fixture.run_probe(&plus(&rollout_of_app(), &json!({"context": "staging"})));
    assert_error(&context, &["no context `staging` in the kubeconfig"]);
    let other = fixture.run_probe(&json!({"dry_run": ["no-such-program", "--replicas=0"]}));
    assert_fail(&other, &["program `no-such-program` not found"]);
}

/// Only kubectl has a dry run; that a program exists shows nothing of what it would do.
#[test]
fn a_command_without_a_dry_run_is_unknown_and_one_that_pauses_nothing_fails() {
    need!(KUBECTL);
    let fixture = ClusterFixture::new();
    let pauses = json!({"consumer": "advanced-worker", "application": "advanced-app"});
    let run = |command: &[&str]| fixture.run_probe(&json!({"dry_run": command, "pauses": pauses}));
    let outcome = run(&["true"]);
    assert_error(
        &outcome,
        &["✓ program of `true` | installed | /", "? dry run | allowed | not tried: only kubectl"],
    );
    assert_eq!(outcome.reproduce, "command -v true");
    let file = NamedTempFile::new().unwrap();
    let not_executable = run(&[file.path().to_str().unwrap()]);
    assert_fail(&not_executable, &["not found", "? dry run | allowed"]);
    let scale = |deployment, replicas| run(&["kubectl", "scale", "deployment", deployment, replicas]);
    assert_pass(&scale("advanced-worker", "--replicas=0"), &["✓ effect of the command"]);
    assert_fail(
        &scale("advanced-worker", "--replicas=5"),
        &["✗ effect of the command", "scales to 5, not to 0"],
    );
    assert_fail(
        &scale("advanced-app", "--replicas=0"),
        &["✗ effect of the command", "scales the application"],
    );
    assert_eq!(fixture.cluster.write_count(), 0);
}

#[test]
fn a_cluster_that_does_not_answer_is_an_error_at_the_deadline() {
    need!(KUBECTL);
    let silent = SilentServer::start();
    let kubeconfig = NamedTempFile::new().unwrap();
    let config = ClusterFixture::new().cluster.kubeconfig("production");
    let start = config.find("http://127.0.0.1:").unwrap() + "http://127.0.0.1:".len();
    let end = start + config[start..].find('"').unwrap();
    let config = format!("{}{}{}", &config[..start], silent.port(), &config[end..]);
    std::fs::write(kubeconfig.path(), config).unwrap();
    let with = json!({"context": "production", "namespace": "realtime", "kubeconfig": kubeconfig.path()});
    let outcome = run_probe_within(SHORT, "kubernetes", &plus(&with, &rollout_of_app()));
    assert_error(&outcome, &["no response within 700 ms"]);
}

/// A kubeconfig can run a program for credentials, and a deployment name could be an option with such a kubeconfig.
#[test]
fn a_deployment_name_is_never_an_option_of_kubectl() {
    need!(KUBECTL);
    let sandbox = Sandbox::new();
    let (config, marker) = (sandbox.work().join("kubeconfig"), sandbox.work().join("mark"));
    let user = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [marker], "interactiveMode": "Never",
    }});
    let config_text = json!({
        "apiVersion": "v1", "kind": "Config", "users": [{"name": "u", "user": user}],
        "clusters": [{"name": "c", "cluster": {"server": format!("https://127.0.0.1:{}", refused_port())}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    std::fs::write(&config, config_text.to_string()).unwrap();
    let option = format!("--kubeconfig={}", config.display());
    let mut kubectl = sandbox.command(KUBECTL);
    let arguments = ["--context=c", "--namespace=n", "get", "deployment", &option, "--output=json"];
    let _ = kubectl.args(arguments).output().unwrap();
    assert!(marker.exists(), "kubectl does not run the program, so the test proves nothing");
    std::fs::remove_file(&marker).unwrap();
    let checklist = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.k\"\ntitle = \"K\"\nwhy = \"w\"\n\
                     probe = [{ id = \"k\", title = \"k\", kind = \"kubernetes\", with = { context = \"c\", namespace = \"n\", deployments = [\"{{ k.app }}\"] } }]\n";
    let profile = |app: &str| {
        format!("environment = \"lab\"\nchecklist = \"checklist.toml\"\n[values.k]\napp = {app:?}\n")
    };
    let sandbox = sandbox.checklist(checklist).profile(&profile(&option)).args(["check", "profile.toml"]);
    let _ = sandbox.run().code(2).stderr_has("profile.toml:4:1: k.app: expected the name of a deployment");
    assert!(!marker.exists());
    let sandbox = sandbox.profile(&profile("my.app"));
    let digest = sandbox.digest("profile.toml");
    // The context does not exist: the probe ends with an error and runs nothing else.
    let _ = sandbox.run_with(&["check", "profile.toml", "--trust", &digest]).code(3).stdout_has("my.app");
    assert!(!marker.exists());
}
