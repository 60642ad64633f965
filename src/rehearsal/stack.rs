//! The whole stack: every server that the standard checklist probes, connected to each other, and the tool shims that
//! change it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use serde_json::{Value, json};

use crate::drills::Drill;
use crate::names::{
    ACCOUNT, ALERT_RULES, ALLOWED_ORIGINS, COMMIT, DEPLOYMENTS, JOB, LOCAL_IMAGE, PREVIOUS_COMMIT,
    PREVIOUS_RELEASE, PROJECT, RELEASE, REPOSITORY, SERVICE, TEST_CHECK, TOKEN_FIELD, TOKEN_PATH,
};
use crate::secrets::{RehearsalSecrets, random_hex};
use crate::servers::app::{
    AppConfig, AppFaults, AppServer, AppWorker, CHANNEL, Exporter, QUEUE, start_exporter,
};
use crate::servers::collector::CollectorServer;
use crate::servers::forge::{ForgeCheck, ForgeServer};
use crate::servers::grafana::{Dashboard, GrafanaServer};
use crate::servers::jaeger::JaegerServer;
use crate::servers::kubernetes::{KubernetesServer, deployment};
use crate::servers::prometheus::PrometheusServer;
use crate::servers::rabbitmq::{RabbitmqServer, User};
use crate::servers::redis::RedisServer;
use crate::servers::registry::{Image, RegistryServer};
use crate::servers::server::{LoopbackServer, TaskThread};
use crate::servers::vault::VaultServer;
use crate::shims;

/// How long a rollout takes.
const ROLLOUT_DURATION: Duration = Duration::from_secs(2);
/// How often the worker is started or stopped to match the cluster.
const WORKER_CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// Upper bound for the start of the stack: until the application is ready and has been scraped.
const READY_TIMEOUT: Duration = Duration::from_secs(10);

/// Faults of the tools and of what they deploy. The default has none.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent fault")]
pub struct ToolFaults {
    /// The image contains a credential.
    pub credential_in_image: bool,
    /// The scanner reports a critical vulnerability.
    pub critical_finding: bool,
    /// The Terraform plan destroys a queue.
    pub plan_destroys_queue: bool,
    /// The worker does not run, whatever its deployment says.
    pub worker_stopped: bool,
    /// The rollout of the release never completes.
    pub rollout_hangs: bool,
}

/// What the tools have changed since the stack started.
#[derive(Debug)]
struct StackState {
    tool_faults: ToolFaults,
    /// Local images, by name.
    images: BTreeMap<String, Image>,
    /// The serial of the Terraform state: 1, plus one for each apply.
    serial: u64,
    /// The running worker, and its image.
    worker: Option<(String, AppWorker)>,
}

/// The servers of a stack, and the state that they share.
pub struct Services {
    pub(super) secrets: RehearsalSecrets,
    pub(super) redis: RedisServer,
    pub(super) broker: RabbitmqServer,
    pub(super) app: AppServer,
    pub(super) registry: RegistryServer,
    pub(super) cluster: KubernetesServer,
    pub(super) vault: VaultServer,
    pub(super) forge: ForgeServer,
    pub(super) grafana: GrafanaServer,
    pub(super) jaeger: JaegerServer,
    pub(super) collector: CollectorServer,
    pub(super) prometheus: PrometheusServer,
    config: AppConfig,
    state: Mutex<StackState>,
    _exporter: Exporter,
}

/// A running stack. Dropping it stops all of it.
pub struct Stack {
    pub(super) services: Arc<Services>,
    _tool_server: TaskThread,
    /// The key by which shims and stack authenticate each other.
    pub(super) tool_key: String,
    _worker_controller: LoopbackServer,
}

impl Stack {
    /// Starts everything, as it is before the release is deployed, with the faults of these drills. The socket for the
    /// tool shims is created at this path.
    ///
    /// # Errors
    /// When no port or thread is available, the socket cannot be created, or the application does not become ready.
    pub fn start(drills: &[&Drill], socket: &Path) -> io::Result<Self> {
        let services = Arc::new(Services::start(drills)?);
        let tool_key = random_hex()?;
        let tool_server = shims::start(Arc::clone(&services), tool_key.clone(), socket)?;
        let control = control_worker(Arc::clone(&services));
        let worker_controller = LoopbackServer::start_with(Router::new(), Box::pin(control))?;
        let stack =
            Self { services, _tool_server: tool_server, tool_key, _worker_controller: worker_controller };
        stack.wait_ready()?;
        for drill in drills {
            (drill.break_services)(&stack.services);
        }
        Ok(stack)
    }

