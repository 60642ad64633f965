//! A real Docker Engine of the test's own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::supervisor::{Supervised, is_running, skip};
use super::wait;

/// The programs that a test needs; for `need!`.
pub const PROGRAMS: [&str; 7] =
    ["dockerd", "containerd", "runc", "docker", "unshare", "mount", "tini-static"];
/// A program without libraries, which an image `FROM scratch` can run.
pub const STATIC_PROGRAM: &str = "/usr/bin/tini-static";

/// The engine is the first process of its own PID namespace, so that the kernel kills containerd, which leads a session of
/// its own, and all containers with it. In its own mount namespace its mounts end with it too, and it does not find the
/// containerd and the sockets of the machine in `/run`.
const ISOLATED: &str = "mount -t tmpfs tmpfs /run && exec dockerd \"$@\"";
/// What a kernel says that does not let an engine run: in a container without the rights for one, for example.
const REFUSALS: [&str; 3] = ["operation not permitted", "permission denied", "cgroup"];

/// An engine.
#[must_use]
pub struct Docker {
    server: Supervised,
}

impl Docker {
    /// Starts an engine without images. None, and a printed skip, if this user or this kernel cannot run one.
    #[track_caller]
    pub fn start() -> Option<Self> {
        if !geteuid().is_root() {
            skip("the Docker Engine runs as root only");
            return None;
        }
        if let Some(why) = refusal_of_namespaces() {
            skip(&format!("the kernel refuses what the Docker Engine needs: {why}"));
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let mut server = namespaces(ISOLATED);
        // Without a bridge and rules of its own it changes no network of the machine.
        server.args(["dockerd", "--bridge=none", "--iptables=false", "--storage-driver=vfs"]);
        for (option, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "docker.pid")]
        {
            server.arg(option).arg(dir.path().join(name));
        }
        server.arg(format!("--host=unix://{}", dir.path().join("docker.sock").display()));
        let docker = Self { server: Supervised::spawn(&server, dir, &[]) };
        docker.is_ready().then_some(docker)
    }

    /// Whether it started; false, and a printed skip, if the kernel refused.
    #[track_caller]
    fn is_ready(&self) -> bool {
        let is_up = || self.client().arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let started = wait::within(wait::TIMEOUT, || {
            let is_up = is_up().is_ok_and(|status| status.success());
            (is_up || !is_running(self.server.pid())).then_some(is_up)
        });
        let log = self.server.log();
        let refusal = log.lines().rfind(|line| REFUSALS.iter().any(|word| line.contains(word)));
        match (started, refusal) {
            (Some(true), _) => true,
            (Some(false), Some(refusal)) => {
                skip(&format!("the kernel refuses what the Docker Engine needs: {refusal}"));
                false
            }
            _ => panic!("dockerd did not start; its output:\n{log}"),
        }
    }

    /// Its address, `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.server.dir().join("docker.sock").display())
    }

    /// The output of `docker` with these words.
    #[track_caller]
    pub fn run(&self, words: &[&str]) -> String {
        let output = self.client().args(words).output().unwrap();
        assert!(output.status.success(), "docker {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// `docker`, with its configuration in the directory of the engine.
    fn client(&self) -> Command {
        let mut client = Command::new("docker");
        client.env("DOCKER_HOST", self.host()).env("DOCKER_CONFIG", self.config());
        client
    }

    /// The directory of the configuration of `docker`.
    pub fn config(&self) -> PathBuf {
        self.server.dir().join("config")
    }

    /// Stores a login at a registry, as `docker login` does where there is no credential helper.
    pub fn log_in(&self, registry: &str, (user, password): (&str, &str)) {
        use base64::Engine as _;
        let login = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        fs::create_dir_all(self.config()).unwrap();
        let config = serde_json::json!({"auths": {registry: {"auth": login}}});
        fs::write(self.config().join("config.json"), config.to_string()).unwrap();
    }
}

/// Runs a shell script in new PID and mount namespaces.
fn namespaces(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "sh", "-c", script]);
    command
}

fn refusal_of_namespaces() -> Option<String> {
    let output = namespaces("mount -t tmpfs tmpfs /run").output().unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
}
