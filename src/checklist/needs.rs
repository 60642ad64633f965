//! The requirements of a probe: the minimum rights on the systems that it checks, and what must be on this machine.

use super::plan::Probe;
use super::spec::{
    CiSource, Iac, IacTool, Kubernetes, Pipeline, Rabbitmq, Redis, Registry, Spec, Vantage, Vault, VaultAuth,
};

/// A right that a system must grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Right {
    /// The system and the kind of right: `Redis ACL`.
    pub of: &'static str,
    /// The grant, as that system writes it.
    pub grant: String,
}

/// A requirement on this machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Here {
    /// A program on `PATH`, or a path to it.
    Program(String),
    /// A directory.
    Directory(String),
    /// A file that can be read.
    File(String),
}

fn right(of: &'static str, grant: impl Into<String>) -> Right {
    Right { of, grant: grant.into() }
}

/// The minimum rights of a probe of the plan.
#[must_use]
pub fn rights_of(probe: &Probe) -> Vec<Right> {
    match &probe.spec {
        // It checks the digest that another probe has found.
        Some(Spec::Kubernetes(spec)) => kubernetes(spec, probe.digest_of.is_some()),
        Some(spec) => rights(spec),
        None => Vec::new(),
    }
}

/// The minimum rights of a spec.
#[must_use]
pub fn rights(spec: &Spec) -> Vec<Right> {
    match spec {
        Spec::Http(_) | Spec::Headers(_) | Spec::Cors(_) => {
            let secrets: Vec<String> = spec.secrets().iter().map(ToString::to_string).collect();
            vec![match secrets.as_slice() {
                [] => right("HTTP", "requests without credentials"),
                secrets => right("HTTP", format!("requests that send {}", secrets.join(", "))),
            }]
        }
        Spec::Redis(spec) => vec![redis(spec)],
        Spec::Rabbitmq(spec) => rabbitmq(spec),
        Spec::Prometheus(_) => vec![right("Prometheus", "GET below /api/v1, and POST of queries")],
        Spec::Grafana(_) => vec![right("Grafana role", "Viewer (dashboards:read, datasources:query)")],
        Spec::Jaeger(_) => vec![right("Jaeger", "GET below /api")],
        Spec::Otlp(_) => vec![right("collector", "POST of traces with the application's own headers")],
        Spec::Registry(spec) => vec![registry(spec)],
        Spec::Vault(spec) => vec![vault(spec)],
        Spec::Token(_) => vec![right("application", "the realtime tokens themselves")],
        Spec::Pipeline(spec) => pipeline(spec),
        Spec::Kubernetes(spec) => kubernetes(spec, false),
        Spec::Iac(spec) => vec![iac(spec)],
        Spec::AwsSecret(spec) => {
            vec![right("AWS IAM", format!("secretsmanager:DescribeSecret on {}", spec.secret_id))]
        }
        Spec::Ci(spec) => match &spec.source {
            CiSource::GitHub(_) => vec![right("GitHub token", "checks: read, commit statuses: read")],
            CiSource::GitLab(_) => vec![right("GitLab token", "read_api")],
            CiSource::JUnit(_) => Vec::new(),
        },
        Spec::Scan(_) | Spec::Command(_) | Spec::Git(_) | Spec::Origins(_) | Spec::Contacts(_) => Vec::new(),
    }
}

