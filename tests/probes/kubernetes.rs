use gonogo_core::outcome::Outcome;
use gonogo_rehearsal::servers::kubernetes::{KubernetesServer, deployment};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::*;
use crate::bench::gonogo::Sandbox;
use crate::bench::need;
use crate::bench::ports::refused_port;
use crate::bench::web::Silent;

pub(super) const KUBECTL: &str = "kubectl";
pub(super) const PAUSE: [&str; 5] = ["kubectl", "scale", "deployment", "advanced-worker", "--replicas=0"];

/// A cluster with the application and its worker, and the kubeconfig that leads there.
pub(super) struct Bench {
    pub(super) cluster: KubernetesServer,
    kubeconfig: NamedTempFile,
}

impl Bench {
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
    pub(super) fn look(&self, more: &Value) -> Outcome {
        let with =
            json!({"context": "production", "namespace": "realtime", "kubeconfig": self.kubeconfig.path()});
        look_within(DEADLINE, "kubernetes", &plus(&with, more))
    }

    /// Changes something of the application's deployment.
    fn change(&self, path: &str, value: Value) {
        self.cluster.update(|objects| {
            *objects.deployments.get_mut("advanced-app").unwrap().pointer_mut(path).unwrap() = value;
        });
    }
}

fn app() -> Value {
    json!({"rollout": {"deployment": "advanced-app"}})
}

#[test]
fn a_workload_as_it_should_be_passes() {
    need!(KUBECTL);
    let bench = Bench::new();
    let outcome = bench.look(&json!({
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
    assert_eq!(bench.cluster.write_count(), 0, "a dry run changes nothing");
    assert!(outcome.reproduce.starts_with("kubectl --context=production --namespace=realtime"));
}

#[test]
fn credentials_that_are_written_out_are_named_and_not_repeated() {
    need!(KUBECTL);
    let bench = Bench::new();
    let env = json!([
        {"name": "ADVANCED_RABBITMQ_URL", "value": "amqp://app:hunter22@rabbit:5672/"},
        {"name": "ADVANCED_REALTIME_TOKEN", "value": "hunter22"},
        {"name": "API_KEY", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "key"}}},
        {"name": "TOKEN_FILE", "value": "/run/token"},
    ]);
    bench.change("/spec/template/spec/containers/0/env", env);
    let outcome = bench.look(&json!({"deployments": ["advanced-app", "no-such"]}));
    assert_fail(
        &outcome,
        &[
            "ADVANCED_RABBITMQ_URL holds a URL with a password",
            "ADVANCED_REALTIME_TOKEN is written out",
            "API_KEY comes from a config map",
            "✗ deployment advanced-app | credentials by reference | no variable or file comes from a secret",
            "✗ deployment no-such | credentials by reference | there is no such deployment",
        ],
    );
    assert!(!told(&outcome).contains("hunter22") && !told(&outcome).contains("TOKEN_FILE"));
}

#[test]
fn a_rollout_that_is_not_complete_is_told_how_far_it_is() {
    need!(KUBECTL);
    let bench = Bench::new();
    bench.change("/status/updatedReplicas", json!(1));
    assert_fail(&bench.look(&app()), &["1 of 2 are new, 2 available, 1 old"]);
    bench.change("/status/observedGeneration", json!(1));
    assert_fail(&bench.look(&app()), &["its newest change is not observed yet"]);
    // The conditions of an older generation say nothing.
    let bench = Bench::new();
    let stuck = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]);
    bench.change("/status/conditions", stuck);
    assert_fail(&bench.look(&app()), &["stuck: timed out (ProgressDeadlineExceeded)"]);
    let bench = Bench::new();
    bench.change("/spec/replicas", json!(0));
    assert_fail(&bench.look(&app()), &["✗ replicas of advanced-app | 1 or more | 0: nothing runs"]);
    bench.change("/spec/template/spec/containers/0/readinessProbe/httpGet/path", json!("/healthz"));
    let health = bench.look(&json!({"health": {"deployment": "advanced-app"}}));
    assert_fail(&health, &["✗ readiness of deployment advanced-app | /readyz | /healthz"]);
}

