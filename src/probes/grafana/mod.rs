//! The Grafana probe: its health, a dashboard, and the data sources of the dashboard's panels.

mod dashboard;
mod sources;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::api_client::ApiClient;
use super::checked_by::{self, CheckedBy};
use super::curl;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::http_client::segment;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::GrafanaSpec;
use gonogo_core::outcome::{Observation, Outcome};

/// The APIs of dashboards in version 2 of the schema, newest first.
const SECOND_APIS: [&str; 2] = ["v2beta1", "v2alpha1"];

pub(super) async fn run(spec: &GrafanaSpec, deadline: &Deadline, secret_store: &SecretStore) -> Outcome {
    let command = |path: &str| curl::get(&spec.api, path);
    let of_dashboard = command(&format!("/api/dashboards/uid/{}", segment(&spec.dashboard)));
    let api = match ApiClient::new(&spec.api, deadline, secret_store).await {
        Ok(api) => api,
        Err(why) => return Outcome::of(vec![Observation::unknown("Grafana", "healthy", why)], of_dashboard),
    };
    let mut checks = vec![CheckedBy { command: command("/api/health"), seen: vec![health(&api).await] }];
    let mut add = |command, seen| checks.push(CheckedBy { command, seen: vec![seen] });
    let expected = "present (by uid or tag)";
    match dashboard(&api, &spec.dashboard).await {
        Ok(Some(dashboard)) => {
            let title = dashboard.pointer("/dashboard/title").and_then(Value::as_str).unwrap_or("no title");
            let what = format!("dashboard {}", spec.dashboard);
            add(of_dashboard.clone(), Observation::new(what, expected, format!("present: {title}"), true));
            for source in sources::run(&api, &dashboard).await {
                let uid = source.what.strip_prefix(sources::NAME).map(segment);
                let of_source = uid.map(|uid| command(&format!("/api/datasources/uid/{uid}/health")));
                add(of_source.unwrap_or_else(|| of_dashboard.clone()), source);
            }
        }
        Ok(None) => {
            let message = "no dashboard has that uid or tag";
            let what = format!("dashboard {}", spec.dashboard);
            add(of_dashboard, Observation::new(what, expected, message, false));
        }
        Err(why) => {
            let what = format!("dashboard {}", spec.dashboard);
            add(of_dashboard, Observation::unknown(what, expected, why));
        }
    }
    checked_by::outcome(checks)
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
        None => Observation::unknown(what, "its database ok", "not a response of the Grafana API"),
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
    if reply.status == StatusCode::NOT_ACCEPTABLE {
        return second_version(api, uid).await.map(Some);
    }
    let answer = reply.json()?;
    if answer.get("dashboard").is_some_and(Value::is_object) {
        return Ok(Some(answer));
    }
    Err(ProbeError::new("not a response of the Grafana API"))
}

/// A dashboard of version 2, which the older API refuses to answer.
async fn second_version(api: &ApiClient, uid: &str) -> ProbeResult<Value> {
    let mut last = ProbeError::new("the dashboard's version is not supported by this API");
    for version in SECOND_APIS {
        let path =
            format!("/apis/dashboard.grafana.app/{version}/namespaces/default/dashboards/{}", segment(uid));
        match api.get(&path, &[]).await?.json() {
            Ok(answer) if answer.get("spec").is_some_and(Value::is_object) => {
                return Ok(json!({"dashboard": answer["spec"]}));
            }
            Ok(_) => {}
            Err(why) => last = why,
        }
    }
    Err(last)
}
