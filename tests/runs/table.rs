//! What can be wrong with Redis and RabbitMQ, one thing at a time, and how each is to be told.

use crate::bench::ports;
use crate::bench::prometheus::Prometheus;
use crate::bench::rabbitmq::{Broker, User, Vhost};
use crate::bench::redis::{self, RedisServer};
use crate::bench::topology::Topology;
use crate::bench::web::Silent;

pub const PASSWORD: &str = "correct-horse-battery";
pub const ALERT: &str = "RedisLatencySpike";
pub const QUEUE: &str = "advanced.board.events";

/// One thing that is wrong, and how it is told.
pub struct Fault {
    pub name: &'static str,
    pub point: &'static str,
    pub probe: &'static str,
    /// `fail` or `error`.
    pub class: &'static str,
    /// Texts that the one observation which is not good must hold, in `what`, `expected` and `seen`.
    pub told: [&'static str; 3],
    pub stage: fn() -> Stage,
}

/// The servers of a case and the values that lead to them.
pub struct Stage {
    pub redis_url: String,
    pub redis_password: &'static str,
    pub amqp_url: String,
    pub management_url: String,
    pub vhost: String,
    pub user: User,
    _redis: Option<RedisServer>,
    _silent: Option<Silent>,
    pub of_vhost: Vhost,
}

fn good_redis() -> redis::Builder {
    RedisServer::builder().password(PASSWORD).appendonly(true).latency_threshold(100)
}

/// Everything as it must be, on this Redis and this topology.
fn stage_with(redis: redis::Builder, topology: &Topology) -> Stage {
    let redis = redis.start();
    let vhost = Broker::shared().vhost();
    vhost.declare(topology);
    Stage {
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

fn on_redis(redis: redis::Builder) -> Stage {
    stage_with(redis, &Topology::standard())
}

fn on_topology(topology: &Topology) -> Stage {
    stage_with(good_redis(), topology)
}

pub fn good() -> Stage {
    on_redis(good_redis())
}

const REDIS: (&str, &str) = ("infra.redis", "server");
const TOPOLOGY: (&str, &str) = ("infra.rabbitmq", "topology");
const DRAINED: (&str, &str) = ("verify.queues-drained", "queues");

const fn fault(
    name: &'static str,
    (point, probe): (&'static str, &'static str),
    class: &'static str,
    told: [&'static str; 3],
    stage: fn() -> Stage,
) -> Fault {
    Fault { name, point, probe, class, told, stage }
}

pub const FAULTS: &[Fault] = &[
    fault("Redis without persistence", REDIS, "fail", ["persistence", "", "off"], || {
        on_redis(good_redis().appendonly(false).save(""))
    }),
    fault("latency monitor off", REDIS, "fail", ["latency-monitor-threshold", "1", "0"], || {
        on_redis(good_redis().latency_threshold(0))
    }),
    fault("wrong password", REDIS, "error", ["", "", "refused"], || Stage {
        redis_password: "wrong-horse",
        ..good()
    }),
    fault("no such host", REDIS, "error", ["no-such-host.invalid", "", "no-such-host.invalid"], || Stage {
        redis_url: "redis://no-such-host.invalid:6379".into(),
        ..good()
    }),
    fault("nobody listens", REDIS, "error", ["127.0.0.1", "", "refuses connections"], || Stage {
        redis_url: format!("redis://127.0.0.1:{}", ports::refused_port()),
        ..good()
    }),
    fault("a port that accepts and never answers", REDIS, "error", ["", "", "no answer within 1 s"], || {
        let silent = Silent::start();
        Stage { redis_url: format!("redis://127.0.0.1:{}", silent.port()), _silent: Some(silent), ..good() }
    }),
    fault("a queue missing", TOPOLOGY, "fail", ["advanced.board.events.dlq", "", "not declared"], || {
        on_topology(&Topology::standard().without_queue("advanced.board.events.dlq"))
    }),
    fault("an exchange of the wrong type", TOPOLOGY, "fail", [QUEUE, "topic", "direct"], || {
        on_topology(&Topology::standard().exchange_type(QUEUE, "direct"))
    }),
    fault("a retry queue with the wrong TTL", TOPOLOGY, "fail", ["x-message-ttl", "5000", "60000"], || {
        on_topology(&Topology::standard().retry_ttl(60000))
    }),
    fault(
        "a retry queue with the wrong dead-letter exchange",
        TOPOLOGY,
        "fail",
        ["x-dead-letter-exchange", QUEUE, "elsewhere"],
        || on_topology(&Topology::standard().dead_letter("elsewhere", "boards.activity")),
    ),
    fault("a binding missing", TOPOLOGY, "fail", ["binding", "boards.activity", ""], || {
        on_topology(&Topology::standard().without_binding(QUEUE))
    }),
    fault("management API refused", TOPOLOGY, "error", ["", "", "management"], || {
        let stage = good();
        Stage { user: stage.of_vhost.plain.clone(), ..stage }
    }),
    fault(
        "a broker that accepts and never answers",
        TOPOLOGY,
        "error",
        ["", "", "no answer within 1 s"],
        || {
            let silent = Silent::start();
            Stage { amqp_url: format!("amqp://127.0.0.1:{}", silent.port()), _silent: Some(silent), ..good() }
        },
    ),
    fault("a poison message in the DLQ", DRAINED, "fail", ["advanced.board.events.dlq", "0", "1"], || {
        let stage = good();
        stage.of_vhost.publish("advanced.board.events.dlq", "poison");
        stage
    }),
];

impl Stage {
    /// A profile for the standard checklist that leads to this stage.
    pub fn profile(&self, prometheus: &Prometheus) -> String {
        let Self { redis_url, amqp_url, management_url, vhost, user, .. } = self;
        let (alerts, name) = (prometheus.url(), &user.name);
        format!(
            "environment = \"stage\"\nsolo = true\n\
             [values.redis]\nurl = {redis_url:?}\npassword = {{ env = \"REDIS_PASSWORD\" }}\nlatency_alert = {ALERT:?}\n\
             [values.prometheus]\nurl = {alerts:?}\n\
             [values.rabbitmq]\nurl = {amqp_url:?}\nmanagement = {management_url:?}\nvhost = {vhost:?}\nusername = {name:?}\n\
             password = {{ env = \"RABBITMQ_PASSWORD\" }}\n\
             [points.\"infra.redis\"]\ndeadline = \"1s\"\n[points.\"infra.rabbitmq\"]\ndeadline = \"1s\"\n\
             [points.\"verify.queues-drained\"]\nretries = 0\n"
        )
    }
}
