//! A real Prometheus with the alert rules of the test.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

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
        write_jobs(dir.path(), jobs);
        let port = ports::free_port();
        let mut server = Command::new(SERVER);
        server.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"]);
        server.arg("--web.enable-lifecycle");
        server.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let server = Supervised::spawn(&server, dir, &[port]);
        server.wait_ready(wait::TIMEOUT, || {
            ((rules.is_empty() || is_evaluated(port))
                && scraped_jobs(port).is_some_and(|scraped| scraped.len() >= jobs.len()))
            .then_some(())
        });
        Self { port, server }
    }

    /// Replaces the alert rules.
    #[track_caller]
    pub fn reload(&self, rules: &[(&str, &str)]) {
        write_rules(self.server.dir(), rules);
        self.read_configuration();
        wait::until("the rules", || is_evaluated(self.port).then_some(()));
    }

    /// Scrapes these jobs instead.
    #[track_caller]
    pub fn scrape(&self, jobs: &[(&str, u16)]) {
        write_jobs(self.server.dir(), jobs);
        self.read_configuration();
        let names: Vec<_> = jobs.iter().map(|(name, _)| (*name).to_owned()).collect();
        wait::until("the targets", || (scraped_jobs(self.port)? == names).then_some(()));
    }

    #[track_caller]
    fn read_configuration(&self) {
        let answer = http::call("POST", self.port, "/-/reload", None, "").unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Waits until a rule has failed.
    #[track_caller]
    pub fn wait_for_failed_rule(&self) {
        wait::until("a failed rule", || has_rule_with_health(self.port, "err").then_some(()));
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

fn write_jobs(dir: &Path, jobs: &[(&str, u16)]) {
    let scrape = jobs.iter().map(|(name, port)| {
        json!({"job_name": name, "static_configs": [{"targets": [format!("127.0.0.1:{port}")]}]})
    });
    let config = json!({
        "global": {"evaluation_interval": "1s", "scrape_interval": "1s", "scrape_timeout": "1s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": scrape.collect::<Vec<_>>(),
    });
    fs::write(dir.join("prometheus.yml"), config.to_string()).unwrap();
}

/// A rule's health is `unknown` until it has been evaluated once.
fn is_evaluated(port: u16) -> bool {
    has_rule_with_health(port, "ok")
}

fn has_rule_with_health(port: u16, health: &str) -> bool {
    let answer = http::call("GET", port, "/api/v1/rules", None, "");
    answer.is_ok_and(|answer| answer.body.contains(&format!("\"health\":\"{health}\"")))
}

/// The jobs of all targets, if all were scraped. A target's health is `unknown` until then.
fn scraped_jobs(port: u16) -> Option<Vec<String>> {
    let answer = http::call("GET", port, "/api/v1/targets?state=active", None, "").ok()?.json();
    let targets = answer.pointer("/data/activeTargets")?.as_array()?;
    let job = |target: &Value| Some(target.pointer("/labels/job")?.as_str()?.to_owned());
    targets.iter().map(|target| job(target).filter(|_| target["health"] != "unknown")).collect()
}
