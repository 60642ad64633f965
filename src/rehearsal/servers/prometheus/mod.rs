//! A Prometheus that scrapes one application and answers over its HTTP API: queries, rules, targets, alerts.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>.

mod eval;
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
use promql_parser::parser::{self, Expr};
use reqwest::Client;
use serde_json::{Value as JsonValue, json};
use tokio::time::MissedTickBehavior;

use self::eval::{Value, evaluate};
use self::series::{Labels, Sample, Series};
use super::client;
use super::server::Server;

/// How often the application is scraped.
const INTERVAL: Duration = Duration::from_millis(500);
/// How many steps a range query may have.
const STEPS: f64 = 11_000.0;

/// A Prometheus under way.
#[derive(Debug)]
pub struct Prometheus {
    server: Server,
    state: Shared,
}

/// What it knows.
#[derive(Debug)]
struct Known {
    job: String,
    target: String,
    series: Series,
    /// Alerting rules: their names and expressions.
    rules: BTreeMap<String, String>,
    /// Why the last scrape failed, or that it went well, or that there was none.
    last: Option<Result<f64, String>>,
    /// Whether it scrapes no more.
    stopped: bool,
}

type Shared = Arc<Mutex<Known>>;

impl Prometheus {
    /// Starts one that scrapes `/metrics` of `target`, `http://127.0.0.1:PORT`, as a job of this name.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start(job: &str, target: &str) -> io::Result<Self> {
        let known = Known {
            job: job.to_owned(),
            target: target.to_owned(),
            series: Series::default(),
            rules: BTreeMap::new(),
            last: None,
            stopped: false,
        };
        let state = Arc::new(Mutex::new(known));
        let routes = routes(Arc::clone(&state));
        let server = Server::start_with(routes, Box::pin(scrape(client::plain()?, Arc::clone(&state))))?;
        Ok(Self { server, state })
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Loads an alerting rule.
    pub fn rule(&self, name: &str, expr: &str) {
        lock(&self.state).rules.insert(name.to_owned(), expr.to_owned());
    }

    /// Forgets a rule.
    pub fn drop_rule(&self, name: &str) {
        lock(&self.state).rules.remove(name);
    }

    /// From now on nothing new is scraped, while the target stands as it last did.
    pub fn stop_scraping(&self) {
        lock(&self.state).stopped = true;
    }

    /// Whether it has scraped its target.
    #[must_use]
    pub fn has_scraped(&self) -> bool {
        matches!(lock(&self.state).last, Some(Ok(_)))
    }
}

fn lock(state: &Mutex<Known>) -> MutexGuard<'_, Known> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds since the Unix epoch.
fn now() -> f64 {
    jiff::Timestamp::now().as_duration().as_secs_f64()
}

async fn scrape(client: Client, state: Shared) {
    let mut due = tokio::time::interval(INTERVAL);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let (url, stopped) = {
            let known = lock(&state);
            (format!("{}/metrics", known.target), known.stopped)
        };
        if stopped {
            continue;
        }
        let at = now();
        let page = async { client.get(url).send().await?.error_for_status()?.text().await };
        let page = tokio::time::timeout(INTERVAL * 4, page).await;
        let page = page.map_err(|_| "context deadline exceeded".to_owned());
        let page = page.and_then(|page| page.map_err(|error| error.to_string()));
        lock(&state).take_in(page, at);
    }
}

impl Known {
    fn take_in(&mut self, page: Result<String, String>, at: f64) {
        let instance = self.target.replacen("http://", "", 1);
        let own = [("instance", instance.as_str()), ("job", self.job.as_str())];
        let up = format!("up {}", u8::from(page.is_ok()));
        self.series.take_in(&up, &own, at);
        self.last = Some(page.map(|page| {
            self.series.take_in(&page, &own, at);
            at
        }));
    }

    /// The value of a rule's expression now, as alerts.
    fn alerts(&self, name: &str, expr: &str) -> Result<Vec<JsonValue>, String> {
        let expr = parser::parse(expr)?;
        let Value::Vector(firing) = evaluate(&expr, &self.series, now())? else {
            return Err("an alert's expression must be a vector".into());
        };
        let alert = |(labels, (_, value)): (Labels, Sample)| {
            let mut labels: BTreeMap<_, _> =
                labels.into_iter().filter(|(label, _)| label != "__name__").collect();
            labels.insert("alertname".into(), name.to_owned());
            let since = jiff::Timestamp::now().to_string();
            json!({"labels": labels, "annotations": {}, "state": "firing", "activeAt": since, "value": value.to_string()})
        };
        Ok(firing.into_iter().map(alert).collect())
    }
}

