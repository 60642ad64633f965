//! The requirements of a probe: the minimum rights on the systems that it checks, and what must be on this machine.

mod kubectl;

use self::kubectl::kubectl_rights;
use super::action::Action;
use super::plan::Probe;
use super::spec::{
    AwsSecretSpec, CiSource, CommandSpec, DnsSpec, IacQuery, IacSpec, IacTool, KubernetesSpec, PipelineSpec,
    ProbeSpec, RabbitmqSpec, RedisSpec, RegistrySpec, SecretQuery, Vantage, VaultAuth, VaultSpec,
};

/// A right that a system must grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredRight {
    /// The system and the kind of right: `Redis ACL`.
    pub system: &'static str,
    /// The grant, as that system writes it.
    pub grant: String,
}

/// A requirement on this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LocalRequirement {
    /// A program on `PATH`, or a path to it.
    Program(String),
    /// A directory.
    Directory(String),
    /// A file that can be read.
    File(String),
    /// A module of a Python interpreter on `PATH`.
    PythonModule {
        /// The interpreter.
        interpreter: String,
        /// The module.
        module: String,
    },
}

impl LocalRequirement {
    /// The program, the path or the module.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Program(name) | Self::Directory(name) | Self::File(name) => name,
            Self::PythonModule { module, .. } => module,
        }
    }
}

fn right(system: &'static str, grant: impl Into<String>) -> RequiredRight {
    RequiredRight { system, grant: grant.into() }
}

/// The minimum rights of a probe of the plan.
#[must_use]
pub fn probe_rights(probe: &Probe) -> Vec<RequiredRight> {
    match &probe.spec {
        // It checks the digest that another probe has found.
        Some(ProbeSpec::Kubernetes(spec)) => kubernetes(spec, probe.digest_of.is_some()),
        Some(spec) => spec_rights(spec),
        None => Vec::new(),
    }
}

/// The minimum rights of an action, as far as its arguments show them; its dry run needs no others.
#[must_use]
pub fn action_rights(action: &Action) -> Vec<RequiredRight> {
    action.program.iter().filter_map(|program| kubectl_rights(&program.argv)).collect()
}

/// The minimum rights of a spec.
#[must_use]
pub fn spec_rights(spec: &ProbeSpec) -> Vec<RequiredRight> {
    match spec {
        ProbeSpec::Http(http) => {
            let via = http.via.as_ref().and_then(|via| match via {
                Vantage::Exec(argv) => kubectl_rights(argv),
                Vantage::Proxy(_) => None,
            });
            [requests(spec)].into_iter().chain(via).collect()
        }
        ProbeSpec::Headers(_) | ProbeSpec::Cors(_) => vec![requests(spec)],
        ProbeSpec::Redis(spec) => vec![redis(spec)],
        ProbeSpec::Rabbitmq(spec) => rabbitmq(spec),
        ProbeSpec::Prometheus(_) => vec![right("Prometheus", "GET below /api/v1, and POST of queries")],
        ProbeSpec::Grafana(_) => vec![right("Grafana role", "Viewer (dashboards:read, datasources:query)")],
        ProbeSpec::Jaeger(_) => vec![right("Jaeger", "GET below /api")],
        ProbeSpec::Otlp(_) => vec![right("collector", "POST of traces with the application's own headers")],
        ProbeSpec::Registry(spec) => vec![registry(spec)],
        ProbeSpec::Vault(spec) => vec![vault(spec)],
        ProbeSpec::Token(_) => vec![right("application", "the realtime tokens themselves")],
        ProbeSpec::Pipeline(spec) => pipeline(spec),
        ProbeSpec::Kubernetes(spec) => kubernetes(spec, false),
        ProbeSpec::Iac(spec) => vec![iac(spec)],
        ProbeSpec::AwsSecret(spec) => vec![aws_secret(spec)],
        ProbeSpec::Ci(spec) => match &spec.source {
            CiSource::GitHub(_) => vec![right("GitHub token", "checks: read, commit statuses: read")],
            CiSource::GitLab(_) => vec![right("GitLab token", "read_api")],
            CiSource::JUnit(_) => Vec::new(),
        },
        ProbeSpec::Command(spec) => kubectl_rights(&spec.argv).into_iter().collect(),
        ProbeSpec::Tcp(spec) => vec![connections(&spec.host, spec.port.get())],
        ProbeSpec::Tls(spec) => vec![connections(&spec.host, spec.port.get())],
        ProbeSpec::Dns(spec) => vec![queries(spec)],
        ProbeSpec::Scan(_) | ProbeSpec::Git(_) | ProbeSpec::Origins(_) | ProbeSpec::Contacts(_) => Vec::new(),
    }
}

fn requests(spec: &ProbeSpec) -> RequiredRight {
    let secrets: Vec<String> = spec.secrets().iter().map(ToString::to_string).collect();
    match secrets.as_slice() {
        [] => right("HTTP", "requests without credentials"),
        secrets => right("HTTP", format!("requests that send {}", secrets.join(", "))),
    }
}

fn connections(host: &str, port: u16) -> RequiredRight {
    right("network", format!("TCP connections to {host}, port {port}"))
}

