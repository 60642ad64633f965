//! A collector of traces over OTLP/HTTP, in protobuf or JSON. It requires a bearer token and passes spans to a sink.
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use prost::Message as _;

use super::jaeger::StoredSpan;
use super::server::LoopbackServer;

/// Called with each span that is received.
pub type SpanSink = Arc<dyn Fn(StoredSpan) + Send + Sync>;

type SharedToken = Arc<Mutex<String>>;

/// A running collector.
#[derive(Debug)]
pub struct CollectorServer {
    server: LoopbackServer,
    token: SharedToken,
}

#[derive(Clone)]
struct CollectorState {
    token: SharedToken,
    sink: SpanSink,
}

impl CollectorServer {
    /// Starts a collector that requires `Authorization: Bearer TOKEN`.
    ///
    /// # Errors
    /// When no port or thread is available.
    pub fn start(token: &str, sink: SpanSink) -> io::Result<Self> {
        let token: SharedToken = Arc::new(Mutex::new(token.to_owned()));
        let state = CollectorState { token: Arc::clone(&token), sink };
        let routes = Router::new().route("/v1/traces", post(receive_traces)).with_state(state);
        Ok(Self { server: LoopbackServer::start(routes)?, token })
    }

    /// From now on, another token is required.
    pub fn require_token(&self, token: &str) {
        token.clone_into(&mut self.token.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }
}

async fn receive_traces(State(state): State<CollectorState>, headers: HeaderMap, body: Bytes) -> Response {
    let header_value = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let expected = state.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if header_value(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "))
        != Some(expected.as_str())
    {
        return (StatusCode::UNAUTHORIZED, "unauthorized").into_response();
    }
    if header_value(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed bodies are not supported").into_response();
    }
    let kind = header_value(header::CONTENT_TYPE).unwrap_or_default().to_owned();
    let request = match kind.split(';').next() {
        Some("application/x-protobuf") => {
            ExportTraceServiceRequest::decode(body).map_err(|error| error.to_string())
        }
        Some("application/json") => serde_json::from_slice(&body).map_err(|error| error.to_string()),
        _ => return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
    };
    match request {
        Ok(request) => spans(&request).into_iter().for_each(|span| (state.sink)(span)),
        Err(error) => return (StatusCode::BAD_REQUEST, error).into_response(),
    }
    let body = if kind.starts_with("application/json") { "{\"partialSuccess\":{}}" } else { "" };
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<StoredSpan> {
    let mut spans = Vec::new();
    for resource in &request.resource_spans {
        let attributes = resource.resource.as_ref().map(|resource| resource.attributes.as_slice());
        let service = text_attribute(attributes.unwrap_or_default(), "service.name")
            .unwrap_or_else(|| "unknown_service".into());
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let micros = |nanos: u64| i64::try_from(nanos / 1000).unwrap_or(i64::MAX);
            let (start, end) = (micros(span.start_time_unix_nano), micros(span.end_time_unix_nano));
            spans.push(StoredSpan {
                service: service.clone(),
                operation: span.name.clone(),
                route: text_attribute(&span.attributes, "http.route").unwrap_or_default(),
                start_micros: start,
                duration_micros: end.saturating_sub(start),
            });
        }
    }
    spans
}

fn text_attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|one| one.key == key)?.value.as_ref()?;
    match value.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
