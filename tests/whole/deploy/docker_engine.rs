//! The standard checklist's own actions with a real Docker Engine: `docker build`, the scan, `docker tag`, `docker push`,
//! and what its probes see of the image in a real registry.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::whole_deployment::run;
use crate::support::checkout::Checkout;
use crate::support::docker::{self, Docker, STATIC_PROGRAM};
use crate::support::gonogo::Sandbox;
use crate::support::keys::SshKey;
use crate::support::registry::{self, Registry, USER};
use crate::support::supervisor::installed;
use crate::support::terminal::{Key, Terminal};

const DRIVER: &str = "dana@deck.example";
const REPOSITORY: &str = "platform/advanced-app";
/// The points of the image; all others are not applicable here.
const POINTS: [&str; 2] = ["deploy.image-build-scan", "deploy.image-push"];
const STANDARD: &str = include_str!("../../../config/checklist.toml");

/// A real scanner without its database of vulnerabilities, which is not here: the result of a package is added.
const SCANNER: &str = r#"#!/bin/sh
set -e
for report in "$@"; do case $before in --output) break ;; esac; before=$report; done
TRIVY_SCANNERS=secret TRIVY_SKIP_DB_UPDATE=true TRIVY_OFFLINE_SCAN=true TRIVY_CACHE_DIR=$PWD/cache @trivy@ --quiet "$@"
jq '.Results += [{Target: "packages", Class: "os-pkgs"}]' "$report" > "$report.new"
mv "$report.new" "$report"
"#;

const DOCKERFILE: &str = "FROM scratch\nCOPY tini-static release /\nRUN [\"/tini-static\", \"--version\"]\n";

/// A checkout of the release v2, an engine, a registry that requires a password.
struct ImageRelease {
    docker: Docker,
    registry: Registry,
    checkout: Checkout,
    sandbox: Sandbox,
    key: SshKey,
}

impl ImageRelease {
    #[track_caller]
    fn start() -> Option<Self> {
        let docker = Docker::start()?;
        let registry = Registry::with_login();
        docker.log_in(&host(&registry), USER);
        let sandbox = Sandbox::new()
            .env("DOCKER_HOST", docker.host())
            .env("DOCKER_CONFIG", docker.config())
            .env("REGISTRY_PASSWORD", USER.1);
        let (checkout, key) = (checkout(), sandbox.key("dana"));
        let release = Self { docker, registry, checkout, sandbox: with_scanner(sandbox), key };
        Some(release.with_profile())
    }

    fn with_profile(mut self) -> Self {
        // Images are named by the address, here with a slash at its end.
        let mut profile = format!(
            "environment = \"bench\"\nsolo = true\n[values.source]\nrepository = \"{}\"\n[values.build]\nscan_report = \"scan.json\"\n\
             [values.registry]\nurl = \"{}/\"\nrepository = \"{REPOSITORY}\"\nusername = \"{}\"\npassword = {{ env = \"REGISTRY_PASSWORD\" }}\n",
            self.checkout.path().display(),
            self.registry.url(),
            USER.0
        );
        let ids = STANDARD.lines().filter_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"'));
        let others = ids.filter(|id| id.contains('.') && !POINTS.contains(id));
        let off = |id| format!("[points.\"{id}\"]\nnot_applicable = \"not in this test\"\n");
        profile.extend(others.map(off));
        let sandbox = std::mem::replace(&mut self.sandbox, Sandbox::new());
        self.sandbox = sandbox.profile(&profile);
        self
    }

    /// Opens a run of the release v2.
    #[track_caller]
    fn open(&mut self) -> Terminal {
        let key = self.key.path.display().to_string();
        let trust = self.sandbox.digest("profile.toml");
        let args = ["run", "profile.toml", "--release", "v2", "--previous", "v1"];
        let more = ["--trust", &trust, "--as", DRIVER, "--key", &key];
        let sandbox = std::mem::replace(&mut self.sandbox, Sandbox::new());
        self.sandbox = sandbox.args(args.iter().chain(&more).copied());
        let mut terminal = self.sandbox.terminal(200, 45);
        terminal.wait_for_text("Rollback plan");
        terminal
    }

