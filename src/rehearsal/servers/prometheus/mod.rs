//! A Prometheus that scrapes one target, and its HTTP API: queries, rules, targets, alerts.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>.

mod eval;
mod promql;
mod series;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{RawForm, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use reqwest::Client;
use serde_json::{Value as JsonValue, json};
use tokio::time::MissedTickBehavior;

use self::eval::{PromValue, evaluate};
use self::promql::Expr;
use self::series::{Labels, SeriesStore, TimedValue};
use super::client;
use super::server::LoopbackServer;

/// How often the application is scraped.
const SCRAPE_INTERVAL: Duration = Duration::from_millis(500);
/// The most steps of a range query.
const MAX_STEPS: f64 = 11_000.0;

/// A running Prometheus.
#[derive(Debug)]
pub struct PrometheusServer {
    server: LoopbackServer,
    state: SharedPrometheus,
}

/// The scraped series, the rules and the state of the target.
#[derive(Debug)]
struct PrometheusState {
    job: String,
    target: String,
    series: SeriesStore,
    /// Alerting rules: expression by name.
    rules: BTreeMap<String, String>,
    /// The last scrape: its time in seconds since the Unix epoch, or its error; `None` before the first.
    last_scrape: Option<Result<f64, String>>,
    /// Whether scraping has been stopped.
    stopped: bool,
}

type SharedPrometheus = Arc<Mutex<PrometheusState>>;

impl PrometheusServer {
    /// Starts a Prometheus that scrapes `/metrics` of `target`, `http://127.0.0.1:PORT`, under this job name.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start(job: &str, target: &str) -> io::Result<Self> {
        let state = PrometheusState {
            job: job.to_owned(),
            target: target.to_owned(),
            series: SeriesStore::default(),
            rules: BTreeMap::new(),
            last_scrape: None,
            stopped: false,
        };
        let state = Arc::new(Mutex::new(state));
        let routes = routes(Arc::clone(&state));
        let server = LoopbackServer::start_with(
            routes,
            Box::pin(run_scraper(client::plain_http_client()?, Arc::clone(&state))),
        )?;
        Ok(Self { server, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Adds an alerting rule.
    pub fn add_rule(&self, name: &str, expr: &str) {
        lock(&self.state).rules.insert(name.to_owned(), expr.to_owned());
    }

    /// Removes a rule.
    pub fn remove_rule(&self, name: &str) {
        lock(&self.state).rules.remove(name);
    }

    /// Stops scraping. The target keeps its last state.
    pub fn stop_scraping(&self) {
        lock(&self.state).stopped = true;
    }

    /// Whether the last scrape succeeded.
    #[must_use]
    pub fn has_scraped(&self) -> bool {
        matches!(lock(&self.state).last_scrape, Some(Ok(_)))
    }
}

fn lock(state: &Mutex<PrometheusState>) -> MutexGuard<'_, PrometheusState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since the Unix epoch.
fn now() -> f64 {
    jiff::Timestamp::now().as_duration().as_secs_f64()
}

async fn run_scraper(client: Client, state: SharedPrometheus) {
    let mut due = tokio::time::interval(SCRAPE_INTERVAL);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let (url, stopped) = {
            let state = lock(&state);
            (format!("{}/metrics", state.target), state.stopped)
        };
        if stopped {
            continue;
        }
        let at = now();
        let page = async { client.get(url).send().await?.error_for_status()?.text().await };
        let page = tokio::time::timeout(SCRAPE_INTERVAL * 4, page).await;
        let page = page.map_err(|_| "context deadline exceeded".to_owned());
        let page = page.and_then(|page| page.map_err(|error| error.to_string()));
        lock(&state).record_scrape(page, at);
    }
}

impl PrometheusState {
    fn record_scrape(&mut self, page: Result<String, String>, at: f64) {
        let instance = self.target.replacen("http://", "", 1);
        let target_labels = [("instance", instance.as_str()), ("job", self.job.as_str())];
        let up = format!("up {}", u8::from(page.is_ok()));
        self.series.ingest(&up, &target_labels, at);
        self.last_scrape = Some(page.map(|page| {
            self.series.ingest(&page, &target_labels, at);
            at
        }));
    }

