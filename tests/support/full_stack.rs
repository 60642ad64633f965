//! All servers of the stack, started for one test, and a profile that points to them.

use std::any::Any;
use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::process::Command;

use gonogo_rehearsal::servers::forge::{ForgeCheck, ForgeServer};
use gonogo_rehearsal::servers::grafana::{Dashboard, GrafanaContents, GrafanaServer};
use gonogo_rehearsal::servers::jaeger::JaegerServer;
use gonogo_rehearsal::servers::kubernetes::{KubernetesServer, deployment};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::checkout::Checkout;
use super::collector::{self, Collector};
use super::gonogo::{Output, Running, Sandbox};
use super::prometheus::{self, Prometheus};
use super::registry::{self, Registry, USER};
use super::stack::{PASSWORD, Stack, TOKEN};
use super::vault::{self, Vault};
use super::{rabbitmq, redis};

/// The programs that a test needs; for `need!`.
pub const PROGRAMS: [&str; 10] = [
    redis::SERVER,
    rabbitmq::SERVER,
    prometheus::SERVER,
    registry::SERVER,
    vault::SERVER,
    collector::SERVER,
    "git",
    "poetry",
    "terraform",
    "kubectl",
];

pub const REPOSITORY: &str = "platform/advanced-app";
pub const SUITE: &str = "advanced-suite";
pub const OLD_TOKEN: &str = "the-token-of-yesterday";
pub const FORGE_TOKEN: &str = "token-of-the-forge";
pub const GRAFANA_TOKEN: &str = "token-of-grafana";
pub const RULES: [(&str, &str); 2] = [
    (
        "AdvancedPipelineLatency",
        "histogram_quantile(0.95, rate(advanced_board_event_publish_duration_seconds_bucket[5m])) > 5",
    ),
    ("RedisLatencySpike", "redis_latency_spike_duration_seconds > 1"),
];
const PACKAGE: &str = r#"
[project]
name = "advanced"
version = "2.0.0"
description = "x"
readme = "README.md"
requires-python = ">=3.9"
dependencies = ["lib"]

[tool.poetry]
packages = [{ include = "advanced" }]

[tool.poetry.dependencies]
lib = { path = "lib" }