    /// The result of the probe of the pushed tag, now.
    #[track_caller]
    fn check_tag(&self) -> Value {
        let trust = self.sandbox.digest("profile.toml");
        let words = ["check", "profile.toml", "--release", "v2", "--previous", "v1", "--format", "json"];
        let only = ["--only", "deploy.image-push", "--trust", &trust];
        let report = self.sandbox.run_with(&[&words[..], &only].concat()).json();
        let points = report["points"].as_array().unwrap();
        let push = points.iter().find(|point| point["id"] == "deploy.image-push").unwrap();
        push["probes"][0]["outcome"].clone()
    }

    /// The image id that the build wrote.
    fn built(&self) -> String {
        fs::read_to_string(self.sandbox.work().join("gonogo-image.id")).unwrap()
    }

    /// The name of the release's image in the registry.
    fn image(&self) -> String {
        format!("{}/{REPOSITORY}:v2", host(&self.registry))
    }
}

fn host(registry: &Registry) -> String {
    registry.url().replace("http://", "")
}

/// A checkout whose tag v2 has an image to build.
fn checkout() -> Checkout {
    let checkout = Checkout::new();
    let directory = checkout.path().join("projects/03-advanced");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("Dockerfile"), DOCKERFILE).unwrap();
    fs::write(checkout.path().join("release"), "two\n").unwrap();
    fs::copy(STATIC_PROGRAM, checkout.path().join("tini-static")).unwrap();
    checkout.commit("two");
    checkout.git(&["tag", "v2"]);
    checkout
}

