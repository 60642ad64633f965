//! The files that a stack needs: its secrets, the tools' programs, a kubeconfig, and the profile that leads to it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::names::CONTEXT;
use crate::profile;
use crate::shims::TOOLS;
use crate::shims::shim::ShimConfig;
use crate::stack::Stack;

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// In this directory.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Makes the directories in it, which nobody else may enter.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn make(&self) -> io::Result<()> {
        let names = ["bin", "secrets", "checkout/scripts", "infrastructure"];
        let make = |name| DirBuilder::new().mode(0o700).recursive(true).create(self.path(name));
        names.into_iter().try_for_each(make)
    }

    /// The path of a file in the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The directory of the tools' programs, to be looked in first.
    #[must_use]
    pub fn programs(&self) -> PathBuf {
        self.path("bin")
    }

    /// The socket that the tools are heard on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path("tools.sock")
    }

    /// The program that runs another one where it finds the tools.
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

    /// Writes all of it; the tools' programs call `gonogo`. The profile is of this environment; `drills` names what is
    /// broken, for the debrief.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_all(
        &self,
        stack: &Stack,
        gonogo: &Path,
        environment: &str,
        drills: &[String],
    ) -> io::Result<()> {
        let own = &stack.parts.secrets;
        for (name, value) in [
            ("token", &own.token),
            ("old-token", &own.old_token),
            ("redis", &own.redis),
            ("rabbitmq", &own.rabbitmq),
            ("registry", &own.registry),
            ("vault", &own.vault),
            ("forge", &own.forge),
            ("grafana", &own.grafana),
            ("otlp", &own.otlp),
        ] {
            self.write(&format!("secrets/{name}"), value, 0o600)?;
        }
        let config = serde_json::to_string(&ShimConfig { socket: self.socket(), key: stack.key.clone() })?;
        self.write("shim.json", &config, 0o600)?;
        let word = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
        let config = word(&self.path("shim.json"));
        for tool in TOOLS {
            let script = format!("#!/bin/sh\nexec {} shim {config} {tool} -- \"$@\"\n", word(gonogo));
            self.write(&format!("bin/{tool}"), &script, 0o700)?;
        }
        let programs = word(&self.programs());
        let script = format!("#!/bin/sh\nPATH={programs}:$PATH\nexport PATH\nexec \"$@\"\n");
        self.write("with", &script, 0o700)?;
        self.write("kubeconfig", &stack.parts.cluster.kubeconfig(CONTEXT), 0o600)?;
        self.write(
            "checkout/scripts/advanced_pipeline_demo.py",
            "# Its stand-in does what it would do.\n",
            0o600,
        )?;
        if let Some((report, id)) = stack.scanned() {
            self.write("scan.json", &report, 0o600)?;
            self.write("image.id", &id, 0o600)?;
        }
        self.write("rehearsal.toml", &profile::render(self, stack, environment, drills), 0o600)
    }

    /// Removes all of it.
    pub fn remove(&self) {
        // What cannot be removed holds nothing but what this rehearsal made up.
        let _ = fs::remove_dir_all(&self.dir);
    }
}
