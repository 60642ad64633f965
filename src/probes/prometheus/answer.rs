//! Answers of Prometheus' HTTP API, and of servers that speak it: Thanos, Mimir, Cortex,
//! `VictoriaMetrics`, Grafana.
//! See <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::probes::api_client::{ApiClient, ApiResponse};
use crate::probes::content::{self, Unreadable};
use crate::probes::deadline::Deadline;
use crate::probes::error::{ProbeError, ProbeResult};
use crate::probes::judging;
use gonogo_core::text;

/// The longest piece of a warning, in bytes.
const MAX_WARNING: usize = 160;

/// What every answer has around its data.
#[derive(Deserialize)]
struct Envelope<T> {
    status: Option<String>,
    data: Option<T>,
    error: Option<String>,
    warnings: Option<Vec<String>>,
    /// `VictoriaMetrics`' word for an answer without some of its storage nodes.
    #[serde(rename = "isPartial")]
    is_partial: Option<bool>,
}

/// Data, and why it may be partial response.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) data: T,
    pub(super) partial: Option<ProbeError>,
}

impl<T> Answer<T> {
    /// The data, if it is all of it.
    pub(super) fn whole(self) -> ProbeResult<T> {
        self.partial.map_or(Ok(self.data), Err)
    }
}

/// Asks, and reads an answer that may be long.
pub(super) async fn get<T: DeserializeOwned + Send + 'static>(
    api: &ApiClient,
    path: &str,
    query: &[(&str, &str)],
    deadline: &Deadline,
) -> ProbeResult<Answer<T>> {
    let reply = api.get_long(path, query).await?;
    read_long(reply, api, deadline).await
}

/// Reads an answer that may be long.
pub(super) async fn read_long<T: DeserializeOwned + Send + 'static>(
    reply: ApiResponse,
    api: &ApiClient,
    deadline: &Deadline,
) -> ProbeResult<Answer<T>> {
    let place = api.host_and_port();
    judging::on_blocking_thread("the answer", deadline, move || read(&reply, &place)).await?
}

pub(super) fn read<T: DeserializeOwned>(reply: &ApiResponse, place: &str) -> ProbeResult<Answer<T>> {
    let envelope = content::skim::<Envelope<T>>(&reply.body);
    let is_refused = !reply.status.is_success();
    let envelope = match envelope {
        Ok(envelope) => envelope,
        Err(_) if is_refused => return Err(refused(reply)),
        Err(Unreadable::Unexpected(_)) => return Err(unexpected(place)),
        Err(why) => return Err(reply.unreadable(&why)),
    };
    let is_login = matches!(reply.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    match (envelope.error, envelope.data) {
        (Some(error), _) if !is_login && (is_refused || envelope.status.as_deref() == Some("error")) => {
            Err(ProbeError::new(format!("Prometheus rejects the query: {error}")))
        }
        _ if is_refused => Err(refused(reply)),
        (_, Some(data)) => {
            Ok(Answer { data, partial: partial(envelope.warnings.as_deref(), envelope.is_partial) })
        }
        (..) => Err(unexpected(place)),
    }
}

fn refused(reply: &ApiResponse) -> ProbeError {
    let why = reply.error_of_status();
    if reply.status == StatusCode::NOT_FOUND {
        return ProbeError::new(format!(
            "{why} (Mimir and Cortex serve this API below /prometheus, Grafana below /api/prometheus/…)"
        ));
    }
    why
}

pub(super) fn unexpected(place: &str) -> ProbeError {
    ProbeError::new(format!("not a response of the Prometheus API (at {place})"))
}

/// Why an answer is not whole. Prometheus 2 sent remarks on the query itself as warnings, too.
fn partial(warnings: Option<&[String]>, is_partial: Option<bool>) -> Option<ProbeError> {
    let warnings = warnings.into_iter().flatten().filter(|warning| !warning.starts_with("PromQL info"));
    let warnings: Vec<&str> = warnings.map(String::as_str).collect();
    if !warnings.is_empty() {
        let warnings = text::clip(&warnings.join("; "), MAX_WARNING);
        return Some(ProbeError::new(format!("partial response; warning: {warnings}")));
    }
    (is_partial == Some(true)).then(|| ProbeError::new("partial response (isPartial)"))
}

#[cfg(test)]
pub(super) mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    pub(in crate::probes::prometheus) fn reply(status: u16, body: &str) -> ApiResponse {
        let status = StatusCode::from_u16(status).unwrap();
        ApiResponse { status, headers: HeaderMap::new(), body: body.into() }
    }

    #[test]
    fn an_answer_is_whole_or_a_part_or_none() {
        let cases = [
            (200, r#"{"status":"success","data":[1]}"#, "whole"),
            (200, r#"{"status":"success","data":[1],"warnings":[]}"#, "whole"),
            (200, r#"{"status":"success","data":[1],"warnings":null,"isPartial":false}"#, "whole"),
            (200, r#"{"status":"success","data":[1],"warnings":["PromQL info: no counter"]}"#, "whole"),
            (200, r#"{"status":"success","data":[1],"infos":["PromQL info: no counter"]}"#, "whole"),
            (
                200,
                r#"{"status":"success","data":[1],"warnings":["store-2: deadline"]}"#,
                "partial response; warning: store-2: deadline",
            ),
            (200, r#"{"status":"success","data":[1],"isPartial":true}"#, "partial response"),
            (
                200,
                r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#,
                "rejects the query: query timed out",
            ),
            (422, r#"{"status":"error","error":"parse error"}"#, "rejects the query: parse error"),
            (503, "upstream connect error", "HTTP 503: upstream connect error"),
            (401, "no org id", "credentials are missing or refused (401: no org id)"),
            (404, "404 page not found", "below /prometheus"),
            (200, "<html><title>Sign in</title>", "perhaps a login page"),
            (200, r#"{"message":"hello"}"#, "not a response of the Prometheus API"),
            (200, r#"{"status":"success","data":"x"}"#, "not a response of the Prometheus API"),
        ];
        for (status, body, expected) in cases {
            let read = read::<Vec<u8>>(&reply(status, body), "host:1").and_then(Answer::whole);
            let read = read.map_or_else(|why| why.to_string(), |_| "whole".to_owned());
            assert!(read.contains(expected), "{body}: {read}");
        }
    }
}
