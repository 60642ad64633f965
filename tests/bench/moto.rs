//! AWS Secrets Manager as the moto server has it.

use std::process::Command;

use super::supervisor::Supervised;
use super::{http, ports, wait};

/// The programs.
pub const SERVER: &str = "moto_server";
pub const CLIENT: &str = "aws";

/// The server, and how `aws` asks it.
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
        server.wait_ready(wait::PATIENCE, || {
            http::call("GET", port, "/moto-api/data.json", None, "").ok().map(drop)
        });
        Self { port, _server: server }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// One command of Secrets Manager; it must do.
    #[track_caller]
    pub fn must(&self, words: &[&str]) -> String {
        let [program, before @ ..] = program();
        let mut aws = Command::new(program);
        aws.args(before).arg("secretsmanager").args(words).args([
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

/// The client with credentials; any will do.
pub fn program() -> [&'static str; 4] {
    ["env", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", CLIENT]
}
