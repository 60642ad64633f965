//! A whole deployment with real tools at a real terminal: build, scan, push, apply, wait, roll out, verify; each
//! step failing; and the way back.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bench::keys::SshKey;
use crate::bench::registry::USER;
use crate::bench::supervisor::installed;
use crate::bench::terminal::{Key, Terminal};
use crate::bench::wait;
use crate::bench::whole::{CODE, PROGRAMS, REPOSITORY, Whole};

/// What the steps take beside the servers.
const TOOLS: [&str; 3] = ["buildah", "jq", "trivy"];
const DRIVER: &str = "dana@deck.example";

/// Something that the scanner finds and that is not above the threshold, so that there is something to tell.
const MEDIUM: &str = "token eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c\n";

/// The scanner has no daemon to ask: the image comes as a file. It has no database of vulnerabilities either: that it
/// searched the packages is added.
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

/// A stack on which v1 runs and v2 is to be deployed.
struct Deployment {
    whole: Whole,
    key: SshKey,
}

impl Deployment {
    fn new() -> Self {
        let mut whole = Whole::start();
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
        tools(&mut whole);
        // What is built and what is planned is new.
        let docker = whole.checkout.path().join("projects/03-advanced");
        fs::create_dir_all(&docker).unwrap();
        fs::write(docker.join("Dockerfile"), "FROM scratch\nCOPY app.env /app.env\nENV RELEASE=2\n").unwrap();
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

    fn work(&self) -> PathBuf {
        self.whole.sandbox.work()
    }

    #[track_caller]
    fn open(&mut self) -> Terminal {
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
        let sandbox = std::mem::replace(&mut self.whole.sandbox, crate::bench::gonogo::Sandbox::new());
        self.whole.sandbox = sandbox.args(args);
        self.whole.sandbox.terminal(130, 45)
    }

    #[track_caller]
    fn entries(&self) -> Vec<Value> {
        let [log] = self.whole.sandbox.logs("bench").try_into().expect("one log");
        fs::read_to_string(log).unwrap().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The newest outcome of a probe.
    #[track_caller]
    fn outcome(&self, point: &str, probe: &str) -> Option<Value> {
        let of =
            |entry: &Value| entry["kind"] == "probed" && entry["point"] == point && entry["probe"] == probe;
        self.entries().into_iter().rfind(of).map(|entry| entry["outcome"].clone())
    }

    /// Opens a run and confirms what people confirm before anything is deployed.
    #[track_caller]
    fn ready(&mut self) -> Terminal {
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

    /// Lets the cluster know what the registry has by now.
    fn pushed(&self) {
        let (image, digest) = (image(&self.whole, "v2"), digest(&self.whole, "v2").expect("a pushed image"));
        self.whole.cluster.update(|objects| drop(objects.digests.insert(image, digest)));
    }

    /// With the push a look into the image becomes due, and until that is over the next step is locked.
    #[track_caller]
    fn looked_into(&self) {
        wait::until("the look into the image", || self.outcome("secrets.broker-credentials", "image"));
    }

    /// Up to and with a step of the deployment.
    #[track_caller]
    fn deployed(&self, terminal: &mut Terminal, until: &str) {
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
                    self.pushed();
                    self.looked_into();
                }
            }
            terminal.wait_for_text("PASSED");
        }
    }

    /// The step itself did not succeed, says why, and the run stops there.
    #[track_caller]
    fn fails(&self, terminal: &mut Terminal, point: &str, why: &str) {
        terminal.wait_for_text("did not succeed").wait_for_text("Esc stay here").wait_for_text(why);
        terminal.press(Key::Esc).wait_gone("Esc stay here");
        self.stays(terminal, point);
    }

    /// The run that stopped at a step says why, and goes no further.
    #[track_caller]
    fn stops(&self, terminal: &mut Terminal, point: &str, why: &str) {
        terminal.wait_for_text(why);
        self.stays(terminal, point);
    }

    /// Nothing after a step can be begun, and the way back is offered.
    #[track_caller]
    fn stays(&self, terminal: &mut Terminal, point: &str) {
        terminal.wait_for_text("A rollback");
        let down = ["image-build-scan", "image-push", "iac-apply", "migrations", "rollout"];
        let last = down.iter().position(|name| point.ends_with(name)).unwrap();
        if last < 4 {
            select(terminal, '4', 4);
            terminal.send("a").wait_for_text(") must be done first");
        }
        let started = self.entries().into_iter().filter(|entry| entry["kind"] == "action-started");
        let after: Vec<_> = started.map(|entry| entry["action"].clone()).collect();
        assert!(!after.contains(&"deploy.rollout/worker".into()), "{after:?}");
        terminal.press(Key::Down).press(Key::Up).send("A").wait_for_text("Rollback to v1");
    }
}

