//! The permissions of each kind of probe.

use std::collections::BTreeMap;

use super::{
    ContentRun, Destination, Permission, ProgramRun, RemoteChange, SecretTransfer, program_run,
    secret_command,
};
use crate::checklist::spec::{
    ApiSpec, AwsSecretSpec, CiSpec, CommandSpec, HttpSpec, IacQuery, IacSpec, IacTool, KubernetesSpec,
    Method, OtlpSpec, PipelineSpec, ProbeSpec, RabbitmqSpec, RedisSpec, RegistrySpec, SecretQuery, TcpSpec,
    TextOrSecret, Tls, TlsSpec, TokenSpec, Vantage, VaultSpec, deployment_target, remote_curl,
};
use crate::secret::SecretRef;
use crate::text::shell_word;

/// The permissions of a probe; `effects`: whether it is marked as changing something.
pub(super) fn of_spec(spec: &ProbeSpec, effects: bool, purpose: &str) -> Vec<Permission> {
    let mut permissions = match spec {
        ProbeSpec::Http(spec) => http(spec, effects, purpose),
        ProbeSpec::Redis(spec) => redis(spec),
        ProbeSpec::Rabbitmq(spec) => rabbitmq(spec),
        ProbeSpec::Command(spec) => command(spec, purpose),
        ProbeSpec::Git(spec) => git(&spec.repository, purpose),
        ProbeSpec::Ci(spec) => ci(spec, purpose),
        ProbeSpec::Prometheus(spec) => of_api(&spec.api),
        ProbeSpec::Grafana(spec) => of_api(&spec.api),
        ProbeSpec::Jaeger(spec) => of_api(&spec.api),
        ProbeSpec::Otlp(spec) => otlp(spec),
        ProbeSpec::Registry(spec) => registry(spec),
        ProbeSpec::Vault(spec) => vault(spec),
        ProbeSpec::Cors(spec) => of_public_api(&spec.api, spec.public_url.as_deref(), &[]),
        ProbeSpec::Headers(spec) => of_api(&spec.api),
        ProbeSpec::Token(spec) => token(spec),
        ProbeSpec::Pipeline(spec) => pipeline(spec),
        ProbeSpec::Kubernetes(spec) => kubernetes(spec, purpose),
        ProbeSpec::Iac(spec) => iac(spec, purpose),
        ProbeSpec::AwsSecret(spec) => aws_secret(spec, purpose),
        ProbeSpec::Tcp(spec) => tcp(spec),
        ProbeSpec::Tls(spec) => connection(&BTreeMap::new(), &spec.tls, &tls_destination(spec)),
        // They read only local files, or public names, or nothing.
        ProbeSpec::Scan(_) | ProbeSpec::Dns(_) | ProbeSpec::Origins(_) | ProbeSpec::Contacts(_) => Vec::new(),
    };
    let is_named =
        |permission: &Permission| matches!(permission, Permission::Runs(_) | Permission::Writes(_));
    if effects && !permissions.iter().any(is_named) {
        permissions.push(write(Destination::at(purpose), &format!("what a {} probe changes", spec.kind())));
    }
    permissions
}

impl Destination {
    /// Scheme, host and port of a URL, or the whole URL if these are not obvious.
    pub(super) fn at(url: &str) -> Self {
        // In other URLs, a client may find another host than a person.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
        let parts = url.split_once("://").map(|(scheme, rest)| {
            (scheme, rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty()).unwrap_or("/"))
        });
        let address = match parts {
            Some((scheme, host))
                if scheme.chars().all(|c| c.is_ascii_alphanumeric()) && host.chars().all(is_plain) =>
            {
                format!("{scheme}://{host}")
            }
            _ => url.to_owned(),
        };
        Self { address, besides: None, through: None, roots: None }
    }

    fn with_roots(mut self, tls: &Tls) -> Self {
        self.roots.clone_from(&tls.roots);
        self
    }

    fn with_others(mut self, others: Option<&str>) -> Self {
        self.besides = others.map(str::to_owned);
        self
    }
}

/// A secret that is sent, and the command that it comes from.
pub(super) fn send(secret: &SecretRef, to: &Destination) -> Vec<Permission> {
    let transfer = Permission::Sends(SecretTransfer { to: to.clone(), secret: secret.clone() });
    [transfer].into_iter().chain(secret_command(secret)).collect()
}

fn write(to: Destination, what: &str) -> Permission {
    Permission::Writes(RemoteChange { to, what: what.to_owned() })
}

/// What every connection to a server sends: the secrets in its headers, and its client key.
fn connection(headers: &BTreeMap<String, TextOrSecret>, tls: &Tls, to: &Destination) -> Vec<Permission> {
    let Tls { roots: _, certificate, key } = tls;
    let files = certificate.iter().chain(key).map(|file| SecretRef::File(file.clone()));
    let secrets = headers.values().filter_map(TextOrSecret::secret).cloned();
    secrets.chain(files).flat_map(|secret| send(&secret, to)).collect()
}

fn api_destination(api: &ApiSpec) -> Destination {
    Destination::at(&api.url).with_roots(&api.tls)
}