/// The requirements of a spec on this machine.
#[must_use]
pub fn here(spec: &Spec) -> Vec<Here> {
    let program = |name: &str| Here::Program(name.to_owned());
    match spec {
        Spec::Command(spec) => {
            let directory = spec.cwd.iter().cloned().map(Here::Directory);
            spec.argv.first().map(|name| program(name)).into_iter().chain(directory).collect()
        }
        Spec::Git(spec) => vec![program("git"), Here::Directory(spec.repository.clone())],
        Spec::Ci(spec) => {
            let report = match &spec.source {
                CiSource::JUnit(junit) => Some(Here::File(junit.report.clone())),
                CiSource::GitHub(_) | CiSource::GitLab(_) => None,
            };
            [program("git"), Here::Directory(spec.repository.clone())].into_iter().chain(report).collect()
        }
        Spec::Kubernetes(spec) => {
            let own = spec.dry_run.first().map(|name| program(name));
            let config = spec.kubeconfig.iter().cloned().map(Here::File);
            [program("kubectl")].into_iter().chain(own).chain(config).collect()
        }
        Spec::Iac(spec) => vec![program(spec.program()), Here::Directory(spec.directory.clone())],
        Spec::Scan(spec) => vec![Here::File(spec.report.clone())],
        Spec::AwsSecret(spec) => spec.program.first().map(|name| program(name)).into_iter().collect(),
        Spec::Http(spec) => match &spec.via {
            Some(Vantage::Exec(argv)) => argv.first().map(|name| program(name)).into_iter().collect(),
            Some(Vantage::Proxy(_)) | None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn redis(spec: &Redis) -> Right {
    let asked = [
        (true, "+ping"),
        (spec.persistence || spec.replicas.is_some() || spec.cluster.is_some(), "+info"),
        (spec.persistence || spec.latency_threshold_ms.is_some(), "+config|get"),
        (spec.latency_threshold_ms.is_some() || spec.spike_limit_ms.is_some(), "+latency|latest"),
        (spec.cluster != Some(false), "+cluster|info +cluster|nodes"),
        (!spec.subscribers.is_empty(), "+pubsub|numsub"),
        (spec.url.rsplit('/').next().is_some_and(|db| db.parse::<u32>().is_ok()), "+select"),
    ];
    let commands: Vec<_> =
        asked.into_iter().filter_map(|(is_asked, command)| is_asked.then_some(command)).collect();
    right("Redis ACL", format!("-@all {}", commands.join(" ")))
}

/// The management API and passive declarations need no permission.
fn rabbitmq(spec: &Rabbitmq) -> Vec<Right> {
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

fn pipeline(spec: &Pipeline) -> Vec<Right> {
    let mut rights = vec![right("application", "the current realtime token")];
    if let Some(tap) = &spec.exchange {
        let [configure, write, read] = tap_permissions(&tap.name);
        let grant =
            format!("configure '{configure}' write '{write}' read '{read}' in virtual host {}", tap.at.vhost);
        rights.push(right("RabbitMQ permissions", grant));
    }
    if let Some(tap) = &spec.channel {
        rights.push(right("Redis ACL", format!("-@all +ping +psubscribe resetchannels &{}", tap.name)));
    }
    rights
}

fn registry(spec: &Registry) -> Right {
    let actions = if spec.push { "pull,push" } else { "pull" };
    right("registry scope", format!("repository:{}:{actions}", spec.repository))
}

fn vault(spec: &Vault) -> Right {
    let path =
        |kind: &str| format!("path \"{}/{kind}/{}\" {{ capabilities = [\"read\"] }}", spec.mount, spec.path);
    let log_in = match spec.auth {
        VaultAuth::Token(_) => "",
        VaultAuth::Approle { .. } | VaultAuth::Kubernetes { .. } => " (and to log in)",
    };
    right("Vault policy", format!("{}{log_in}; for the fingerprint also {}", path("metadata"), path("data")))
}

fn kubernetes(spec: &Kubernetes, with_digest: bool) -> Vec<Right> {
    let with_digest = with_digest || spec.rollout.as_ref().is_some_and(|rollout| rollout.digest.is_some());
    let reads = !spec.deployments.is_empty() || spec.rollout.is_some() || spec.health.is_some();
    let asked = [
        (reads, "get deployments.apps"),
        (with_digest, "list pods"),
        (!spec.dry_run.is_empty(), "get deployments.apps, patch deployments.apps/scale"),
    ];
    let asked = asked.into_iter().filter(|(is_asked, _)| *is_asked);
    asked
        .map(|(_, verbs)| right("Kubernetes verbs", format!("{verbs} in namespace {}", spec.namespace)))
        .collect()
}

fn iac(spec: &Iac) -> Right {
    let grant = match (spec.tool, spec.state) {
        (IacTool::Terraform, true) => "reading the state",
        (IacTool::Terraform, false) => "reading the state and what it describes; no lock is taken",
        (IacTool::Pulumi, _) => "reading the stack and what it describes",
        (IacTool::CloudFormation, _) => "cloudformation:DescribeChangeSet, cloudformation:DescribeStacks",
    };
    right("infrastructure", grant)
}
