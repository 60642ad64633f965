//! The servers of `gonogo rehearse --serve`, for other processes.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::gonogo::{GONOGO, Running, Sandbox};
use super::wait;

/// A running rehearsal whose profile another process uses.
#[must_use]
pub struct ServedRehearsal {
    pub sandbox: Sandbox,
    pub running: Running,
    pub dir: PathBuf,
}

impl ServedRehearsal {
    /// Starts a rehearsal; ready when its profile is printed.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let running = sandbox.start_with(&[&["rehearse", "--serve"], args].concat());
        Self::of(sandbox, running)
    }

    /// Waits for a rehearsal that was already started; ready when its profile is printed.
    #[track_caller]
    pub fn of(sandbox: Sandbox, running: Running) -> Self {
        let dir = wait::until("the profile of the rehearsal", || {
            let printed = running.stdout();
            let with =
                printed.lines().find_map(|line| line.strip_prefix("#     ")?.split_once("/with gonogo "));
            let (dir, _) = with.filter(|_| printed.contains("[points.\"infra.observability\"]"))?;
            Some(PathBuf::from(dir))
        });
        Self { sandbox, running, dir }
    }

    /// A command with only the tools of the rehearsal on `PATH`.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.sandbox.command(program);
        command.env("PATH", self.dir.join("bin"));
        command
    }

    /// Runs `gonogo check` on all points without confirmations; returns its report and its exit code.
    #[track_caller]
    pub fn check(&self) -> (Value, Option<i32>) {
        let profile = self.dir.join("rehearsal.toml").display().to_string();
        let digest = self.sandbox.digest(&profile);
        let mut check = self.command(GONOGO);
        check.args(["check", &profile, "--after-deploy"]);
        check.args([
            "--release",
            "v1.5.0",
            "--previous",
            "v1.4.0",
            "--trust",
            &digest,
            "--machine",
            "--format",
            "json",
        ]);
        let ran = check.output().unwrap();
        let report = serde_json::from_slice(&ran.stdout);
        (report.unwrap_or_else(|_| panic!("{ran:?}")), ran.status.code())
    }

    /// A value of the profile: `["values", "redis", "url"]`.
    #[track_caller]
    pub fn value(&self, path: &[&str]) -> String {
        let text = std::fs::read_to_string(self.dir.join("rehearsal.toml")).unwrap();
        let profile: toml::Value = toml::from_str(&text).unwrap();
        let value = path.iter().try_fold(&profile, |value, key| value.get(key));
        value.and_then(toml::Value::as_str).unwrap().to_owned()
    }

    /// A secret of the rehearsal.
    #[track_caller]
    pub fn secret(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.join("secrets").join(name)).unwrap()
    }
}