fn of_api(api: &ApiSpec) -> Vec<Permission> {
    connection(&api.headers, &api.tls, &api_destination(api))
}

fn http(spec: &HttpSpec, effects: bool, purpose: &str) -> Vec<Permission> {
    let mut to = Destination::at(&spec.url).with_roots(&spec.tls);
    let mut permissions = Vec::new();
    match &spec.via {
        None => {}
        Some(Vantage::Proxy(proxy)) => to.through = Some(shell_word(proxy)),
        Some(Vantage::Exec(argv)) => {
            let command = argv.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ");
            to.through = Some(command);
            permissions.extend(exec_permissions(spec, argv, purpose));
        }
    }
    permissions.extend(connection(&spec.headers, &spec.tls, &to));
    match (spec.method, effects) {
        (Method::Post, _) => {
            permissions.push(write(to, &format!("a POST to {}", shell_word(path_of(&spec.url)))));
        }
        (_, true) => permissions.push(write(to, &format!("a request to {}", shell_word(&spec.url)))),
        (Method::Get | Method::Head | Method::Options, false) => {}
    }
    permissions
}

/// The command that sends a request; it reads the request from its standard input.
fn exec_permissions(spec: &HttpSpec, argv: &[String], purpose: &str) -> Vec<Permission> {
    let mut permissions = program_run(&remote_curl(argv), None, &BTreeMap::new(), purpose);
    let header =
        |(name, value): (&String, &TextOrSecret)| format!(", {}: {}", shell_word(name), value.shell_word());
    let headers: String = spec.headers.iter().map(header).collect();
    if let Some(Permission::Runs(ProgramRun { stdin, .. })) = permissions.first_mut() {
        *stdin = Some(format!("the request to {}{headers}", shell_word(&spec.url)));
    }
    permissions
}

fn redis(spec: &RedisSpec) -> Vec<Permission> {
    let nodes = (spec.cluster != Some(false)).then_some("the nodes of its cluster");
    let to = Destination::at(&spec.url).with_roots(&spec.tls).with_others(nodes);
    let password = spec.password.iter().flat_map(|secret| send(secret, &to));
    connection(&BTreeMap::new(), &spec.tls, &to).into_iter().chain(password).collect()
}

fn rabbitmq(spec: &RabbitmqSpec) -> Vec<Permission> {
    let servers = [Some(&spec.url), spec.management.as_ref()].into_iter().flatten();
    let mut permissions = Vec::new();
    for url in servers {
        let to = Destination::at(url).with_roots(&spec.tls);
        permissions.extend(connection(&BTreeMap::new(), &spec.tls, &to));
        permissions.extend(send(&spec.password, &to));
    }
    let peeked = spec.queues.iter().filter(|queue| queue.peek);
    let management = Destination::at(spec.management.as_ref().unwrap_or(&spec.url)).with_roots(&spec.tls);
    permissions.extend(peeked.map(|queue| {
        let what = format!("the first message of queue {}, taken and put back", shell_word(&queue.name));
        write(management.clone(), &what)
    }));
    permissions
}

/// Runs git, but nothing from the checkout.
fn git(repository: &str, purpose: &str) -> Vec<Permission> {
    program_run(&["git".to_owned()], Some(repository), &BTreeMap::new(), purpose)
}

fn ci(spec: &CiSpec, purpose: &str) -> Vec<Permission> {
    let api = spec.api().map(of_api).unwrap_or_default();
    git(&spec.repository, purpose).into_iter().chain(api).collect()
}

fn otlp(spec: &OtlpSpec) -> Vec<Permission> {
    let to = Destination::at(&spec.endpoint).with_roots(&spec.tls);
    let mut permissions = connection(&spec.headers, &spec.tls, &to);
    permissions.push(write(to, &format!("a test span of service {}", shell_word(&spec.service))));
    permissions
}

fn registry(spec: &RegistrySpec) -> Vec<Permission> {
    let mut permissions = of_api(&spec.api);
    let tokens = api_destination(&spec.api).with_others(Some("the token server that it names"));
    permissions.extend(spec.password.iter().flat_map(|secret| send(secret, &tokens)));
    if spec.push {
        let what = format!("an upload to {}, begun and cancelled", shell_word(&spec.repository));
        permissions.push(write(api_destination(&spec.api), &what));
    }
    permissions
}

fn vault(spec: &VaultSpec) -> Vec<Permission> {
    let secret = send(spec.auth.secret(), &api_destination(&spec.api));
    // It is compared here, and sent nowhere.
    let compared = spec.same_as.iter().flat_map(secret_command);
    of_api(&spec.api).into_iter().chain(secret).chain(compared).collect()
}

fn token(spec: &TokenSpec) -> Vec<Permission> {
    let tokens: Vec<_> = spec.current.iter().chain(&spec.old).collect();
    of_public_api(&spec.api, spec.public_url.as_deref(), &tokens)
}