    /// The alerts that a rule's expression yields now.
    fn alerts(&self, name: &str, expr: &str) -> Result<Vec<JsonValue>, String> {
        let expr = promql::parse(expr)?;
        let PromValue::Vector(firing) = evaluate(&expr, &self.series, now())? else {
            return Err("an alert's expression must be a vector".into());
        };
        let alert = |(labels, (_, value)): (Labels, TimedValue)| {
            let mut labels: BTreeMap<_, _> =
                labels.into_iter().filter(|(label, _)| label != "__name__").collect();
            labels.insert("alertname".into(), name.to_owned());
            let since = jiff::Timestamp::now().to_string();
            json!({"labels": labels, "annotations": {}, "state": "firing", "activeAt": since, "value": value.to_string()})
        };
        Ok(firing.into_iter().map(alert).collect())
    }
}

fn routes(state: SharedPrometheus) -> Router {
    Router::new()
        .route("/-/ready", get(|| async { "Prometheus Server is Ready.\n" }))
        .route("/-/healthy", get(|| async { "Prometheus Server is Healthy.\n" }))
        .route("/api/v1/query", get(query).post(query))
        .route("/api/v1/query_range", get(query_range).post(query_range))
        .route("/api/v1/rules", get(rules))
        .route("/api/v1/alerts", get(alerts))
        .route("/api/v1/targets", get(targets))
        .with_state(state)
}

fn success(data: &JsonValue) -> Response {
    Json(json!({"status": "success", "data": data})).into_response()
}

fn error_response(status: StatusCode, kind: &str, error: &str) -> Response {
    (status, Json(json!({"status": "error", "errorType": kind, "error": error}))).into_response()
}

/// The parameters of a request, from its query string or form body.
struct FormParams(BTreeMap<String, String>);

impl FormParams {
    fn parse(form: &[u8]) -> Self {
        let pairs = reqwest::Url::parse("http://localhost/").map(|mut url| {
            url.set_query(Some(&String::from_utf8_lossy(form)));
            url.query_pairs().into_owned().collect()
        });
        Self(pairs.unwrap_or_default())
    }

    fn expr(&self) -> Result<Expr, String> {
        let text = self.0.get("query").map(String::as_str).unwrap_or_default();
        promql::parse(text).map_err(|error| format!("invalid parameter \"query\": {error}"))
    }