    fn wait_ready(&self) -> io::Result<()> {
        let (services, started) = (&self.services, Instant::now());
        let expects_worker = !services.lock().tool_faults.worker_stopped;
        loop {
            let consumers = services.broker.depth(QUEUE).map_or(0, |(_, consumers)| consumers);
            if services.app.is_ready()
                && (consumers > 0) == expects_worker
                && services.prometheus.has_scraped()
            {
                return Ok(());
            }
            if started.elapsed() > READY_TIMEOUT {
                return Err(io::Error::other("the rehearsal's application did not become ready"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Deploys the release as the tools do, without delays.
    pub fn deploy_release(&self) {
        let (services, image) = (&self.services, self.services.build_image());
        services.store_image(&format!("{LOCAL_IMAGE}:{RELEASE}"), image.clone());
        services.registry.store(REPOSITORY, RELEASE, &image);
        let name = services.image_name(RELEASE);
        services.cluster.update(|cluster| cluster.rollout_duration = Duration::ZERO);
        for deployment in DEPLOYMENTS {
            services.roll_out(deployment, &name);
            // Reading a deployment completes a rollout whose time has elapsed.
            let _ = services.cluster.deployment(deployment);
        }
        services.cluster.update(|cluster| cluster.rollout_duration = ROLLOUT_DURATION);
        // Nobody has applied a plan that must not be.
        if !services.plan_destroys_queue() {
            services.apply_resource("rabbitmq_exchange.audit");
            services.increment_serial();
        }
    }

    /// The scan report of the release's image, and the image's id; `None` if the image was not built.
    pub(super) fn scan_release(&self) -> Option<(String, String)> {
        let name = format!("{LOCAL_IMAGE}:{RELEASE}");
        let image = self.services.local_image(&name)?;
        Some((shims::scan_report(&name, &image, self.services.has_critical_finding()), image.id()))
    }

    /// The servers.
    #[must_use]
    pub fn services(&self) -> &Services {
        &self.services
    }
}

impl Services {
    fn start(drills: &[&Drill]) -> io::Result<Self> {
        let (mut faults, mut tool_faults) = (AppFaults::default(), ToolFaults::default());
        let secrets = RehearsalSecrets::new()?;
        for drill in drills {
            (drill.break_app)(&mut faults);
            (drill.break_tools)(&mut tool_faults);
        }
        faults.accepts_old_token = faults.accepts_old_token.map(|_| secrets.old_token.clone());
        let redis = RedisServer::start(&secrets.redis)?;
        let broker = RabbitmqServer::start(new_user("advanced", &secrets.rabbitmq))?;
        declare_topology(&broker)?;
        let jaeger = JaegerServer::start()?;
        let collector = CollectorServer::start(&secrets.otlp, jaeger.span_sink())?;
        let (on_span, exporter) = start_exporter(&collector.url(), &secrets.otlp, SERVICE)?;
        let config = AppConfig {
            redis: format!("redis://:{}@127.0.0.1:{}/0", secrets.redis, redis.port()),
            amqp: format!("amqp://advanced:{}@127.0.0.1:{}/%2f", secrets.rabbitmq, broker.port()),
            token: secrets.token.clone(),
            origins: ALLOWED_ORIGINS.map(str::to_owned).to_vec(),
        };
        let app = AppServer::start_with(config.clone(), Some(on_span), faults)?;
        let prometheus = PrometheusServer::start(JOB, &app.url())?;
        for (name, expr) in ALERT_RULES {
            prometheus.add_rule(name, expr);
        }
        let registry = RegistryServer::start(new_user(ACCOUNT, &secrets.registry))?;
        let vault = VaultServer::start(&secrets.vault)?;
        let now = jiff::Timestamp::now();
        let day = |days: i64| now.checked_sub(jiff::SignedDuration::from_hours(24 * days)).unwrap_or(now);
        vault.put(TOKEN_PATH, json!({TOKEN_FIELD: secrets.old_token}), day(45));
        vault.put(TOKEN_PATH, json!({TOKEN_FIELD: secrets.token}), day(1));
        let state = StackState { tool_faults, images: BTreeMap::new(), serial: 1, worker: None };
        let services = Self {
            cluster: KubernetesServer::start()?,
            forge: start_forge(&secrets.forge)?,
            grafana: start_grafana(&secrets.grafana)?,
            state: Mutex::new(state),
            _exporter: exporter,
            secrets,
            redis,
            broker,
            app,
            registry,
            vault,
            jaeger,
            collector,
            prometheus,
            config,
        };
        services.deploy_previous();
        Ok(services)
    }

    /// Pushes the previous release to the registry and deploys it.
    fn deploy_previous(&self) {
        let image =
            Image::new(&["PATH=/usr/local/bin:/usr/bin:/bin", "ADVANCED_RELEASE=v1.4.0"], &["COPY . /app"]);
        self.registry.store(REPOSITORY, PREVIOUS_RELEASE, &image);
        let name = self.image_name(PREVIOUS_RELEASE);
        let secret_env = |name: &str, secret: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": "value"}}});
        let written = |name: &str, value: String| json!({"name": name, "value": value});
        let origins = Value::from(ALLOWED_ORIGINS.to_vec()).to_string();
        let traces = format!("{}/v1/traces", self.collector.url());
        let env = json!([
            written("ADVANCED_ALLOWED_ORIGINS", origins),
            written("ADVANCED_OTEL_EXPORTER_OTLP_ENDPOINT", traces),
            secret_env("ADVANCED_REDIS_URL", "advanced-redis"),
            secret_env("ADVANCED_RABBITMQ_URL", "advanced-rabbitmq"),
            secret_env("ADVANCED_REALTIME_TOKEN", "advanced-realtime-token"),
        ]);
        let hanging_image = self.lock().tool_faults.rollout_hangs.then(|| self.image_name(RELEASE));
        self.cluster.update(|cluster| {
            cluster.rollout_duration = ROLLOUT_DURATION;
            cluster.hanging_image = hanging_image;
            cluster.digests.insert(name.clone(), image.digest());
            for deployment_name in DEPLOYMENTS {
                let mut object = deployment(deployment_name, 2, &env);
                object["spec"]["template"]["spec"]["containers"][0]["image"] = Value::from(name.clone());
                cluster.deployments.insert(deployment_name.to_owned(), object);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, StackState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Builds the image of the release.
    pub(super) fn build_image(&self) -> Image {
        let mut env = vec!["PATH=/usr/local/bin:/usr/bin:/bin", "ADVANCED_RELEASE=v1.5.0"];
        if self.lock().tool_faults.credential_in_image {
            env.push("ADVANCED_REDIS_URL=redis://:left-in-the-image@redis:6379/0");
        }
        Image::new(&env, &["RUN pip install -r requirements.txt", "COPY projects/03-advanced /app"])
    }

    /// Stores a local image under a name.
    pub(super) fn store_image(&self, name: &str, image: Image) {
        self.lock().images.insert(name.to_owned(), image);
    }

    /// A local image: one that was built or tagged.
    pub(super) fn local_image(&self, name: &str) -> Option<Image> {
        self.lock().images.get(name).cloned()
    }

    /// Repository and tag of an image name, if it is of this stack's registry.
    pub(super) fn repository_and_tag<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        let host = self.registry.host();
        name.strip_prefix(host.as_str())?.strip_prefix('/')?.rsplit_once(':')
    }

    /// The full name of the application's image: registry, repository, tag.
    pub(super) fn image_name(&self, tag: &str) -> String {
        format!("{}/{REPOSITORY}:{tag}", self.registry.host())
    }

    /// Sets the image of a deployment. Its pods report the digest that the registry has for it.
    pub(super) fn roll_out(&self, deployment: &str, image: &str) {
        let digest = self
            .repository_and_tag(image)
            .and_then(|(repository, tag)| self.registry.digest(repository, tag));
        if let Some(digest) = digest {
            self.cluster.update(|cluster| drop(cluster.digests.insert(image.to_owned(), digest)));
        }
        self.cluster.set_image(deployment, image);
    }

    pub(super) fn has_critical_finding(&self) -> bool {
        self.lock().tool_faults.critical_finding
    }

    pub(super) fn plan_destroys_queue(&self) -> bool {
        self.lock().tool_faults.plan_destroys_queue
    }

    pub(super) fn serial(&self) -> u64 {
        self.lock().serial
    }

    /// Applies one resource of a Terraform plan.
    pub(super) fn apply_resource(&self, address: &str) {
        match address {
            "redis_configuration.main" => self.redis.config_set("maxmemory", "268435456"),
            // It may exist already.
            "rabbitmq_exchange.audit" => drop(self.broker.declare_exchange("advanced.board.audit", "topic")),
            "rabbitmq_queue.events" => self.broker.delete_queue(QUEUE),
            _ => {}
        }
    }

    pub(super) fn increment_serial(&self) {
        self.lock().serial += 1;
    }

    /// Starts or stops the worker as its deployment says. A new image restarts it.
    fn reconcile_worker(&self) {
        let image = self.cluster.desired(DEPLOYMENTS[1]).filter(|(_, replicas)| *replicas > 0);
        let mut state = self.lock();
        let image = image.map(|(image, _)| image).filter(|_| !state.tool_faults.worker_stopped);
        if state.worker.as_ref().map(|(image, _)| image) == image.as_ref() {
            return;
        }
        let old = state.worker.take();
        drop(old);
        // If no thread is available, the next round tries again.
        state.worker = image.and_then(|image| Some((image, AppWorker::start(self.config.clone()).ok()?)));
    }

    /// Number of subscribers to the channel of events.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.redis.subscribers(CHANNEL)
    }
}

async fn control_worker(services: Arc<Services>) {
    loop {
        services.reconcile_worker();
        tokio::time::sleep(WORKER_CHECK_INTERVAL).await;
    }
}

fn new_user(name: &str, password: &str) -> User {
    User { name: name.to_owned(), password: password.to_owned() }
}

/// Declares the exchanges, queues and bindings for events, retries and dead letters.
fn declare_topology(broker: &RabbitmqServer) -> io::Result<()> {
    for suffix in ["", ".retry", ".dlq"] {
        let (name, key) = (format!("{QUEUE}{suffix}"), format!("boards.activity{suffix}"));
        let arguments = if suffix == ".retry" { retry_arguments(QUEUE) } else { json!({}) };
        broker.declare_exchange(&name, "topic").map_err(io::Error::other)?;
        broker.declare_queue(&name, &arguments, &name, &key).map_err(io::Error::other)?;
    }
    Ok(())
}

/// The arguments of the retry queue, which dead-letters to this exchange.
pub(super) fn retry_arguments(exchange: &str) -> Value {
    json!({
        "x-message-ttl": 5000,
        "x-dead-letter-exchange": exchange,
        "x-dead-letter-routing-key": "boards.activity",
    })
}

fn start_forge(token: &str) -> io::Result<ForgeServer> {
    let forge = ForgeServer::start(PROJECT)?;
    forge.update(|project| {
        project.token = Some(token.to_owned());
        for commit in [COMMIT, PREVIOUS_COMMIT] {
            project.commits.insert(commit.to_owned(), vec![ForgeCheck::new(TEST_CHECK, "success")]);
        }
    });
    Ok(forge)
}

fn start_grafana(token: &str) -> io::Result<GrafanaServer> {
    let grafana = GrafanaServer::start()?;
    grafana.update(|contents| {
        let sources = vec!["prometheus".to_owned()];
        let dashboard = Dashboard { title: "Advanced observability".into(), tags: Vec::new(), sources };
        contents.dashboards.insert("advanced-observability".into(), dashboard);
        contents.sources.insert("prometheus".into(), None);
        contents.token = Some(token.to_owned());
    });
    Ok(grafana)
}
