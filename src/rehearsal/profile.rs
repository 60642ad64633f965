//! The profile of a rehearsal: `profile.toml.template`, filled in with the addresses of a running stack.

use crate::files::RehearsalFiles;
use crate::names::{
    ACCOUNT, ALERT_RULES, ALLOWED_ORIGINS, CONTEXT, DEPLOYMENTS, PROJECT, REPOSITORY, TEST_CHECK,
    TOKEN_FIELD, TOKEN_PATH,
};
use crate::stack::Stack;

/// The profile of a stack: for this environment, with the names of the drills for the debrief.
///
/// The template is a format string: TOML's own braces are doubled there, and the compiler checks that each name in it
/// has a value.
pub(super) fn render(files: &RehearsalFiles, stack: &Stack, environment: &str, drills: &[String]) -> String {
    let services = &stack.services;
    let path = |name: &str| quoted(&files.path(name).display().to_string());
    let secret = |name: &str| format!("{{ file = {} }}", path(&format!("secrets/{name}")));
    let bearer =
        |name: &str| format!("{{ Authorization = {{ secret = {}, prefix = \"Bearer \" }} }}", secret(name));
    format!(
        include_str!("profile.toml.template"),
        environment = environment,
        drills = quoted_list(drills),
        app_url = services.app.url(),
        public_url = services.app.public_url(),
        token = secret("token"),
        old_token = secret("old-token"),
        origins = quoted_list(&ALLOWED_ORIGINS),
        redis_port = services.redis.port(),
        redis_password = secret("redis"),
        latency_rule = ALERT_RULES[1].0,
        amqp_port = services.broker.port(),
        management_url = services.broker.management_url(),
        rabbitmq_password = secret("rabbitmq"),
        prometheus_url = services.prometheus.url(),
        pipeline_rule = ALERT_RULES[0].0,
        grafana_url = services.grafana.url(),
        grafana_headers = bearer("grafana"),
        jaeger_url = services.jaeger.url(),
        otlp_url = services.collector.url(),
        otlp_headers = bearer("otlp"),
        registry_url = services.registry.url(),
        repository = REPOSITORY,
        account = ACCOUNT,
        registry_password = secret("registry"),
        vault_url = services.vault.url(),
        token_path = TOKEN_PATH,
        token_field = TOKEN_FIELD,
        vault_token = secret("vault"),
        context = CONTEXT,
        kubeconfig = path("kubeconfig"),
        app_deployment = DEPLOYMENTS[0],
        worker_deployment = DEPLOYMENTS[1],
        checkout = path("checkout"),
        project = PROJECT,
        check = TEST_CHECK,
        forge_url = services.forge.url(),
        forge_headers = bearer("forge"),
        scan_report = path("scan.json"),
        image_id = path("image.id"),
        infrastructure = path("infrastructure"),
    )
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// TOML strings, separated by commas.
fn quoted_list(texts: &[impl AsRef<str>]) -> String {
    texts.iter().map(|text| quoted(text.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_toml_whatever_a_drill_is_called() {
        let home = tempfile::tempdir().unwrap();
        let files = RehearsalFiles::in_dir(home.path());
        let stack = Stack::start(&[], &files.socket()).unwrap();
        let drills = ["redis-slow".to_owned(), "a \"quoted\" name".to_owned()];
        let profile: toml::Table = render(&files, &stack, "staging", &drills).parse().unwrap();
        assert_eq!(profile["environment"].as_str(), Some("staging"));
        let listed = profile["rehearsal"]["drills"].as_array().unwrap();
        assert!(listed.iter().filter_map(toml::Value::as_str).eq(&drills));
    }
}
