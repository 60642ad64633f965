//! AWS Secrets Manager, simulated by the moto server.

use std::process::Command;

use super::supervisor::Supervised;
use super::{http, ports, wait};

/// The programs.
pub const SERVER: &str = "moto_server";
pub const CLIENT: &str = "aws";

/// A moto server, and the `aws` command line for it.
#[must_use]
pub struct Moto {
    port: u16,
    _server: Supervised,
}

impl Moto {
    /// Starts one.
    #[track_caller]
    pub fn start() -> Self {
        let (dir, port) = (tempfile::tempdir().unwrap(), ports::free_port());
        let mut server = Command::new(SERVER);
        server.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let server = Supervised::spawn(&server, dir, &[port]);
        server.wait_ready(wait::TIMEOUT, || {
            http::call("GET", port, "/moto-api/data.json", None, "").ok().map(drop)
        });
        Self { port, _server: server }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs a command of `aws secretsmanager`; panics if it fails.
    #[track_caller]
    pub fn secretsmanager(&self, words: &[&str]) -> String {
        let [program, arguments @ ..] = program();
        let mut aws = Command::new(program);
        aws.args(arguments).arg("secretsmanager").args(words).args([
            "--endpoint-url",
            &self.url(),
            "--region",
            "eu-central-1",
        ]);
        let ran = aws.output().unwrap();
        assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    }
}

/// The client with credentials; the server accepts any.
pub fn program() -> [&'static str; 4] {
    ["env", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", CLIENT]
}