fn pipeline(spec: &PipelineSpec) -> Vec<Permission> {
    let mut permissions = of_public_api(&spec.api, spec.public_url.as_deref(), &[&spec.token]);
    let what = format!("an event {} of board {}", shell_word(&spec.action), shell_word(&spec.board));
    let destinations = destinations(&spec.api, spec.public_url.as_deref());
    permissions.extend(destinations.into_iter().map(|to| write(to, &what)));
    if let Some(tap) = &spec.exchange {
        permissions.extend(rabbitmq(&tap.at));
        let what = format!("a queue of its own at exchange {}, deleted again", shell_word(&tap.name));
        permissions.push(write(Destination::at(&tap.at.url).with_roots(&tap.at.tls), &what));
    }
    permissions.extend(spec.channel.iter().flat_map(|tap| redis(&tap.at)));
    permissions
}

/// The addresses of an API: its own, and the one where browsers reach it, if that is another one.
fn destinations(api: &ApiSpec, public_url: Option<&str>) -> Vec<Destination> {
    let public = api.elsewhere(public_url).map(|url| Destination::at(url).with_roots(&api.tls));
    [api_destination(api)].into_iter().chain(public).collect()
}

/// The permissions of an API at each of its addresses, and of the secrets that each gets.
fn of_public_api(api: &ApiSpec, public_url: Option<&str>, secrets: &[&SecretRef]) -> Vec<Permission> {
    let at = |to: Destination| {
        let own = connection(&api.headers, &api.tls, &to);
        own.into_iter().chain(secrets.iter().flat_map(|secret| send(secret, &to)).collect::<Vec<_>>())
    };
    destinations(api, public_url).into_iter().flat_map(at).collect()
}

/// A text that is sent can change something, as a POST can.
fn tcp(spec: &TcpSpec) -> Vec<Permission> {
    let to = Destination::at(&format!("tcp://{}:{}", spec.host, spec.port));
    spec.send.iter().map(|text| write(to.clone(), &format!("the text {}", shell_word(text)))).collect()
}

fn tls_destination(spec: &TlsSpec) -> Destination {
    Destination::at(&format!("tls://{}:{}", spec.host, spec.port)).with_roots(&spec.tls)
}

/// With the parts of an address that it takes from variables; one that cannot be used is not handed over.
fn command(spec: &CommandSpec, purpose: &str) -> Vec<Permission> {
    let CommandSpec {
        argv,
        cwd,
        env,
        target,
        python_modules: _,
        exit: _,
        exit_codes: _,
        stdout: _,
        json: _,
        error_patterns: _,
    } = spec;
    let mut env = env.clone();
    let parts = target.as_ref().and_then(|target| target.variables().ok());
    env.extend(parts.into_iter().flatten().map(|(name, value)| (name, TextOrSecret::Text(value))));
    program_run(argv, cwd.as_deref(), &env, purpose)
}

/// The part of a URL after the host.
fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

fn kubernetes(spec: &KubernetesSpec, purpose: &str) -> Vec<Permission> {
    let run = |argv: &[String]| program_run(argv, None, &BTreeMap::new(), purpose);
    let mut objects: Vec<String> = spec.read_deployments().map(|name| deployment_target(name)).collect();
    if spec.rollout.is_some() {
        objects.push("pods".to_owned());
    }
    if spec.reads_config_maps() {
        objects.push(format!("configmap/{OWN_OPTIONS}"));
    }
    let gets = objects.iter().flat_map(|object| run(&spec.kubectl(&["get", object, OWN_OPTIONS])));
    // Other programs are not run, only looked up.
    gets.chain(spec.server_dry_run().iter().flat_map(|argv| run(argv))).collect()
}

/// Stands for gonogo's own options, which a profile does not set.
const OWN_OPTIONS: &str = "...";

fn iac(spec: &IacSpec, purpose: &str) -> Vec<Permission> {
    let run =
        |query| program_run(&iac_command(spec, query), Some(&spec.directory), &BTreeMap::new(), purpose);
    let mut permissions: Vec<_> = spec.queries().into_iter().flat_map(run).collect();
    match spec.tool {
        IacTool::Terraform | IacTool::Pulumi => permissions.push(Permission::RunsContentOf(ContentRun {
            tool: spec.program().to_owned(),
            path: spec.directory.clone(),
        })),
        // It calls a service, and runs nothing from the directory.
        IacTool::CloudFormation => {}
    }
    permissions
}

/// The command of a query with what the profile sets of it.
fn iac_command(spec: &IacSpec, query: IacQuery) -> Vec<String> {
    let set = spec.change_set.as_ref().filter(|_| query == IacQuery::ChangeSet);
    let file = spec.plan_file.clone().filter(|_| query == IacQuery::TerraformShow);
    let own = [OWN_OPTIONS.to_owned()].into_iter();
    let set = set.map(|set| format!("--change-set-name={set}"));
    spec.argv(query, &own.chain(spec.stack_option()).chain(set).chain(file).collect::<Vec<_>>())
}

fn aws_secret(spec: &AwsSecretSpec, purpose: &str) -> Vec<Permission> {
    let run = |query| program_run(&spec.argv(query), None, &BTreeMap::new(), purpose);
    SecretQuery::ALL.into_iter().flat_map(run).collect()
}
