//! A complete deployment with real tools on a real terminal: build, scan, push, apply, wait, roll out, verify. Each step
//! fails in one test, and one release is rolled back.

mod docker_engine;
mod whole_deployment;

use std::fs;
use std::path::Path;

use crate::support::full_stack::CODE;
use whole_deployment::{WholeDeployment, confirm, digest, has_tools, run};

#[test]
fn a_deployment_runs_from_the_build_to_a_sealed_go() {
    if !has_tools() {
        return;
    }
    let mut deployment = WholeDeployment::new();
    let mut terminal = deployment.open_and_confirm();
    deployment.run_steps(&mut terminal, "");
    // The points that check the new release are due now; some need confirmation.
    for (section, down, point) in
        [('2', 4, "secrets.security-headers"), ('3', 2, "infra.health-checks"), ('5', 2, "verify.metrics")]
    {
        confirm(&mut terminal, section, down, point);
    }
    terminal.wait_for_text("GO 27/27");
    terminal.open_verdict();
    terminal.answer("y").wait_for_text("s seal");
    terminal.answer("s").wait_for_text("A seal is your signature");
    terminal.answer("y").wait_for_text("SEALED");
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
fn a_failed_build_stops_the_deployment() {
    if !has_tools() {
        return;
    }
    let mut deployment = WholeDeployment::new();
    let dockerfile = deployment.whole.checkout.path().join("projects/03-advanced/Dockerfile");
    let mut terminal = deployment.open_and_confirm();
    fs::write(dockerfile, "FROM scratch\nCOPY nothing-of-that-name /x\n").unwrap();
    deployment.commit_and_tag();
    deployment.run_steps(&mut terminal, "deploy.image-build-scan/build");
    deployment.assert_action_failed(&mut terminal, "deploy.image-build-scan", "nothing-of-that-name");
}

#[test]
fn a_critical_finding_stops_the_deployment() {
    if !has_tools() {
        return;
    }
    let mut deployment = WholeDeployment::new();
    let mut terminal = deployment.open_and_confirm();
    let file = deployment.whole.checkout.path().join("creds.env");
    fs::write(file, "aws_access_key_id = AKIAIOSFODNN7REALKEY\n").unwrap();
    let dockerfile = deployment.whole.checkout.path().join("projects/03-advanced/Dockerfile");
    fs::write(dockerfile, "FROM scratch\nCOPY creds.env /creds.env\n").unwrap();
    deployment.commit_and_tag();
    deployment.run_steps(&mut terminal, "deploy.image-build-scan/scan");
    deployment.assert_stopped(&mut terminal, "deploy.image-build-scan", "critical aws-access-key-id");
}

#[test]
fn a_denied_push_stops_the_deployment() {
    if !has_tools() {
        return;
    }
    let mut deployment = WholeDeployment::new();
    let mut terminal = deployment.open_and_confirm();
    fs::write(deployment.work().join("auth.json"), "{}").unwrap();
    deployment.run_steps(&mut terminal, "deploy.image-push/push");
    deployment.assert_action_failed(&mut terminal, "deploy.image-push", "authentication required");
}

#[test]
fn a_plan_that_was_changed_after_its_review_is_not_applied() {
    if !has_tools() {
        return;
    }
    let mut deployment = WholeDeployment::new();
    let mut terminal = deployment.open_and_confirm();
    deployment.run_steps(&mut terminal, "deploy.image-push/push");
    terminal.wait_for_text("deploy.image-push/push: exit code 0");
    deployment.wait_for_image_probe();
    let iac = deployment.whole.iac.path().to_owned();
    let before = state(&iac);
    let code = format!("{CODE}resource \"terraform_data\" \"miner\" {{ input = \"m\" }}\n");
    fs::write(iac.join("main.tf"), code).unwrap();
    crate::support::full_stack::terraform(&iac, &["plan", "-input=false", "-out=v2.tfplan"]);
    run(&mut terminal, 2, "deploy.iac-apply", "apply");
    terminal.wait_for_text("(reviewed), found");
    assert_eq!(state(&iac), before);
    let started =
        deployment.entries().into_iter().filter(|entry| entry["action"] == "deploy.iac-apply/apply");
    assert_eq!(started.count(), 0);
}

#[test]
fn unhealthy_brokers_after_the_apply_stop_the_deployment() {
    if !has_tools() {
        return;
    }
    let mut deployment = WholeDeployment::new();
    // They never become healthy, so the wait is short.
    let profile = deployment.work().join("profile.toml");
    let text =
        fs::read_to_string(&profile).unwrap().replace("within = \"15s\"", "within = \"3s\"\nhold = \"1s\"");
    fs::write(profile, text).unwrap();
    let mut terminal = deployment.open_and_confirm();
    deployment.run_steps(&mut terminal, "deploy.image-push/push");
    terminal.wait_for_text("deploy.image-push/push: exit code 0");
    deployment.wait_for_image_probe();
    // The point of Redis has passed and is fresh.
    deployment.whole.stack.redis.cli(&["CONFIG", "SET", "latency-monitor-threshold", "0"]);
    run(&mut terminal, 2, "deploy.iac-apply", "apply");
    terminal.wait_for_text("deploy.iac-apply/apply: exit code 0");
    deployment.assert_stopped(&mut terminal, "deploy.iac-apply", "latency-monitor-threshold");
}

#[test]
fn a_rollout_past_its_deadline_stops_and_is_rolled_back() {
    if !has_tools() {
        return;
    }
    let mut deployment = WholeDeployment::new();
    deployment.whole.cluster.update(|objects| objects.rollouts_hang = true);
    let mut terminal = deployment.open_and_confirm();
    deployment.run_steps(&mut terminal, "deploy.rollout/app");
    terminal.wait_for_text("failed at the last try");
    deployment.assert_stopped(&mut terminal, "deploy.rollout", "failed at the last try");
    deployment.whole.cluster.update(|objects| objects.rollouts_hang = false);
    for step in ["pause", "app", "wait", "worker", "resume", "wait-worker"] {
        terminal.send("a").wait_for_text(&format!("run rollback/{step}"));
        terminal.answer("y").wait_for_text(&format!("rollback/{step}: exit code 0"));
    }
    terminal.send("b").wait_for_text("You confirm that v2 is rolled back to v1");
    terminal.answer("y").wait_for_text("Rolled back");
    // The probes that verify the rollback run against v1, and the verdict includes their results.
    terminal.wait_for("all of verification", |screen| {
        screen.contents().matches("✔ passed").count() >= 4 && screen.contents().contains("needs confirmation")
    });
    let previous = digest(&deployment.whole, "v1").unwrap();
    terminal.open_verdict().wait_for_text("rolled back");
    terminal.answer("y").wait_for_text("s seal");
    terminal.answer("s").wait_for_text("A seal is your signature");
    terminal.answer("y").wait_for_text("SEALED");
    let entries = deployment.entries();
    let of = |kind: &str| entries.iter().rfind(|entry| entry["kind"] == kind).unwrap().clone();
    let rolled_back = of("rolled-back");
    assert_eq!((&rolled_back["release"], &rolled_back["digest"]), (&"v1".into(), &previous.clone().into()));
    let verdict = of("verdict");
    assert_eq!(verdict["decision"], "NO-GO");
    assert!(verdict["reasons"].to_string().contains(&previous), "{verdict}");
    // It is the previous release that must run now, in both deployments.
    let probed = |probe: &str| {
        let mut of_health = entries.iter().filter(|entry| entry["point"] == "verify.health");
        of_health.rfind(|entry| entry["probe"] == probe).unwrap()
    };
    for probe in ["tag", "app", "worker"] {
        let last = probed(probe);
        let outcome = last["outcome"].to_string();
        assert!(last["outcome"]["class"] == "pass" && outcome.contains(&previous), "{outcome}");
    }
}