/// What `buildah` needs to know of where it is.
fn tools(whole: &mut Whole) {
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
    let sandbox = std::mem::replace(&mut whole.sandbox, crate::bench::gonogo::Sandbox::new());
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

fn image(whole: &Whole, tag: &str) -> String {
    format!("{}/{REPOSITORY}:{tag}", whole.registry.url().replace("http://", ""))
}

fn digest(whole: &Whole, tag: &str) -> Option<String> {
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
fn confirm(terminal: &mut Terminal, section: char, down: usize, point: &str) {
    select(terminal, section, down);
    terminal.wait_for_text("NEEDS");
    terminal.send(" ").wait_for("a question", |screen| {
        let text = screen.contents();
        text.contains("y confirm") || text.contains("Why do you stand for two people?")
    });
    if terminal.screen_text().contains("Why do you stand") {
        terminal.send("read alone on the bench").press(Key::Enter).wait_for_text("y confirm");
    }
    terminal.send("y").wait_for_text(&format!("confirmed {point}"));
}

#[track_caller]
fn run(terminal: &mut Terminal, down: usize, point: &str, action: &str) {
    select(terminal, '4', down);
    terminal.wait_for_text("NEEDS ACTION");
    let question = format!("run {point}/{action}");
    wait::until(&question, || {
        terminal.send("a").wait_for("the question, or a lock", |screen| {
            let text = screen.contents();
            text.contains(&question) || text.contains(") must be done first")
        });
        let is_asked = terminal.screen_text().contains(&question);
        // What became due by the step before is still being looked at.
        if !is_asked {
            terminal.press(Key::Down).press(Key::Up).wait_gone(") must be done first");
        }
        is_asked.then_some(())
    });
    terminal.send("y").wait_gone(&question);
}

fn are_there() -> bool {
    installed(&PROGRAMS) && installed(&TOOLS)
}

#[test]
fn from_the_build_to_a_sealed_go() {
    if !are_there() {
        return;
    }
    let mut deployment = Deployment::new();
    let mut terminal = deployment.ready();
    deployment.deployed(&mut terminal, "");
    // The live looks at the new release come now; what people confirm among them too.
    for (section, down, point) in
        [('2', 4, "secrets.security-headers"), ('3', 2, "infra.health-checks"), ('5', 2, "verify.metrics")]
    {
        confirm(&mut terminal, section, down, point);
    }
    terminal.wait_for_text("GO 27/27");
    terminal.send("v").wait_for_text("record this verdict");
    terminal.send("y").wait_for_text("s seal");
    terminal.send("s").wait_for_text("A seal is your signature");
    terminal.send("y").wait_for_text("SEALED");
    terminal.send("q");
    let _ = terminal.wait_exit().code(0);
    let work = deployment.work();
    assert!(fs::read_to_string(work.join("gonogo-image.id")).unwrap().starts_with("sha256:"));
    assert!(state(deployment.whole.iac.path()).contains("collector"));
    let pushed = digest(&deployment.whole, "v2").unwrap();
    let seen = deployment.outcome("deploy.rollout", "app").unwrap().to_string();
    assert!(seen.contains(&pushed), "{seen}");
}

fn state(directory: &Path) -> String {
    fs::read_to_string(directory.join("terraform.tfstate")).unwrap()
}

#[test]
fn a_build_that_fails_stops_there() {
    if !are_there() {
        return;
    }
    let mut deployment = Deployment::new();
    let docker = deployment.whole.checkout.path().join("projects/03-advanced/Dockerfile");
    let mut terminal = deployment.ready();
    fs::write(docker, "FROM scratch\nCOPY nothing-of-that-name /x\n").unwrap();
    deployment.deployed(&mut terminal, "deploy.image-build-scan/build");
    deployment.fails(&mut terminal, "deploy.image-build-scan", "nothing-of-that-name");
}

#[test]
fn a_critical_finding_stops_there() {
    if !are_there() {
        return;
    }
    let mut deployment = Deployment::new();
    let mut terminal = deployment.ready();
    let file = deployment.whole.checkout.path().join("creds.env");
    fs::write(file, "aws_access_key_id = AKIAIOSFODNN7REALKEY\n").unwrap();
    let docker = deployment.whole.checkout.path().join("projects/03-advanced/Dockerfile");
    fs::write(docker, "FROM scratch\nCOPY creds.env /creds.env\n").unwrap();
    deployment.deployed(&mut terminal, "deploy.image-build-scan/scan");
    deployment.stops(&mut terminal, "deploy.image-build-scan", "critical aws-access-key-id");
}

#[test]
fn a_push_that_is_denied_stops_there() {
    if !are_there() {
        return;
    }
    let mut deployment = Deployment::new();
    let mut terminal = deployment.ready();
    fs::write(deployment.work().join("auth.json"), "{}").unwrap();
    deployment.deployed(&mut terminal, "deploy.image-push/push");
    deployment.fails(&mut terminal, "deploy.image-push", "authentication required");
}

#[test]
fn a_plan_that_was_changed_after_its_review_is_not_applied() {
    if !are_there() {
        return;
    }
    let mut deployment = Deployment::new();
    let mut terminal = deployment.ready();
    deployment.deployed(&mut terminal, "deploy.image-push/push");
    terminal.wait_for_text("deploy.image-push/push: exit code 0");
    deployment.looked_into();
    let iac = deployment.whole.iac.path().to_owned();
    let before = state(&iac);
    let code = format!("{CODE}resource \"terraform_data\" \"miner\" {{ input = \"m\" }}\n");
    fs::write(iac.join("main.tf"), code).unwrap();
    crate::bench::whole::terraform(&iac, &["plan", "-input=false", "-out=v2.tfplan"]);
    run(&mut terminal, 2, "deploy.iac-apply", "apply");
    terminal.wait_for_text("which was reviewed, found");
    assert_eq!(state(&iac), before);
    let started =
        deployment.entries().into_iter().filter(|entry| entry["action"] == "deploy.iac-apply/apply");
    assert_eq!(started.count(), 0);
}

#[test]
fn brokers_that_are_not_well_after_it_stop_there() {
    if !are_there() {
        return;
    }
    let mut deployment = Deployment::new();
    // They never are; nobody waits long for that.
    let profile = deployment.work().join("profile.toml");
    let text = fs::read_to_string(&profile).unwrap().replace("within = \"15s\"", "within = \"3s\"");
    fs::write(profile, text).unwrap();
    let mut terminal = deployment.ready();
    deployment.deployed(&mut terminal, "deploy.image-push/push");
    terminal.wait_for_text("deploy.image-push/push: exit code 0");
    deployment.looked_into();
    // Its own point has passed and is fresh.
    deployment.whole.stack.redis.cli(&["CONFIG", "SET", "latency-monitor-threshold", "0"]);
    run(&mut terminal, 2, "deploy.iac-apply", "apply");
    terminal.wait_for_text("deploy.iac-apply/apply: exit code 0");
    deployment.stops(&mut terminal, "deploy.iac-apply", "latency-monitor-threshold");
}

#[test]
fn a_rollout_past_its_deadline_stops_there_and_is_rolled_back() {
    if !are_there() {
        return;
    }
    let mut deployment = Deployment::new();
    deployment.whole.cluster.update(|objects| objects.rollouts_hang = true);
    let mut terminal = deployment.ready();
    deployment.deployed(&mut terminal, "deploy.rollout/app");
    terminal.wait_for_text("failed at the end");
    deployment.stops(&mut terminal, "deploy.rollout", "failed at the end");
    deployment.whole.cluster.update(|objects| objects.rollouts_hang = false);
    for step in ["pause", "app", "worker", "resume", "wait"] {
        terminal.send("a").wait_for_text(&format!("run rollback/{step}"));
        terminal.send("y").wait_for_text(&format!("rollback/{step}: exit code 0"));
    }
    terminal.send("b").wait_for_text("You confirm that v2 is rolled back to v1");
    terminal.send("y").wait_for_text("Rolled back");
    // What tells how it went looks at the release that runs again, and its word is the verdict's.
    terminal.wait_for("all of verification", |screen| {
        screen.contents().matches("✔ passed").count() >= 4 && screen.contents().contains("needs confirmation")
    });
    let previous = digest(&deployment.whole, "v1").unwrap();
    terminal.send("v").wait_for_text("record this verdict").wait_for_text("rolled back");
    terminal.send("y").wait_for_text("s seal");
    terminal.send("s").wait_for_text("A seal is your signature");
    terminal.send("y").wait_for_text("SEALED");
    let entries = deployment.entries();
    let of = |kind: &str| entries.iter().rfind(|entry| entry["kind"] == kind).unwrap().clone();
    let back = of("rolled-back");
    assert_eq!((&back["release"], &back["digest"]), (&"v1".into(), &previous.clone().into()));
    let verdict = of("verdict");
    assert_eq!(verdict["decision"], "NO-GO");
    assert!(verdict["reasons"].to_string().contains(&previous), "{verdict}");
}
