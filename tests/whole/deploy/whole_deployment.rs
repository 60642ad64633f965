//! A deployment on the whole stack: its tools, its steps, and how it stops.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::full_stack::{CODE, FullStack, PROGRAMS, REPOSITORY};
use crate::support::keys::SshKey;
use crate::support::registry::USER;
use crate::support::supervisor::installed;
use crate::support::terminal::{Key, Terminal};
use crate::support::wait;

/// The tools of the steps.
const TOOLS: [&str; 3] = ["buildah", "jq", "trivy"];
const DRIVER: &str = "dana@deck.example";

/// A finding of the scanner below the threshold.
const MEDIUM: &str = "token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c\n";

/// The scanner reads the image from a file, since there is no daemon. It has no vulnerability database, so the result for
/// packages is added.
const PROFILE: &str = r#"
[points."deploy.image-build-scan"]
action = [{ id = "scan", title = "Scan it", with = { shell = "rm -f image.tar; buildah push -q advanced-app:v2 docker-archive:image.tar:advanced-app:v2 && trivy image --input image.tar --scanners secret --skip-db-update --offline-scan --quiet --cache-dir cache --format json --output secrets.json && jq '.Results += [{Target: \"packages\", Class: \"os-pkgs\"}]' secrets.json > scan.json" } }]
[points."deploy.iac-apply"]
within = "15s"
[points."deploy.rollout"]
within = "3s"
[[guard]]
id = "context"
title = "kubectl points at the bench"
kind = "command"
with = { argv = ["kubectl", "--kubeconfig", "kubeconfig", "config", "current-context"], stdout = [{ equals = "bench" }] }
"#;

/// A stack that runs v1; v2 is to be deployed.
pub struct WholeDeployment {
    pub whole: FullStack,
    key: SshKey,
}

impl WholeDeployment {
    pub fn new() -> Self {
        let mut whole = FullStack::start();
        let profile = whole.sandbox.work().join("profile.toml");
        let text = fs::read_to_string(&profile)
            .unwrap()
            .replace("[values.build]\n", "[values.build]\nprogram = \"buildah\"\n");
        fs::write(
            &profile,
            text.replace("[points.\"verify.metrics\"]", &format!("{PROFILE}\n[points.\"verify.metrics\"]")),
        )
        .unwrap();
        let work = whole.sandbox.work();
        fs::remove_file(work.join("gonogo-image.id")).unwrap();
        fs::remove_file(work.join("scan.json")).unwrap();
        configure_buildah(&mut whole);
        // The release has a new image and a new plan.
        let dockerfile = whole.checkout.path().join("projects/03-advanced");
        fs::create_dir_all(&dockerfile).unwrap();
        fs::write(dockerfile.join("Dockerfile"), "FROM scratch\nCOPY app.env /app.env\nENV RELEASE=2\n")
            .unwrap();
        fs::write(whole.checkout.path().join("app.env"), MEDIUM).unwrap();
        whole.checkout.commit("three");
        whole.checkout.git(&["tag", "-f", "v2"]);
        let commit = whole.checkout.git(&["rev-parse", "v2^{commit}"]);
        whole.forge.update(|project| {
            let checks = project.commits.values().next().cloned().unwrap();
            project.commits.insert(commit, checks);
        });
        whole.registry.delete(REPOSITORY, &digest(&whole, "v2").unwrap());
        let code = format!("{CODE}resource \"terraform_data\" \"collector\" {{ input = \"c\" }}\n");
        fs::write(whole.iac.path().join("main.tf"), code).unwrap();
        let previous = digest(&whole, "v1").unwrap();
        let image = image(&whole, "v1");
        whole.cluster.update(|objects| {
            for deployment in objects.deployments.values_mut() {
                deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image.clone().into();
            }
            objects.digests.insert(image, previous);
        });
        let key = whole.sandbox.key("dana");
        Self { whole, key }
    }

    pub fn work(&self) -> PathBuf {
        self.whole.sandbox.work()
    }

