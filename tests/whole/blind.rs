//! Where nothing can be looked at, nothing is called wrong, and nothing right.

use std::collections::BTreeMap;

use crate::bench::gonogo::Sandbox;
use crate::bench::need;
use crate::bench::ports::refused_port;

/// Every server refuses connections, and every path leads nowhere.
#[test]
fn every_look_says_that_it_could_not_look() {
    need!("git", "poetry", "kubectl", "terraform");
    let closed = refused_port().to_string();
    let url = format!("http://127.0.0.1:{closed}");
    let values = [
        ("@redis@", closed.clone()),
        ("@amqp@", closed.clone()),
        ("@vhost@", "/".to_owned()),
        ("@user@", "gonogo".to_owned()),
        ("@registry_user@", "deploy-bot".to_owned()),
        ("@checkout@", "/no/such/checkout".to_owned()),
        ("@iac@", "/no/such/code".to_owned()),
    ];
    let template = include_str!("../fixtures/whole.toml").to_owned();
    let mut profile = values.iter().fold(template, |text, (name, value)| text.replace(name, value));
    for name in
        ["app", "management", "prometheus", "grafana", "jaeger", "collector", "registry", "vault", "forge"]
    {
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
    let words = ["check", "profile.toml", "--release", "v2", "--previous", "v1", "--format", "json"];
    let report = sandbox.run_with(&[words.as_slice(), &["--trust", &digest]].concat()).json();
    let mut looked = BTreeMap::new();
    for point in report["points"].as_array().unwrap() {
        for probe in point["probes"].as_array().unwrap() {
            let (outcome, kind) = (&probe["outcome"], &probe["id"]);
            let is_said = ["value", "roles"].contains(&kind.as_str().unwrap());
            let expected = if is_said { "pass" } else { "error" };
            assert_eq!(outcome["class"], expected, "{}/{kind}: {outcome:#}", point["id"]);
            *looked.entry(point["id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    assert_eq!(looked.len(), 26, "all but the migrations, which have no look: {looked:?}");
}