[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
"#;
const LIB: &str = "[project]\nname = \"lib\"\nversion = \"0.1.0\"\nrequires-python = \">=3.9\"\n\n[build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n";
pub const CODE: &str = r#"
terraform {
  backend "local" {}
}
resource "terraform_data" "redis" { input = "a" }
resource "terraform_data" "rabbitmq" { input = "b" }
"#;

/// Every system that the standard checklist probes.
#[must_use]
pub struct FullStack {
    pub stack: Stack,
    pub prometheus: Prometheus,
    pub registry: Registry,
    pub vault: Vault,
    pub collector: Option<Collector>,
    /// Where the collector listens, or has listened.
    collector_url: String,
    pub grafana: GrafanaServer,
    pub jaeger: JaegerServer,
    pub cluster: KubernetesServer,
    pub forge: ForgeServer,
    pub checkout: Checkout,
    pub commit: String,
    pub iac: TempDir,
    pub sandbox: Sandbox,
    /// Whatever a test keeps running.
    pub held: Vec<Box<dyn Any>>,
    /// Changes of the profile: what stands there, and what stands there instead.
    edits: Vec<(String, String)>,
    checks_package: bool,
    /// The last profile, and the digest of the permissions that it needs.
    trusted: RefCell<Option<(String, String)>>,
}

impl FullStack {
    /// Starts all servers in a state in which every probe passes.
    #[track_caller]
    pub fn start() -> Self {
        let jaeger = JaegerServer::start().unwrap();
        let stack = Stack::start_with(Some(jaeger.on_span_of("advanced-realtime")));
        let prometheus = Prometheus::start(&RULES, &[("advanced-app", stack.app.port())]);
        let (registry, vault) = (Registry::with_login(), Vault::start());
        let pushed = registry.push(REPOSITORY, "v2", &["PATH=/bin", "RELEASE=2"], &["COPY . /app"]);
        registry.push(REPOSITORY, "v1", &["PATH=/bin"], &["COPY . /app"]);
        vault.put("advanced/realtime-token", &json!({"token": TOKEN}));
        let (checkout, iac) = (checkout(), infrastructure());
        let commit = checkout.git(&["rev-parse", "v2^{commit}"]);
        let collector = Collector::start();
        let (grafana, cluster, forge) = (grafana(), cluster(&pushed), forge(&commit));
        // The image in the registry is the one that was built.
        let sandbox = Sandbox::new().file("gonogo-image.id", &pushed);
        let stack = Self {
            stack,
            prometheus,
            registry,
            vault,
            collector_url: collector.url(),
            collector: Some(collector),
            grafana,
            jaeger,
            cluster,
            forge,
            checkout,
            commit,
            iac,
            sandbox,
            held: Vec::new(),
            edits: Vec::new(),
            checks_package: true,
            trusted: RefCell::default(),
        };
        stack.with_profile()
    }

    /// Writes the profile and sets its secrets.
    fn with_profile(mut self) -> Self {
        let profile = self.profile();
        let kubeconfig = self.cluster.kubeconfig("bench");
        let secrets = [
            ("APP_TOKEN", TOKEN),
            ("OLD_TOKEN", OLD_TOKEN),
            ("REDIS_PASSWORD", PASSWORD),
            ("RABBITMQ_PASSWORD", &self.stack.vhost.admin.password),
            ("REGISTRY_PASSWORD", USER.1),
            ("VAULT_TOKEN", vault::ROOT),
            ("FORGE_TOKEN", FORGE_TOKEN),
            ("GRAFANA_TOKEN", GRAFANA_TOKEN),
        ];
        let sandbox = std::mem::replace(&mut self.sandbox, Sandbox::new())
            .profile(&profile)
            .file("kubeconfig", &kubeconfig)
            .file("scan.json", &scan("LOW"));
        self.sandbox = secrets.iter().fold(sandbox, |sandbox, (name, value)| sandbox.env(name, *value));
        self
    }

    /// Starts the collector again, on another port.
    pub fn restart_collector(&mut self) {
        let collector = Collector::start();
        self.collector_url = collector.url();
        self.collector = Some(collector);
    }

    /// Pushes another image under the tag of the release, and makes it the built image and the running one.
    pub fn release(&self, env: &[&str]) {
        self.release_with_history(env, &[]);
    }

    /// The same, with a history.
    pub fn release_with_history(&self, env: &[&str], history: &[&str]) {
        let digest = self.registry.push(REPOSITORY, "v2", env, history);
        fs::write(self.sandbox.work().join("gonogo-image.id"), &digest).unwrap();
        self.cluster
            .update(|objects| objects.digests.values_mut().for_each(|known| known.clone_from(&digest)));
    }

    fn profile(&self) -> String {
        let rabbit = &self.stack.vhost;
        let values = [
            ("@collector@", self.collector_url.clone()),
            ("@app@", self.stack.app.url()),
            ("@public@", self.stack.app.public_url()),
            ("@redis@", self.stack.redis.port().to_string()),
            ("@amqp@", rabbit.broker().amqp.to_string()),
            ("@management@", rabbit.management_url()),
            ("@vhost@", rabbit.name.clone()),
            ("@user@", rabbit.admin.name.clone()),
            ("@prometheus@", self.prometheus.url()),
            ("@grafana@", self.grafana.url()),
            ("@jaeger@", self.jaeger.url()),
            ("@registry@", self.registry.url()),
            ("@registry_user@", USER.0.to_owned()),
            ("@vault@", self.vault.url()),
            ("@checkout@", self.checkout.path().display().to_string()),
            ("@forge@", self.forge.url()),
            ("@iac@", self.iac.path().display().to_string()),
        ];
        let template = include_str!("../fixtures/whole.toml").to_owned();
        let template = self.edits.iter().fold(template, |text, (from, to)| text.replace(from, to));
        let profile = values.iter().fold(template, |text, (name, value)| text.replace(name, value));
        let off = "[points.\"validate.package-metadata\"]\nnot_applicable = \"not in this test\"\n";
        profile + if self.checks_package { "" } else { off }
    }

    /// Whether the package's metadata is checked: poetry takes half of the time of a whole check.
    pub fn check_package(&mut self, on: bool) {
        self.checks_package = on;
    }

    /// Changes the profile from now on.
    #[track_caller]
    pub fn edit_profile(&mut self, from: &str, to: &str) {
        assert!(include_str!("../fixtures/whole.toml").contains(from), "{from}");
        self.edits.push((from.to_owned(), to.to_owned()));
    }

    /// Takes all changes of the profile back.
    pub fn restore_profile(&mut self) {
        self.edits.clear();
    }

    /// Writes the profile as it is now; returns the digest of the permissions that it needs.
    fn write_profile(&self) -> String {
        let profile = self.profile();
        fs::write(self.sandbox.work().join("profile.toml"), &profile).unwrap();
        let mut trusted = self.trusted.borrow_mut();
        match &*trusted {
            Some((known, digest)) if *known == profile => digest.clone(),
            _ => trusted.insert((profile, self.sandbox.digest("profile.toml"))).1.clone(),
        }
    }

    /// Runs `gonogo check` on all points.
    #[track_caller]
    pub fn check(&self, format: &str) -> Output {
        self.start_check(format, &[]).finish()
    }

    /// Starts the same check.
    #[track_caller]
    pub fn start_check(&self, format: &str, more: &[&str]) -> Running {
        let digest = self.write_profile();
        let words = [
            "check",
            "profile.toml",
            "--release",
            "v2",
            "--previous",
            "v1",
            "--after-deploy",
            "--format",
            format,
        ];
        self.sandbox.start_with(&[words.as_slice(), &["--trust", &digest], more].concat())
    }
}

/// Like the real one, it takes the application's address and token from the environment.
const DEMO_SCRIPT: &str = r#"
import os
for name in ("ADVANCED_APP_HOST", "ADVANCED_APP_PORT", "ADVANCED_REALTIME_TOKEN"):
    assert os.environ[name], name
print('data: {"kind": "board_event"}')
"#;

/// A checkout of the tagged release.
fn checkout() -> Checkout {
    let checkout = Checkout::new();
    let put = |name: &str, text: &str| {
        let file = checkout.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    put("pyproject.toml", PACKAGE);
    put("README.md", "");
    put("advanced/__init__.py", "");
    put("lib/pyproject.toml", LIB);
    put("lib/lib/__init__.py", "");
    put("scripts/advanced_pipeline_demo.py", DEMO_SCRIPT);
    run_ok(Command::new("poetry").arg("lock").current_dir(checkout.path()));
    checkout.commit("two");
    checkout.git(&["tag", "v2"]);
    checkout
}

/// Terraform code that needs no provider, applied.
fn infrastructure() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("main.tf"), CODE).unwrap();
    terraform(dir.path(), &["init", "-input=false"]);
    terraform(dir.path(), &["apply", "-input=false", "-auto-approve"]);
    dir
}

