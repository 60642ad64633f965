//! Results of queries: vectors, matrices, scalars, texts, native histograms.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::answer::{self, Answer};
use crate::probes::api_client::ApiClient;
use crate::probes::error::{ProbeError, ProbeResult};

/// One series of a result: its labels as a selector, its values with their times in seconds.
#[derive(Debug)]
pub(super) struct QueriedSeries {
    pub(super) name: String,
    /// The upper bound of its bucket, if it is one of a classic histogram.
    pub(super) le: Option<f64>,
    pub(super) points: Vec<(f64, f64)>,
    /// Whether its values are native histograms, which are no numbers.
    pub(super) is_histogram: bool,
}

impl QueriedSeries {
    pub(super) fn last(&self) -> Option<f64> {
        self.points.last().map(|(_, value)| *value)
    }
}

#[derive(Deserialize)]
struct QueryData {
    #[serde(rename = "resultType")]
    kind: String,
    result: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct RawSeries {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: Option<(f64, Value)>,
    values: Option<Vec<(f64, Value)>>,
    histogram: Option<serde::de::IgnoredAny>,
    histograms: Option<serde::de::IgnoredAny>,
}

/// The result of an instant query, at a time in seconds or now.
pub(super) async fn instant(api: &ApiClient, expr: &str, at: Option<f64>) -> ProbeResult<Vec<QueriedSeries>> {
    let time = at.map(|at| format!("{at:.3}"));
    let mut query = vec![("query", expr)];
    query.extend(time.as_deref().map(|time| ("time", time)));
    let reply = api.get("/api/v1/query", &query).await?;
    let place = api.host_and_port();
    result(answer::read(&reply, &place)?, &place)
}

/// The result of a range query.
pub(super) async fn range(
    api: &ApiClient,
    expr: &str,
    from: f64,
    to: f64,
    step: f64,
) -> ProbeResult<Vec<QueriedSeries>> {
    let [start, end, step] = [from, to, step].map(|seconds| format!("{seconds:.3}"));
    let query = [("query", expr), ("start", &*start), ("end", &*end), ("step", &*step)];
    let reply = api.get("/api/v1/query_range", &query).await?;
    let place = api.host_and_port();
    result(answer::read(&reply, &place)?, &place)
}

fn result(answer: Answer<QueryData>, place: &str) -> ProbeResult<Vec<QueriedSeries>> {
    let data = answer.whole()?;
    // Some servers write an empty list as null.
    let raw = data.result.as_ref().map_or("null", |raw| raw.get());
    let unexpected = |_| answer::unexpected(place);
    match data.kind.as_str() {
        "scalar" => {
            let (time, value): (f64, Value) = serde_json::from_str(raw).map_err(unexpected)?;
            let value = number(&value).ok_or_else(|| answer::unexpected(place))?;
            let (name, points) = (String::new(), vec![(time, value)]);
            Ok(vec![QueriedSeries { name, le: None, points, is_histogram: false }])
        }
        "string" => Err(ProbeError::new("the query returns a string, not numbers")),
        "vector" | "matrix" => {
            let list: Option<Vec<RawSeries>> = serde_json::from_str(raw).map_err(unexpected)?;
            let read = list.into_iter().flatten().map(RawSeries::read).collect::<Option<_>>();
            read.ok_or_else(|| answer::unexpected(place))
        }
        _ => Err(answer::unexpected(place)),
    }
}

impl RawSeries {
    fn read(mut self) -> Option<QueriedSeries> {
        let le = self.metric.get("le").and_then(|le| le.parse().ok());
        let name = self.metric.remove("__name__").unwrap_or_default();
        let rest: Vec<_> = self.metric.iter().map(|(label, value)| format!("{label}={value}")).collect();
        let name = if rest.is_empty() { name } else { format!("{name}{{{}}}", rest.join(",")) };
        let points = self.value.into_iter().chain(self.values.into_iter().flatten());
        let points = points.map(|(time, value)| Some((time, number(&value)?))).collect::<Option<Vec<_>>>()?;
        let is_histogram = points.is_empty() && (self.histogram.is_some() || self.histograms.is_some());
        (is_histogram || !points.is_empty()).then_some(QueriedSeries { name, le, points, is_histogram })
    }
}

/// A sample's value. `+Inf`, `-Inf` and `NaN` are read by Rust as Prometheus writes them.
fn number(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::prometheus::answer::tests::reply;

    fn read(data: &str) -> String {
        let reply = reply(200, &format!(r#"{{"status":"success","data":{data}}}"#));
        match answer::read(&reply, "host:1").and_then(|answer| result(answer, "host:1")) {
            Ok(series) => {
                let one = |s: &QueriedSeries| format!("{} {:?} {}", s.name, s.last(), s.is_histogram);
                series.iter().map(one).collect::<Vec<_>>().join("; ")
            }
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn every_type_of_result_is_read() {
        let cases = [
            (r#"{"resultType":"scalar","result":[1,"3"]}"#, " Some(3.0) false"),
            (r#"{"resultType":"string","result":[1,"x"]}"#, "the query returns a string, not numbers"),
            (r#"{"resultType":"vector","result":[]}"#, ""),
            (r#"{"resultType":"vector","result":null}"#, ""),
            (
                r#"{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[1.5,"NaN"]}]}"#,
                "up{job=a} Some(NaN) false",
            ),
            (r#"{"resultType":"vector","result":[{"metric":{},"value":[1,"+Inf"]}]}"#, " Some(inf) false"),
            (
                r#"{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1"],[2,"2"]]}]}"#,
                " Some(2.0) false",
            ),
            (
                r#"{"resultType":"vector","result":[{"metric":{"job":"a"},"histogram":[1,{"count":"4","sum":"2"}]}]}"#,
                "{job=a} None true",
            ),
            (
                r#"{"resultType":"vector","result":[{"metric":{}}]}"#,
                "not a response of the Prometheus API (at host:1)",
            ),
            (r#"{"resultType":"streams","result":[]}"#, "not a response of the Prometheus API (at host:1)"),
        ];
        for (data, expected) in cases {
            assert_eq!(read(data), expected, "{data}");
        }
    }
}
