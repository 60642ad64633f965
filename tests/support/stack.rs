//! The application and its worker with a real Redis and a real RabbitMQ.

use gonogo_rehearsal::servers::app::{AppConfig, AppServer, AppWorker, OnSpan, WorkerFaults};
use serde_json::{Value, json};

use super::rabbitmq::{Broker, Vhost};
use super::redis::RedisServer;
use super::topology::Topology;
use super::wait;

/// The token that the application accepts.
pub const TOKEN: &str = "the-token-of-today";
/// The origins that it allows.
pub const ORIGINS: [&str; 2] = ["https://boards.example.com", "https://admin.example.com"];
/// The password of Redis.
pub const PASSWORD: &str = "s3cret-of-redis";

/// All servers on the way of an event.
#[must_use]
pub struct Stack {
    pub app: AppServer,
    pub redis: RedisServer,
    pub vhost: Vhost,
    pub config: AppConfig,
    worker: Option<AppWorker>,
}

impl Stack {
    /// Starts all servers; ready when the worker consumes and the application has subscribed.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// The same, with a callback for spans.
    #[track_caller]
    pub fn start_with(on_span: Option<OnSpan>) -> Self {
        let redis = RedisServer::builder().appendonly(true).latency_threshold(100).password(PASSWORD).start();
        let vhost = Broker::shared().vhost();
        vhost.declare(&Topology::standard());
        let config = AppConfig {
            redis: format!("redis://:{PASSWORD}@127.0.0.1:{}/0", redis.port()),
            amqp: vhost.amqp_url(&vhost.admin),
            token: TOKEN.into(),
            origins: ORIGINS.map(str::to_owned).to_vec(),
        };
        let app = AppServer::start(config.clone(), on_span).unwrap();
        let worker = Some(AppWorker::start(config.clone()).unwrap());
        let stack = Self { app, redis, vhost, config, worker };
        stack.wait_ready();
        stack
    }

    /// Waits until the application is subscribed and its worker consumes.
    #[track_caller]
    pub fn wait_ready(&self) {
        wait::until("the application and its worker", || {
            let consumers = self.vhost.depth("advanced.board.events").1;
            (self.app.is_ready() && consumers > 0).then_some(())
        });
    }

    /// Stops the worker, or starts it again.
    #[track_caller]
    pub fn run_worker(&mut self, on: bool) {
        self.worker = on.then(|| AppWorker::start(self.config.clone()).unwrap());
        wait::until("the worker", || ((self.vhost.depth("advanced.board.events").1 > 0) == on).then_some(()));
    }

    /// Replaces the worker by one with faults.
    #[track_caller]
    pub fn run_faulty_worker(&mut self, faults: WorkerFaults) {
        self.run_worker(false);
        self.worker = Some(AppWorker::start_with(self.config.clone(), faults).unwrap());
        self.wait_ready();
    }

    /// Makes the application subscribe again.
    #[track_caller]
    pub fn resubscribe(&self, subscribers: u64) {
        self.redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        wait::until("the subscription", || {
            (self.redis.subscribers("advanced:activity") == subscribers).then_some(())
        });
    }

    /// The broker in the form of a probe spec.
    pub fn broker(&self) -> Value {
        json!({
            "url": format!("amqp://127.0.0.1:{}", self.vhost.broker().amqp),
            "vhost": self.vhost.name,
            "username": self.vhost.admin.name,
        })
    }
}
