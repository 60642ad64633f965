//! A Redis server for one test.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;

use super::certs::Certs;
use super::ports::free_port;
use super::supervisor::Supervised;
use super::wait;

/// The program that a test needs; for `need!`.
pub const SERVER: &str = "redis-server";

/// The settings of a Redis server. The default has no password, no AOF and no RDB.
#[must_use]
pub struct Builder {
    config: String,
    password: Option<String>,
    tls: bool,
    mode: Mode,
}

/// The mode in which a server runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Standalone,
    Cluster,
    Replica,
    Sentinel,
}

/// A running Redis server on 127.0.0.1.
#[must_use]
pub struct RedisServer {
    port: u16,
    password: Option<String>,
    tls: bool,
    server: Supervised,
}

impl RedisServer {
    /// Starts a server without a password and without persistence.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// The settings of a server to start.
    pub fn builder() -> Builder {
        let builder = Builder { config: String::new(), password: None, tls: false, mode: Mode::Standalone };
        builder.save("").appendonly(false)
    }

    /// Its port. With TLS the port accepts only TLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address with the default user's password and database 0.
    pub fn url(&self) -> String {
        let user = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        self.url_with(&user)
    }

    /// Its address for an ACL user.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        self.url_with(&format!("{user}:{password}@"))
    }

    fn url_with(&self, user: &str) -> String {
        let scheme = if self.tls { "rediss" } else { "redis" };
        format!("{scheme}://{user}127.0.0.1:{}/0", self.port)
    }

    /// The output of `redis-cli` for one command, also for an error of the server.
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> String {
        let output = self.client().args(args).output().expect("redis-cli");
        let printed = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&printed).trim_end().to_owned()
    }

    /// Starts a subscriber of `channel` and waits until the server counts it.
    #[track_caller]
    pub fn subscribe(&self, channel: &str) -> Supervised {
        let before = self.subscribers(channel);
        let mut client = self.client();
        client.args(["SUBSCRIBE", channel]);
        let subscriber = Supervised::spawn(&client, tempfile::tempdir().unwrap(), &[]);
        subscriber.wait_ready(wait::TIMEOUT, || (self.subscribers(channel) > before).then_some(()));
        subscriber
    }

    /// The number of subscribers of `channel` on this node.
    #[track_caller]
    pub fn subscribers(&self, channel: &str) -> u64 {
        let answer = self.cli(&["PUBSUB", "NUMSUB", channel]);
        answer.lines().last().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    fn client(&self) -> Command {
        let mut client = Command::new("redis-cli");
        client.args(["-p", &self.port.to_string(), "--no-auth-warning"]);
        if let Some(password) = &self.password {
            client.args(["-a", password]);
        }
        if self.tls {
            let file = |name| self.server.dir().join(name);
            client.arg("--tls").arg("--cacert").arg(file("ca.pem"));
            client.arg("--cert").arg(file("cert.pem")).arg("--key").arg(file("key.pem"));
        }
        client
    }

    fn is_ready(&self, builder: &Builder) -> bool {
        self.cli(&["PING"]) == "PONG"
            && (builder.mode != Mode::Cluster || self.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
            && (builder.mode != Mode::Replica
                || self.cli(&["INFO", "replication"]).contains("master_link_status:up"))
    }
}

impl Builder {
    /// The default user's password.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self.line(&format!("requirepass {password}"))
    }

    /// Adds an ACL user with rules such as `~* +@read`.
    pub fn acl_user(self, name: &str, password: &str, rules: &str) -> Self {
        self.line(&format!("user {name} on >{password} {rules}"))
    }

    /// Whether the server writes an append-only file.
    pub fn appendonly(self, on: bool) -> Self {
        self.line(if on { "appendonly yes" } else { "appendonly no" })
    }

    /// When the server saves a snapshot, such as `"3600 1"`; `""` means never.
    pub fn save(self, rule: &str) -> Self {
        self.line(if rule.is_empty() { "save \"\"".to_owned() } else { format!("save {rule}") }.as_str())
    }

    /// The threshold of the latency monitor in milliseconds; 0 turns it off.
    pub fn latency_threshold(self, ms: u32) -> Self {
        self.line(&format!("latency-monitor-threshold {ms}"))
    }

    /// Accepts only TLS, with the test server certificate.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Replicates `primary`; ready when the link is up.
    pub fn replica_of(mut self, primary: &RedisServer) -> Self {
        self.mode = Mode::Replica;
        if let Some(password) = &primary.password {
            self = self.line(&format!("masterauth {password}"));
        }
        self.line(&format!("replicaof 127.0.0.1 {}", primary.port)).line("repl-diskless-sync-delay 0")
    }

    /// A cluster of one node that serves all slots.
    pub fn cluster(mut self) -> Self {
        self.mode = Mode::Cluster;
        let bus = free_port();
        self.line("cluster-enabled yes").line(&format!("cluster-port {bus}"))
    }

    /// A Sentinel, which stores no data.
    pub fn sentinel(mut self) -> Self {
        self.mode = Mode::Sentinel;
        self
    }

    /// Adds a line to the configuration file.
    pub fn line(mut self, line: &str) -> Self {
        writeln!(self.config, "{line}").unwrap();
        self
    }

    /// Starts the server and waits until it is ready.
    #[track_caller]
    pub fn start(self) -> RedisServer {
        let (dir, port) = (tempfile::tempdir().unwrap(), free_port());
        Certs::shared().server.write(dir.path());
        let listen = if self.tls { tls_listener(port) } else { format!("port {port}\n") };
        let config = format!("bind 127.0.0.1\n{listen}{}", self.config);
        fs::write(dir.path().join("redis.conf"), config).unwrap();
        let mut command = Command::new(SERVER);
        command.arg("redis.conf").args((self.mode == Mode::Sentinel).then_some("--sentinel"));
        let server = Supervised::spawn(&command, dir, &[port]);
        let redis = RedisServer { port, password: self.password.clone(), tls: self.tls, server };
        if self.mode == Mode::Cluster {
            redis.server.wait_ready(wait::TIMEOUT, || {
                redis.cli(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).starts_with("OK").then_some(())
            });
        }
        redis.server.wait_ready(Duration::from_secs(20), || redis.is_ready(&self).then_some(()));
        redis
    }
}

fn tls_listener(port: u16) -> String {
    format!(
        "port 0\ntls-port {port}\ntls-cert-file cert.pem\ntls-key-file key.pem\ntls-ca-cert-file ca.pem\n\
         tls-auth-clients no\n"
    )
}
