//! Faults of the release: its secret, image, workload, source, infrastructure and telemetry.

use std::fs;

use gonogo_rehearsal::servers::forge::ForgeCheck;
use gonogo_rehearsal::servers::kubernetes::deployment;
use serde_json::{Value, json};

use super::StackFault;
use crate::support::collector::Collector;
use crate::support::full_stack::{CODE, FullStack, REPOSITORY, SUITE, scan, terraform};
use crate::support::stack::TOKEN;

/// Changes the deployment of the application.
fn change_deployment(whole: &FullStack, change: impl Fn(&mut Value)) {
    whole.cluster.update(|objects| change(objects.deployments.get_mut("advanced-app").unwrap()));
}

/// Writes a variable out in the deployment of the application.
fn set_variable(whole: &FullStack, name: &str, value: &str) {
    change_deployment(whole, |object| {
        let env = object.pointer_mut("/spec/template/spec/containers/0/env").unwrap();
        env.as_array_mut().unwrap().push(json!({"name": name, "value": value}));
    });
}

fn restore_deployment(whole: &mut FullStack) {
    let reference = json!({"secretKeyRef": {"name": "advanced-redis", "key": "url"}});
    let env = json!([{"name": "ADVANCED_REDIS_URL", "valueFrom": reference}]);
    change_deployment(whole, |object| *object = deployment("advanced-app", 2, &env));
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
        points: &["deploy.image-push", "deploy.rollout", "secrets.broker-credentials"],
        messages: &["tag v2"],
    },
    StackFault {
        name: "credential written into the workload",
        inject: |whole| {
            change_deployment(whole, |object| {
                let env = object.pointer_mut("/spec/template/spec/containers/0/env").unwrap();
                *env = json!([{"name": "ADVANCED_RABBITMQ_PASSWORD", "value": "hunter22"}]);
            });
        },
        fix: restore_deployment,
        points: &["secrets.broker-credentials"],
        messages: &["ADVANCED_RABBITMQ_PASSWORD is in plain text"],
    },
    StackFault {
        name: "comma list of origins in the workload",
        inject: |whole| {
            set_variable(whole, "ADVANCED_ALLOWED_ORIGINS", "https://boards.example.com,https://x.example");
        },
        fix: restore_deployment,
        points: &["secrets.allowed-origins"],
        messages: &["ADVANCED_ALLOWED_ORIGINS of deployment advanced-app"],
    },
    StackFault {
        name: "workload exports traces to the wrong path",
        inject: |whole| set_variable(whole, "ADVANCED_OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        fix: restore_deployment,
        points: &["secrets.otlp-export"],
        messages: &["ADVANCED_OTEL_EXPORTER_OTLP_ENDPOINT of deployment advanced-app"],
    },
    StackFault {
        name: "nothing runs",
        inject: |whole| assert!(whole.cluster.scale("advanced-app", 0)),
        fix: restore_deployment,
        points: &["deploy.rollout"],
        messages: &["nothing runs"],
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
        points: &["deploy.rollout"],
        messages: &["image of advanced-app"],
    },
    StackFault {
        name: "rollout not complete",
        inject: |whole| change_deployment(whole, |object| object["status"]["updatedReplicas"] = 1.into()),
        fix: restore_deployment,
        points: &["deploy.rollout"],
        messages: &["rollout complete"],
    },
    StackFault {
        name: "readiness probe with the wrong path",
        inject: |whole| {
            change_deployment(whole, |object| {
                let probe = "/spec/template/spec/containers/0/readinessProbe/httpGet/path";
                *object.pointer_mut(probe).unwrap() = "/healthz".into();
            });
        },
        fix: restore_deployment,
        points: &["infra.health-checks"],
        messages: &["readiness of deployment advanced-app"],
    },
    StackFault {
        name: "scaling forbidden",
        inject: |whole| whole.cluster.update(|objects| objects.read_only = true),
        fix: |whole| whole.cluster.update(|objects| objects.read_only = false),
        points: &["rollback.pause-consumers"],
        messages: &["forbidden"],
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
            fs::write(whole.iac.path().join("main.tf"), code).unwrap();
        },
        fix: |whole| fs::write(whole.iac.path().join("main.tf"), CODE).unwrap(),
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
    // Must be the last one: the collector restarts on another port.
    StackFault {
        name: "collector gone",
        inject: |whole| whole.collector = None,
        fix: |whole| whole.collector = Some(Collector::start()),
        points: &["secrets.otlp-export"],
        messages: &["refuses connections"],
    },
];