    #[track_caller]
    pub fn open(&mut self) -> Terminal {
        let key = self.key.path.display().to_string();
        let digest = self.whole.sandbox.digest("profile.toml");
        let args = [
            "run",
            "profile.toml",
            "--release",
            "v2",
            "--previous",
            "v1",
            "--trust",
            &digest,
            "--as",
            DRIVER,
            "--key",
            &key,
        ];
        let sandbox = std::mem::replace(&mut self.whole.sandbox, crate::support::gonogo::Sandbox::new());
        self.whole.sandbox = sandbox.args(args);
        self.whole.sandbox.terminal(130, 45)
    }

    #[track_caller]
    pub fn entries(&self) -> Vec<Value> {
        let [log] = self.whole.sandbox.logs("bench").try_into().expect("one log");
        fs::read_to_string(log).unwrap().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Moves the release's tag to a new commit of the checkout: only that is built.
    pub fn commit_and_tag(&self) {
        self.whole.checkout.commit("four");
        self.whole.checkout.git(&["tag", "-f", "v2"]);
    }

    /// The newest outcome of a probe.
    #[track_caller]
    pub fn outcome(&self, point: &str, probe: &str) -> Option<Value> {
        let of =
            |entry: &Value| entry["kind"] == "probed" && entry["point"] == point && entry["probe"] == probe;
        self.entries().into_iter().rfind(of).map(|entry| entry["outcome"].clone())
    }

    /// Opens a run, and confirms the points that come before the deployment.
    #[track_caller]
    pub fn open_and_confirm(&mut self) -> Terminal {
        let mut terminal = self.open();
        terminal.wait_for_text("Rollback plan");
        for (section, down, point) in [
            ('1', 0, "validate.ci-suite"),
            ('1', 2, "validate.iac-change-set"),
            ('1', 3, "validate.slo-alerts"),
            ('6', 1, "rollback.pause-consumers"),
            ('6', 2, "rollback.contacts"),
        ] {
            confirm(&mut terminal, section, down, point);
        }
        terminal
    }

    /// Adds the pushed image to the cluster.
    pub fn register_image(&self) {
        let (image, digest) = (image(&self.whole, "v2"), digest(&self.whole, "v2").expect("a pushed image"));
        self.whole.cluster.update(|objects| drop(objects.digests.insert(image, digest)));
    }

    /// Waits for the probe of the image, which the push makes due and which locks the next step.
    #[track_caller]
    pub fn wait_for_image_probe(&self) {
        wait::until("the probe of the image", || self.outcome("secrets.broker-credentials", "image"));
    }

    /// Runs the steps of the deployment, up to and including this one.
    #[track_caller]
    pub fn run_steps(&self, terminal: &mut Terminal, until: &str) {
        for (down, point, actions) in [
            (0, "deploy.image-build-scan", &["build", "scan"][..]),
            (1, "deploy.image-push", &["tag", "push"]),
            (2, "deploy.iac-apply", &["apply"]),
            (4, "deploy.rollout", &["app", "worker"]),
        ] {
            for action in actions {
                run(terminal, down, point, action);
                let key = format!("{point}/{action}");
                if key == until {
                    return;
                }
                terminal.wait_for_text(&format!("{key}: exit code 0"));
                if key == "deploy.image-push/push" {
                    self.register_image();
                    self.wait_for_image_probe();
                }
            }
            terminal.wait_for_text("PASSED");
        }
    }

    /// The action failed with this message, and later steps are blocked.
    #[track_caller]
    pub fn assert_action_failed(&self, terminal: &mut Terminal, point: &str, why: &str) {
        terminal.wait_for_text("did not succeed").wait_for_text("Esc stay here").wait_for_text(why);
        terminal.press(Key::Esc).wait_gone("Esc stay here");
        self.assert_blocked(terminal, point);
    }

    /// The point shows this message, and later steps are blocked.
    #[track_caller]
    pub fn assert_stopped(&self, terminal: &mut Terminal, point: &str, why: &str) {
        terminal.wait_for_text(why);
        self.assert_blocked(terminal, point);
    }

    /// No later step can be started, and the rollback is offered.
    #[track_caller]
    pub fn assert_blocked(&self, terminal: &mut Terminal, point: &str) {
        terminal.wait_for_text("A rollback");
        let steps = ["image-build-scan", "image-push", "iac-apply", "migrations", "rollout"];
        let position = steps.iter().position(|name| point.ends_with(name)).unwrap();
        if position < 4 {
            select(terminal, '4', 4);
            terminal.send("a").wait_for_text(") must be done first");
        }
        let started = self.entries().into_iter().filter(|entry| entry["kind"] == "action-started");
        let actions: Vec<_> = started.map(|entry| entry["action"].clone()).collect();
        assert!(!actions.contains(&"deploy.rollout/worker".into()), "{actions:?}");
        terminal.press(Key::Down).press(Key::Up).send("A").wait_for_text("Rollback to v1");
    }
}

/// Configures `buildah` for the sandbox.
fn configure_buildah(whole: &mut FullStack) {
    let work = whole.sandbox.work();
    let at = |name: &str| work.join(name).display().to_string();
    let registry = whole.registry.url().replace("http://", "");
    let storage = format!(
        "[storage]\ndriver = \"vfs\"\nrunroot = \"{}\"\ngraphroot = \"{}\"\n",
        at("run"),
        at("graph")
    );
    let registries = format!(
        "unqualified-search-registries = []\n[[registry]]\nlocation = \"{registry}\"\ninsecure = true\n"
    );
    let login = serde_json::json!({"auths": {registry: {"auth": base64(&format!("{}:{}", USER.0, USER.1))}}});
    let sandbox = std::mem::replace(&mut whole.sandbox, crate::support::gonogo::Sandbox::new());
    whole.sandbox = sandbox
        .file("storage.conf", &storage)
        .file("registries.conf", &registries)
        .file("auth.json", &login.to_string())
        .file("policy.json", r#"{"default": [{"type": "insecureAcceptAnything"}]}"#)
        .env("CONTAINERS_STORAGE_CONF", at("storage.conf"))
        .env("CONTAINERS_REGISTRIES_CONF", at("registries.conf"))
        .env("REGISTRY_AUTH_FILE", at("auth.json"))
        .env("BUILDAH_ISOLATION", "chroot")
        .env("KUBECACHEDIR", at("kube"));
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn image(whole: &FullStack, tag: &str) -> String {
    format!("{}/{REPOSITORY}:{tag}", whole.registry.url().replace("http://", ""))
}

pub fn digest(whole: &FullStack, tag: &str) -> Option<String> {
    whole.registry.digest(REPOSITORY, tag)
}

#[track_caller]
fn select(terminal: &mut Terminal, section: char, down: usize) {
    terminal.press(Key::Char(section)).press(Key::Char('g'));
    for _ in 0..down {
        terminal.press(Key::Down);
    }
}

#[track_caller]
pub fn confirm(terminal: &mut Terminal, section: char, down: usize, point: &str) {
    select(terminal, section, down);
    terminal.wait_for_text("NEEDS");
    terminal.send(" ").wait_for("a dialog", |screen| {
        let text = screen.contents();
        text.contains("y confirm") || text.contains("Why is one person enough?")
    });
    if terminal.screen_text().contains("Why is one person") {
        terminal.send("read alone on the bench").press(Key::Enter).wait_for_text("y confirm");
    }
    terminal.answer("y").wait_for_text(&format!("confirmed {point}"));
}

#[track_caller]
pub fn run(terminal: &mut Terminal, down: usize, point: &str, action: &str) {
    select(terminal, '4', down);
    terminal.wait_for_text("NEEDS ACTION");
    let question = format!("run {point}/{action}");
    wait::until(&question, || {
        terminal.send("a").wait_for("the dialog, or a lock", |screen| {
            let text = screen.contents();
            text.contains(&question) || text.contains(") must be done first")
        });
        let is_asked = terminal.screen_text().contains(&question);
        // Probes that became due by the step before are still running.
        if !is_asked {
            terminal.press(Key::Down).press(Key::Up).wait_gone(") must be done first");
        }
        is_asked.then_some(())
    });
    terminal.answer("y").wait_gone(&question);
}

pub fn has_tools() -> bool {
    installed(&PROGRAMS) && installed(&TOOLS)
}
