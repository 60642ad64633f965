//! The files of a rehearsal: secrets, the programs of the tool shims, a kubeconfig, and the profile.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::names::CONTEXT;
use crate::profile;
use crate::shims::TOOLS;
use crate::shims::client::ShimConfig;
use crate::stack::Stack;

/// The directory of a rehearsal.
#[derive(Clone, Debug)]
pub struct RehearsalFiles {
    dir: PathBuf,
}

impl RehearsalFiles {
    /// The files in this directory. Nothing is written yet.
    #[must_use]
    pub fn in_dir(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Creates the directories, with mode 0700.
    ///
    /// # Errors
    /// When a directory cannot be created.
    pub fn create_dirs(&self) -> io::Result<()> {
        let names = ["bin", "secrets", "checkout/scripts", "infrastructure"];
        let make = |name| DirBuilder::new().mode(0o700).recursive(true).create(self.path(name));
        names.into_iter().try_for_each(make)
    }

    /// The path of a file in the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The directory of the shims' programs, which comes first in `PATH`.
    #[must_use]
    pub fn programs(&self) -> PathBuf {
        self.path("bin")
    }

    /// The socket that the stack accepts tool calls on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path("tools.sock")
    }

    /// The program that runs a command with the shims first in `PATH`.
    #[must_use]
    pub fn wrapper(&self) -> PathBuf {
        self.path("with")
    }

    /// The profile.
    #[must_use]
    pub fn profile(&self) -> PathBuf {
        self.path("rehearsal.toml")
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> io::Result<()> {
        let mut file =
            OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(self.path(name))?;
        file.write_all(text.as_bytes())
    }

    /// Writes all files. The shims' programs call `gonogo`, and the profile is for this environment. `drills` are the
    /// names of the drills, for the debrief.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_all(
        &self,
        stack: &Stack,
        gonogo: &Path,
        environment: &str,
        drills: &[String],
    ) -> io::Result<()> {
        let secrets = &stack.services.secrets;
        for (name, value) in [
            ("token", &secrets.token),
            ("old-token", &secrets.old_token),
            ("redis", &secrets.redis),
            ("rabbitmq", &secrets.rabbitmq),
            ("registry", &secrets.registry),
            ("vault", &secrets.vault),
            ("forge", &secrets.forge),
            ("grafana", &secrets.grafana),
            ("otlp", &secrets.otlp),
        ] {
            self.write(&format!("secrets/{name}"), value, 0o600)?;
        }
        let config =
            serde_json::to_string(&ShimConfig { socket: self.socket(), key: stack.tool_key.clone() })?;
        self.write("shim.json", &config, 0o600)?;
        let shell_quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
        let config = shell_quoted(&self.path("shim.json"));
        for tool in TOOLS {
            let script = format!("#!/bin/sh\nexec {} shim {config} {tool} -- \"$@\"\n", shell_quoted(gonogo));
            self.write(&format!("bin/{tool}"), &script, 0o700)?;
        }
        let programs = shell_quoted(&self.programs());
        let script = format!("#!/bin/sh\nPATH={programs}:$PATH\nexport PATH\nexec \"$@\"\n");
        self.write("with", &script, 0o700)?;
        self.write("kubeconfig", &stack.services.cluster.kubeconfig(CONTEXT), 0o600)?;
        self.write(
            "checkout/scripts/advanced_pipeline_demo.py",
            "# A rehearsal runs a shim in place of this script.\n",
            0o600,
        )?;
        if let Some((report, id)) = stack.scan_release() {
            self.write("scan.json", &report, 0o600)?;
            self.write("image.id", &id, 0o600)?;
        }
        self.write("rehearsal.toml", &profile::render(self, stack, environment, drills), 0o600)
    }

    /// Removes the directory.
    pub fn remove(&self) {
        // If it cannot be removed, it contains only credentials made for this rehearsal.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
