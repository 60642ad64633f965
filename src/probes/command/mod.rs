//! The command probe: how a program ends, and what it prints.

mod nagios;
mod reason;
mod reproduce;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use super::content::ReadBody;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::judging;
use super::process::{self, Program, ProgramResult};
use super::secrets::read_secret;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{CommandSpec, CommandTarget, ExitCodes, TextOrSecret};
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::text;

/// The longest name of a command, in bytes.
const MAX_NAME: usize = 60;

/// Runs the program and judges it.
pub(super) async fn run(spec: &CommandSpec, deadline: &Deadline, secret_store: &SecretStore) -> Outcome {
    let observations = match run_program(spec, deadline, secret_store).await {
        Ok(result) => judge(spec, result, deadline).await,
        Err(why) => vec![Observation::unknown(name(spec), expected(spec), why)],
    };
    Outcome::of(observations, reproduce::shell(spec))
}

async fn run_program(
    spec: &CommandSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<ProgramResult> {
    let target = spec.target.as_ref().map(CommandTarget::variables).transpose().map_err(|why| {
        ProbeError::new(format!("{why}; leave this probe out in the profile, with the reason"))
    })?;
    let mut env: BTreeMap<_, _> = target.into_iter().flatten().collect();
    for (name, value) in &spec.env {
        let value = match value {
            TextOrSecret::Text(text) => text.clone(),
            TextOrSecret::Secret(secret) => {
                let read = read_secret(&secret.secret, deadline, secret_store).await?;
                format!("{}{}", secret.prefix, read.expose())
            }
        };
        env.insert(name.clone(), value);
    }
    let program = Program { argv: &spec.argv, cwd: spec.cwd.as_deref(), env };
    process::run(program, secret_store.permit(), deadline).await
}

/// The program and its first arguments; the command to reproduce has all of them.
fn name(spec: &CommandSpec) -> String {
    let words = spec.argv.iter().map(|word| text::shell_word(word)).collect::<Vec<_>>();
    let mut name = String::new();
    for (index, word) in words.iter().enumerate() {
        // One that is too long is left out, unless it is the program.
        if index > 0 && name.len() + word.len() >= MAX_NAME {
            return format!("{name} {}", text::CUT);
        }
        name.extend((index > 0).then_some(' '));
        name.push_str(word);
    }
    name
}

fn expected(spec: &CommandSpec) -> String {
    if spec.exit_codes == Some(ExitCodes::Nagios) {
        return nagios::EXPECTED.to_owned();
    }
    let codes = spec.exit.iter().map(i32::to_string).collect::<Vec<_>>();
    format!("exit code {}", codes.join(" or "))
}

async fn judge(spec: &CommandSpec, result: ProgramResult, deadline: &Deadline) -> Vec<Observation> {
    let mut seen = match spec.exit_codes {
        Some(ExitCodes::Nagios) => judge_plugin(spec, &result),
        None => vec![judge_exit(spec, &result)],
    };
    // A program that could not check anything prints nothing that can be checked.
    if seen.iter().any(|seen| seen.ok.is_none()) {
        return seen;
    }
    seen.push(Observation::recorded("run time", format!("{} ms", result.took.as_millis())).as_measured());
    seen.extend(judging::judge("standard output", &spec.stdout, &spec.json, result.stdout, deadline).await);
    seen
}

/// How a program ended.
fn judge_exit(spec: &CommandSpec, result: &ProgramResult) -> Observation {
    let ok = result.status.code().is_some_and(|code| spec.exit.contains(&code));
    if let Some(error) = (!ok).then(|| unable(spec, result)).flatten() {
        return Observation::unknown(name(spec), expected(spec), error);
    }
    let ended = describe_exit(result.status);
    let ended = if ok {
        ended
    } else {
        format!("{ended}: {}", reason::reason(&result.stderr.bytes, &result.stdout.bytes))
    };
    Observation::new(name(spec), expected(spec), ended, ok)
}

/// What a plugin of Nagios or Icinga has found.
fn judge_plugin(spec: &CommandSpec, result: &ProgramResult) -> Vec<Observation> {
    let is_ok = result.status.success();
    if let Some(error) = (!is_ok).then(|| unable(spec, result)).flatten() {
        return vec![Observation::unknown(name(spec), expected(spec), error)];
    }
    let said = reason::reason(&result.stderr.bytes, &result.stdout.bytes);
    let ended = nagios::PluginResult {
        code: result.status.code(),
        ended: describe_exit(result.status),
        stdout: &result.stdout.bytes,
        said: &said,
        // It exits with another state than the plugin prints.
        is_negated: spec.argv.iter().any(|word| word.rsplit('/').next() == Some("negate")),
    };
    nagios::judge(&name(spec), &ended)
}

/// The meaning of an error pattern that the program's output matches.
fn unable<'a>(spec: &'a CommandSpec, result: &ProgramResult) -> Option<&'a str> {
    let says = |content: &ReadBody, part: &str| String::from_utf8_lossy(&content.bytes).contains(part);
    let matching = spec
        .error_patterns
        .iter()
        .find(|error| says(&result.stderr, &error.pattern) || says(&result.stdout, &error.pattern));
    matching.map(|unable| unable.meaning.as_str())
}

fn describe_exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_is_named_by_its_first_words() {
        let long = "select count(*) from orders where state = 'open' and age(now(), at) > '1 day'";
        for (argv, expected) in [
            (&["make", "check"][..], "make check"),
            (&["psql", "-XAt", "-c", long], "psql -XAt -c …"),
            (&["sh", "-c", "exit 3"], "sh -c 'exit 3'"),
        ] {
            let spec: CommandSpec = serde_json::from_value(serde_json::json!({"argv": argv})).unwrap();
            assert_eq!(name(&spec), expected);
            let whole = argv.iter().map(|word| text::shell_word(word)).collect::<Vec<_>>().join(" ");
            assert_eq!(reproduce::shell(&spec), whole);
        }
    }
}
