//! The Grafana probe: its health, a dashboard, and the data sources of the dashboard's panels.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::Value;

use super::api_client::{ApiClient, ApiResponse};
use super::curl;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::http_client::segment;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::GrafanaSpec;
use gonogo_core::outcome::{Observation, Outcome};

/// The maximum number of data sources that are checked.
const MAX_SOURCES: usize = 16;

pub(super) async fn run(spec: &GrafanaSpec, deadline: &Deadline, secret_store: &SecretStore) -> Outcome {
    let reproduce = curl::get(&spec.api, &format!("/api/dashboards/uid/{}", segment(&spec.dashboard)));
    let api = match ApiClient::new(&spec.api, deadline, secret_store).await {
        Ok(api) => api,
        Err(why) => return Outcome::of(vec![Observation::unknown("Grafana", "healthy", why)], reproduce),
    };
    let mut seen = vec![health(&api).await];
    let expected = "there, by uid or tag";
    match dashboard(&api, &spec.dashboard).await {
        Ok(Some(dashboard)) => {
            let title =
                dashboard.pointer("/dashboard/title").and_then(Value::as_str).unwrap_or("without a title");
            let what = format!("dashboard {}", spec.dashboard);
            seen.push(Observation::new(what, expected, format!("there: {title}"), true));
            seen.extend(sources(&api, &dashboard).await);
        }
        Ok(None) => {
            let message = "no dashboard has that uid or tag";
            seen.push(Observation::new(format!("dashboard {}", spec.dashboard), expected, message, false));
        }
        Err(why) => seen.push(Observation::unknown(format!("dashboard {}", spec.dashboard), expected, why)),
    }
    Outcome::of(seen, reproduce)
}

async fn health(api: &ApiClient) -> Observation {
    let what = format!("Grafana at {}", api.host_and_port());
    let answer = match api.get("/api/health", &[]).await.and_then(|reply| reply.json_of_any_status()) {
        Ok(answer) => answer,
        Err(why) => return Observation::unknown(what, "its database ok", why),
    };
    match answer.get("database").and_then(Value::as_str) {
        Some(state) => {
            Observation::new(what, "its database ok", format!("its database {state}"), state == "ok")
        }
        None => {
            Observation::unknown(what, "its database ok", "the answer is in no form that Grafana documents")
        }
    }
}

/// A dashboard by its uid, or else the first that has it as a tag.
async fn dashboard(api: &ApiClient, name: &str) -> ProbeResult<Option<Value>> {
    if let Some(dashboard) = by_uid(api, name).await? {
        return Ok(Some(dashboard));
    }
    let matches = api.get("/api/search", &[("type", "dash-db"), ("tag", name)]).await?.json()?;
    let uid = matches.as_array().and_then(|boards| boards.first()?.get("uid")?.as_str());
    match uid {
        Some(uid) => by_uid(api, uid).await,
        None => Ok(None),
    }
}

async fn by_uid(api: &ApiClient, uid: &str) -> ProbeResult<Option<Value>> {
    let reply = api.get(&format!("/api/dashboards/uid/{}", segment(uid)), &[]).await?;
    if reply.status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let answer = reply.json()?;
    if answer.get("dashboard").is_some_and(Value::is_object) {
        return Ok(Some(answer));
    }
    Err(ProbeError::new("the answer is in no form that Grafana documents"))
}

async fn sources(api: &ApiClient, dashboard: &Value) -> Vec<Observation> {
    let mut uids = BTreeSet::new();
    collect(dashboard, &mut uids);
    if uids.is_empty() {
        let seen = "its panels name none";
        return vec![Observation::new("data sources", "one or more, healthy", seen, false)];
    }
    let mut seen = Vec::new();
    for uid in uids.iter().take(MAX_SOURCES) {
        let what = format!("data source {uid}");
        seen.push(match api.get(&format!("/api/datasources/uid/{}/health", segment(uid)), &[]).await {
            Ok(reply) => source(what, &reply),
            Err(why) => Observation::unknown(what, "healthy", why),
        });
    }
    seen
}

fn source(what: String, reply: &ApiResponse) -> Observation {
    let unknown = |why: ProbeError| Observation::unknown(what.clone(), "healthy", why);
    match reply.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => unknown(reply.error_of_status()),
        StatusCode::NOT_FOUND => Observation::new(what, "healthy", "there is no such data source", false),
        _ => match reply.json_of_any_status() {
            Ok(answer) => {
                let field = |key| answer.get(key).and_then(Value::as_str).unwrap_or("nothing");
                let (status, message) = (field("status"), field("message"));
                // The plugin's message is the same in every attempt, but for what does not matter.
                let seen = if status == "OK" { "healthy".to_owned() } else { format!("{status}: {message}") };
                Observation::new(what, "healthy", seen, status == "OK")
            }
            Err(why) => unknown(why),
        },
    }
}

/// The uids of the data sources that a dashboard names; Grafana's own and those behind variables are left out.
fn collect(value: &Value, uids: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, uids)),
        Value::Object(fields) => {
            for (key, item) in fields {
                if key == "datasource" {
                    let uid = item.as_str().or_else(|| item.get("uid")?.as_str());
                    let is_checked =
                        |uid: &&str| !uid.is_empty() && !uid.starts_with(['-', '$']) && *uid != "grafana";
                    uids.extend(uid.filter(is_checked).map(str::to_owned));
                } else {
                    collect(item, uids);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_sources_are_found_however_they_are_written() {
        let mut uids = BTreeSet::new();
        let panels = json!([{"datasource": "old"}, {"targets": [{"datasource": {"uid": "new"}}]},
            {"datasource": {"uid": "${DS}"}}, {"datasource": "-- Grafana --"}, {"datasource": null}]);
        collect(&panels, &mut uids);
        assert_eq!(uids.into_iter().collect::<Vec<_>>(), ["new", "old"]);
    }
}
