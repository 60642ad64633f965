//! A real trace collector (rotel) that accepts OTLP over HTTP and discards it.

use std::process::Command;

use super::supervisor::Supervised;
use super::{http, ports, wait};

/// The program.
pub const SERVER: &str = "rotel-agent";

/// A collector.
#[must_use]
pub struct Collector {
    port: u16,
    _server: Supervised,
}

impl Collector {
    /// Starts one.
    #[track_caller]
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [port, grpc] = [ports::free_port(), ports::free_port()];
        let mut server = Command::new(SERVER);
        server.args(["start", "--exporter", "blackhole"]);
        server.arg("--otlp-http-endpoint").arg(format!("127.0.0.1:{port}"));
        server.arg("--otlp-grpc-endpoint").arg(format!("127.0.0.1:{grpc}"));
        let server = Supervised::spawn(&server, dir, &[port, grpc]);
        server.wait_ready(wait::TIMEOUT, || {
            // It has no readiness endpoint: any response means that it is up.
            http::call("GET", port, "/v1/traces", None, "").ok().map(drop)
        });
        Self { port, _server: server }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