    /// A parameter in seconds since the Unix epoch or in RFC 3339.
    fn time(&self, name: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        let time = text.parse().ok().or_else(|| {
            let time: jiff::Timestamp = text.parse().ok()?;
            Some(time.as_duration().as_secs_f64())
        });
        let error = || format!("invalid parameter \"{name}\": cannot parse \"{text}\" to a valid timestamp");
        time.map(Some).ok_or_else(error)
    }
}

fn sample_json(at: f64, value: f64) -> JsonValue {
    let value = match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        value => value.to_string(),
    };
    json!([at, value])
}

async fn query(State(state): State<SharedPrometheus>, RawForm(form): RawForm) -> Response {
    let params = FormParams::parse(&form);
    let (expr, time) = match (params.expr(), params.time("time")) {
        (Ok(expr), Ok(time)) => (expr, time.unwrap_or_else(now)),
        (Err(error), _) | (_, Err(error)) => {
            return error_response(StatusCode::BAD_REQUEST, "bad_data", &error);
        }
    };
    match evaluate(&expr, &lock(&state).series, time) {
        Ok(PromValue::Scalar(number)) => {
            success(&json!({"resultType": "scalar", "result": sample_json(time, number)}))
        }
        Ok(PromValue::Vector(all)) => {
            let one = |(labels, (_, value)): (Labels, TimedValue)| json!({"metric": labels, "value": sample_json(time, value)});
            let all: Vec<JsonValue> = all.into_iter().map(one).collect();
            success(&json!({"resultType": "vector", "result": all}))
        }
        Err(error) => error_response(StatusCode::UNPROCESSABLE_ENTITY, "execution", &error),
    }
}

async fn query_range(State(state): State<SharedPrometheus>, RawForm(form): RawForm) -> Response {
    let params = FormParams::parse(&form);
    let expr = match params.expr() {
        Ok(expr) => expr,
        Err(error) => return error_response(StatusCode::BAD_REQUEST, "bad_data", &error),
    };
    let (Ok(Some(start)), Ok(Some(end)), Ok(Some(step))) =
        (params.time("start"), params.time("end"), params.time("step"))
    else {
        return error_response(
            StatusCode::BAD_REQUEST,
            "bad_data",
            "start, end and step are required, in seconds",
        );
    };
    if step <= 0.0 || end < start || (end - start) / step > MAX_STEPS {
        return error_response(StatusCode::BAD_REQUEST, "bad_data", "empty range, or more than 11000 steps");
    }
    let state = lock(&state);
    let mut matrix: BTreeMap<Labels, Vec<JsonValue>> = BTreeMap::new();
    let mut time = start;
    while time <= end {
        match evaluate(&expr, &state.series, time) {
            Ok(PromValue::Scalar(number)) => {
                matrix.entry(Labels::new()).or_default().push(sample_json(time, number));
            }
            Ok(PromValue::Vector(all)) => {
                for (labels, (_, value)) in all {
                    matrix.entry(labels).or_default().push(sample_json(time, value));
                }
            }
            Err(error) => return error_response(StatusCode::UNPROCESSABLE_ENTITY, "execution", &error),
        }
        time += step;
    }
    let one = |(labels, values): (Labels, Vec<JsonValue>)| json!({"metric": labels, "values": values});
    let all: Vec<JsonValue> = matrix.into_iter().map(one).collect();
    success(&json!({"resultType": "matrix", "result": all}))
}

async fn rules(State(state): State<SharedPrometheus>) -> Response {
    let state = lock(&state);
    let rule = |(name, expr): (&String, &String)| {
        let alerts = state.alerts(name, expr);
        let (health, error) = match &alerts {
            Ok(_) => ("ok", ""),
            Err(error) => ("err", error.as_str()),
        };
        let firing = alerts.as_ref().is_ok_and(|alerts| !alerts.is_empty());
        json!({
            "name": name, "query": expr, "type": "alerting", "health": health, "lastError": error,
            "state": if firing { "firing" } else { "inactive" }, "duration": 0, "labels": {}, "annotations": {},
            "alerts": alerts.unwrap_or_default(),
        })
    };
    let rules: Vec<JsonValue> = state.rules.iter().map(rule).collect();
    success(&json!({"groups": [{"name": "rehearsal", "file": "rehearsal", "interval": 1, "rules": rules}]}))
}

async fn alerts(State(state): State<SharedPrometheus>) -> Response {
    let state = lock(&state);
    let all = state.rules.iter().filter_map(|(name, expr)| state.alerts(name, expr).ok());
    success(&json!({"alerts": all.flatten().collect::<Vec<_>>()}))
}

async fn targets(State(state): State<SharedPrometheus>) -> Response {
    let state = lock(&state);
    let (health, error) = match &state.last_scrape {
        Some(Ok(_)) => ("up", ""),
        Some(Err(error)) => ("down", error.as_str()),
        None => ("unstate", ""),
    };
    let url = format!("{}/metrics", state.target);
    let instance = state.target.replacen("http://", "", 1);
    let target = json!({
        "labels": {"instance": instance, "job": state.job}, "scrapePool": state.job, "scrapeUrl": url,
        "health": health, "lastError": error,
    });
    success(&json!({"activeTargets": [target], "droppedTargets": []}))
}
