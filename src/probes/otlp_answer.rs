//! What a collector answers to an export over OTLP/HTTP. Pure.
//! See <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use serde::Deserialize;
use serde_json::Value;

use super::api_client::ApiResponse;
use super::content;
use super::error::ProbeError;
use gonogo_core::outcome::Observation;

/// What may be wrong where a collector's HTTP port was expected.
const GRPC: &str = "this is OTLP/gRPC, perhaps port 4317; OTLP/HTTP has a separate port, usually 4318";

/// What became of the spans.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Export {
    Accepted {
        warning: Option<String>,
    },
    /// It took the request, and not the spans.
    Rejected(String),
    /// The answer is none of a collector.
    Foreign(String),
}

/// The fields of OTLP's JSON; the names of the protobuf definition are used, too.
#[derive(Deserialize)]
struct JsonResponse {
    #[serde(rename = "partialSuccess", alias = "partial_success")]
    partial: Option<JsonPartial>,
    error: Option<Value>,
    errors: Option<Value>,
}

#[derive(Default, Deserialize)]
struct JsonPartial {
    /// A number, or as JSON writes 64 bits, text.
    #[serde(rename = "rejectedSpans", alias = "rejected_spans")]
    rejected: Option<Value>,
    #[serde(rename = "errorMessage", alias = "error_message")]
    message: Option<String>,
}

/// Of an answer with a status of success.
fn read(reply: &ApiResponse) -> Export {
    let body = reply.body.as_slice();
    if is_grpc(reply) {
        return Export::Foreign(GRPC.to_owned());
    }
    if reply.is_page() {
        return Export::Foreign("the response is a web page: perhaps a login page".to_owned());
    }
    let (rejected, message) = if body.trim_ascii_start().starts_with(b"{") {
        let Ok(json) = content::skim::<JsonResponse>(body) else {
            return Export::Foreign("the response is JSON of an unexpected structure".to_owned());
        };
        if let Some(error) = [json.error, json.errors].into_iter().flatten().find(|error| !is_nothing(error))
        {
            return Export::Foreign(format!(
                "it reports an error with status {}: {error}",
                reply.status.as_u16()
            ));
        }
        let partial = json.partial.unwrap_or_default();
        let Some(rejected) = count(partial.rejected) else {
            return Export::Foreign("how many spans it has rejected cannot be read".to_owned());
        };
        (rejected, partial.message.unwrap_or_default())
    } else {
        let Ok(answer) = ExportTraceServiceResponse::decode(body) else {
            return Export::Foreign(
                "the response is neither protobuf nor JSON: perhaps not a collector".to_owned(),
            );
        };
        answer
            .partial_success
            .map_or((0, String::new()), |partial| (partial.rejected_spans, partial.error_message))
    };
    match (rejected > 0, message.is_empty()) {
        (true, _) => Export::Rejected(message),
        (false, true) => Export::Accepted { warning: None },
        (false, false) => Export::Accepted { warning: Some(message) },
    }
}

fn is_nothing(error: &Value) -> bool {
    matches!(error, Value::Null | Value::Bool(false))
        || error.as_array().is_some_and(Vec::is_empty)
        || error == ""
}

/// How many spans were rejected: none without a number, and nothing if it cannot be read.
fn count(rejected: Option<Value>) -> Option<i64> {
    match rejected {
        None => Some(0),
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_i64(),
    }
}

fn is_grpc(reply: &ApiResponse) -> bool {
    let kind = reply.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/grpc") || reply.headers.contains_key("grpc-status")
}

/// Names the cause where the other side does not speak HTTP/1.
pub(super) fn explain(why: ProbeError) -> ProbeError {
    let text = why.to_string();
    let is_foreign =
        ["does not respond in HTTP", "does not speak HTTP", "without a response", "onnection reset"];
    if is_foreign.iter().any(|part| text.contains(part)) {
        let grpc = GRPC.replacen("this is", "perhaps this is", 1).replacen(", perhaps port", ", port", 1);
        return ProbeError::new(format!("{text}; {grpc}"));
    }
    why
}

