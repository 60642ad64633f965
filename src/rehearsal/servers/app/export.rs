//! Where the application's spans go: to a collector, over OTLP/HTTP.

use std::io;
use std::sync::Arc;

use axum::Router;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind};
use prost::Message as _;
use tokio::sync::mpsc;

use super::super::client;
use super::super::server::Server;
use super::OnSpan;

/// What sends spans; stopped when dropped.
#[derive(Debug)]
pub struct Exporter {
    _task: Server,
}

/// Sends the spans of `service` to a collector, with a bearer token.
///
/// # Errors
/// When there is no thread to be had.
pub fn exporter(endpoint: &str, token: &str, service: &'static str) -> io::Result<(OnSpan, Exporter)> {
    let (tell, mut told) = mpsc::unbounded_channel::<Span>();
    let (url, token) = (format!("{endpoint}/v1/traces"), format!("Bearer {token}"));
    let client = client::plain()?;
    let work = async move {
        while let Some(span) = told.recv().await {
            let body = request(service, span).encode_to_vec();
            let request = client.post(&url).header("Authorization", &token);
            // An exporter that is refused drops what it has.
            let _ = request.header("Content-Type", "application/x-protobuf").body(body).send().await;
        }
    };
    let task = Server::start_with(Router::new(), Box::pin(work))?;
    let on_span = move |name: &str, route: &str, begun: i64, took: i64| {
        let _ = tell.send(span(name, route, begun, took));
    };
    Ok((Arc::new(on_span), Exporter { _task: task }))
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.into())) };
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

fn span(name: &str, route: &str, begun: i64, took: i64) -> Span {
    let nanos = |micros: i64| u64::try_from(micros).unwrap_or_default() * 1000;
    let mut ids = [0; 24];
    // Without randomness spans have no ids, and are spans all the same.
    let _ = getrandom::fill(&mut ids);
    Span {
        trace_id: ids[..16].to_vec(),
        span_id: ids[16..].to_vec(),
        name: name.into(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: nanos(begun),
        end_time_unix_nano: nanos(begun + took),
        attributes: vec![attribute("http.route", route)],
        ..Span::default()
    }
}

fn request(service: &str, span: Span) -> ExportTraceServiceRequest {
    let resource = Resource { attributes: vec![attribute("service.name", service)], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let spans = ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }
}