fn routes(state: Shared) -> Router {
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

fn good(data: &JsonValue) -> Response {
    Json(json!({"status": "success", "data": data})).into_response()
}

fn bad(status: StatusCode, kind: &str, why: &str) -> Response {
    (status, Json(json!({"status": "error", "errorType": kind, "error": why}))).into_response()
}

/// What is asked with a query.
struct Asked(BTreeMap<String, String>);

impl Asked {
    fn read(form: &[u8]) -> Self {
        let pairs = reqwest::Url::parse("http://localhost/").map(|mut url| {
            url.set_query(Some(&String::from_utf8_lossy(form)));
            url.query_pairs().into_owned().collect()
        });
        Self(pairs.unwrap_or_default())
    }

    fn expr(&self) -> Result<Expr, String> {
        let text = self.0.get("query").map(String::as_str).unwrap_or_default();
        parser::parse(text).map_err(|why| format!("invalid parameter \"query\": {why}"))
    }

    /// Seconds, or a time of RFC 3339.
    fn time(&self, name: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.0.get(name) else { return Ok(None) };
        let time = text.parse().ok().or_else(|| {
            let time: jiff::Timestamp = text.parse().ok()?;
            Some(time.as_duration().as_secs_f64())
        });
        let why = || format!("invalid parameter \"{name}\": cannot parse \"{text}\" to a valid timestamp");
        time.map(Some).ok_or_else(why)
    }
}

fn sample(at: f64, value: f64) -> JsonValue {
    let value = match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned(),
        value => value.to_string(),
    };
    json!([at, value])
}

async fn query(State(state): State<Shared>, RawForm(form): RawForm) -> Response {
    let asked = Asked::read(&form);
    let (expr, time) = match (asked.expr(), asked.time("time")) {
        (Ok(expr), Ok(time)) => (expr, time.unwrap_or_else(now)),
        (Err(why), _) | (_, Err(why)) => return bad(StatusCode::BAD_REQUEST, "bad_data", &why),
    };
    match evaluate(&expr, &lock(&state).series, time) {
        Ok(Value::Scalar(number)) => good(&json!({"resultType": "scalar", "result": sample(time, number)})),
        Ok(Value::Vector(all)) => {
            let one = |(labels, (_, value)): (Labels, Sample)| json!({"metric": labels, "value": sample(time, value)});
            let all: Vec<JsonValue> = all.into_iter().map(one).collect();
            good(&json!({"resultType": "vector", "result": all}))
        }
        Err(why) => bad(StatusCode::UNPROCESSABLE_ENTITY, "execution", &why),
    }
}

async fn query_range(State(state): State<Shared>, RawForm(form): RawForm) -> Response {
    let asked = Asked::read(&form);
    let expr = match asked.expr() {
        Ok(expr) => expr,
        Err(why) => return bad(StatusCode::BAD_REQUEST, "bad_data", &why),
    };
    let (Ok(Some(start)), Ok(Some(end)), Ok(Some(step))) =
        (asked.time("start"), asked.time("end"), asked.time("step"))
    else {
        return bad(StatusCode::BAD_REQUEST, "bad_data", "start, end and step are needed, in seconds");
    };
    if step <= 0.0 || end < start || (end - start) / step > STEPS {
        return bad(StatusCode::BAD_REQUEST, "bad_data", "no range, or more than 11000 steps");
    }
    let known = lock(&state);
    let mut lines: BTreeMap<Labels, Vec<JsonValue>> = BTreeMap::new();
    let mut time = start;
    while time <= end {
        match evaluate(&expr, &known.series, time) {
            Ok(Value::Scalar(number)) => lines.entry(Labels::new()).or_default().push(sample(time, number)),
            Ok(Value::Vector(all)) => {
                for (labels, (_, value)) in all {
                    lines.entry(labels).or_default().push(sample(time, value));
                }
            }
            Err(why) => return bad(StatusCode::UNPROCESSABLE_ENTITY, "execution", &why),
        }
        time += step;
    }
    let one = |(labels, values): (Labels, Vec<JsonValue>)| json!({"metric": labels, "values": values});
    let all: Vec<JsonValue> = lines.into_iter().map(one).collect();
    good(&json!({"resultType": "matrix", "result": all}))
}

async fn rules(State(state): State<Shared>) -> Response {
    let known = lock(&state);
    let rule = |(name, expr): (&String, &String)| {
        let alerts = known.alerts(name, expr);
        let (health, error) = match &alerts {
            Ok(_) => ("ok", ""),
            Err(why) => ("err", why.as_str()),
        };
        let firing = alerts.as_ref().is_ok_and(|alerts| !alerts.is_empty());
        json!({
            "name": name, "query": expr, "type": "alerting", "health": health, "lastError": error,
            "state": if firing { "firing" } else { "inactive" }, "duration": 0, "labels": {}, "annotations": {},
            "alerts": alerts.unwrap_or_default(),
        })
    };
    let rules: Vec<JsonValue> = known.rules.iter().map(rule).collect();
    good(&json!({"groups": [{"name": "rehearsal", "file": "rehearsal", "interval": 1, "rules": rules}]}))
}

async fn alerts(State(state): State<Shared>) -> Response {
    let known = lock(&state);
    let all = known.rules.iter().filter_map(|(name, expr)| known.alerts(name, expr).ok());
    good(&json!({"alerts": all.flatten().collect::<Vec<_>>()}))
}

async fn targets(State(state): State<Shared>) -> Response {
    let known = lock(&state);
    let (health, error) = match &known.last {
        Some(Ok(_)) => ("up", ""),
        Some(Err(why)) => ("down", why.as_str()),
        None => ("unknown", ""),
    };
    let url = format!("{}/metrics", known.target);
    let instance = known.target.replacen("http://", "", 1);
    let target = json!({
        "labels": {"instance": instance, "job": known.job}, "scrapePool": known.job, "scrapeUrl": url,
        "health": health, "lastError": error,
    });
    good(&json!({"activeTargets": [target], "droppedTargets": []}))
}
