//! What Vault says of a secret's current version
//! (<https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2>).

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use super::troubled;
use crate::probes::ProbeContext;
use crate::probes::api_client::ApiResponse;
use crate::probes::error::{ProbeError, ProbeResult};
use gonogo_core::checklist::spec::VaultSpec;
use gonogo_core::outcome::{Observation, key};
use gonogo_core::time::Utc;

/// How far Vault's clock may be ahead of this machine's.
const MAX_AHEAD: Duration = Duration::from_mins(5);

/// The current version of a secret.
#[derive(Debug)]
pub(super) struct CurrentVersion {
    pub(super) version: u64,
    metadata: Value,
}

/// The current version by the secret's metadata; none if it has only metadata.
pub(super) fn current(reply: &ApiResponse) -> ProbeResult<Option<CurrentVersion>> {
    if !reply.status.is_success() {
        return Err(troubled(reply));
    }
    let answer = reply.json()?;
    let version = answer.pointer("/data/current_version").and_then(Value::as_u64);
    if version == Some(0) {
        return Ok(None);
    }
    let current = version.and_then(|version| {
        let metadata = answer.pointer(&format!("/data/versions/{version}"))?.clone();
        Some(CurrentVersion { version, metadata })
    });
    current.map(Some).ok_or_else(|| ProbeError::new("not a response of the Vault API"))
}

/// The current version by the answer to a read of the value; that of a deleted one is 404.
pub(super) fn of_data(reply: &ApiResponse) -> Option<CurrentVersion> {
    if !reply.status.is_success() && reply.status != StatusCode::NOT_FOUND {
        return None;
    }
    let metadata = reply.json_of_any_status().ok()?.pointer("/data/metadata")?.clone();
    let version = metadata.get("version")?.as_u64()?;
    Some(CurrentVersion { version, metadata })
}

impl CurrentVersion {
    pub(super) fn judge(&self, spec: &VaultSpec, context: &ProbeContext) -> Vec<Observation> {
        let now = Utc::from_millis(jiff::Timestamp::now().as_millisecond());
        vec![self.status(now), self.fresh(context), self.age(spec, now)]
    }

    /// Whether its value can be read.
    pub(super) fn is_there(&self) -> bool {
        self.status(Utc::from_millis(jiff::Timestamp::now().as_millisecond())).ok == Some(true)
    }

    /// A time of deletion may be yet to come (`delete_version_after`).
    fn status(&self, now: Utc) -> Observation {
        let (what, expected) = ("the current version's value", "present");
        let deleted = self.metadata.get("deletion_time").and_then(Value::as_str).unwrap_or_default();
        if self.metadata.get("destroyed").and_then(Value::as_bool) == Some(true) {
            return Observation::new(what, expected, "destroyed", false);
        }
        if deleted.is_empty() {
            return Observation::new(what, expected, "present", true);
        }
        match Utc::parse(deleted) {
            Ok(at) if at > now => {
                Observation::new(what, expected, format!("present; Vault deletes it at {deleted}"), true)
            }
            Ok(_) => Observation::new(what, expected, format!("deleted, {deleted}"), false),
            Err(why) => Observation::unknown(
                what,
                expected,
                format!("deletion_time {deleted:?} is not a time: {why}"),
            ),
        }
    }

    fn fresh(&self, context: &ProbeContext) -> Observation {
        let created = self.metadata.get("created_time").and_then(Value::as_str).unwrap_or("an unknown time");
        let seen = format!("{}, created {created}", self.version);
        context.must_have_changed("current version", key::SECRET_VERSION, &seen)
    }

