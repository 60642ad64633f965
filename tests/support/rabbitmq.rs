//! One RabbitMQ broker per test process, with a virtual host for each test.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lapin::options::{BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::certs::Certs;
use super::http::{self, Answer, segment};
use super::ports::free_port;
use super::supervisor::Supervised;
use super::topology::Topology;
use super::wait;

/// The program that a test needs; for `need!`.
pub const SERVER: &str = "rabbitmq-server";

// The wrapper script of Debian in sbin changes the user; this program does not.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const ROOT: (&str, &str) = ("bench", "bench-root");
const BOOT: Duration = Duration::from_secs(90);

/// A broker with AMQP and management API, both with and without TLS.
pub struct Broker {
    /// AMQP.
    pub amqp: u16,
    /// AMQP over TLS.
    pub amqps: u16,
    /// Management API over HTTP.
    pub management: u16,
    /// Management API over HTTPS.
    pub management_tls: u16,
    server: Supervised,
}

/// A user of one virtual host.
#[derive(Clone)]
pub struct User {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// A virtual host with its own users, deleted on drop.
#[must_use]
pub struct Vhost {
    broker: &'static Broker,
    /// Its name. It contains a slash, so that a missing URL encoding fails.
    pub name: String,
    /// All permissions, administrator of the management API.
    pub admin: User,
    /// All permissions over AMQP, read access to the management API.
    pub monitor: User,
    /// All permissions over AMQP, no access to the management API.
    pub plain: User,
}

/// A consumer that receives messages and acknowledges none, until dropped.
#[must_use]
pub struct Consumer {
    runtime: Runtime,
    connection: Connection,
    _channel: Channel,
    _deliveries: lapin::Consumer,
}

impl Broker {
    /// The broker of this test process. The first call starts it, which takes 6 to 8 s.
    #[track_caller]
    pub fn shared() -> &'static Self {
        // A static is never dropped: the broker stops when the process exits, see `supervisor`.
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(Self::boot)
    }

    /// A new, empty virtual host.
    #[track_caller]
    pub fn vhost(&'static self) -> Vhost {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bench/{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let user =
            |role: &str| User { name: format!("{role}-{name}"), password: format!("{role} p@ss/{name}") };
        let vhost = Vhost {
            broker: self,
            admin: user("admin"),
            monitor: user("monitor"),
            plain: user("plain"),
            name: name.clone(),
        };
        self.request("PUT", &format!("/api/vhosts/{}", segment(&vhost.name)), &json!({}));
        vhost.add(&vhost.admin, "administrator");
        vhost.add(&vhost.monitor, "monitoring");
        vhost.add(&vhost.plain, "");
        vhost
    }

    /// The process id of the broker.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    fn boot() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [amqp, amqps, management, management_tls, epmd, dist] = std::array::from_fn(|_| free_port());
        Certs::shared().server.write(dir.path());
        let file = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        file("enabled_plugins", "[rabbitmq_management].");
        file("rabbitmq.conf", &configuration(dir.path(), [amqp, amqps, management, management_tls]));
        file("definitions.json", &definitions().to_string());
        let command = command(dir.path(), epmd, dist);
        let server = Supervised::spawn(&command, dir, &[amqp, amqps, management, management_tls, epmd, dist]);
        let broker = Self { amqp, amqps, management, management_tls, server };
        // The API answers 401 until the definitions are imported; queues are imported last.
        let queue = "/api/queues/%2F/ready";
        broker.server.wait_ready(BOOT, || {
            broker.call("GET", queue, &Value::Null).ok().filter(|a| a.status == 200).map(drop)
        });
        broker
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> std::io::Result<Answer> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        http::call(method, self.management, path, Some(ROOT), &body)
    }

    #[track_caller]
    fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.call(method, path, body).expect("the management API");
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer.json()
    }
}

