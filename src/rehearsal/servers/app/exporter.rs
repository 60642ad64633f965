//! Exports the application's spans to a collector, over OTLP/HTTP.

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
use super::super::server::LoopbackServer;
use super::OnSpan;

/// The task that sends spans. Dropping it stops it.
#[derive(Debug)]
pub struct Exporter {
    _task: LoopbackServer,
}

/// Sends the spans of `service` to a collector, with a bearer token.
///
/// # Errors
/// When no thread is available.
pub fn start_exporter(endpoint: &str, token: &str, service: &'static str) -> io::Result<(OnSpan, Exporter)> {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Span>();
    let (url, token) = (format!("{endpoint}/v1/traces"), format!("Bearer {token}"));
    let client = client::plain_http_client()?;
    let work = async move {
        while let Some(span) = receiver.recv().await {
            let body = request(service, span).encode_to_vec();
            let request = client.post(&url).header("Authorization", &token);
            // A span that the collector rejects is dropped.
            let _ = request.header("Content-Type", "application/x-protobuf").body(body).send().await;
        }
    };
    let task = LoopbackServer::start_with(Router::new(), Box::pin(work))?;
    let on_span = move |name: &str, route: &str, start_micros: i64, duration_micros: i64| {
        let _ = sender.send(span(name, route, start_micros, duration_micros));
    };
    Ok((Arc::new(on_span), Exporter { _task: task }))
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.into())) };
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

fn span(name: &str, route: &str, start_micros: i64, duration_micros: i64) -> Span {
    let nanos = |micros: i64| u64::try_from(micros).unwrap_or_default() * 1000;
    let mut ids = [0; 24];
    // Without randomness the ids are zeros.
    let _ = getrandom::fill(&mut ids);
    Span {
        trace_id: ids[..16].to_vec(),
        span_id: ids[16..].to_vec(),
        name: name.into(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: nanos(start_micros),
        end_time_unix_nano: nanos(start_micros + duration_micros),
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