fn queries(spec: &DnsSpec) -> RequiredRight {
    let server = spec.server.as_deref().unwrap_or("the servers in /etc/resolv.conf");
    right("network", format!("DNS queries to {server}, over UDP and TCP"))
}

/// The requirements of a spec on this machine.
#[must_use]
pub fn local_requirements(spec: &ProbeSpec) -> Vec<LocalRequirement> {
    let program = |name: &str| LocalRequirement::Program(name.to_owned());
    match spec {
        ProbeSpec::Command(spec) => {
            let directory = spec.cwd.iter().cloned().map(LocalRequirement::Directory);
            let name = spec.argv.first();
            name.map(|name| program(name)).into_iter().chain(directory).chain(python_modules(spec)).collect()
        }
        ProbeSpec::Git(spec) => vec![program("git"), LocalRequirement::Directory(spec.repository.clone())],
        ProbeSpec::Ci(spec) => {
            let report = match &spec.source {
                CiSource::JUnit(junit) => Some(LocalRequirement::File(junit.report.clone())),
                CiSource::GitHub(_) | CiSource::GitLab(_) => None,
            };
            [program("git"), LocalRequirement::Directory(spec.repository.clone())]
                .into_iter()
                .chain(report)
                .collect()
        }
        ProbeSpec::Kubernetes(spec) => {
            let own = spec.dry_run.first().map(|name| program(name));
            let config = spec.kubeconfig.iter().cloned().map(LocalRequirement::File);
            [program("kubectl")].into_iter().chain(own).chain(config).collect()
        }
        ProbeSpec::Iac(spec) => {
            vec![program(spec.program()), LocalRequirement::Directory(spec.directory.clone())]
        }
        ProbeSpec::Scan(spec) => vec![LocalRequirement::File(spec.report.clone())],
        ProbeSpec::Tls(spec) => spec.tls.roots.iter().cloned().map(LocalRequirement::File).collect(),
        ProbeSpec::AwsSecret(spec) => spec.program.first().map(|name| program(name)).into_iter().collect(),
        ProbeSpec::Http(spec) => match &spec.via {
            Some(Vantage::Exec(argv)) => argv.first().map(|name| program(name)).into_iter().collect(),
            Some(Vantage::Proxy(_)) | None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Only of an interpreter by its usual name: a path in a profile is a program of the profile, which runs only where trusted.
fn python_modules(spec: &CommandSpec) -> impl Iterator<Item = LocalRequirement> + '_ {
    let interpreter = spec.argv.first().filter(|name| ["python3", "python"].contains(&name.as_str()));
    let modules =
        interpreter.into_iter().flat_map(|name| spec.python_modules.iter().map(move |module| (name, module)));
    modules.map(|(name, module)| LocalRequirement::PythonModule {
        interpreter: name.clone(),
        module: module.clone(),
    })
}

fn redis(spec: &RedisSpec) -> RequiredRight {
    let requirements = [
        (true, "+ping"),
        (spec.persistence || spec.replicas.is_some() || spec.cluster.is_some(), "+info"),
        (spec.persistence || spec.latency_threshold_ms.is_some(), "+config|get"),
        (spec.latency_threshold_ms.is_some() || spec.spike_limit_ms.is_some(), "+latency|latest"),
        (spec.cluster != Some(false), "+cluster|info +cluster|nodes"),
        (!spec.subscribers.is_empty(), "+pubsub|numsub"),
        (spec.url.rsplit('/').next().is_some_and(|db| db.parse::<u32>().is_ok()), "+select"),
    ];
    let commands: Vec<_> =
        requirements.into_iter().filter_map(|(is_needed, command)| is_needed.then_some(command)).collect();
    right("Redis ACL", format!("-@all {}", commands.join(" ")))
}

/// The management API and passive declarations need no permission.
fn rabbitmq(spec: &RabbitmqSpec) -> Vec<RequiredRight> {
    let peeked: Vec<_> =
        spec.queues.iter().filter(|queue| queue.peek).map(|queue| escaped(&queue.name)).collect();
    let read = if peeked.is_empty() { String::new() } else { format!("^({})$", peeked.join("|")) };
    let vhost = format!("configure '' write '' read '{read}' in virtual host {}", spec.vhost);
    let mut rights = vec![right("RabbitMQ permissions", vhost)];
    if spec.management.is_some() {
        rights.push(right("RabbitMQ tag", "management"));
    }
    rights
}

/// The arguments of `rabbitmqctl set_permissions` for watching an exchange: configure, write, read.
#[must_use]
pub fn tap_permissions(exchange: &str) -> [String; 3] {
    let own = r"^amq\.gen-.*$";
    [own.to_owned(), own.to_owned(), format!(r"^(amq\.gen-.*|{})$", escaped(exchange))]
}

fn escaped(name: &str) -> String {
    name.replace('.', "\\.")
}

fn pipeline(spec: &PipelineSpec) -> Vec<RequiredRight> {
    let mut rights = vec![right("application", "the current realtime token")];
    if let Some(tap) = &spec.exchange {
        let [configure, write, read] = tap_permissions(&tap.name);
        let grant =
            format!("configure '{configure}' write '{write}' read '{read}' in virtual host {}", tap.at.vhost);
        rights.push(right("RabbitMQ permissions", grant));
    }
    if let Some(tap) = &spec.channel {
        let keys = spec.idempotency_prefix.as_ref();
        let keys = keys.map(|prefix| format!(" +info +select +exists ~{prefix}*")).unwrap_or_default();
        let grant = format!("-@all +ping +psubscribe{keys} resetchannels &{}", tap.name);
        rights.push(right("Redis ACL", grant));
    }
    rights
}

fn registry(spec: &RegistrySpec) -> RequiredRight {
    let actions = if spec.push { "pull,push" } else { "pull" };
    right("registry scope", format!("repository:{}:{actions}", spec.repository))
}

fn vault(spec: &VaultSpec) -> RequiredRight {
    let path =
        |kind: &str| format!("path \"{}/{kind}/{}\" {{ capabilities = [\"read\"] }}", spec.mount, spec.path);
    let log_in = match spec.auth {
        VaultAuth::Token(_) => "",
        VaultAuth::Approle { .. } | VaultAuth::Kubernetes { .. } => " (and to log in)",
    };
    right("Vault policy", format!("{}{log_in}; for the fingerprint also {}", path("metadata"), path("data")))
}

fn kubernetes(spec: &KubernetesSpec, with_digest: bool) -> Vec<RequiredRight> {
    let reads = spec.read_deployments().next().is_some();
    // The pods say why a rollout is not complete.
    let lists_pods = with_digest || spec.rollout.is_some();
    let requirements = [
        (reads, "get deployments.apps"),
        (spec.reads_config_maps(), "get configmaps"),
        (lists_pods, "list pods"),
    ];
    let requirements = requirements.into_iter().filter(|(is_needed, _)| *is_needed);
    let reads = requirements
        .map(|(_, verbs)| right("Kubernetes verbs", format!("{verbs} in namespace {}", spec.namespace)));
    let mut dry_run = spec.dry_run.clone();
    dry_run.splice(dry_run.len().min(1)..dry_run.len().min(1), spec.kubectl_options());
    reads.chain(kubectl_rights(&dry_run)).collect()
}

fn iac(spec: &IacSpec) -> RequiredRight {
    let grant = match (spec.tool, spec.state) {
        (IacTool::Terraform, true) => "reading the state".to_owned(),
        (IacTool::Terraform, false) => "reading the state and what it describes; no lock is taken".to_owned(),
        (IacTool::Pulumi, _) => "reading the stack and what it describes".to_owned(),
        (IacTool::CloudFormation, _) => {
            let actions: Vec<_> = spec.queries().into_iter().filter_map(IacQuery::iam_action).collect();
            actions.join(", ")
        }
    };
    right("infrastructure", grant)
}

fn aws_secret(spec: &AwsSecretSpec) -> RequiredRight {
    let actions = SecretQuery::ALL.map(SecretQuery::iam_action).join(", ");
    right("AWS IAM", format!("{actions} on {}", spec.secret_id))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rights(kind: &str, with: &Value) -> Vec<String> {
        let spec = serde_json::from_value(json!({"kind": kind, "with": with})).unwrap();
        spec_rights(&spec).into_iter().map(|right| right.grant).collect()
    }

    fn kubernetes_rights(more: &Value) -> Vec<String> {
        let mut with = json!({"context": "c", "namespace": "n"});
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rights("kubernetes", &with)
    }

    #[test]
    fn config_maps_and_pods_are_read_beside_deployments() {
        let [deployments, maps, pods] = ["get deployments.apps", "get configmaps", "list pods"]
            .map(|verb| format!("{verb} in namespace n"));
        for (more, expected) in [
            (json!({"deployments": ["a"]}), vec![&deployments, &maps]),
            (json!({"settings": {"deployments": ["a"], "values": {"X": "1"}}}), vec![&deployments, &maps]),
            (json!({"rollout": {"deployment": "a"}}), vec![&deployments, &pods]),
            (json!({"health": {"deployment": "a"}}), vec![&deployments]),
            (json!({"replicas": "a"}), vec![&deployments]),
        ] {
            assert_eq!(kubernetes_rights(&more).iter().collect::<Vec<_>>(), expected, "{more}");
        }
    }

    #[test]
    fn a_policy_of_iam_allows_each_query() {
        let formation = |more: &Value| {
            let mut with = json!({"tool": "cloudformation", "directory": "."});
            with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            rights("iac", &with).remove(0)
        };
        assert_eq!(formation(&json!({})), "cloudformation:DescribeChangeSet");
        assert_eq!(
            formation(&json!({"required": ["r"]})),
            "cloudformation:DescribeChangeSet, cloudformation:ListStackResources"
        );
        let state = "cloudformation:GetTemplate, cloudformation:DescribeStacks";
        assert_eq!(formation(&json!({"state": true})), state);
        let secret = "secretsmanager:DescribeSecret, secretsmanager:ListSecretVersionIds on s";
        assert_eq!(rights("aws-secret", &json!({"secret_id": "s"})), [secret]);
    }
}
