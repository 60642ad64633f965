//! A real container registry (distribution 2), and minimal images to push.

use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::http::{self, Answer};
use super::supervisor::Supervised;
use super::{ports, wait};

/// The program.
pub const SERVER: &str = "docker-registry";
/// The user that may push and pull in a registry with login.
pub const USER: (&str, &str) = ("deploy-bot", "correct horse");
/// `USER` as an htpasswd line: bcrypt of the password with a low cost.
const HTPASSWD: &str = "deploy-bot:$2b$05$dmvx4p4fOc4QKHuT.0rSa.LbK8gVC7fifXfzT8HWFthAHWRNVZAd.\n";

/// What a tag may point to.
const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// A registry.
#[must_use]
pub struct Registry {
    port: u16,
    login: bool,
    server: Supervised,
}

impl Registry {
    /// Starts a registry with anonymous access.
    #[track_caller]
    pub fn open() -> Self {
        Self::start(false)
    }

    /// Starts a registry that requires a password.
    #[track_caller]
    pub fn with_login() -> Self {
        Self::start(true)
    }

    #[track_caller]
    fn start(login: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = ports::free_port();
        let mut config = json!({
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": dir.path().join("data")}, "delete": {"enabled": true}},
            "http": {"addr": format!("127.0.0.1:{port}")},
        });
        if login {
            let file = dir.path().join("htpasswd");
            fs::write(&file, HTPASSWD).unwrap();
            config["auth"] = json!({"htpasswd": {"realm": "bench", "path": file}});
        }
        // JSON is YAML.
        fs::write(dir.path().join("config.yml"), config.to_string()).unwrap();
        let mut server = Command::new(SERVER);
        server.args(["serve", "config.yml"]);
        let server = Supervised::spawn(&server, dir, &[port]);
        let registry = Self { port, login, server };
        registry.server.wait_ready(wait::TIMEOUT, || {
            let answer = http::call("GET", port, "/v2/", registry.user(), "");
            answer.is_ok_and(|answer| answer.status == 200).then_some(())
        });
        registry
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn user(&self) -> Option<(&'static str, &'static str)> {
        self.login.then_some(USER)
    }

    /// Pushes an image whose config has this environment and this history; returns its digest.
    #[track_caller]
    pub fn push(&self, repository: &str, tag: &str, env: &[&str], history: &[&str]) -> String {
        let history: Vec<Value> = history.iter().map(|step| json!({"created_by": step})).collect();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": env},
            "rootfs": {"type": "layers", "diff_ids": []},
            "history": history,
        });
        let config = self.blob(repository, &config.to_string());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [],
        });
        let manifest = manifest.to_string();
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let _ = self.send("PUT", &format!("/v2/{repository}/manifests/{tag}"), kind, &manifest);
        digest(&manifest)
    }

    /// Pushes an OCI index of images of this repository: their digest, their media type, their architecture.
    #[track_caller]
    pub fn push_index(&self, repository: &str, tag: &str, images: &[(&str, &str, &str)]) -> String {
        let part = |(digest, kind, architecture): &(&str, &str, &str)| {
            let path = format!("/v2/{repository}/manifests/{digest}");
            let size = self.read(&path, kind).expect("an image").body.len();
            let platform = json!({"os": "linux", "architecture": architecture});
            json!({"mediaType": kind, "digest": digest, "size": size, "platform": platform})
        };
        let kind = "application/vnd.oci.image.index.v1+json";
        let manifests: Vec<Value> = images.iter().map(part).collect();
        let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": manifests}).to_string();
        let _ = self.send("PUT", &format!("/v2/{repository}/manifests/{tag}"), kind, &index);
        digest(&index)
    }

    /// The digest of a tag, if the tag exists.
    pub fn digest(&self, repository: &str, tag: &str) -> Option<String> {
        let answer = self.read(&format!("/v2/{repository}/manifests/{tag}"), &MANIFEST_TYPES.join(", "))?;
        Some(digest(&answer.body))
    }

    /// The content of an address, if it exists.
    fn read(&self, path: &str, kinds: &str) -> Option<Answer> {
        let headers = format!("Accept: {kinds}\r\n{}", self.authorization());
        http::send("GET", self.port, path, &headers, "").ok().filter(|answer| answer.status == 200)
    }

    /// The header of the user, if the registry requires one.
    fn authorization(&self) -> String {
        let login = self.user().map(|(user, password)| STANDARD.encode(format!("{user}:{password}")));
        login.map(|login| format!("Authorization: Basic {login}\r\n")).unwrap_or_default()
    }

    /// Deletes an image and all its tags.
    #[track_caller]
    pub fn delete(&self, repository: &str, digest: &str) {
        let _ = self.send("DELETE", &format!("/v2/{repository}/manifests/{digest}"), "text/plain", "");
    }

    /// Uploads a blob; returns its descriptor.
    #[track_caller]
    fn blob(&self, repository: &str, content: &str) -> Value {
        let started = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), "text/plain", "");
        let location = started.header("location").unwrap().to_owned();
        // Without scheme and host.
        let path = &location[location.find("/v2/").unwrap()..];
        let (digest, kind) = (digest(content), "application/octet-stream");
        let _ = self.send("PUT", &format!("{path}&digest={digest}"), kind, content);
        json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": content.len()})
    }

    #[track_caller]
    fn send(&self, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        let headers = format!("Content-Type: {kind}\r\n{}", self.authorization());
        let answer = http::send(method, self.port, path, &headers, body).expect("a response");
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer
    }

    /// The number of open uploads of a repository. The directory of a cancelled upload has no `startedat`.
    pub fn uploads(&self, repository: &str) -> usize {
        let uploads =
            self.server.dir().join("data/docker/registry/v2/repositories").join(repository).join("_uploads");
        let open = |upload: &fs::DirEntry| upload.path().join("startedat").exists();
        fs::read_dir(uploads).map_or(0, |all| all.map_while(Result::ok).filter(open).count())
    }
}

fn digest(content: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    digest.iter().fold("sha256:".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}
