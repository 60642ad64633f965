//! The probe of AWS Secrets Manager, through `aws`: how young the current version of a secret is, and whether it
//! is different from the last run's. Its value is never requested.

use std::collections::BTreeMap;

use serde_json::Value;

use super::ProbeContext;
use super::content;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::process::{self, Program};
use crate::process::Permit;
use gonogo_core::checklist::spec::{AwsSecretSpec, SecretQuery};
use gonogo_core::outcome::{Observation, Outcome, key};
use gonogo_core::text;
use gonogo_core::time::Utc;

/// The longest piece of what `aws` says, in bytes.
const MAX_REASON: usize = 300;

/// Logins that failed or are over: of the API, of `aws sso` and of the CLI's credential providers.
const LOGIN: [&str; 14] = [
    "Unable to locate credentials",
    "Partial credentials",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "InvalidSignature",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "security token included in the request is",
    "SSO session",
    "SSO Token",
    "Token has expired",
    "token has expired",
    "sso login",
    "Error when retrieving credentials",
];
/// Endpoints that do not answer.
const CONNECTION: [&str; 5] =
    ["Could not connect", "Connect timeout", "Read timeout", "Connection was closed", "Failed to connect"];
/// What a listing of the versions needs.
const LISTING: &str = SecretQuery::Versions.iam_action();

pub(super) async fn run(
    spec: &AwsSecretSpec,
    deadline: &Deadline,
    permit: &Permit,
    context: &ProbeContext,
) -> Outcome {
    let describe = spec.argv(SecretQuery::Describe);
    let reproduce = describe.iter().map(|word| text::shell_word(word)).collect::<Vec<_>>().join(" ");
    let what = format!("secret {}", spec.secret_id);
    let seen = match query(&describe, permit, deadline).await {
        Ok(Some(description)) => match current_version(&what, &description) {
            Ok(version) => {
                let versions = query(&spec.argv(SecretQuery::Versions), permit, deadline).await;
                judge(spec, version, &description, &versions, context)
            }
            Err(wrong) => vec![wrong],
        },
        Ok(None) => vec![Observation::new(what, "present", "no such secret", false)],
        Err(why) => vec![Observation::unknown(what, "readable", why)],
    };
    Outcome::of(seen, reproduce)
}

/// The response to a query; none if there is no such secret.
async fn query(argv: &[String], permit: &Permit, deadline: &Deadline) -> ProbeResult<Option<Value>> {
    let env = BTreeMap::from([("AWS_PAGER".to_owned(), String::new())]);
    let result = process::run(Program { argv, cwd: None, env }, permit, deadline).await?;
    if result.status.success() {
        if let Some(why) = result.stdout.cut {
            return Err(why);
        }
        let answer = content::json(&result.stdout.bytes);
        return answer.map(Some).map_err(|why| ProbeError::new(format!("the output of aws is {why}")));
    }
    let whole = String::from_utf8_lossy(&result.stderr.bytes);
    if whole.contains("ResourceNotFoundException") {
        return Ok(None);
    }
    Err(explain(&whole))
}

fn explain(said: &str) -> ProbeError {
    let message = text::excerpt(said.trim().as_bytes(), MAX_REASON);
    let has = |parts: &[&str]| parts.iter().any(|part| said.contains(part));
    ProbeError::new(if has(&["AccessDenied", "not authorized to perform"]) {
        format!("permission denied: {message}")
    } else if has(&["config profile"]) && has(&["could not be found"]) {
        format!("no such profile in the configuration of aws: {message}")
    } else if has(&LOGIN) {
        format!("credentials are missing, expired or refused: {message}")
    } else if has(&CONNECTION) {
        format!("AWS does not answer: {message}")
    } else {
        format!("aws: {message}")
    })
}

/// The id of the current version, or what is wrong with the secret.
fn current_version<'a>(what: &str, description: &'a Value) -> Result<&'a str, Observation> {
    let wrong = |seen: String| Err(Observation::new(what, "present", seen, false));
    if let Some(date) = description.get("DeletedDate").filter(|date| !date.is_null()) {
        return wrong(format!("scheduled for deletion since {}", plain(date)));
    }
    let Some(versions) = description.get("VersionIdsToStages").and_then(Value::as_object) else {
        return if description.get("ARN").or_else(|| description.get("Name")).is_some() {
            wrong("no version".to_owned())
        } else {
            let why = ProbeError::new("not a response of the AWS API");
            Err(Observation::unknown(what, "readable", why))
        };
    };
    let current = versions.iter().find(|(_, stages)| has_stage(stages, "AWSCURRENT"));
    current.map_or_else(|| wrong("no current version".to_owned()), |(version, _)| Ok(version))
}

fn has_stage(stages: &Value, stage: &str) -> bool {
    stages.as_array().is_some_and(|stages| stages.iter().any(|other| other == stage))
}

