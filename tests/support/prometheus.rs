//! A real Prometheus with the alert rules of the test.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::supervisor::Supervised;
use super::{http, ports, wait};

/// The program.
pub const SERVER: &str = "prometheus";

/// A Prometheus server.
#[must_use]
pub struct Prometheus {
    port: u16,
    server: Supervised,
}

impl Prometheus {
    /// Starts a server with one alert rule of this name.
    #[track_caller]
    pub fn with_alert(name: &str) -> Self {
        Self::start(&[(name, "up == 0")], &[])
    }

    /// Starts a server with these alert rules (name, expression) that scrapes these jobs (name, port) every second.
    #[track_caller]
    pub fn start(rules: &[(&str, &str)], jobs: &[(&str, u16)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_rules(dir.path(), rules);
        let scrape = jobs.iter().map(|(name, port)| {
            json!({"job_name": name, "static_configs": [{"targets": [format!("127.0.0.1:{port}")]}]})
        });
        let config = json!({
            "global": {"evaluation_interval": "1s", "scrape_interval": "1s", "scrape_timeout": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": scrape.collect::<Vec<_>>(),
        });
        fs::write(dir.path().join("prometheus.yml"), config.to_string()).unwrap();
        let port = ports::free_port();
        let mut server = Command::new(SERVER);
        server.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"]);
        server.arg("--web.enable-lifecycle");
        server.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let server = Supervised::spawn(&server, dir, &[port]);
        server.wait_ready(wait::TIMEOUT, || {
            ((rules.is_empty() || is_evaluated(port)) && is_scraped(port, jobs.len())).then_some(())
        });
        Self { port, server }
    }

    /// Replaces the alert rules.
    #[track_caller]
    pub fn reload(&self, rules: &[(&str, &str)]) {
        write_rules(self.server.dir(), rules);
        let answer = http::call("POST", self.port, "/-/reload", None, "").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        wait::until("the rules", || is_evaluated(self.port).then_some(()));
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn write_rules(dir: &Path, rules: &[(&str, &str)]) {
    let rules: Vec<_> = rules.iter().map(|(alert, expr)| json!({"alert": alert, "expr": expr})).collect();
    // JSON is YAML.
    let groups = json!({"groups": [{"name": "g", "rules": rules}]});
    fs::write(dir.join("rules.yml"), groups.to_string()).unwrap();
}

/// A rule's health is `unknown` until it has been evaluated once.
fn is_evaluated(port: u16) -> bool {
    let answer = http::call("GET", port, "/api/v1/rules", None, "");
    answer.is_ok_and(|answer| answer.body.contains("\"health\":\"ok\""))
}

/// A target's health is `unknown` until it has been scraped once.
fn is_scraped(port: u16, jobs: usize) -> bool {
    let answer = http::call("GET", port, "/api/v1/targets?state=active", None, "");
    answer.is_ok_and(|answer| {
        let body = answer.json();
        let targets =
            body.pointer("/data/activeTargets").and_then(|all| all.as_array()).cloned().unwrap_or_default();
        targets.len() >= jobs && targets.iter().all(|target| target["health"] != "unknown")
    })
}
