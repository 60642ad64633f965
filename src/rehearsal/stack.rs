//! All of the stack at once: every server that the standard checklist looks at, wired to each other, and the tools
//! that change it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use serde_json::{Value, json};

use crate::drills::Drill;
use crate::names::{
    ACCOUNT, COMMIT, DEPLOYMENTS, IMAGE, JOB, ORIGINS, PREVIOUS, PREVIOUS_COMMIT, PROJECT, RELEASE,
    REPOSITORY, RULES, SECRET, SERVICE,
};
use crate::secrets::{Secrets, random};
use crate::servers::app::{App, CHANNEL, Config, Exporter, Faults, QUEUE, Worker, exporter};
use crate::servers::collector::Collector;
use crate::servers::forge::{Check, Forge};
use crate::servers::grafana::{Dashboard, Grafana};
use crate::servers::jaeger::Jaeger;
use crate::servers::kubernetes::{Cluster, deployment};
use crate::servers::prometheus::Prometheus;
use crate::servers::rabbitmq::{Broker, User};
use crate::servers::redis::Redis;
use crate::servers::registry::{Image, Registry};
use crate::servers::server::{Server, Thread};
use crate::servers::vault::Vault;
use crate::shims;

/// How long a rollout takes.
const ROLLOUT: Duration = Duration::from_secs(2);
/// How often it is looked whether the worker should run.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the stack may take until events can travel.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is wrong with what the tools do. Nothing, at first.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub struct ToolFaults {
    /// The image holds a credential.
    pub baked: bool,
    /// The scanner finds something critical.
    pub critical: bool,
    /// The plan destroys a queue.
    pub destroys: bool,
    /// The worker does not consume, whatever the cluster says.
    pub no_worker: bool,
    /// The rollout of the release never ends.
    pub stuck: bool,
}

/// What was made by hand since the stack began.
#[derive(Debug)]
struct Bench {
    tool_faults: ToolFaults,
    /// Images by the names that they were given.
    images: BTreeMap<String, Image>,
    /// How often infrastructure was applied.
    serial: u64,
    /// The worker and the image that it runs.
    worker: Option<(String, Worker)>,
}

/// The servers of a stack.
pub struct Parts {
    pub(super) secrets: Secrets,
    pub(super) redis: Redis,
    pub(super) broker: Broker,
    pub(super) app: App,
    pub(super) registry: Registry,
    pub(super) cluster: Cluster,
    pub(super) vault: Vault,
    pub(super) forge: Forge,
    pub(super) grafana: Grafana,
    pub(super) jaeger: Jaeger,
    pub(super) collector: Collector,
    pub(super) prometheus: Prometheus,
    config: Config,
    bench: Mutex<Bench>,
    _exporter: Exporter,
}

/// A stack under way; all of it ends when it is dropped.
pub struct Stack {
    pub(super) parts: Arc<Parts>,
    _tools: Thread,
    /// What the tools show that they may ask.
    pub(super) key: String,
    _keeper: Server,
}

impl Stack {
    /// Starts everything, as it is before the release is deployed, with these things broken. Tools are heard on this
    /// socket, which is made.
    ///
    /// # Errors
    /// When there are no ports or threads to be had, the socket cannot be made, or events do not begin to travel.
    pub fn start(drills: &[&Drill], socket: &Path) -> io::Result<Self> {
        let parts = Arc::new(Parts::start(drills)?);
        let key = random()?;
        let tools = shims::start(Arc::clone(&parts), key.clone(), socket)?;
        let keep = keep_worker(Arc::clone(&parts));
        let keeper = Server::start_with(Router::new(), Box::pin(keep))?;
        let stack = Self { parts, _tools: tools, key, _keeper: keeper };
        stack.wait_ready()?;
        for drill in drills {
            (drill.breaks)(&stack.parts);
        }
        Ok(stack)
    }

