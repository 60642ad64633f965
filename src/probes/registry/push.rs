//! The right to push: an upload is started and cancelled.

use reqwest::{Method, StatusCode};

use super::login::{LoginError, RegistrySession};
use super::{has_errors, refusal};
use crate::probes::api_client::ApiResponse;
use crate::probes::deadline::Deadline;
use crate::probes::effects::Effects;
use crate::probes::error::ProbeError;
use gonogo_core::outcome::Observation;

/// The name of the observation.
pub(super) const WHAT: &str = "upload started";
const EXPECTED: &str = "permitted";

/// Refusals of a push by their status alone: of rights (403), of a registry that takes none (405), of a full or
/// immutable repository (409, 412, 413, 507).
const REFUSALS: [StatusCode; 6] = [
    StatusCode::FORBIDDEN,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::CONFLICT,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::INSUFFICIENT_STORAGE,
];
/// What says nothing about a push: too many requests, or too slow ones.
const TRANSIENT: [StatusCode; 3] =
    [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY];

/// Begins an upload and cancels it: nothing is left behind.
pub(super) async fn push(
    repository: &str,
    session: &RegistrySession<'_>,
    deadline: &Deadline,
    effects: &Effects,
) -> Vec<Observation> {
    let upload = format!("started an upload to {repository}");
    let change = effects.begin(format!("may have {upload}"));
    let reply = session.send(Method::POST, &format!("/v2/{repository}/blobs/uploads/"), &[]).await;
    let seen = match reply {
        Ok(reply) if reply.status == StatusCode::ACCEPTED => {
            change.succeeded(format!("{upload}; left to expire"));
            let location = reply.headers.get("location").and_then(|to| to.to_str().ok());
            let (cancelled, is_gone) = cancel(session, location).await;
            if is_gone {
                change.succeeded(format!("{upload} and cancelled it"));
            }
            return vec![Observation::new(WHAT, EXPECTED, "permitted", true), cancelled];
        }
        Ok(reply) => judge_refusal(&reply),
        // Without an answer in time, the upload may have been started.
        Err(why) if deadline.remaining().is_zero() => return vec![Observation::unknown(WHAT, EXPECTED, why)],
        Err(why) => Observation::unknown(WHAT, EXPECTED, why),
    };
    change.failed();
    vec![seen]
}

/// Where the account is known and may not push: wrong, not an error.
pub(super) fn judge_login_error(error: LoginError) -> Observation {
    match error {
        LoginError::Denied(why) => refused(&why),
        LoginError::Failed(why) => Observation::unknown(WHAT, EXPECTED, why),
    }
}

fn refused(why: &str) -> Observation {
    Observation::new(WHAT, EXPECTED, format!("denied: {why}"), false)
}

fn judge_refusal(reply: &ApiResponse) -> Observation {
    let status = reply.status;
    let is_in_words = status.is_client_error() && has_errors(&reply.body) && !TRANSIENT.contains(&status);
    let is_refusal = is_in_words || REFUSALS.contains(&status) || status == StatusCode::UNAUTHORIZED;
    if is_refusal {
        return refused(&refusal(&reply.body, status));
    }
    Observation::unknown(WHAT, EXPECTED, reply.error_of_status())
}

/// The result of cancelling an upload, and whether nothing of it remains.
async fn cancel(session: &RegistrySession<'_>, location: Option<&str>) -> (Observation, bool) {
    let (what, expected) = ("upload cancelled", "yes");
    let cancelled = async {
        let to =
            location.ok_or_else(|| ProbeError::new("the registry did not return the upload's location"))?;
        let to = session.join(to)?;
        session.send_to(Method::DELETE, to, &[]).await
    };
    match cancelled.await {
        Ok(reply) if reply.status.is_success() => (Observation::new(what, expected, "yes", true), true),
        // What remains is empty, and registries delete it by themselves: reported, not judged.
        Ok(reply) => {
            let message = format!("left to expire: {}", String::from(reply.error_of_status()));
            (Observation::recorded(what, message), false)
        }
        Err(why) => (Observation::recorded(what, format!("left to expire: {why}")), false),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    #[test]
    fn a_push_that_is_refused_is_distinguished_from_one_that_was_not_judged() {
        let errors = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"m"}}]}}"#);
        for (status, body, ok, seen) in [
            (401, errors("UNAUTHORIZED"), Some(false), "denied: UNAUTHORIZED m (401)"),
            (403, errors("DENIED"), Some(false), "denied: DENIED m (403)"),
            (403, "<html>".into(), Some(false), "denied: 403"),
            (404, errors("NAME_UNKNOWN"), Some(false), "denied: NAME_UNKNOWN m (404)"),
            (404, "<html>".into(), None, "HTTP 404: <html>"),
            (405, errors("UNSUPPORTED"), Some(false), "denied: UNSUPPORTED m (405)"),
            (412, errors("PRECONDITION"), Some(false), "denied: PRECONDITION m (412)"),
            (413, String::new(), Some(false), "denied: 413"),
            (400, errors("NAME_INVALID"), Some(false), "denied: NAME_INVALID m (400)"),
            (429, errors("TOOMANYREQUESTS"), None, "HTTP 429: "),
            (500, errors("UNKNOWN"), None, "HTTP 500: "),
            (503, String::new(), None, "HTTP 503: empty body"),
            (301, String::new(), None, "HTTP 301, redirect to : not followed"),
        ] {
            let reply = ApiResponse {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: body.into_bytes(),
            };
            let observation = judge_refusal(&reply);
            assert_eq!(observation.ok, ok, "{status}");
            assert!(observation.seen.starts_with(seen), "{status}: {}", observation.seen);
        }
    }
}