impl Vhost {
    /// Its broker.
    pub fn broker(&self) -> &'static Broker {
        self.broker
    }

    /// The AMQP address for a user, name, password and virtual host encoded.
    pub fn amqp_url(&self, user: &User) -> String {
        self.url("amqp", user, self.broker.amqp)
    }

    /// The same over TLS.
    pub fn amqps_url(&self, user: &User) -> String {
        self.url("amqps", user, self.broker.amqps)
    }

    fn url(&self, scheme: &str, user: &User, port: u16) -> String {
        let [name, password, vhost] = [&user.name, &user.password, &self.name].map(|text| segment(text));
        format!("{scheme}://{name}:{password}@127.0.0.1:{port}/{vhost}")
    }

    /// The management API's address, without credentials.
    pub fn management_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.broker.management)
    }

    /// The response of the management API to one of the users of this virtual host.
    #[track_caller]
    pub fn api_as(&self, user: &User, path: &str) -> Answer {
        let auth = Some((&*user.name, &*user.password));
        http::call("GET", self.broker.management, path, auth, "").expect("the management API")
    }

    /// Declares a topology.
    #[track_caller]
    pub fn declare(&self, topology: &Topology) {
        self.broker.request("POST", &self.path("definitions", ""), &topology.definitions());
    }

    /// Publishes a message to a queue.
    #[track_caller]
    pub fn publish(&self, queue: &str, payload: &str) {
        self.publish_with(queue, payload, &json!({}));
    }

    /// Publishes a message with headers, such as `x-retry-count`, to a queue.
    #[track_caller]
    pub fn publish_with(&self, queue: &str, payload: &str, headers: &Value) {
        let message = json!({"properties": {"headers": headers}, "routing_key": queue, "payload": payload,
                             "payload_encoding": "string"});
        let sent = self.broker.request("POST", &self.path("exchanges", "/amq.default/publish"), &message);
        assert_eq!(sent["routed"], true, "no queue {queue}");
    }

    /// A queue as reported by the management API.
    #[track_caller]
    pub fn queue(&self, queue: &str) -> Value {
        self.broker.request("GET", &self.path("queues", &format!("/{queue}")), &Value::Null)
    }

    /// Sets a policy for the queues that match a pattern.
    #[track_caller]
    pub fn set_policy(&self, name: &str, pattern: &str, definition: &Value) {
        let body = json!({"pattern": pattern, "apply-to": "queues", "definition": definition});
        self.broker.request("PUT", &self.path("policies", &format!("/{name}")), &body);
        // The API reports a policy some seconds after it is effective; it may report the previous one until then.
        let is_reported = |queue: &Value| queue["effective_policy_definition"] == *definition;
        let queues = || self.broker.request("GET", &self.path("queues", ""), &Value::Null);
        wait::until("the policy is reported", || {
            queues().as_array().unwrap().iter().any(is_reported).then_some(())
        });
    }

    /// Deletes a policy.
    #[track_caller]
    pub fn delete_policy(&self, name: &str) {
        self.broker.request("DELETE", &self.path("policies", &format!("/{name}")), &Value::Null);
        let queues = || self.broker.request("GET", &self.path("queues", ""), &Value::Null);
        wait::until("the policy is not reported any more", || {
            queues().as_array().unwrap().iter().all(|queue| queue["policy"] != *name).then_some(())
        });
    }

    /// Binds a queue to an exchange.
    #[track_caller]
    pub fn bind(&self, exchange: &str, queue: &str, routing_key: &str) {
        let path = self.path("bindings", &format!("/e/{exchange}/q/{queue}"));
        self.broker.request("POST", &path, &json!({"routing_key": routing_key}));
    }

    /// Removes that binding.
    #[track_caller]
    pub fn unbind(&self, exchange: &str, queue: &str, routing_key: &str) {
        let path = self.path("bindings", &format!("/e/{exchange}/q/{queue}/{routing_key}"));
        self.broker.request("DELETE", &path, &Value::Null);
    }

    /// Deletes an exchange.
    #[track_caller]
    pub fn delete_exchange(&self, exchange: &str) {
        self.broker.request("DELETE", &self.path("exchanges", &format!("/{exchange}")), &Value::Null);
    }

    /// Deletes a queue.
    #[track_caller]
    pub fn delete_queue(&self, queue: &str) {
        self.broker.request("DELETE", &self.path("queues", &format!("/{queue}")), &Value::Null);
    }

    /// The ready messages and the consumers of a queue, without the delay of the management API (AMQP passive declare).
    #[track_caller]
    pub fn depth(&self, queue: &str) -> (u32, u32) {
        let runtime = runtime();
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        runtime.block_on(async {
            let (connection, channel) = self.channel().await;
            let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await.unwrap();
            let depth = (queue.message_count(), queue.consumer_count());
            connection.close(200, "done".into()).await.unwrap();
            depth
        })
    }

    /// Starts a consumer that receives up to `prefetch` messages and leaves them unacknowledged.
    #[track_caller]
    pub fn consume(&self, queue: &str, prefetch: u16) -> Consumer {
        let runtime = runtime();
        let (connection, channel, consumer) = runtime.block_on(async {
            let (connection, channel) = self.channel().await;
            channel.basic_qos(prefetch, BasicQosOptions::default()).await.unwrap();
            let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
            let consumer = channel.basic_consume(queue.into(), "bench".into(), options, table).await.unwrap();
            (connection, channel, consumer)
        });
        Consumer { runtime, connection, _channel: channel, _deliveries: consumer }
    }

    async fn channel(&self) -> (Connection, Channel) {
        let url = self.amqp_url(&self.admin);
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.expect("AMQP");
        let channel = connection.create_channel().await.expect("a channel");
        (connection, channel)
    }

    /// Adds a user with this tag and these permissions: configure, write, read.
    pub fn user(&self, role: &str, tag: &str, permissions: [&str; 3]) -> User {
        let user = User { name: format!("{role}-{}", self.name), password: format!("{role} p@ss") };
        self.grant(&user, tag, permissions);
        user
    }

    fn add(&self, user: &User, tags: &str) {
        self.grant(user, tags, [".*"; 3]);
    }

    fn grant(&self, user: &User, tags: &str, [configure, write, read]: [&str; 3]) {
        let body = json!({"password": user.password, "tags": tags});
        self.broker.request("PUT", &format!("/api/users/{}", segment(&user.name)), &body);
        let granted = json!({"configure": configure, "write": write, "read": read});
        self.broker.request("PUT", &self.path("permissions", &format!("/{}", segment(&user.name))), &granted);
    }

    /// `/api/<what>/<this virtual host><rest>`.
    pub fn path(&self, what: &str, rest: &str) -> String {
        format!("/api/{what}/{}{rest}", segment(&self.name))
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        for user in [&self.admin, &self.monitor, &self.plain] {
            let _ = self.broker.call("DELETE", &format!("/api/users/{}", segment(&user.name)), &Value::Null);
        }
        let _ = self.broker.call("DELETE", &self.path("vhosts", ""), &Value::Null);
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.runtime.block_on(self.connection.close(200, "done".into()));
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn configuration(dir: &Path, [amqp, amqps, management, management_tls]: [u16; 4]) -> String {
    let tls = |prefix: &str| {
        let file = |key: &str, name: &str| format!("{prefix}.{key} = {}\n", dir.join(name).display());
        file("cacertfile", "ca.pem") + &file("certfile", "cert.pem") + &file("keyfile", "key.pem")
    };
    format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\nlisteners.ssl.1 = 127.0.0.1:{amqps}\n{}ssl_options.verify = verify_none\n\
         management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n\
         management.ssl.ip = 127.0.0.1\nmanagement.ssl.port = {management_tls}\n{}\
         load_definitions = {}\ncollect_statistics_interval = 500\n",
        tls("ssl_options"),
        tls("management.ssl"),
        dir.join("definitions.json").display(),
    )
}