    fn wait_ready(&self) -> io::Result<()> {
        let (parts, begun) = (&self.parts, Instant::now());
        let wants_worker = !parts.lock().tool_faults.no_worker;
        loop {
            let consumers = parts.broker.depth(QUEUE).map_or(0, |(_, consumers)| consumers);
            if parts.app.is_ready() && (consumers > 0) == wants_worker && parts.prometheus.has_scraped() {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(io::Error::other("the rehearsal's application did not become ready"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Deploys the release as the tools would, in no time.
    pub fn deploy(&self) {
        let (parts, image) = (&self.parts, self.parts.make_image());
        parts.keep(&format!("{IMAGE}:{RELEASE}"), image.clone());
        parts.registry.keep(REPOSITORY, RELEASE, &image);
        let name = parts.image_name(RELEASE);
        parts.cluster.set(|objects| objects.takes = Duration::ZERO);
        for deployment in DEPLOYMENTS {
            parts.roll_out(deployment, &name);
            // Asked for, it takes up what is over.
            let _ = parts.cluster.deployment(deployment);
        }
        parts.cluster.set(|objects| objects.takes = ROLLOUT);
    }

    /// The release's image as its scanner tells of it, and its id; none if it was not built.
    pub(super) fn scanned(&self) -> Option<(String, String)> {
        let name = format!("{IMAGE}:{RELEASE}");
        let image = self.parts.built(&name)?;
        Some((shims::scan_report(&name, &image, self.parts.has_critical()), image.id()))
    }

    /// The servers.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }
}

impl Parts {
    fn start(drills: &[&Drill]) -> io::Result<Self> {
        let (mut faults, mut tool_faults) = (Faults::default(), ToolFaults::default());
        let secrets = Secrets::new()?;
        for drill in drills {
            (drill.app)(&mut faults);
            (drill.tools)(&mut tool_faults);
        }
        faults.old_token = faults.old_token.map(|_| secrets.old_token.clone());
        let redis = Redis::start(&secrets.redis)?;
        let broker = Broker::start(user("advanced", &secrets.rabbitmq))?;
        declare(&broker)?;
        let jaeger = Jaeger::start()?;
        let collector = Collector::start(&secrets.otlp, jaeger.taker())?;
        let (on_span, exporter) = exporter(&collector.url(), &secrets.otlp, SERVICE)?;
        let config = Config {
            redis: format!("redis://:{}@127.0.0.1:{}/0", secrets.redis, redis.port()),
            amqp: format!("amqp://advanced:{}@127.0.0.1:{}/%2f", secrets.rabbitmq, broker.port()),
            token: secrets.token.clone(),
            origins: ORIGINS.map(str::to_owned).to_vec(),
        };
        let app = App::start_with(config.clone(), Some(on_span), faults)?;
        let prometheus = Prometheus::start(JOB, &app.url())?;
        for (name, expr) in RULES {
            prometheus.rule(name, expr);
        }
        let registry = Registry::start(user(ACCOUNT, &secrets.registry))?;
        let vault = Vault::start(&secrets.vault)?;
        let now = jiff::Timestamp::now();
        let day = |days: i64| now.checked_sub(jiff::SignedDuration::from_hours(24 * days)).unwrap_or(now);
        vault.put(SECRET.0, json!({SECRET.1: secrets.old_token}), day(45));
        vault.put(SECRET.0, json!({SECRET.1: secrets.token}), day(1));
        let bench = Bench { tool_faults, images: BTreeMap::new(), serial: 1, worker: None };
        let parts = Self {
            cluster: Cluster::start()?,
            forge: forge(&secrets.forge)?,
            grafana: grafana(&secrets.grafana)?,
            bench: Mutex::new(bench),
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
        parts.run_previous();
        Ok(parts)
    }

    /// The previous release is in the registry, and runs.
    fn run_previous(&self) {
        let image =
            Image::new(&["PATH=/usr/local/bin:/usr/bin:/bin", "ADVANCED_RELEASE=v1.4.0"], &["COPY . /app"]);
        self.registry.keep(REPOSITORY, PREVIOUS, &image);
        let name = self.image_name(PREVIOUS);
        let reference = |name: &str, secret: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": "value"}}});
        let env = json!([
            reference("ADVANCED_REDIS_URL", "advanced-redis"),
            reference("ADVANCED_RABBITMQ_URL", "advanced-rabbitmq"),
            reference("ADVANCED_REALTIME_TOKEN", "advanced-realtime-token"),
        ]);
        let stuck = self.lock().tool_faults.stuck.then(|| self.image_name(RELEASE));
        self.cluster.set(|objects| {
            objects.takes = ROLLOUT;
            objects.stuck = stuck;
            objects.digests.insert(name.clone(), image.digest());
            for own in DEPLOYMENTS {
                let mut found = deployment(own, 2, &env);
                found["spec"]["template"]["spec"]["containers"][0]["image"] = Value::from(name.clone());
                objects.deployments.insert(own.to_owned(), found);
            }
        });
    }

    fn lock(&self) -> MutexGuard<'_, Bench> {
        self.bench.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The image that is built from the release.
    pub(super) fn make_image(&self) -> Image {
        let mut env = vec!["PATH=/usr/local/bin:/usr/bin:/bin", "ADVANCED_RELEASE=v1.5.0"];
        if self.lock().tool_faults.baked {
            env.push("ADVANCED_REDIS_URL=redis://:left-in-the-image@redis:6379/0");
        }
        Image::new(&env, &["RUN pip install -r requirements.txt", "COPY projects/03-advanced /app"])
    }

    /// Keeps an image under a name.
    pub(super) fn keep(&self, name: &str, image: Image) {
        self.lock().images.insert(name.to_owned(), image);
    }

    /// An image that was built or tagged here.
    pub(super) fn built(&self, name: &str) -> Option<Image> {
        self.lock().images.get(name).cloned()
    }

    /// Repository and tag of an image of this stack's registry.
    pub(super) fn own_name<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        let host = self.registry.host();
        name.strip_prefix(host.as_str())?.strip_prefix('/')?.rsplit_once(':')
    }

    /// The full name of the application's image.
    pub(super) fn image_name(&self, tag: &str) -> String {
        format!("{}/{REPOSITORY}:{tag}", self.registry.host())
    }

    /// Gives a deployment an image, of which pods tell the digest that the registry has.
    pub(super) fn roll_out(&self, deployment: &str, image: &str) {
        let digest = self.own_name(image).and_then(|(repository, tag)| self.registry.digest(repository, tag));
        if let Some(digest) = digest {
            self.cluster.set(|objects| drop(objects.digests.insert(image.to_owned(), digest)));
        }
        self.cluster.set_image(deployment, image);
    }

    pub(super) fn has_critical(&self) -> bool {
        self.lock().tool_faults.critical
    }

    pub(super) fn destroys(&self) -> bool {
        self.lock().tool_faults.destroys
    }

    pub(super) fn serial(&self) -> u64 {
        self.lock().serial
    }

    /// Makes one resource of a plan so.
    pub(super) fn apply(&self, address: &str) {
        match address {
            "redis_configuration.main" => self.redis.configure("maxmemory", "268435456"),
            // That it is there already is as good.
            "rabbitmq_exchange.audit" => drop(self.broker.exchange("advanced.board.audit", "topic")),
            "rabbitmq_queue.events" => self.broker.delete_queue(QUEUE),
            _ => {}
        }
    }

    pub(super) fn applied(&self) {
        self.lock().serial += 1;
    }

    /// Lets the worker consume, or not, as the cluster says; a new image starts it anew.
    fn keep_worker(&self) {
        let wanted = self.cluster.wanted(DEPLOYMENTS[1]).filter(|(_, replicas)| *replicas > 0);
        let mut bench = self.lock();
        let wanted = wanted.map(|(image, _)| image).filter(|_| !bench.tool_faults.no_worker);
        if bench.worker.as_ref().map(|(image, _)| image) == wanted.as_ref() {
            return;
        }
        let old = bench.worker.take();
        drop(old);
        // Without a thread it is tried again.
        bench.worker = wanted.and_then(|image| Some((image, Worker::start(self.config.clone()).ok()?)));
    }

    /// How many listen to the channel of events.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.redis.subscribers(CHANNEL)
    }
}

async fn keep_worker(parts: Arc<Parts>) {
    loop {
        parts.keep_worker();
        tokio::time::sleep(PAUSE).await;
    }
}

fn user(name: &str, password: &str) -> User {
    User { name: name.to_owned(), password: password.to_owned() }
}

/// The exchanges, queues and bindings of events, retries and dead letters.
fn declare(broker: &Broker) -> io::Result<()> {
    for suffix in ["", ".retry", ".dlq"] {
        let (name, key) = (format!("{QUEUE}{suffix}"), format!("boards.activity{suffix}"));
        let arguments = if suffix == ".retry" { retry(QUEUE) } else { json!({}) };
        broker.exchange(&name, "topic").map_err(io::Error::other)?;
        broker.queue(&name, &arguments, &name, &key).map_err(io::Error::other)?;
    }
    Ok(())
}

/// The arguments of the retry queue, which gives back to an exchange.
pub(super) fn retry(exchange: &str) -> Value {
    json!({
        "x-message-ttl": 5000,
        "x-dead-letter-exchange": exchange,
        "x-dead-letter-routing-key": "boards.activity",
    })
}

fn forge(token: &str) -> io::Result<Forge> {
    let forge = Forge::start(PROJECT.0)?;
    forge.set(|project| {
        project.token = Some(token.to_owned());
        for commit in [COMMIT, PREVIOUS_COMMIT] {
            project.commits.insert(commit.to_owned(), vec![Check::new(PROJECT.1, "success")]);
        }
    });
    Ok(forge)
}

fn grafana(token: &str) -> io::Result<Grafana> {
    let grafana = Grafana::start()?;
    grafana.set(|there| {
        let sources = vec!["prometheus".to_owned()];
        let dashboard = Dashboard { title: "Advanced observability".into(), tags: Vec::new(), sources };
        there.dashboards.insert("advanced-observability".into(), dashboard);
        there.sources.insert("prometheus".into(), None);
        there.token = Some(token.to_owned());
    });
    Ok(grafana)
}
