//! The DNS probe: the records of a name, as a server answers.

mod answer;
mod query;

use super::deadline::Deadline;
use gonogo_core::checklist::spec::DnsSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text::shell_word;

pub(super) async fn run(spec: &DnsSpec, deadline: &Deadline) -> Outcome {
    let seen = match query::ask(spec, deadline).await {
        Ok((server, message)) => answer::judge(spec, &server, &message),
        Err(why) => vec![Observation::unknown(answer::name(spec), answer::expected(spec), why)],
    };
    Outcome::of(seen, dig(spec))
}

/// The command to repeat it by hand.
fn dig(spec: &DnsSpec) -> String {
    let server = spec.server.as_deref().map(|server| match query::socket_address(server) {
        Some(at) if at.port() != query::PORT => format!("@{} -p {} ", at.ip(), at.port()),
        Some(at) => format!("@{} ", at.ip()),
        None => String::new(),
    });
    format!("dig +short {}{} {}", server.unwrap_or_default(), shell_word(&spec.name), spec.record)
}