fn judge(
    spec: &AwsSecretSpec,
    version: &str,
    description: &Value,
    versions: &ProbeResult<Option<Value>>,
    context: &ProbeContext,
) -> Vec<Observation> {
    let mut seen = vec![context.must_have_changed("current version", key::SECRET_VERSION, version)];
    seen.extend(pending_rotation(version, description));
    seen.push(age(spec, version, description, versions));
    seen
}

/// A rotation that has not ended leaves a version `AWSPENDING` beside the current one
/// (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html>).
fn pending_rotation(current: &str, description: &Value) -> Option<Observation> {
    let versions = description.get("VersionIdsToStages").and_then(Value::as_object)?;
    let is_pending =
        |(version, stages): &(&String, &Value)| *version != current && has_stage(stages, "AWSPENDING");
    let (version, _) = versions.iter().find(is_pending)?;
    let seen = format!("in progress: version {version} is AWSPENDING, the current version is still in use");
    Some(Observation::recorded("rotation", seen))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The age of the current version by its own date. The dates of the whole secret change with any edit, or with
/// rotations only
/// (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>).
fn age(
    spec: &AwsSecretSpec,
    version: &str,
    description: &Value,
    versions: &ProbeResult<Option<Value>>,
) -> Observation {
    let expected = format!("at most {} days", spec.max_age_days);
    let listed = versions.as_ref().ok().and_then(Option::as_ref);
    let listed = listed.and_then(|answer| answer.get("Versions")?.as_array());
    let current = listed
        .into_iter()
        .flatten()
        .find(|listed| listed.get("VersionStages").is_some_and(|stages| has_stage(stages, "AWSCURRENT")));
    let id = current.and_then(|current| current.get("VersionId")?.as_str());
    if let Some(id) = id.filter(|id| *id != version) {
        let why = format!("two responses contradict each other: {version} and {id} are the current version");
        return Observation::unknown("age", expected, ProbeError::new(why));
    }
    match current.and_then(|current| time(current.get("CreatedDate")?)) {
        Some(at) => judge_age(spec, expected, at),
        None => age_of_secret(spec, expected, description, versions.as_ref().err()),
    }
}

/// Without the version's own date, only a secret that nobody has changed for too long is known to be too old.
fn age_of_secret(
    spec: &AwsSecretSpec,
    expected: String,
    description: &Value,
    error: Option<&ProbeError>,
) -> Observation {
    let date = |name: &str| time(description.get(name)?);
    let Some(changed) = date("LastChangedDate").or_else(|| date("CreatedDate")) else {
        return Observation::unknown("age", expected, "AWS does not report when it was changed");
    };
    if days_since(changed) > spec.max_age_days {
        return judge_age(spec, expected, changed);
    }
    let why = error.map(|why| format!("; {why}")).unwrap_or_default();
    let seen = format!(
        "not checked (needs {LISTING}): the secret was changed {} ago, possibly by another edit{why}",
        text::count(usize::try_from(days_since(changed)).unwrap_or(usize::MAX), "day")
    );
    Observation::recorded("age", seen).as_measured()
}

fn judge_age(spec: &AwsSecretSpec, expected: String, at: Utc) -> Observation {
    let days = days_since(at);
    let seen = format!("{days} day{}", if days == 1 { "" } else { "s" });
    Observation::new("age", expected, seen, days <= spec.max_age_days).as_measured()
}

fn days_since(at: Utc) -> u64 {
    Utc::from_millis(jiff::Timestamp::now().as_millisecond()).since(at).as_secs() / 86_400
}

/// `aws` writes times as RFC 3339, or in seconds: version 1, and version 2 where it is configured to.
fn time(value: &Value) -> Option<Utc> {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds of this age")]
    let of_seconds = |seconds: f64| Utc::from_millis((seconds * 1000.0) as i64);
    match value {
        Value::String(text) => Utc::parse(text).ok().or_else(|| text.parse().ok().map(of_seconds)),
        value => value.as_f64().map(of_seconds),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::probes::altered_json::GoodDocument;

    fn spec() -> AwsSecretSpec {
        serde_json::from_value(json!({"secret_id": "app/token"})).unwrap()
    }

    fn days_ago(days: i64) -> String {
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(days * 24 + 1);
        at.strftime("%Y-%m-%dT%H:%M:%S.123456+00:00").to_string()
    }

    fn description(changed: &Value) -> Value {
        json!({"ARN": "a", "LastChangedDate": changed, "LastRotatedDate": days_ago(200),
               "VersionIdsToStages": {"v1": ["AWSPREVIOUS"], "v2": ["AWSCURRENT"]}})
    }

    fn listing(id: &str, created: &Value) -> Value {
        json!({"Versions": [{"VersionId": "v1", "VersionStages": ["AWSPREVIOUS"], "CreatedDate": days_ago(1)},
                                    {"VersionId": id, "VersionStages": ["AWSCURRENT"], "CreatedDate": created}]})
    }

    #[test]
    fn the_age_is_that_of_the_current_version() {
        let seconds = |days: i64| json!(jiff::Timestamp::now().as_second() - 86_400 * days);
        let denied = || Err(ProbeError::new("permission denied"));
        for (changed, versions, ok, seen) in [
            (json!(days_ago(1)), Ok(Some(listing("v2", &json!(days_ago(400))))), Some(false), "400 days"),
            (json!(days_ago(2)), Ok(Some(listing("v2", &json!(days_ago(2))))), Some(true), "2 days"),
            (seconds(1), Ok(Some(listing("v2", &seconds(1)))), Some(true), "1 day"),
            (
                json!(days_ago(1)),
                Ok(Some(listing("v3", &json!(days_ago(1))))),
                None,
                "two responses contradict",
            ),
            (
                json!(days_ago(1)),
                denied(),
                Some(true),
                "not checked (needs secretsmanager:ListSecretVersionIds)",
            ),
            (json!(days_ago(100)), denied(), Some(false), "100 days"),
            (json!(days_ago(1)), Ok(Some(json!({}))), Some(true), "not checked"),
            (json!(null), denied(), None, "AWS does not report"),
        ] {
            let observation = age(&spec(), "v2", &description(&changed), &versions);
            assert_eq!(observation.ok, ok, "{observation:?}");
            assert!(observation.seen.starts_with(seen), "{observation:?}");
            assert_eq!(observation.expected == "recorded", seen.starts_with("not checked"));
        }
    }

    #[test]
    fn a_secret_without_a_current_version_is_wrong() {
        let versions = |versions: Value| json!({"ARN": "a", "VersionIdsToStages": versions});
        for (description, ok, seen) in [
            (
                json!({"ARN": "a", "DeletedDate": "2026-01-01T00:00:00Z"}),
                Some(false),
                "scheduled for deletion since 2026",
            ),
            (json!({"ARN": "a"}), Some(false), "no version"),
            (versions(json!({"v1": ["AWSPENDING"]})), Some(false), "no current version"),
            (json!({}), None, "not a response of the AWS API"),
        ] {
            let wrong = current_version("secret", &description).unwrap_err();
            assert_eq!(wrong.ok, ok);
            assert!(wrong.seen.starts_with(seen), "{wrong:?}");
        }
        assert_eq!(
            current_version("secret", &versions(json!({"v1": ["AWSCURRENT", "AWSPENDING"]}))).unwrap(),
            "v1"
        );
    }

    #[test]
    fn a_rotation_that_has_not_finished_is_reported() {
        let pending = |versions: Value| pending_rotation("v1", &json!({"VersionIdsToStages": versions}));
        let seen = pending(json!({"v1": ["AWSCURRENT"], "v2": ["AWSPENDING"]})).unwrap();
        assert!(seen.seen.contains("version v2 is AWSPENDING"), "{seen:?}");
        assert!(pending(json!({"v1": ["AWSCURRENT", "AWSPENDING"]})).is_none());
    }

    #[test]
    fn the_cause_of_a_failure_is_named() {
        for (said, cause) in [
            (
                "An error occurred (AccessDeniedException) when calling the DescribeSecret operation: User: x is not authorized",
                "permission denied",
            ),
            (
                "Error loading SSO Token: Token for https://x.awsapps.com/start does not exist",
                "credentials are missing, expired",
            ),
            (
                "The SSO session associated with this profile has expired or is otherwise invalid.",
                "credentials are",
            ),
            (
                "An error occurred (ExpiredTokenException): The security token included in the request is expired",
                "credentials are",
            ),
            ("An error occurred (UnrecognizedClientException)", "credentials are"),
            ("The config profile (x) could not be found", "no such profile"),
            ("Could not connect to the endpoint URL: \"https://x\"", "AWS does not answer"),
            ("You must specify a region.", "aws: You must specify a region."),
        ] {
            let why = explain(said).to_string();
            assert!(why.starts_with(cause), "{said}: {why}");
        }
    }

    #[test]
    fn an_altered_description_never_passes_for_nothing() {
        let json = description(&json!(days_ago(1)));
        let carriers = ["/LastChangedDate", "/VersionIdsToStages", "/VersionIdsToStages/v2"];
        let document = GoodDocument { json, carriers: &carriers, maps: &["/VersionIdsToStages"] };
        document.check(|printed| {
            let seen = match serde_json::from_slice::<Value>(printed) {
                Ok(description) => current_version("secret", &description).map_or_else(
                    |wrong| vec![wrong],
                    |version| vec![age(&spec(), version, &description, &Ok(None))],
                ),
                Err(_) => Vec::new(),
            };
            Outcome::of(seen, "").class
        });
    }
}