/// Whether the test span was accepted.
pub(super) fn accepted(what: String, reply: &ApiResponse) -> Observation {
    let expected = "accepted";
    if reply.status.is_success() {
        return match read(reply) {
            Export::Accepted { warning: None } => Observation::new(what, expected, "accepted", true),
            Export::Accepted { warning: Some(warning) } => {
                Observation::new(what, expected, format!("accepted, with a warning: {warning}"), true)
            }
            Export::Rejected(message) => {
                Observation::new(what, expected, format!("rejected: {message}"), false)
            }
            Export::Foreign(why) => Observation::unknown(what, expected, why),
        };
    }
    let why = String::from(reply.error_of_status());
    match reply.status.as_u16() {
        _ if is_grpc(reply) => Observation::unknown(what, expected, format!("{GRPC}; {why}")),
        // That our own headers are refused, or that it is busy, says nothing about what it takes.
        401 | 403 | 429 | 502..=504 => Observation::unknown(what, expected, why),
        404 | 405 => {
            let seen =
                format!("{why}; check the endpoint's path: some collectors have a prefix, such as /otlp");
            Observation::new(what, expected, seen, false)
        }
        _ => Observation::new(what, expected, why, false),
    }
}

/// Whether a test span with a wrong header was refused; with the right one, the same request was accepted.
pub(super) fn refused(what: &str, reply: &ApiResponse) -> Observation {
    let (expected, code) = ("refused (401 or 403)", reply.status.as_u16());
    if reply.status.is_success() {
        return match read(reply) {
            Export::Accepted { .. } => Observation::new(what, expected, "accepted", false),
            Export::Rejected(message) => {
                Observation::new(what, expected, format!("rejected: {message}"), true)
            }
            Export::Foreign(why) => Observation::unknown(what, expected, why),
        };
    }
    match code {
        401 | 403 => Observation::new(what, expected, format!("refused ({code})"), true),
        408 | 413 | 429 | 500.. => Observation::unknown(what, expected, reply.error_of_status()),
        // Some vendors answer a wrong key so, or send to a login.
        _ => Observation::new(
            what,
            expected,
            format!("refused ({})", String::from(reply.error_of_status())),
            true,
        ),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;
    use crate::probes::altered_json::GoodDocument;
    use gonogo_core::outcome::{Class, Outcome};

    fn reply(status: u16, kind: &'static str, body: &[u8]) -> ApiResponse {
        let headers =
            HeaderMap::from_iter([("content-type".parse().unwrap(), HeaderValue::from_static(kind))]);
        ApiResponse { status: StatusCode::from_u16(status).unwrap(), headers, body: body.to_vec() }
    }

    /// Partial success: 2 spans rejected, or 0 with a message.
    const REJECTED: &[u8] = b"\x0a\x07\x08\x02\x12\x03old";
    const WARNED: &[u8] = b"\x0a\x05\x12\x03old";

    #[test]
    fn a_span_is_accepted_or_why_not() {
        let (proto, json) = ("application/x-protobuf", "application/json");
        let cases: [(ApiResponse, Option<bool>, &str); 22] = [
            (reply(200, proto, b""), Some(true), "accepted"),
            (reply(202, "", b""), Some(true), "accepted"),
            (reply(200, json, b"{}"), Some(true), "accepted"),
            (reply(200, json, br#"{"partialSuccess":{}}"#), Some(true), "accepted"),
            (reply(200, json, br#"{"partialSuccess":{"rejectedSpans":"0"}}"#), Some(true), "accepted"),
            (
                reply(200, json, br#"{"partialSuccess":{"errorMessage":"old version"}}"#),
                Some(true),
                "a warning: old version",
            ),
            (
                reply(200, json, br#"{"partialSuccess":{"rejectedSpans":1,"errorMessage":"no quota"}}"#),
                Some(false),
                "rejected: no quota",
            ),
            (reply(200, json, br#"{"partial_success":{"rejected_spans":"1"}}"#), Some(false), "rejected"),
            (reply(200, json, br#"{"partialSuccess":{"rejectedSpans":null}}"#), Some(true), "accepted"),
            (reply(200, json, br#"{"partialSuccess":{"rejectedSpans":"some"}}"#), None, "cannot be read"),
            (reply(200, json, br#"{"partialSuccess":{"rejectedSpans":1e30}}"#), None, "cannot be read"),
            (reply(200, json, br#"{"error":"no such tenant"}"#), None, "no such tenant"),
            (reply(200, proto, REJECTED), Some(false), "rejected: old"),
            (reply(200, proto, WARNED), Some(true), "a warning: old"),
            (reply(200, "text/html; charset=utf-8", b"<!doctype html>"), None, "perhaps a login page"),
            (reply(200, "text/plain", b"hello"), None, "perhaps not a collector"),
            (reply(200, "application/grpc", b""), None, "OTLP/gRPC"),
            (reply(415, "application/grpc", b""), None, "OTLP/gRPC"),
            (reply(404, "text/plain", b"404 page not found"), Some(false), "such as /otlp"),
            (reply(401, json, b"{}"), None, "credentials are missing or refused"),
            (reply(503, "", b"busy"), None, "HTTP 503: busy"),
            (reply(400, json, br#"{"message":"bad"}"#), Some(false), "HTTP 400"),
        ];
        for (reply, ok, seen) in cases {
            let one = accepted("span".into(), &reply);
            assert_eq!(one.ok, ok, "{one:?}");
            assert!(one.seen.contains(seen), "{one:?}");
        }
    }

    #[test]
    fn an_altered_answer_is_never_accepted_for_nothing() {
        let json = serde_json::json!({"partialSuccess": {"rejectedSpans": "0", "errorMessage": ""}});
        let judge = |body: &[u8]| {
            // An empty body is an answer in protobuf.
            let seen =
                (!body.is_empty()).then(|| accepted("span".into(), &reply(200, "application/json", body)));
            Outcome::of(seen.into_iter().collect(), "").class
        };
        GoodDocument { json, carriers: &[], maps: &[] }.check(judge);
        let rejected =
            serde_json::json!({"partialSuccess": {"rejectedSpans": 1, "errorMessage": "no quota"}});
        let carriers = ["/partialSuccess/rejectedSpans"];
        let judge = |body: &[u8]| {
            let seen = refused("span", &reply(200, "application/json", body));
            if body.is_empty() { Class::Error } else { Outcome::of(vec![seen], "").class }
        };
        GoodDocument { json: rejected, carriers: &carriers, maps: &[] }.check(judge);
    }

    #[test]
    fn a_wrong_header_is_refused_or_not() {
        let cases = [
            (reply(401, "", b""), Some(true), "refused (401)"),
            (reply(400, "", b"invalid api key"), Some(true), "HTTP 400: invalid api key"),
            (reply(404, "", b""), Some(true), "HTTP 404"),
            (reply(302, "", b""), Some(true), "HTTP 302"),
            (reply(200, "", b""), Some(false), "accepted"),
            (reply(200, "", REJECTED), Some(true), "rejected: old"),
            (reply(200, "text/html", b"<html>"), None, "perhaps a login page"),
            (reply(429, "", b""), None, "HTTP 429"),
            (reply(500, "", b""), None, "HTTP 500"),
        ];
        for (reply, ok, seen) in cases {
            let one = refused("span", &reply);
            assert_eq!(one.ok, ok, "{one:?}");
            assert!(one.seen.contains(seen), "{one:?}");
        }
    }

    #[test]
    fn a_port_of_grpc_is_named() {
        let why = explain(ProbeError::new("host:4317 does not speak HTTP: it sends data before the request"));
        assert!(why.to_string().contains("4318"), "{why}");
        let other = explain(ProbeError::new("host:4318 refuses connections"));
        assert_eq!(other.to_string(), "host:4318 refuses connections");
    }
}
