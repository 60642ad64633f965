//! The probe of AWS Secrets Manager, through `aws`: how young the current version of a secret is, and whether it
//! is another than the last run's. Its value is never requested.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ProbeContext;
use super::content;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::process::{self, Program};
use crate::process::Permit;
use gonogo_core::checklist::spec::AwsSecretSpec;
use gonogo_core::outcome::{Observation, Outcome, key};
use gonogo_core::text;
use gonogo_core::time::Utc;

/// The longest piece of what `aws` says, in bytes.
const MAX_REASON: usize = 300;

pub(super) async fn run(
    spec: &AwsSecretSpec,
    deadline: &Deadline,
    permit: &Permit,
    context: &ProbeContext,
) -> Outcome {
    let argv = argv(spec);
    let reproduce = argv.iter().map(|word| text::shell_word(word)).collect::<Vec<_>>().join(" ");
    let what = format!("secret {}", spec.secret_id);
    let seen = match describe(&argv, permit, deadline).await {
        Ok(Some(description)) => judge(spec, &what, &description, context),
        Ok(None) => vec![Observation::new(what, "there", "there is no such secret", false)],
        Err(why) => vec![Observation::unknown(what, "readable", why)],
    };
    Outcome::of(seen, reproduce)
}

fn argv(spec: &AwsSecretSpec) -> Vec<String> {
    let mut argv = spec.program.clone();
    argv.extend(["secretsmanager", "describe-secret"].map(str::to_owned));
    argv.extend([format!("--secret-id={}", spec.secret_id), "--output=json".to_owned()]);
    let options =
        [("--region", &spec.region), ("--profile", &spec.profile), ("--endpoint-url", &spec.endpoint)];
    for (option, value) in options {
        argv.extend(value.iter().map(|value| format!("{option}={value}")));
    }
    argv
}

async fn describe(argv: &[String], permit: &Permit, deadline: &Deadline) -> ProbeResult<Option<Value>> {
    let env = BTreeMap::from([("AWS_PAGER".to_owned(), String::new())]);
    let result = process::run(Program { argv, cwd: None, env }, permit, deadline).await?;
    if result.status.success() {
        let description = content::json(&result.stdout.bytes);
        return description.map(Some).map_err(|why| ProbeError::new(format!("aws prints what is {why}")));
    }
    let message = text::excerpt(&result.stderr.bytes, MAX_REASON);
    if message.contains("ResourceNotFoundException") {
        return Ok(None);
    }
    Err(ProbeError::new(if message.contains("AccessDenied") {
        format!("this account may not: {message}")
    } else if message.contains("Unable to locate credentials") || message.contains("InvalidClientTokenId") {
        format!("credentials are missing or refused: {message}")
    } else if message.contains("Could not connect") || message.contains("Connect timeout") {
        format!("AWS does not answer: {message}")
    } else {
        format!("aws says: {message}")
    }))
}

fn judge(spec: &AwsSecretSpec, what: &str, description: &Value, context: &ProbeContext) -> Vec<Observation> {
    let deleted = description.get("DeletedDate").filter(|date| !date.is_null());
    if let Some(date) = deleted {
        return vec![Observation::new(what, "there", format!("to be deleted, since {}", plain(date)), false)];
    }
    let versions = description.get("VersionIdsToStages").and_then(Value::as_object);
    let current = versions.into_iter().flatten().find(|(_, stages)| {
        stages.as_array().is_some_and(|stages| stages.iter().any(|stage| stage == "AWSCURRENT"))
    });
    let Some((version, _)) = current else {
        return vec![Observation::new(what, "there", "it has no current version", false)];
    };
    vec![context.must_have_changed("current version", key::SECRET_VERSION, version), age(spec, description)]
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `aws` writes times as RFC 3339, or in seconds where it is configured to.
fn age(spec: &AwsSecretSpec, description: &Value) -> Observation {
    let expected = format!("at most {} days", spec.max_age_days);
    let changed = description
        .get("LastRotatedDate")
        .or_else(|| description.get("LastChangedDate"))
        .or_else(|| description.get("CreatedDate"));
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this age")]
    let seconds = |value: &Value| value.as_f64().map(|seconds| Utc::from_millis((seconds * 1000.0) as i64));
    let at = changed
        .and_then(|value| value.as_str().and_then(|text| Utc::parse(text).ok()).or_else(|| seconds(value)));
    let Some(at) = at else {
        return Observation::unknown("age", expected, "AWS does not say when it was changed");
    };
    let days = Utc::from_millis(jiff::Timestamp::now().as_millisecond()).since(at).as_secs() / 86_400;
    Observation::new(
        "age",
        expected,
        format!("{days} day{}", if days == 1 { "" } else { "s" }),
        days <= spec.max_age_days,
    )
    .as_measured()
}
