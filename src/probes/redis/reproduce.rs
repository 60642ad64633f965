//! The command to repeat the queries by hand.

use gonogo_core::checklist::spec::RedisSpec;
use gonogo_core::text::shell_word;

use super::super::address::Address;

/// A `redis-cli` command with the queries of a spec; the password as a reference.
pub(super) fn redis_cli(spec: &RedisSpec, address: &Address) -> String {
    let questions = questions(spec).iter().map(|question| shell_word(question)).collect::<Vec<_>>();
    format!("printf '%s\\n' {} | {}", questions.join(" "), client(spec, address))
}

/// A `redis-cli` command that lists the keys with a prefix.
pub(super) fn list_keys(spec: &RedisSpec, address: &Address, prefix: &str) -> String {
    format!("{} --scan --pattern {}", client(spec, address), shell_word(&format!("{prefix}*")))
}

/// `redis-cli` with how to connect.
fn client(spec: &RedisSpec, address: &Address) -> String {
    let mut words = Vec::new();
    if let Some(password) = &spec.password {
        words.push(format!("REDISCLI_AUTH={}", password.shell()));
    }
    words.extend(["redis-cli".into(), "-h".into(), shell_word(&address.host)]);
    words.extend(["-p".into(), address.port.to_string()]);
    if !address.rest.is_empty() {
        words.extend(["-n".into(), shell_word(&address.rest)]);
    }
    if let Some(user) = &spec.username {
        words.extend(["--user".into(), shell_word(user)]);
    }
    if address.tls {
        words.push("--tls".into());
        words.extend(spec.tls.roots.iter().flat_map(|roots| ["--cacert".into(), shell_word(roots)]));
    }
    words.join(" ")
}

fn questions(spec: &RedisSpec) -> Vec<String> {
    let monitor = spec.latency_threshold_ms.is_some() || spec.spike_limit_ms.is_some();
    let questions = [
        (true, "PING"),
        (spec.persistence || spec.replicas.is_some() || spec.cluster.is_some(), "INFO"),
        (spec.persistence, "CONFIG GET save"),
        (monitor, "CONFIG GET latency-monitor-threshold"),
        (spec.spike_limit_ms.is_some(), "LATENCY LATEST"),
        (spec.cluster == Some(true), "CLUSTER INFO"),
    ];
    let questions =
        questions.into_iter().filter(|(is_needed, _)| *is_needed).map(|(_, question)| question.to_owned());
    let channels = spec.subscribers.iter().map(|s| format!("PUBSUB NUMSUB {}", shell_word(&s.channel)));
    questions.chain(channels).collect()
}