pub fn terraform(dir: &Path, words: &[&str]) {
    run_ok(Command::new("terraform").args(words).current_dir(dir));
}

#[track_caller]
fn run_ok(command: &mut Command) {
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// The report of an image scanner with one finding of this severity.
pub fn scan(severity: &str) -> String {
    let found = json!({"VulnerabilityID": "CVE-2026-0001", "PkgName": "openssl", "Severity": severity});
    let results = json!([{"Target": "debian", "Class": "os-pkgs", "Vulnerabilities": [found]}]);
    let made = jiff::Timestamp::now().to_string();
    json!({"SchemaVersion": 2, "CreatedAt": made, "ArtifactName": "advanced-app:v2", "Results": results})
        .to_string()
}

fn grafana() -> GrafanaServer {
    let grafana = GrafanaServer::start().unwrap();
    grafana.update(|state| {
        add_dashboard(state);
        state.sources.insert("prom".into(), None);
        state.token = Some(GRAFANA_TOKEN.into());
    });
    grafana
}

/// Adds the dashboard of the standard checklist.
pub fn add_dashboard(grafana: &mut GrafanaContents) {
    let board = Dashboard { title: "Observability".into(), tags: vec![], sources: vec!["prom".into()] };
    grafana.dashboards.insert("advanced-observability".into(), board);
}

/// The environment of a container that has the settings of the profile, and takes its credentials from a secret.
pub fn container_env() -> Value {
    let reference = json!({"secretKeyRef": {"name": "advanced-redis", "key": "url"}});
    let origins = r#"["https://boards.example.com", "https://admin.example.com"]"#;
    json!([
        {"name": "ADVANCED_REDIS_URL", "valueFrom": reference},
        {"name": "ADVANCED_ALLOWED_ORIGINS", "value": origins},
        // Inside the cluster the collector has another name than in the profile.
        {"name": "ADVANCED_OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel-collector.telemetry.svc:4318/v1/traces"},
    ])
}

/// A cluster whose deployments run the image of this digest.
fn cluster(digest: &str) -> KubernetesServer {
    let cluster = KubernetesServer::start().unwrap();
    let env = container_env();
    cluster.update(|objects| {
        for name in ["advanced-app", "advanced-worker"] {
            objects.deployments.insert(name.into(), deployment(name, 2, &env));
            objects.digests.insert(name.into(), digest.into());
        }
    });
    cluster
}

fn forge(commit: &str) -> ForgeServer {
    let forge = ForgeServer::start("example/advanced").unwrap();
    forge.update(|project| {
        project.token = Some(FORGE_TOKEN.into());
        project.commits.insert(commit.to_owned(), vec![ForgeCheck::new(SUITE, "success")]);
    });
    forge
}