fn definitions() -> Value {
    json!({
        "users": [{"name": ROOT.0, "password": ROOT.1, "tags": "administrator"}],
        "vhosts": [{"name": "/"}],
        "permissions": [{"user": ROOT.0, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
        "queues": [{"name": "ready", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {}}],
    })
}

fn command(dir: &Path, epmd: u16, dist: u16) -> Command {
    // A port mapper that is started by the node would keep running: start it first, under the same supervisor.
    let mut command = Command::new("sh");
    command.args(["-c", r#"epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" & exec "$0""#, PROGRAM]);
    for (key, name) in [
        ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
        ("RABBITMQ_CONF_ENV_FILE", "no-such-file"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "enabled_plugins"),
        ("RABBITMQ_MNESIA_BASE", "data"),
        ("RABBITMQ_LOG_BASE", "log"),
        ("RABBITMQ_PID_FILE", "rabbitmq.pid"),
        ("RABBITMQ_GENERATED_CONFIG_DIR", "generated"),
    ] {
        command.env(key, dir.join(name));
    }
    command.env("RABBITMQ_NODENAME", format!("bench-{epmd}@localhost")).env("RABBITMQ_LOGS", "-");
    command.env("ERL_EPMD_ADDRESS", "127.0.0.1").env("ERL_EPMD_PORT", epmd.to_string());
    command.env("RABBITMQ_DIST_PORT", dist.to_string()).env("LANG", "C.UTF-8");
    let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
    command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", loopback);
    command
}
