//! Faults of the deployments in the cluster, and of the way there.

use std::fs;

use gonogo_rehearsal::servers::kubernetes::deployment;
use serde_json::{Value, json};

use super::StackFault;
use crate::support::full_stack::{FullStack, container_env};

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
    let app = deployment("advanced-app", 2, &container_env());
    change_deployment(whole, |object| *object = app.clone());
}

/// Writes the deployment of the worker.
fn restore_worker(whole: &mut FullStack) {
    let worker = deployment("advanced-worker", 2, &container_env());
    whole.cluster.update(|objects| drop(objects.deployments.insert("advanced-worker".into(), worker)));
}

/// The points that read the workload.
const WORKLOAD_POINTS: &[&str] = &[
    "deploy.rollout",
    "infra.health-checks",
    "rollback.pause-consumers",
    "secrets.allowed-origins",
    "secrets.broker-credentials",
    "secrets.otlp-export",
    "verify.health",
];

pub const FAULTS: &[StackFault] = &[
    StackFault {
        name: "credential written into the workload",
        inject: |whole| {
            set_variable(whole, "ADVANCED_RABBITMQ_PASSWORD", "hunter22");
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
        points: &["deploy.rollout", "verify.health"],
        messages: &["nothing runs"],
    },
    StackFault {
        name: "rollout not complete",
        inject: |whole| change_deployment(whole, |object| object["status"]["updatedReplicas"] = 1.into()),
        fix: restore_deployment,
        points: &["deploy.rollout", "verify.health"],
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
        name: "worker not deployed",
        inject: |whole| {
            whole.cluster.update(|objects| drop(objects.deployments.remove("advanced-worker")));
        },
        fix: restore_worker,
        points: &[
            "deploy.rollout",
            "rollback.pause-consumers",
            "secrets.broker-credentials",
            "verify.health",
        ],
        messages: &["deployment advanced-worker", "no such deployment"],
    },
    StackFault {
        name: "no such Kubernetes context",
        inject: |whole| {
            fs::write(whole.sandbox.work().join("kubeconfig"), whole.cluster.kubeconfig("staging")).unwrap();
        },
        fix: |whole| {
            fs::write(whole.sandbox.work().join("kubeconfig"), whole.cluster.kubeconfig("bench")).unwrap();
        },
        points: WORKLOAD_POINTS,
        messages: &["no context `bench` in the kubeconfig"],
    },
    StackFault {
        name: "workload must not be read",
        inject: |whole| whole.cluster.update(|objects| objects.no_access = true),
        fix: |whole| whole.cluster.update(|objects| objects.no_access = false),
        points: WORKLOAD_POINTS,
        messages: &["forbidden"],
    },
    StackFault {
        name: "foreign origin in the workload",
        inject: |whole| {
            let list = r#"["https://boards.example.com", "https://admin.example.com", "https://x.example"]"#;
            set_variable(whole, "ADVANCED_ALLOWED_ORIGINS", list);
        },
        fix: restore_deployment,
        points: &["secrets.allowed-origins"],
        messages: &[
            "ADVANCED_ALLOWED_ORIGINS of deployment advanced-app",
            "not in the profile: https://x.example",
        ],
    },
];
