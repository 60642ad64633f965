//! Faults of the release: its secret, image, source, infrastructure and telemetry.

use std::fs;

use gonogo_rehearsal::servers::forge::ForgeCheck;
use serde_json::{Value, json};

use super::StackFault;
use crate::support::full_stack::{
    CODE, FullStack, GRAFANA_TOKEN, REPOSITORY, SUITE, add_dashboard, scan, terraform,
};
use crate::support::stack::TOKEN;

fn write_code(whole: &FullStack, code: &str) {
    fs::write(whole.iac.path().join("main.tf"), code).unwrap();
}

fn restore_code(whole: &mut FullStack) {
    write_code(whole, CODE);
}

fn set_ci_result(whole: &FullStack, word: &str) {
    whole.forge.update(|project| {
        drop(project.commits.insert(whole.commit.clone(), vec![ForgeCheck::new(SUITE, word)]));
    });
}

pub const FAULTS: &[StackFault] = &[
    StackFault {
        name: "secret deleted from Vault",
        inject: |whole| {
            drop(whole.vault.request("DELETE", "secret/data/advanced/realtime-token", &Value::Null));
        },
        fix: |whole| whole.vault.put("advanced/realtime-token", &json!({"token": TOKEN})),
        points: &["secrets.token-rotated"],
        messages: &["deleted"],
    },
    StackFault {
        name: "secret rotated in Vault only",
        inject: |whole| {
            whole.vault.put("advanced/realtime-token", &json!({"token": "the-token-of-tomorrow"}));
        },
        fix: |whole| whole.vault.put("advanced/realtime-token", &json!({"token": TOKEN})),
        points: &["secrets.token-rotated"],
        messages: &["only one of them was rotated"],
    },
    StackFault {
        name: "credential baked into the image",
        inject: |whole| whole.release(&["URL=amqp://app:hunter22@rabbit"]),
        fix: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["secrets.broker-credentials"],
        messages: &["environment variable URL contains a URL with a password"],
    },
    StackFault {
        name: "critical finding in the image",
        inject: |whole| fs::write(whole.sandbox.work().join("scan.json"), scan("CRITICAL")).unwrap(),
        fix: |whole| fs::write(whole.sandbox.work().join("scan.json"), scan("LOW")).unwrap(),
        points: &["deploy.image-build-scan"],
        messages: &["critical CVE-2026-0001"],
    },
    StackFault {
        name: "previous tag gone",
        inject: |whole| {
            let digest = whole.registry.push(REPOSITORY, "v1", &["PATH=/bin"], &["COPY . /app"]);
            whole.registry.delete(REPOSITORY, &digest);
        },
        fix: |whole| drop(whole.registry.push(REPOSITORY, "v1", &["PATH=/bin"], &["COPY . /app"])),
        points: &["rollback.previous-release"],
        messages: &["no such tag"],
    },
    StackFault {
        name: "release not pushed",
        inject: |whole| {
            let digest = whole.registry.push(REPOSITORY, "v2", &["PATH=/bin", "RELEASE=2"], &[]);
            whole.registry.delete(REPOSITORY, &digest);
        },
        fix: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["deploy.image-push", "deploy.rollout", "secrets.broker-credentials", "verify.health"],
        messages: &["tag v2"],
    },
    StackFault {
        name: "another image runs",
        inject: |whole| {
            let other = format!("sha256:{}", "0".repeat(64));
            whole
                .cluster
                .update(|objects| objects.digests.values_mut().for_each(|digest| digest.clone_from(&other)));
        },
        fix: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["deploy.rollout", "verify.health"],
        messages: &["image of advanced-app"],
    },
    StackFault {
        name: "suite failed in CI",
        inject: |whole| set_ci_result(whole, "failure"),
        fix: |whole| set_ci_result(whole, "success"),
        points: &["validate.ci-suite"],
        messages: &["failure"],
    },
    StackFault {
        name: "suite still running in CI",
        inject: |whole| set_ci_result(whole, "in_progress"),
        fix: |whole| set_ci_result(whole, "success"),
        points: &["validate.ci-suite"],
        messages: &["in progress"],
    },
    StackFault {
        name: "suite not run on the commit",
        inject: |whole| whole.forge.update(|project| drop(project.commits.remove(&whole.commit))),
        fix: |whole| set_ci_result(whole, "success"),
        points: &["validate.ci-suite"],
        messages: &["commit at GitHub"],
    },
    StackFault {
        name: "package not valid",
        inject: |whole| {
            let file = whole.checkout.path().join("pyproject.toml");
            let text = fs::read_to_string(&file).unwrap();
            fs::write(file, text.replace("dependencies = [\"lib\"]", "dependencies = [\"lib\", \"gone\"]"))
                .unwrap();
        },
        fix: |whole| drop(whole.checkout.git(&["checkout", "--", "pyproject.toml"])),
        points: &["validate.ci-suite", "validate.package-metadata"],
        messages: &["poetry check --lock", "pyproject.toml changed"],
    },
    StackFault {
        name: "scan report of yesterday's image",
        inject: |whole| {
            let text = scan("LOW").replace("advanced-app:v2", "advanced-app:v1");
            fs::write(whole.sandbox.work().join("scan.json"), text).unwrap();
        },
        fix: |whole| fs::write(whole.sandbox.work().join("scan.json"), scan("LOW")).unwrap(),
        points: &["deploy.image-build-scan"],
        messages: &["advanced-app:v1"],
    },
    StackFault {
        name: "work tree changed",
        inject: |whole| fs::write(whole.checkout.path().join("hotfix.py"), "").unwrap(),
        fix: |whole| fs::remove_file(whole.checkout.path().join("hotfix.py")).unwrap(),
        points: &["validate.ci-suite"],
        messages: &["hotfix.py"],
    },
    StackFault {
        name: "change set destroys the queue",
        inject: |whole| {
            let code = CODE.replace(r#"resource "terraform_data" "rabbitmq" { input = "b" }"#, "");
            write_code(whole, &code);
        },
        fix: restore_code,
        points: &["deploy.iac-apply", "validate.iac-change-set"],
        messages: &["terraform_data.rabbitmq"],
    },
    StackFault {
        name: "state of the infrastructure lost",
        inject: |whole| fs::remove_file(whole.iac.path().join("terraform.tfstate")).unwrap(),
        fix: |whole| terraform(whole.iac.path(), &["apply", "-input=false", "-auto-approve"]),
        points: &["deploy.iac-apply", "rollback.previous-release"],
        messages: &["2 to create", "missing"],
    },
    StackFault {
        name: "data source of the dashboard broken",
        inject: |whole| {
            whole
                .grafana
                .update(|grafana| drop(grafana.sources.insert("prom".into(), Some("bad gateway".into()))));
        },
        fix: |whole| whole.grafana.update(|grafana| drop(grafana.sources.insert("prom".into(), None))),
        points: &["verify.metrics"],
        messages: &["bad gateway"],
    },
    StackFault {
        name: "Grafana's database failing",
        inject: |whole| whole.grafana.update(|grafana| grafana.database = "failing".into()),
        fix: |whole| whole.grafana.update(|grafana| grafana.database = "ok".into()),
        points: &["infra.observability", "verify.metrics"],
        messages: &["failing"],
    },
    StackFault {
        name: "collector gone",
        inject: |whole| whole.collector = None,
        fix: FullStack::restart_collector,
        points: &["secrets.otlp-export"],
        messages: &["refuses connections"],
    },
    StackFault {
        name: "credential in the history of the image",
        inject: |whole| {
            whole.release_with_history(&["PATH=/bin"], &["RUN fetch https://app:hunter22@mirror.example/x"]);
        },
        fix: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["secrets.broker-credentials"],
        messages: &["history"],
    },
    StackFault {
        name: "current token in the image",
        inject: |whole| whole.release(&["SETTING=the-token-of-today"]),
        fix: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["secrets.broker-credentials"],
        messages: &["environment variable SETTING"],
    },
    StackFault {
        name: "tag moved after the push",
        inject: |whole| drop(whole.registry.push(REPOSITORY, "v2", &["PATH=/bin", "RELEASE=3"], &[])),
        fix: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["deploy.image-push", "deploy.rollout", "verify.health"],
        messages: &["tag v2", "image of advanced-app"],
    },
    StackFault {
        name: "wrong password of the registry",
        inject: |whole| whole.edit_profile("\"REGISTRY_PASSWORD\"", "\"OLD_TOKEN\""),
        fix: FullStack::restore_profile,
        points: &[
            "deploy.image-push",
            "deploy.rollout",
            "infra.registry-rights",
            "rollback.previous-release",
            "secrets.broker-credentials",
            "verify.health",
        ],
        messages: &["deploy-bot"],
    },
    StackFault {
        name: "worker runs another image",
        inject: |whole| {
            let other = format!("sha256:{}", "0".repeat(64));
            whole.cluster.update(|objects| drop(objects.digests.insert("advanced-worker".into(), other)));
        },
        fix: |whole| whole.release(&["PATH=/bin", "RELEASE=2"]),
        points: &["deploy.rollout", "verify.health"],
        messages: &["image of advanced-worker"],
    },
    StackFault {
        name: "comma list of origins in the profile",
        inject: |whole| {
            whole.edit_profile(
                r#"'["https://boards.example.com", "https://admin.example.com"]'"#,
                "\"https://boards.example.com,https://admin.example.com\"",
            );
        },
        fix: FullStack::restore_profile,
        points: &["secrets.allowed-origins"],
        messages: &["JSON"],
    },
    StackFault {
        name: "secret without its field",
        inject: |whole| whole.vault.put("advanced/realtime-token", &json!({"value": TOKEN})),
        fix: |whole| whole.vault.put("advanced/realtime-token", &json!({"token": TOKEN})),
        points: &["secrets.token-rotated"],
        messages: &["no field"],
    },
    StackFault {
        name: "Vault refuses the login",
        inject: |whole| whole.edit_profile("\"VAULT_TOKEN\"", "\"OLD_TOKEN\""),
        fix: FullStack::restore_profile,
        points: &["secrets.token-rotated"],
        messages: &["403"],
    },
    StackFault {
        name: "suite skipped in CI",
        inject: |whole| set_ci_result(whole, "skipped"),
        fix: |whole| set_ci_result(whole, "success"),
        points: &["validate.ci-suite"],
        messages: &["skipped"],
    },
    StackFault {
        name: "only another suite run in CI",
        inject: |whole| {
            whole.forge.update(|project| {
                drop(project.commits.insert(whole.commit.clone(), vec![ForgeCheck::new("lint", "success")]));
            });
        },
        fix: |whole| set_ci_result(whole, "success"),
        points: &["validate.ci-suite"],
        messages: &["advanced-suite"],
    },
    StackFault {
        name: "tag moved to a commit that CI has not seen",
        inject: |whole| {
            whole.checkout.commit("three");
            whole.checkout.git(&["tag", "-f", "v2"]);
        },
        fix: |whole| {
            whole.checkout.git(&["reset", "-q", "--hard", &whole.commit]);
            whole.checkout.git(&["tag", "-f", "v2"]);
        },
        points: &["validate.ci-suite"],
        messages: &["commit at GitHub"],
    },
    StackFault {
        name: "demo ends at a heartbeat",
        inject: |whole| {
            let script = whole.checkout.path().join("scripts/advanced_pipeline_demo.py");
            fs::write(script, "print('data: {}')\n").unwrap();
        },
        fix: |whole| drop(whole.checkout.git(&["checkout", "--", "scripts"])),
        points: &["validate.ci-suite", "verify.pipeline"],
        messages: &["board_event", "advanced_pipeline_demo.py"],
    },
    StackFault {
        name: "nothing scanned",
        inject: |whole| {
            let mut report: Value = serde_json::from_str(&scan("LOW")).unwrap();
            report["Results"] = json!([]);
            fs::write(whole.sandbox.work().join("scan.json"), report.to_string()).unwrap();
        },
        fix: |whole| fs::write(whole.sandbox.work().join("scan.json"), scan("LOW")).unwrap(),
        points: &["deploy.image-build-scan"],
        messages: &["scan target", "names none"],
    },
    StackFault {
        name: "change not applied",
        inject: |whole| write_code(whole, &CODE.replace(r#"input = "b""#, r#"input = "c""#)),
        fix: restore_code,
        points: &["deploy.iac-apply"],
        messages: &["pending changes", "1 to update", "terraform_data.rabbitmq"],
    },
    StackFault {
        name: "infrastructure code not valid",
        inject: |whole| write_code(whole, &CODE.replace("input = \"b\" }", "input = ")),
        fix: restore_code,
        points: &["deploy.iac-apply", "rollback.previous-release", "validate.iac-change-set"],
        messages: &["Error: Invalid expression on main.tf", "Error: Invalid expression on /"],
    },
    StackFault {
        name: "no contact at Platform",
        inject: |whole| whole.edit_profile("role = \"Platform\"", "role = \"Support\""),
        fix: FullStack::restore_profile,
        points: &["rollback.contacts"],
        messages: &["Platform"],
    },
    StackFault {
        name: "dashboard missing",
        inject: |whole| whole.grafana.update(|grafana| grafana.dashboards.clear()),
        fix: |whole| whole.grafana.update(add_dashboard),
        points: &["verify.metrics"],
        messages: &["advanced-observability"],
    },
    StackFault {
        name: "Grafana refuses the token",
        inject: |whole| whole.grafana.update(|grafana| grafana.token = Some("another".into())),
        fix: |whole| whole.grafana.update(|grafana| grafana.token = Some(GRAFANA_TOKEN.into())),
        points: &["verify.metrics"],
        messages: &["401"],
    },
];
