//! A check of an unreachable stack: no probe passes, and none fails.

use std::collections::BTreeMap;

use crate::support::gonogo::Sandbox;
use crate::support::need;
use crate::support::ports::refused_port;

const ARGUMENTS: [&str; 9] =
    ["check", "profile.toml", "--release", "v2", "--previous", "v1", "--after-deploy", "--format", "json"];

/// Every server refuses connections, and no path exists.
#[test]
fn every_probe_of_an_unreachable_stack_ends_in_an_error() {
    need!("git", "poetry", "kubectl", "terraform");
    let port = refused_port().to_string();
    let url = format!("http://127.0.0.1:{port}");
    let values = [
        ("@redis@", port.clone()),
        ("@amqp@", port.clone()),
        ("@vhost@", "/".to_owned()),
        ("@user@", "gonogo".to_owned()),
        ("@registry_user@", "deploy-bot".to_owned()),
        ("@checkout@", "/no/such/checkout".to_owned()),
        ("@iac@", "/no/such/code".to_owned()),
    ];
    let template = include_str!("../fixtures/whole.toml").to_owned();
    let mut profile = values.iter().fold(template, |text, (name, value)| text.replace(name, value));
    for name in [
        "app",
        "public",
        "management",
        "prometheus",
        "grafana",
        "jaeger",
        "collector",
        "registry",
        "vault",
        "forge",
    ] {
        profile = profile.replace(&format!("@{name}@"), &url);
    }
    let mut sandbox = Sandbox::new().profile(&profile);
    for name in ["APP", "OLD", "VAULT", "FORGE", "GRAFANA"] {
        sandbox = sandbox.env(&format!("{name}_TOKEN"), format!("secret of {name}").replace(' ', "-"));
    }
    for name in ["REDIS", "RABBITMQ", "REGISTRY"] {
        sandbox = sandbox.env(&format!("{name}_PASSWORD"), format!("secret-of-{name}"));
    }
    let digest = sandbox.digest("profile.toml");
    let report = sandbox.run_with(&[ARGUMENTS.as_slice(), &["--trust", &digest]].concat()).json();
    let mut probe_counts = BTreeMap::new();
    for point in report["points"].as_array().unwrap() {
        for probe in point["probes"].as_array().unwrap() {
            let (outcome, kind) = (&probe["outcome"], &probe["id"]);
            let is_of_profile = ["value", "roles"].contains(&kind.as_str().unwrap());
            let expected = if is_of_profile { "pass" } else { "error" };
            assert_eq!(outcome["class"], expected, "{}/{kind}: {outcome:#}", point["id"]);
            *probe_counts.entry(point["id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(
        probe_counts.len(),
        26,
        "all points but the migrations, which have no probe: {probe_counts:?}"
    );
}