/// A directory for programs, first in PATH, with the scanner.
fn with_scanner(sandbox: Sandbox) -> Sandbox {
    let path = std::env::var("PATH").unwrap();
    let mut directories = path.split(':').map(|directory| Path::new(directory).join("trivy"));
    let trivy = directories.find(|file| file.is_file()).unwrap();
    let programs = sandbox.work().join("bin");
    fs::create_dir(&programs).unwrap();
    let script = programs.join("trivy");
    fs::write(&script, SCANNER.replace("@trivy@", &trivy.display().to_string())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.env("PATH", format!("{}:{path}", programs.display()))
}

/// The observation of this name: whether it is good, and what was seen.
#[track_caller]
fn observed(outcome: &Value, what: &str) -> (Value, String) {
    let all = outcome["observations"].as_array().unwrap();
    let seen = all.iter().find(|seen| seen["what"] == what).unwrap_or_else(|| panic!("{what}: {outcome:#}"));
    (seen["ok"].clone(), seen["seen"].as_str().unwrap().to_owned())
}

/// The actions of both points, in order.
const ACTIONS: [(usize, &str, &str); 4] =
    [(0, POINTS[0], "build"), (0, POINTS[0], "scan"), (1, POINTS[1], "tag"), (1, POINTS[1], "push")];

#[test]
fn the_standard_actions_build_scan_and_push_with_the_docker_engine() {
    if !(installed(&docker::PROGRAMS) && installed(&[registry::SERVER, "git", "jq", "trivy"])) {
        return;
    }
    let Some(mut release) = ImageRelease::start() else { return };
    let mut terminal = release.open();
    release.assert_builds_the_release_only(&mut terminal);
    for (down, point, action) in ACTIONS {
        run(&mut terminal, down, point, action);
        terminal.wait_for_text(&format!("{point}/{action}: exit code 0"));
    }
    terminal.wait_for_text("GO 27/27");
    release.assert_pushed();
    release.assert_another_image_fails(&mut terminal);
    terminal.send("q");
    let _ = terminal.wait_exit();
    release.assert_indexes();
}

impl ImageRelease {
    /// A checkout that was moved to another commit, or changed, is not built.
    #[track_caller]
    fn assert_builds_the_release_only(&self, terminal: &mut Terminal) {
        self.checkout.git(&["checkout", "-q", "v1"]);
        run(terminal, 0, POINTS[0], "build");
        terminal.wait_for_text("and clean: checkout: expected the commit of the tag");
        self.checkout.git(&["checkout", "-q", "v2"]);
        fs::write(self.checkout.path().join("release"), "three\n").unwrap();
        run(terminal, 0, POINTS[0], "build");
        terminal.wait_for_text("and clean: work tree: expected clean, found 1 file changed");
        self.checkout.git(&["checkout", "-q", "release"]);
        assert!(!self.sandbox.work().join("gonogo-image.id").exists());
    }

    /// The digest of the tag and the id of the image are those of the registry and of the engine.
    #[track_caller]
    fn assert_pushed(&self) {
        let outcome = self.check_tag();
        let built = self.docker.run(&["image", "inspect", "--format", "{{.Id}}", "advanced-app:v2"]);
        assert_eq!(self.built(), built);
        let digest = self.registry.digest(REPOSITORY, "v2").unwrap();
        assert_eq!(observed(&outcome, "tag v2"), (json!(true), digest));
        assert_eq!(observed(&outcome, "image of tag v2"), (json!(true), built));
        assert_eq!(outcome["class"], "pass");
    }

    /// Somebody pushes another build under the same tag.
    #[track_caller]
    fn assert_another_image_fails(&self, terminal: &mut Terminal) {
        fs::write(self.checkout.path().join("release"), "another\n").unwrap();
        let directory = self.checkout.path().display().to_string();
        let dockerfile = format!("{directory}/projects/03-advanced/Dockerfile");
        let image = self.image();
        self.docker.run(&["build", "-q", "-f", &dockerfile, "-t", &image, &directory]);
        self.docker.run(&["push", "-q", &image]);
        let other = self.docker.run(&["image", "inspect", "--format", "{{.Id}}", &image]);
        terminal.press(Key::Char('4')).press(Key::Char('g')).press(Key::Down);
        terminal.send("r").wait_for_text("FAILED").wait_for_text(&other[..19]);
        let outcome = self.check_tag();
        assert_eq!(outcome["class"], "fail");
        assert_eq!(observed(&outcome, "image of tag v2"), (json!(false), other));
        let moved = self.registry.digest(REPOSITORY, "v2").unwrap();
        assert_eq!(observed(&outcome, "tag v2"), (json!(true), moved));
    }

    /// The tag names an index: of the built image only, with another platform's image, without the built image.
    #[track_caller]
    fn assert_indexes(&self) {
        let image = self.image();
        self.docker.run(&["tag", "advanced-app:v2", &image]);
        self.docker.run(&["push", "-q", &image]);
        let built = self.registry.digest(REPOSITORY, "v2").unwrap();
        let arm = self.registry.push(REPOSITORY, "arm", &[], &[]);
        let built = (built.as_str(), "application/vnd.docker.distribution.manifest.v2+json", "amd64");
        let arm = (arm.as_str(), "application/vnd.oci.image.manifest.v1+json", "arm64");
        for (images, class, what, ok) in [
            (&[built][..], "pass", "image of tag v2", json!(true)),
            (&[built, arm], "error", "other images of tag v2", Value::Null),
            (&[arm], "fail", "image of tag v2", json!(false)),
        ] {
            let index = self.registry.push_index(REPOSITORY, "v2", images);
            let outcome = self.check_tag();
            assert_eq!(outcome["class"], class, "{outcome:#}");
            assert_eq!(observed(&outcome, what).0, ok, "{outcome:#}");
            assert_eq!(observed(&outcome, "tag v2").1, index);
        }
        // A build of several platforms writes the digest of the index.
        let index = self.registry.push_index(REPOSITORY, "v2", &[built, arm]);
        fs::write(self.sandbox.work().join("gonogo-image.id"), &index).unwrap();
        assert_eq!(observed(&self.check_tag(), "image of tag v2"), (json!(true), index));
    }
}
