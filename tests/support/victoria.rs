//! A real `VictoriaMetrics`, which serves the API of Prometheus.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::supervisor::Supervised;
use super::{http, ports, wait};

/// The program.
pub const SERVER: &str = "victoria-metrics";

/// A server without vmalert: it has no rules.
#[must_use]
pub struct Victoria {
    port: u16,
    _server: Supervised,
}

impl Victoria {
    /// Starts a server that scrapes these jobs (name, port) every second, and waits for the first samples of the first job.
    #[track_caller]
    pub fn start(jobs: &[(&str, u16)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let scrape = jobs.iter().map(|(name, port)| {
            json!({"job_name": name, "static_configs": [{"targets": [format!("127.0.0.1:{port}")]}]})
        });
        let config =
            json!({"global": {"scrape_interval": "1s"}, "scrape_configs": scrape.collect::<Vec<_>>()});
        // JSON is YAML.
        fs::write(dir.path().join("scrape.yml"), config.to_string()).unwrap();
        let port = ports::free_port();
        let mut server = Command::new(SERVER);
        server.arg(format!("-httpListenAddr=127.0.0.1:{port}"));
        server.args(["-storageDataPath=data", "-promscrape.config=scrape.yml", "-loggerLevel=ERROR"]);
        // It answers with samples of 30 seconds ago by default.
        server.args(["-search.latencyOffset=1s", "-memory.allowedBytes=64MB"]);
        let server = Supervised::spawn(&server, dir, &[port]);
        server.wait_ready(wait::TIMEOUT, || is_scraped(port, jobs[0].0).then_some(()));
        Self { port, _server: server }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn is_scraped(port: u16, job: &str) -> bool {
    let path = format!("/api/v1/query?query={}", http::segment(&format!("up{{job=\"{job}\"}}")));
    let answer = http::call("GET", port, &path, None, "");
    answer.is_ok_and(|answer| answer.body.contains(job))
}