#[test]
fn the_digest_that_runs_is_the_one_that_was_pushed() {
    need!(KUBECTL);
    let bench = Bench::new();
    let pod = |digest: &str| {
        json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": digest}, "status": {"phase": "Running",
        "containerStatuses": [{"imageID": format!("registry/app@sha256:{digest}")}]}})
    };
    let asked = json!({"rollout": {"deployment": "advanced-app", "digest": "sha256:aa"}});
    assert_fail(&bench.look(&asked), &["✗ image of advanced-app | sha256:aa in every pod | no pod runs"]);
    bench.cluster.update(|objects| objects.pods = vec![pod("aa"), pod("bb")]);
    assert_fail(&bench.look(&asked), &["another one in 1 of 2"]);
    bench.cluster.update(|objects| objects.pods = vec![pod("aa")]);
    assert_pass(&bench.look(&asked), &["✓ image of advanced-app | sha256:aa in every pod | in all 1"]);
    // More than a megabyte.
    let padding = json!([{"name": "app", "env": [{"name": "PADDING", "value": "x".repeat(10_000)}]}]);
    let large = plus(&pod("aa"), &json!({"spec": {"containers": padding}}));
    bench.cluster.update(|objects| objects.pods = vec![large; 150]);
    assert_pass(&bench.look(&asked), &["✓ image of advanced-app | sha256:aa in every pod | in all 150"]);
}

#[test]
fn what_may_not_be_seen_is_told_apart() {
    need!(KUBECTL);
    let bench = Bench::new();
    bench.cluster.update(|objects| objects.read_only = true);
    assert_fail(&bench.look(&json!({"dry_run": PAUSE})), &["this account may not: ", "(Forbidden)"]);
    bench.cluster.update(|objects| objects.no_access = true);
    assert_error(
        &bench.look(&app()),
        &["? deployment advanced-app | rollout complete | this account may not: "],
    );
    let context = bench.look(&plus(&app(), &json!({"context": "staging"})));
    assert_error(&context, &["there is no context `staging` in the kubeconfig"]);
    let other = bench.look(&json!({"dry_run": ["no-such-program", "--replicas=0"]}));
    assert_fail(&other, &["there is no program `no-such-program` here"]);
}

#[test]
fn a_cluster_that_does_not_answer_costs_the_deadline() {
    need!(KUBECTL);
    let silent = Silent::start();
    let kubeconfig = NamedTempFile::new().unwrap();
    let config = Bench::new().cluster.kubeconfig("production");
    let begin = config.find("http://127.0.0.1:").unwrap() + "http://127.0.0.1:".len();
    let end = begin + config[begin..].find('"').unwrap();
    let config = format!("{}{}{}", &config[..begin], silent.port(), &config[end..]);
    std::fs::write(kubeconfig.path(), config).unwrap();
    let with = json!({"context": "production", "namespace": "realtime", "kubeconfig": kubeconfig.path()});
    let outcome = look_within(SHORT, "kubernetes", &plus(&with, &app()));
    assert_error(&outcome, &["no answer within 700 ms"]);
}

/// A kubeconfig can name a program that is run for its credentials, and a name could be an option that names one.
#[test]
fn a_deployments_name_is_no_option_of_kubectl() {
    need!(KUBECTL);
    let sandbox = Sandbox::new();
    let (config, mark) = (sandbox.work().join("kubeconfig"), sandbox.work().join("mark"));
    let user = json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "touch", "args": [mark], "interactiveMode": "Never",
    }});
    let config_text = json!({
        "apiVersion": "v1", "kind": "Config", "users": [{"name": "u", "user": user}],
        "clusters": [{"name": "c", "cluster": {"server": format!("https://127.0.0.1:{}", refused_port())}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    std::fs::write(&config, config_text.to_string()).unwrap();
    let option = format!("--kubeconfig={}", config.display());
    let mut stock = sandbox.command(KUBECTL);
    let words = ["--context=c", "--namespace=n", "get", "deployment", &option, "--output=json"];
    let _ = stock.args(words).output().unwrap();
    assert!(mark.exists(), "kubectl runs no plugin; then this shows nothing");
    std::fs::remove_file(&mark).unwrap();
    let checklist = "name = \"own\"\n[[section]]\nid = \"s\"\ntitle = \"S\"\n[[section.point]]\nid = \"s.k\"\ntitle = \"K\"\nwhy = \"w\"\n\
                     probe = [{ id = \"k\", title = \"k\", kind = \"kubernetes\", with = { context = \"c\", namespace = \"n\", deployments = [\"{{ k.app }}\"] } }]\n";
    let profile = |app: &str| {
        format!("environment = \"lab\"\nchecklist = \"checklist.toml\"\n[values.k]\napp = {app:?}\n")
    };
    let sandbox = sandbox.checklist(checklist).profile(&profile(&option)).args(["check", "profile.toml"]);
    let _ = sandbox.run().code(2).stderr_has("profile.toml:4:1: k.app: expected the name of a deployment");
    assert!(!mark.exists());
    let sandbox = sandbox.profile(&profile("my.app"));
    let digest = sandbox.digest("profile.toml");
    // No context of that name here: it could not look, and asked for nothing else.
    let _ = sandbox.run_with(&["check", "profile.toml", "--trust", &digest]).code(3).stdout_has("my.app");
    assert!(!mark.exists());
}
