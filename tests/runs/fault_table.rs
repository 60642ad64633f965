//! Faults of Redis and RabbitMQ, and the observation that must report each.

use crate::support::ports;
use crate::support::prometheus::Prometheus;
use crate::support::rabbitmq::{Broker, User, Vhost};
use crate::support::redis::{self, RedisServer};
use crate::support::topology::Topology;
use crate::support::web::SilentServer;

pub const PASSWORD: &str = "correct-horse-battery";
pub const ALERT: &str = "RedisLatencySpike";
pub const QUEUE: &str = "advanced.board.events";

/// A fault, and how it is reported.
pub struct Fault {
    pub name: &'static str,
    pub point: &'static str,
    pub probe: &'static str,
    /// `fail` or `error`.
    pub class: &'static str,
    /// Texts in `what`, `expected` and `seen` of the observation that is not ok.
    pub observation: [&'static str; 3],
    pub servers: fn() -> Servers,
}

/// The servers of a case, and the values of the profile for them.
pub struct Servers {
    pub redis_url: String,
    pub redis_password: &'static str,
    pub amqp_url: String,
    pub management_url: String,
    pub vhost: String,
    pub user: User,
    _redis: Option<RedisServer>,
    _silent: Option<SilentServer>,
    pub of_vhost: Vhost,
}

fn correct_redis() -> redis::Builder {
    RedisServer::builder().password(PASSWORD).appendonly(true).latency_threshold(100)
}

/// Correct servers, with this Redis and this topology.
fn servers_with(redis: redis::Builder, topology: &Topology) -> Servers {
    let redis = redis.start();
    let vhost = Broker::shared().vhost();
    vhost.declare(topology);
    Servers {
        redis_url: format!("redis://127.0.0.1:{}/0", redis.port()),
        redis_password: PASSWORD,
        amqp_url: format!("amqp://127.0.0.1:{}", vhost.broker().amqp),
        management_url: vhost.management_url(),
        vhost: vhost.name.clone(),
        user: vhost.monitor.clone(),
        _redis: Some(redis),
        _silent: None,
        of_vhost: vhost,
    }
}

fn with_redis(redis: redis::Builder) -> Servers {
    servers_with(redis, &Topology::standard())
}

fn with_topology(topology: &Topology) -> Servers {
    servers_with(correct_redis(), topology)
}

pub fn without_fault() -> Servers {
    with_redis(correct_redis())
}

const REDIS: (&str, &str) = ("infra.redis", "server");
const TOPOLOGY: (&str, &str) = ("infra.rabbitmq", "topology");
const DRAINED: (&str, &str) = ("verify.queues-drained", "queues");

const fn fault(
    name: &'static str,
    (point, probe): (&'static str, &'static str),
    class: &'static str,
    observation: [&'static str; 3],
    servers: fn() -> Servers,
) -> Fault {
    Fault { name, point, probe, class, observation, servers }
}

pub const FAULTS: &[Fault] = &[
    fault("Redis without persistence", REDIS, "fail", ["persistence", "", "off"], || {
        with_redis(correct_redis().appendonly(false).save(""))
    }),
    fault("latency monitor off", REDIS, "fail", ["latency-monitor-threshold", "1", "0"], || {
        with_redis(correct_redis().latency_threshold(0))
    }),
    fault("wrong password", REDIS, "error", ["", "", "refused"], || Servers {
        redis_password: "wrong-horse",
        ..without_fault()
    }),
    fault("no such host", REDIS, "error", ["no-such-host.invalid", "", "no-such-host.invalid"], || Servers {
        redis_url: "redis://no-such-host.invalid:6379".into(),
        ..without_fault()
    }),
    fault("nobody listens", REDIS, "error", ["127.0.0.1", "", "refuses connections"], || Servers {
        redis_url: format!("redis://127.0.0.1:{}", ports::refused_port()),
        ..without_fault()
    }),
    fault(
        "a port that accepts and never answers",
        REDIS,
        "error",
        ["", "", "no response within 3 s"],
        || {
            let silent = SilentServer::start();
            Servers {
                redis_url: format!("redis://127.0.0.1:{}", silent.port()),
                _silent: Some(silent),
                ..without_fault()
            }
        },
    ),
    fault("a queue missing", TOPOLOGY, "fail", ["advanced.board.events.dlq", "", "not declared"], || {
        with_topology(&Topology::standard().without_queue("advanced.board.events.dlq"))
    }),
    fault("an exchange of the wrong type", TOPOLOGY, "fail", [QUEUE, "topic", "direct"], || {
        with_topology(&Topology::standard().exchange_type(QUEUE, "direct"))
    }),
    fault("a retry queue with the wrong TTL", TOPOLOGY, "fail", ["x-message-ttl", "5000", "60000"], || {
        with_topology(&Topology::standard().retry_ttl(60000))
    }),
    fault(
        "a retry queue with the wrong dead-letter exchange",
        TOPOLOGY,
        "fail",
        ["x-dead-letter-exchange", QUEUE, "elsewhere"],
        || with_topology(&Topology::standard().dead_letter("elsewhere", "boards.activity")),
    ),
    fault("a binding missing", TOPOLOGY, "fail", ["binding", "boards.activity", ""], || {
        with_topology(&Topology::standard().without_binding(QUEUE))
    }),
    fault("management API refused", TOPOLOGY, "error", ["", "", "management"], || {
        let servers = without_fault();
        Servers { user: servers.of_vhost.plain.clone(), ..servers }
    }),
    fault(
        "a broker that accepts and never answers",
        TOPOLOGY,
        "error",
        ["", "", "no response within 3 s"],
        || {
            let silent = SilentServer::start();
            Servers {
                amqp_url: format!("amqp://127.0.0.1:{}", silent.port()),
                _silent: Some(silent),
                ..without_fault()
            }
        },
    ),
    fault("a poison message in the DLQ", DRAINED, "fail", ["advanced.board.events.dlq", "0", "1"], || {
        let servers = without_fault();
        servers.of_vhost.publish("advanced.board.events.dlq", "poison");
        servers
    }),
];

impl Servers {
    /// A profile for the standard checklist with these servers.
    pub fn profile(&self, prometheus: &Prometheus) -> String {
        let Self { redis_url, amqp_url, management_url, vhost, user, .. } = self;
        let (alerts, name) = (prometheus.url(), &user.name);
        format!(
            "environment = \"stage\"\nsolo = true\n\
             [values.redis]\nurl = {redis_url:?}\npassword = {{ env = \"REDIS_PASSWORD\" }}\nlatency_alert = {ALERT:?}\n\
             [values.prometheus]\nurl = {alerts:?}\n\
             [values.rabbitmq]\nurl = {amqp_url:?}\nmanagement = {management_url:?}\nvhost = {vhost:?}\nusername = {name:?}\n\
             password = {{ env = \"RABBITMQ_PASSWORD\" }}\n\
             [points.\"infra.redis\"]\ndeadline = \"3s\"\n[points.\"infra.rabbitmq\"]\ndeadline = \"3s\"\n\
             [points.\"verify.queues-drained\"]\nretries = 0\n"
        )
    }
}
