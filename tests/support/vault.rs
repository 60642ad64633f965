//! A real Vault (`OpenBao`, in development mode: in memory, unsealed).

use std::process::Command;

use serde_json::{Value, json};

use super::supervisor::Supervised;
use super::{http, ports, wait};

/// The program.
pub const SERVER: &str = "bao";
/// The root token.
pub const ROOT: &str = "bench-root-token";

/// A server.
#[must_use]
pub struct Vault {
    port: u16,
    server: Supervised,
}

impl Vault {
    /// Starts one with an empty KV store at `secret`.
    #[track_caller]
    pub fn start() -> Self {
        // It also listens on the following port, for its cluster.
        let (dir, port) = (tempfile::tempdir().unwrap(), ports::free_ports(2));
        let mut server = Command::new(SERVER);
        server.args(["server", "-dev", "-dev-no-store-token", "-log-level=error"]);
        server.arg(format!("-dev-root-token-id={ROOT}")).arg(format!("-dev-listen-address=127.0.0.1:{port}"));
        let server = Supervised::spawn(&server, dir, &[port]);
        let vault = Self { port, server };
        vault.server.wait_ready(wait::TIMEOUT, || {
            let answer = vault.call("GET", "sys/mounts", ROOT, &Value::Null);
            answer
                .is_some_and(|(status, body)| status == 200 && body.to_string().contains("secret/"))
                .then_some(())
        });
        vault
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends a request with a token; none if there is no response.
    pub fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Option<(u16, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = format!("X-Vault-Token: {token}\r\n");
        let answer = http::send(method, self.port, &format!("/v1/{path}"), &headers, &body).ok()?;
        Some((answer.status, answer.json()))
    }

    /// Sends a request with the root token; panics if it fails.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(method, path, ROOT, body).expect("a response");
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    /// Writes a new version of a secret.
    #[track_caller]
    pub fn put(&self, path: &str, fields: &Value) {
        self.request("POST", &format!("secret/data/{path}"), &json!({"data": fields}));
    }

    /// A token with this policy.
    #[track_caller]
    pub fn token(&self, name: &str, policy: &str) -> String {
        self.request("PUT", &format!("sys/policies/acl/{name}"), &json!({"policy": policy}));
        let made = self.request("POST", "auth/token/create", &json!({"policies": [name], "no_parent": true}));
        made.pointer("/auth/client_token").unwrap().as_str().unwrap().to_owned()
    }
}
