//! The trace collector's probe: one test span over OTLP/HTTP is accepted, and one without the right headers is rejected.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, span::SpanKind};
use prost::Message as _;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use super::api_client::{ApiClient, ApiResponse};
use super::checked_by::{self, CheckedBy};
use super::curl;
use super::deadline::Deadline;
use super::effects::Effects;
use super::error::{ProbeError, ProbeResult};
use super::otlp_answer;
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{self, OtlpSpec, TextOrSecret};
use gonogo_core::outcome::{Observation, Outcome};

/// Where traces are taken, below the endpoint.
const TRACES_PATH: &str = "/v1/traces";
/// Replaces a secret header, to check that the request is then refused.
const WRONG_VALUE: &str = "gonogo-wrong-on-purpose";

pub(super) async fn run(
    spec: &OtlpSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    effects: &Effects,
) -> Outcome {
    let api = api(spec, spec.headers.clone());
    let what = format!("test span at {}{TRACES_PATH}", api.url);
    let span = format!("a test span of {}", spec.service);
    let accepted = match export(&api, spec, &span, deadline, secret_store, effects).await {
        Ok(reply) => otlp_answer::accepted(what, &reply),
        Err(why) => Observation::unknown(what, "accepted", otlp_answer::explain(why)),
    };
    let is_accepted = accepted.ok == Some(true);
    let mut checks = vec![CheckedBy { command: reproduce(&api, &spec.service), seen: vec![accepted] }];
    // Where the right header is not accepted, a refusal of a wrong one says nothing.
    if spec.has_authentication() && is_accepted {
        let (wrong_api, what) =
            (self::api(spec, without_secrets(&spec.headers)), "test span with a wrong header");
        let span = format!("{span} with a wrong header");
        let refused = match export(&wrong_api, spec, &span, deadline, secret_store, effects).await {
            Ok(reply) => otlp_answer::refused(what, &reply),
            Err(why) => Observation::unknown(what, "refused (401 or 403)", why),
        };
        checks.push(CheckedBy { command: reproduce(&wrong_api, &spec.service), seen: vec![refused] });
    }
    checked_by::outcome(checks)
}

/// The same request, with a test span of its own. A collector may accept an empty one, and reject a span.
fn reproduce(api: &spec::ApiSpec, service: &str) -> String {
    let span = test_span(service).unwrap_or_default().encode_to_vec();
    format!(
        "echo {} | base64 -d | {} -i -H 'Content-Type: application/x-protobuf' --data-binary @-",
        BASE64_STANDARD.encode(span),
        curl::get(api, TRACES_PATH)
    )
}

fn api(spec: &OtlpSpec, headers: BTreeMap<String, TextOrSecret>) -> spec::ApiSpec {
    // An endpoint may be given with or without the path.
    let url = spec.endpoint.trim_end_matches('/').trim_end_matches(TRACES_PATH).to_owned();
    spec::ApiSpec { url, headers, tls: spec.tls.clone() }
}

/// The headers with every secret replaced; without one, all are left out.
fn without_secrets(headers: &BTreeMap<String, TextOrSecret>) -> BTreeMap<String, TextOrSecret> {
    let replace = |value: &TextOrSecret| match value {
        TextOrSecret::Text(text) => TextOrSecret::Text(text.clone()),
        TextOrSecret::Secret(secret) => TextOrSecret::Text(format!("{}{WRONG_VALUE}", secret.prefix)),
    };
    if headers.values().any(|value| matches!(value, TextOrSecret::Secret(_))) {
        headers.iter().map(|(name, value)| (name.clone(), replace(value))).collect()
    } else {
        BTreeMap::new()
    }
}

async fn export(
    api: &spec::ApiSpec,
    spec: &OtlpSpec,
    span: &str,
    deadline: &Deadline,
    secret_store: &SecretStore,
    effects: &Effects,
) -> ProbeResult<ApiResponse> {
    let api = ApiClient::new(api, deadline, secret_store).await?;
    let request = api.request(Method::POST, api.url(TRACES_PATH, &[]));
    let body = test_span(&spec.service)?.encode_to_vec();
    let sending = effects.begin(format!("tried to send {span}"));
    let reply = api.send(request.header(CONTENT_TYPE, "application/x-protobuf").body(body)).await;
    match &reply {
        Ok(reply) if reply.status.is_client_error() => sending.failed(),
        Ok(_) => sending.succeeded(format!("sent {span}")),
        // Without an answer in time, the span may have been accepted.
        Err(_) if !deadline.remaining().is_zero() => sending.failed(),
        Err(_) => {}
    }
    reply
}

/// One span, named as a test span.
fn test_span(service: &str) -> ProbeResult<ExportTraceServiceRequest> {
    let mut ids = [0; 24];
    getrandom::fill(&mut ids).map_err(|error| ProbeError::new(error.to_string()))?;
    let now = u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or_default();
    let span = Span {
        trace_id: ids[..16].to_vec(),
        span_id: ids[16..].to_vec(),
        name: "gonogo test span".into(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: now,
        end_time_unix_nano: now + 1_000_000,
        ..Span::default()
    };
    let attribute = |key: &str, value: &str| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.into())) }),
        ..KeyValue::default()
    };
    let resource = Resource { attributes: vec![attribute("service.name", service)], ..Resource::default() };
    let scope = InstrumentationScope {
        name: "gonogo".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..InstrumentationScope::default()
    };
    let scope_spans = ScopeSpans { scope: Some(scope), spans: vec![span], ..ScopeSpans::default() };
    let spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    Ok(ExportTraceServiceRequest { resource_spans: vec![spans] })
}