    fn age(&self, spec: &VaultSpec, now: Utc) -> Observation {
        let (what, expected) = ("age", format!("at most {} days", spec.max_age_days));
        let created = self.metadata.get("created_time").and_then(Value::as_str);
        let Some(created) = created.and_then(|text| Utc::parse(text).ok()) else {
            return Observation::unknown(what, expected, "Vault does not report when it was created");
        };
        if created.since(now) > MAX_AHEAD {
            let why = format!("created in the future, {created}: the clocks differ, or the time is made up");
            return Observation::unknown(what, expected, why);
        }
        let days = now.since(created).as_secs() / 86_400;
        let seen = format!("{days} day{}", if days == 1 { "" } else { "s" });
        Observation::new(what, expected, seen, days <= spec.max_age_days).as_measured()
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use gonogo_core::outcome::Outcome;

    fn reply(status: u16, body: &Value) -> ApiResponse {
        let status = StatusCode::from_u16(status).unwrap();
        ApiResponse { status, headers: HeaderMap::new(), body: body.to_string().into_bytes() }
    }

    #[test]
    fn a_version_that_is_deleted_later_is_there() {
        let now = Utc::parse("2026-06-01T00:00:00Z").unwrap();
        for (metadata, ok, seen) in [
            (json!({"deletion_time": "", "destroyed": false}), Some(true), "present"),
            (
                json!({"deletion_time": "2026-06-02T00:00:00.123456789Z"}),
                Some(true),
                "present; Vault deletes it at 2026",
            ),
            (json!({"deletion_time": "2026-05-31T00:00:00Z"}), Some(false), "deleted, 2026-05-31"),
            (json!({"deletion_time": "", "destroyed": true}), Some(false), "destroyed"),
            (json!({"deletion_time": "soon"}), None, "deletion_time \"soon\" is not a time"),
        ] {
            let observation = CurrentVersion { version: 1, metadata }.status(now);
            assert_eq!(observation.ok, ok, "{observation:?}");
            assert!(observation.seen.starts_with(seen), "{observation:?}");
        }
    }

    #[test]
    fn a_version_of_the_future_has_no_age() {
        let spec = json!({"api": {"url": "https://v"}, "path": "p", "auth": {"token": {"env": "T"}}});
        let spec: VaultSpec = serde_json::from_value(spec).unwrap();
        let now = Utc::parse("2026-06-01T00:00:00Z").unwrap();
        for (created, ok) in [
            ("2026-05-31T00:00:00Z", Some(true)),
            ("2026-06-01T00:04:00Z", Some(true)),
            ("2030-01-01T00:00:00Z", None),
            ("2020-01-01T00:00:00Z", Some(false)),
        ] {
            let current = CurrentVersion { version: 1, metadata: json!({"created_time": created}) };
            assert_eq!(current.age(&spec, now).ok, ok, "{created}");
        }
    }

    #[test]
    fn metadata_without_a_version_are_distinguished_from_an_unknown_form() {
        let data = |data: Value| current(&reply(200, &json!({ "data": data })));
        assert!(data(json!({"current_version": 0, "versions": {}})).unwrap().is_none());
        assert_eq!(data(json!({"current_version": 2, "versions": {"2": {}}})).unwrap().unwrap().version, 2);
        for unknown in [json!({}), json!({"current_version": 3, "versions": {"2": {}}}), json!(null)] {
            assert!(data(unknown.clone()).is_err(), "{unknown}");
        }
    }

    #[test]
    fn a_read_of_the_value_says_which_version_it_is() {
        let body = json!({"data": {"data": null, "metadata": {"version": 4, "deletion_time": "2020-01-01T00:00:00Z"}}});
        for (status, version) in [(200, Some(4)), (404, Some(4)), (403, None), (500, None)] {
            let read = of_data(&reply(status, &body)).map(|current| current.version);
            assert_eq!(read, version, "{status}");
        }
        assert!(of_data(&reply(404, &json!({"errors": []}))).is_none());
    }

    #[test]
    fn the_cause_of_a_refusal_is_named() {
        for (status, body, cause) in [
            (503, json!({"errors": ["Vault is sealed"]}), "Vault is sealed"),
            (403, json!({"errors": ["permission denied"]}), "permission denied, or the token is not valid"),
            (
                429,
                json!({"errors": ["rate limit quota exceeded"]}),
                "Vault's rate limit is exceeded (429: rate limit quota",
            ),
            (473, json!({}), "a standby or"),
            (412, json!({"errors": ["required index state not present"]}), "HTTP 412"),
        ] {
            let why = current(&reply(status, &body)).unwrap_err().to_string();
            assert!(why.starts_with(cause), "{status}: {why}");
        }
        let page = ApiResponse { body: b"<html>".to_vec(), ..reply(503, &json!({})) };
        assert_eq!(current(&page).unwrap_err().to_string(), "HTTP 503: <html>");
    }

    #[test]
    fn altered_metadata_never_pass_for_nothing() {
        let json = json!({"data": {"current_version": 2, "versions": {
            "2": {"created_time": "2026-06-01T00:00:00.5Z", "deletion_time": "", "destroyed": false}}}});
        let carriers = [
            "/data",
            "/data/current_version",
            "/data/versions",
            "/data/versions/2",
            "/data/versions/2/created_time",
        ];
        let spec: VaultSpec = serde_json::from_value(
            json!({"api": {"url": "https://v"}, "path": "p", "auth": {"token": {"env": "T"}}}),
        )
        .unwrap();
        let now = Utc::parse("2026-06-02T00:00:00Z").unwrap();
        GoodDocument { json, carriers: &carriers, maps: &["/data/versions"] }.check(|body| {
            let reply =
                ApiResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: body.to_vec() };
            let seen = match current(&reply) {
                Ok(Some(current)) => vec![current.status(now), current.age(&spec, now)],
                Ok(None) | Err(_) => Vec::new(),
            };
            Outcome::of(seen, "").class
        });
    }
}
