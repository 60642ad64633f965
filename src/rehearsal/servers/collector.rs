//! A collector of traces over OTLP/HTTP, in protobuf or JSON, that asks for a header and hands spans on to a
//! [`Jaeger`](super::jaeger::Jaeger). <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

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

use super::jaeger::Span;
use super::server::Server;

/// Who is told of spans.
pub type Tell = Arc<dyn Fn(Span) + Send + Sync>;

type Token = Arc<Mutex<String>>;

/// A collector under way.
#[derive(Debug)]
pub struct Collector {
    server: Server,
    token: Token,
}

#[derive(Clone)]
struct Way {
    token: Token,
    tell: Tell,
}

impl Collector {
    /// Starts one that asks for `Authorization: Bearer TOKEN`.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub fn start(token: &str, tell: Tell) -> io::Result<Self> {
        let token: Token = Arc::new(Mutex::new(token.to_owned()));
        let way = Way { token: Arc::clone(&token), tell };
        let routes = Router::new().route("/v1/traces", post(take)).with_state(way);
        Ok(Self { server: Server::start(routes)?, token })
    }

    /// From now on asks for another token.
    pub fn ask_for(&self, token: &str) {
        token.clone_into(&mut self.token.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }
}

async fn take(State(way): State<Way>, headers: HeaderMap, body: Bytes) -> Response {
    let of = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let wanted = way.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if of(header::AUTHORIZATION).and_then(|given| given.strip_prefix("Bearer ")) != Some(wanted.as_str()) {
        return (StatusCode::UNAUTHORIZED, "unauthorized").into_response();
    }
    if of(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "compressed bodies are not taken here").into_response();
    }
    let kind = of(header::CONTENT_TYPE).unwrap_or_default().to_owned();
    let request = match kind.split(';').next() {
        Some("application/x-protobuf") => {
            ExportTraceServiceRequest::decode(body).map_err(|error| error.to_string())
        }
        Some("application/json") => serde_json::from_slice(&body).map_err(|error| error.to_string()),
        _ => return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response(),
    };
    match request {
        Ok(request) => spans(&request).into_iter().for_each(|span| (way.tell)(span)),
        Err(error) => return (StatusCode::BAD_REQUEST, error).into_response(),
    }
    let answer = if kind.starts_with("application/json") { "{\"partialSuccess\":{}}" } else { "" };
    ([(header::CONTENT_TYPE, kind)], answer).into_response()
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource in &request.resource_spans {
        let own = resource.resource.as_ref().map(|resource| resource.attributes.as_slice());
        let service =
            text(own.unwrap_or_default(), "service.name").unwrap_or_else(|| "unknown_service".into());
        for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let micros = |nanos: u64| i64::try_from(nanos / 1000).unwrap_or(i64::MAX);
            let (begun, ended) = (micros(span.start_time_unix_nano), micros(span.end_time_unix_nano));
            spans.push(Span {
                service: service.clone(),
                operation: span.name.clone(),
                route: text(&span.attributes, "http.route").unwrap_or_default(),
                begun,
                took: ended.saturating_sub(begun),
            });
        }
    }
    spans
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|one| one.key == key)?.value.as_ref()?;
    match value.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}
