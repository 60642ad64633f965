//! The files that a stack needs: its secrets, the tools' programs, a kubeconfig, and the profile that leads to it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::names::{ACCOUNT, CONTEXT, DEPLOYMENTS, ORIGINS, PROJECT, REPOSITORY, RULES, SECRET};
use crate::shims::TOOLS;
use crate::shims::shim::ShimConfig;
use crate::stack::Stack;

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// In this directory.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Makes the directories in it, which nobody else may enter.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn make(&self) -> io::Result<()> {
        let names = ["bin", "secrets", "checkout/scripts", "infrastructure"];
        let make = |name| DirBuilder::new().mode(0o700).recursive(true).create(self.path(name));
        names.into_iter().try_for_each(make)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The directory of the tools' programs, to be looked in first.
    #[must_use]
    pub fn programs(&self) -> PathBuf {
        self.path("bin")
    }

    /// The socket that the tools are heard on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path("tools.sock")
    }

    /// The program that runs another one where it finds the tools.
    #[must_use]
    pub fn wrapper(&self) -> PathBuf {
        self.path("with")
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> PathBuf {
        self.path("rehearsal.toml")
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> io::Result<()> {
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(self.path(name))?;
        file.write_all(text.as_bytes())
    }

    /// Writes all of it; the tools' programs call `gonogo`. The profile is of this environment; `drills` names what is
    /// broken, for the debrief.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_all(
        &self,
        stack: &Stack,
        gonogo: &Path,
        environment: &str,
        drills: &[String],
    ) -> io::Result<()> {
        let own = &stack.parts.secrets;
        for (name, value) in [
            ("token", &own.token),
            ("old-token", &own.old_token),
            ("redis", &own.redis),
            ("rabbitmq", &own.rabbitmq),
            ("registry", &own.registry),
            ("vault", &own.vault),
            ("forge", &own.forge),
            ("grafana", &own.grafana),
            ("otlp", &own.otlp),
        ] {
            self.write(&format!("secrets/{name}"), value, 0o600)?;
        }
        let config = serde_json::to_string(&ShimConfig { socket: self.socket(), key: stack.key.clone() })?;
        self.write("shim.json", &config, 0o600)?;
        let word = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
        let config = word(&self.path("shim.json"));
        for tool in TOOLS {
            let script = format!("#!/bin/sh\nexec {} shim {config} {tool} -- \"$@\"\n", word(gonogo));
            self.write(&format!("bin/{tool}"), &script, 0o700)?;
        }
        let programs = word(&self.programs());
        let script = format!("#!/bin/sh\nPATH={programs}:$PATH\nexport PATH\nexec \"$@\"\n");
        self.write("with", &script, 0o700)?;
        self.write("kubeconfig", &stack.parts.cluster.kubeconfig(CONTEXT), 0o600)?;
        self.write(
            "checkout/scripts/advanced_pipeline_demo.py",
            "# Its stand-in does what it would do.\n",
            0o600,
        )?;
        if let Some((report, id)) = stack.scanned() {
            self.write("scan.json", &report, 0o600)?;
            self.write("image.id", &id, 0o600)?;
        }
        self.write("rehearsal.toml", &self.profile_of(stack, environment, drills), 0o600)
    }

    /// Removes all of it.
    pub fn remove(&self) {
        // What cannot be removed holds nothing but what this rehearsal made up.
        let _ = fs::remove_dir_all(&self.dir);
    }

    #[expect(clippy::too_many_lines, reason = "it is one file, to be read as one")]
    fn profile_of(&self, stack: &Stack, environment: &str, drills: &[String]) -> String {
        let parts = &stack.parts;
        let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let at = |name: &str| text(&self.path(name).display().to_string());
        let secret = |name: &str| format!("{{ file = {} }}", at(&format!("secrets/{name}")));
        let bearer = |name: &str| {
            format!("{{ Authorization = {{ secret = {}, prefix = \"Bearer \" }} }}", secret(name))
        };
        let origins = ORIGINS.map(text).join(", ");
        let drills: Vec<String> = drills.iter().map(|drill| text(drill)).collect();
        let [app, worker] = DEPLOYMENTS;
        format!(
            r#"# The profile of a rehearsal. What it leads to is there as long as the rehearsal is.

environment = "{environment}"
seals = ["driver", "reviewer"]

# Marks its logs: no verifier takes them for those of a real run.
[rehearsal]
drills = [{drills}]

[values.app]
url = "{app_url}"
public_url = "{public_url}"
token = {token}
old_token = {old_token}
origins = [{origins}]
allowed_origins = '[{origins}]'

[values.redis]
url = "redis://127.0.0.1:{redis}/0"
password = {redis_password}
latency_alert = "{latency_rule}"
spike_limit_ms = 100

[values.rabbitmq]
url = "amqp://127.0.0.1:{amqp}"
management = "{management}"
username = "advanced"
password = {rabbitmq_password}
peek = true

[values.prometheus]
url = "{prometheus}"
required_rules = [{{ name = "{pipeline_rule}", metric = "advanced_board_event_publish_duration_seconds_bucket" }}]

[values.grafana]
url = "{grafana}"
headers = {grafana_headers}

[values.jaeger]
url = "{jaeger}"

[values.otlp]
endpoint = "{collector}"
headers = {otlp_headers}

[values.registry]
url = "{registry}"
repository = "{REPOSITORY}"
username = "{ACCOUNT}"
password = {registry_password}

[values.vault]
url = "{vault}"
token_path = "{secret_path}"
token_field = "{secret_field}"
auth = {{ token = {vault_token} }}

[values.kubernetes]
context = "{CONTEXT}"
namespace = "realtime"
config = {kubeconfig}
app = "{app}"
worker = "{worker}"

[values.rollback]
resume_command = ["kubectl", "scale", "deployment", "{worker}", "--replicas=2"]

[values.source]
repository = {checkout}

[values.ci]
source = {{ github = {{ project = "{project}", checks = ["{suite}"], api = {{ url = "{forge}", headers = {forge_headers} }} }} }}

[values.build]
scan_report = {scan}
image_id = {image_id}

[values.iac]
directory = {infrastructure}
tool = "terraform"

[[guard]]
id = "context"
title = "kubectl points at the rehearsal"
kind = "command"
with = {{ argv = ["kubectl", "config", "current-context"], stdout = [{{ equals = "{CONTEXT}" }}] }}

[[contact]]
role = "SRE"
name = "SRE (simulated)"
channel = "pager 4711"

[[contact]]
role = "Platform"
name = "Platform (simulated)"
channel = "channel platform"

# Nothing is far away here: what does not come at once does not come.
[points."verify.pipeline"]
deadline = "5s"

[points."verify.metrics"]
within = "6s"

[points."verify.traces"]
within = "4s"

[points."deploy.rollout"]
within = "20s"

[points."deploy.iac-apply"]
within = "20s"

[points."infra.observability"]
deadline = "3s"
"#,
            drills = drills.join(", "),
            app_url = parts.app.url(),
            public_url = parts.app.public_url(),
            token = secret("token"),
            old_token = secret("old-token"),
            redis = parts.redis.port(),
            redis_password = secret("redis"),
            pipeline_rule = RULES[0].0,
            latency_rule = RULES[1].0,
            amqp = parts.broker.port(),
            management = parts.broker.management_url(),
            rabbitmq_password = secret("rabbitmq"),
            prometheus = parts.prometheus.url(),
            grafana = parts.grafana.url(),
            grafana_headers = bearer("grafana"),
            jaeger = parts.jaeger.url(),
            collector = parts.collector.url(),
            otlp_headers = bearer("otlp"),
            registry = parts.registry.url(),
            registry_password = secret("registry"),
            vault = parts.vault.url(),
            secret_path = SECRET.0,
            secret_field = SECRET.1,
            vault_token = secret("vault"),
            kubeconfig = at("kubeconfig"),
            checkout = at("checkout"),
            project = PROJECT.0,
            suite = PROJECT.1,
            forge = parts.forge.url(),
            forge_headers = bearer("forge"),
            scan = at("scan.json"),
            image_id = at("image.id"),
            infrastructure = at("infrastructure"),
        )
    }
}
