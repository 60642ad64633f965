//! A real Prometheus with alert rules of the test's own.

use std::fs;
use std::process::Command;

use super::supervisor::Supervised;
use super::{http, ports, wait};

/// The program.
pub const SERVER: &str = "prometheus";

/// A Prometheus server.
#[must_use]
pub struct Prometheus {
    port: u16,
    _server: Supervised,
}

impl Prometheus {
    /// Starts one that has an alert rule of this name.
    #[track_caller]
    pub fn with_alert(name: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rules = format!("groups: [{{name: g, rules: [{{alert: {name}, expr: 'up == 0'}}]}}]\n");
        fs::write(dir.path().join("rules.yml"), rules).unwrap();
        fs::write(
            dir.path().join("prometheus.yml"),
            "global: {evaluation_interval: 1s}\nrule_files: [rules.yml]\n",
        )
        .unwrap();
        let port = ports::free_port();
        let mut server = Command::new(SERVER);
        server.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"]);
        server.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let server = Supervised::spawn(&server, dir, &[port]);
        server.wait_ready(wait::PATIENCE, || is_evaluated(port).then_some(()));
        Self { port, _server: server }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A rule's health is `unknown` until it has been evaluated once.
fn is_evaluated(port: u16) -> bool {
    let answer = http::call("GET", port, "/api/v1/rules", None, "");
    answer.is_ok_and(|answer| answer.body.contains("\"health\":\"ok\""))
}
