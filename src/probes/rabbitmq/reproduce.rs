//! The command to repeat the queries by hand.

use reqwest::Url;

use gonogo_core::checklist::spec::RabbitmqSpec;
use gonogo_core::text::shell_word;

use super::super::http_client::segment;

/// `curl` of the management API, the password as a reference; without one, `rabbitmqctl` on the broker.
pub(super) fn command(spec: &RabbitmqSpec, management: Option<&Url>) -> String {
    let vhost = shell_word(&spec.vhost);
    let Some(base) = management else {
        let list = |what: &str| format!("rabbitmqctl -p {vhost} {what}");
        return if spec.queues.is_empty() {
            list("list_exchanges name")
        } else {
            list("list_queues name messages_ready consumers")
        };
    };
    let user = format!("{}{}", shell_word(&format!("{}:", spec.username)), spec.password.shell());
    let mut words = vec!["curl".to_owned(), "-sS".into(), "-u".into(), user];
    words.extend(spec.tls.roots.iter().flat_map(|roots| ["--cacert".into(), shell_word(roots)]));
    let paths = [
        ("exchanges", spec.exchanges.is_empty()),
        ("queues", spec.queues.is_empty()),
        ("bindings", spec.bindings.is_empty()),
    ];
    let base = base.as_str().trim_end_matches('/');
    let url = |what: &str| shell_word(&format!("{base}/api/{what}/{}", segment(&spec.vhost)));
    words.extend(paths.iter().filter(|(_, is_unused)| !is_unused).map(|(what, _)| url(what)));
    if paths.iter().all(|(_, is_unused)| *is_unused) {
        words.push(shell_word(&format!("{base}/api/overview")));
    }
    words.join(" ")
}
