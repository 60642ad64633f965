//! Whether the data sources of a dashboard are healthy, as Grafana's backend finds them.

use reqwest::StatusCode;
use serde_json::Value;

use super::dashboard::NamedSources;
use crate::probes::api_client::{ApiClient, ApiResponse};
use crate::probes::error::{ProbeError, ProbeResult};
use crate::probes::http_client::segment;
use gonogo_core::outcome::Observation;

/// The maximum number of data sources that are checked.
const MAX_SOURCES: usize = 16;
const HEALTHY: &str = "healthy";
/// The start of an observation's name, before the name or uid of the data source.
pub(super) const NAME: &str = "data source ";

pub(super) async fn run(api: &ApiClient, dashboard: &Value) -> Vec<Observation> {
    let named = NamedSources::of(dashboard);
    let mut seen = Vec::new();
    for name in named.names.iter().take(MAX_SOURCES) {
        seen.push(source(api, name).await);
    }
    if named.names.len() > MAX_SOURCES {
        let why = format!("{} more are not checked", named.names.len() - MAX_SOURCES);
        seen.push(Observation::unknown("further data sources", HEALTHY, why));
    }
    let open = named.open.iter().map(|variable| {
        let why = format!("the dashboard does not define a value of the variable {variable}");
        Observation::unknown(format!("data source ${{{variable}}}"), HEALTHY, why)
    });
    seen.extend(open);
    if named.is_default_used {
        let default = default_source(api).await;
        // The list of data sources needs a right that the rest does not.
        let is_recorded = default.ok.is_none() && !seen.is_empty();
        let unchecked = || Observation::recorded(&default.what, format!("not checked: {}", default.seen));
        seen.push(if is_recorded { unchecked() } else { default });
    }
    if seen.is_empty() {
        seen.push(Observation::new("data sources", "one or more, healthy", "none in its panels", false));
    }
    seen
}

/// A data source by its uid, or else by its name.
async fn source(api: &ApiClient, name: &str) -> Observation {
    let what = format!("{NAME}{name}");
    let reply = match health(api, name).await {
        Ok(reply) if reply.status == StatusCode::NOT_FOUND => match found_otherwise(api, name).await {
            Ok(Some(reply)) => reply,
            Ok(None) => return Observation::new(what, HEALTHY, "no such data source", false),
            Err(why) => return Observation::unknown(what, HEALTHY, why),
        },
        Ok(reply) => reply,
        Err(why) => return Observation::unknown(what, HEALTHY, why),
    };
    judge(what, &reply)
}

async fn health(api: &ApiClient, uid: &str) -> ProbeResult<ApiResponse> {
    api.get(&format!("/api/datasources/uid/{}/health", segment(uid)), &[]).await
}

/// The health of a data source that has this name, if there is one.
async fn found_otherwise(api: &ApiClient, name: &str) -> ProbeResult<Option<ApiResponse>> {
    for (by, is_name) in [("name", true), ("uid", false)] {
        let reply = api.get(&format!("/api/datasources/{by}/{}", segment(name)), &[]).await?;
        match reply.status {
            StatusCode::NOT_FOUND => {}
            status if !status.is_success() => return Err(reply.error_of_status()),
            _ if is_name => {
                let found = reply.json()?;
                let uid = found.get("uid").and_then(Value::as_str);
                let uid = uid.ok_or_else(|| ProbeError::new("the response has no uid of the data source"))?;
                return Ok(Some(health(api, uid).await?));
            }
            _ => {
                return Err(ProbeError::new(
                    "present, but this Grafana has no health check by uid (before 9.0)",
                ));
            }
        }
    }
    Ok(None)
}

async fn default_source(api: &ApiClient) -> Observation {
    let what = "default data source";
    let uid = async {
        let list = api.get("/api/datasources", &[]).await?.json()?;
        let is_default = |source: &&Value| source.get("isDefault").and_then(Value::as_bool) == Some(true);
        let found = list.as_array().and_then(|list| list.iter().find(is_default)?.get("uid")?.as_str());
        Ok::<_, ProbeError>(found.map(str::to_owned))
    };
    match uid.await {
        Ok(Some(uid)) => source(api, &uid).await,
        Ok(None) => Observation::new(what, HEALTHY, "no default data source", false),
        Err(why) => Observation::unknown(what, HEALTHY, why),
    }
}

fn judge(what: String, reply: &ApiResponse) -> Observation {
    let unknown = |why: String| Observation::unknown(what.clone(), HEALTHY, why);
    if matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || reply.status.is_redirection()
    {
        return unknown(reply.error_of_status().into());
    }
    let answer = match reply.json_of_any_status() {
        Ok(answer) => answer,
        Err(_) if !reply.status.is_success() => return unknown(reply.error_of_status().into()),
        Err(why) => return unknown(why.into()),
    };
    let field = |key| answer.get(key).and_then(Value::as_str).unwrap_or_default();
    let (status, message) = (field("status"), field("message"));
    match status {
        "OK" => Observation::new(what, HEALTHY, HEALTHY, true),
        // The plugin's message is the same in every attempt, but for what does not matter.
        "ERROR" => Observation::new(what, HEALTHY, format!("ERROR: {message}"), false),
        // Data sources that only the browser reads from have no backend that could check.
        "" if is_without_check(field("messageId"), message) => {
            unknown(format!("this kind has no health check ({}: {message})", reply.status.as_u16()))
        }
        _ => unknown(format!("it reports no health ({}: {status} {message})", reply.status.as_u16())),
    }
}

fn is_without_check(id: &str, message: &str) -> bool {
    let message = message.to_lowercase();
    id.starts_with("plugin.")
        || ["plugin unavailable", "not implemented", "plugin not found"]
            .iter()
            .any(|part| message.contains(part))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use gonogo_core::outcome::Outcome;

    #[test]
    fn a_data_source_is_healthy_or_that_is_not_reported() {
        let cases = [
            (200, r#"{"status":"OK","message":"works"}"#, Some(true), "healthy"),
            (
                400,
                r#"{"status":"ERROR","message":"connection refused"}"#,
                Some(false),
                "ERROR: connection refused",
            ),
            (
                500,
                r#"{"message":"Plugin unavailable","messageId":"plugin.unavailable"}"#,
                None,
                "no health check",
            ),
            (501, r#"{"message":"Not implemented"}"#, None, "no health check"),
            (200, r#"{"status":"UNKNOWN","message":"?"}"#, None, "it reports no health"),
            (500, r#"{"message":"Internal error"}"#, None, "it reports no health (500:  Internal error)"),
            (502, "bad gateway", None, "HTTP 502: bad gateway"),
            (403, r#"{"message":"Access denied"}"#, None, "permission denied"),
            (302, "", None, "HTTP 302"),
        ];
        for (status, body, ok, seen) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            let reply = ApiResponse { status, headers: HeaderMap::new(), body: body.into() };
            let one = judge("data source prom".into(), &reply);
            assert_eq!(one.ok, ok, "{one:?}");
            assert!(one.seen.contains(seen), "{one:?}");
        }
    }

    #[test]
    fn an_altered_answer_is_never_healthy_for_nothing() {
        let json = serde_json::json!({"status": "OK", "message": "works"});
        GoodDocument { json, carriers: &["/status"], maps: &[] }.check(|body| {
            let reply =
                ApiResponse { status: StatusCode::OK, headers: HeaderMap::new(), body: body.to_vec() };
            Outcome::of(vec![judge("data source".into(), &reply)], "").class
        });
    }
}
