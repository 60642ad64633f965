//! The pipeline probe: events with correlation ids of their own, each sent over a WebSocket, must come back over
//! server-sent events; where browsers reach the application elsewhere, one more goes that way. None may come twice: the
//! streams stay open until the last event has arrived.

mod arrival;
mod canary;
mod deliveries;
mod event_stream;
mod handled;
mod reproduce;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, ORIGIN};

use super::checked_by::{self, CheckedBy};
use super::deadline::Deadline;
use super::effects::Effects;
use super::error::{ProbeError, ProbeResult};
use super::http_client;
use super::secrets::read_secret;
use super::token::bearer;
use crate::secret_store::SecretStore;
use canary::{Canary, CanaryResult};
use gonogo_core::checklist::spec::PipelineSpec;
use gonogo_core::outcome::{Observation, Outcome};
use reproduce::{Step, command};

pub(super) async fn run(
    spec: &PipelineSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
    effects: &Effects,
) -> Outcome {
    let unreadable =
        |why, command| Outcome::of(vec![Observation::unknown("token", "readable", why)], command);
    let token = match read_secret(&spec.token, deadline, secret_store).await {
        Ok(token) => token,
        Err(why) => return unreadable(why, spec.token.shell_check()),
    };
    let read = async { Ok::<_, ProbeError>((headers(spec, deadline, secret_store).await?, bearer(&token)?)) };
    let (headers, bearer) = match read.await {
        Ok(read) => read,
        Err(why) => return unreadable(why, command(spec, &spec.api.url, false, Step::Stream)),
    };
    let canary = |base, headers, query_token| Canary {
        spec,
        base,
        headers,
        query_token,
        deadline,
        secret_store,
        effects,
    };
    let mut with_bearer = headers.clone();
    with_bearer.insert(AUTHORIZATION, bearer);
    let direct = canary(&spec.api.url, with_bearer, None);
    let public = spec.api.elsewhere(spec.public_url.as_deref());
    // Where both are the same address, the event for the other one is sent there.
    let samples = spec.samples + u32::from(spec.public_url.is_some() && public.is_none());
    let through = public.map(|base| (base, canary(base, headers, Some(&token))));
    let (direct, through) = tokio::join!(send_samples(samples, &direct), send_through(through));
    let (mut checks, mut delivered) = (Vec::new(), Vec::new());
    let direct = direct.into_iter().map(|result| (spec.api.url.as_str(), result));
    for (base, result) in direct.chain(public.zip(through)) {
        let is_in_query = base != spec.api.url;
        checks.push(CheckedBy { command: command(spec, base, is_in_query, result.step), seen: result.seen });
        delivered.extend(result.delivered);
    }
    let event_ids = delivered.iter().map(|event| event.stream.event_id.clone()).collect();
    let seen = deliveries::observe(delivered).await.into_iter().collect();
    checks.push(CheckedBy { command: command(spec, &spec.api.url, false, Step::Event), seen });
    checks.extend(handled::observe(spec, event_ids, deadline, secret_store).await);
    checked_by::outcome(checks)
}

async fn headers(
    spec: &PipelineSpec,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<HeaderMap> {
    let mut headers = http_client::headers(&spec.api.headers, deadline, secret_store).await?;
    if let Some(origin) = &spec.origin {
        let origin = HeaderValue::from_str(origin)
            .map_err(|_| ProbeError::new("the origin is not a valid HTTP header value"))?;
        headers.insert(ORIGIN, origin);
    }
    Ok(headers)
}

/// One event after the other, until one does not arrive: it has used up the time.
async fn send_samples(samples: u32, canary: &Canary<'_>) -> Vec<CanaryResult> {
    let mut results = vec![canary.send_and_wait().await];
    for sample in 2..=samples {
        if !results.iter().all(|result| all_good(&result.seen)) {
            break;
        }
        results.push(in_short(&format!("event {sample} of {samples}"), canary.send_and_wait().await));
    }
    results
}

async fn send_through(public: Option<(&str, Canary<'_>)>) -> Option<CanaryResult> {
    let (base, canary) = public?;
    Some(in_short(&format!("event through {base}, token in the query"), canary.send_and_wait().await))
}

fn all_good(seen: &[Observation]) -> bool {
    seen.iter().all(|observation| observation.ok == Some(true))
}

/// One line if all went well; otherwise all, since the legs that passed point to the culprit.
fn in_short(name: &str, mut result: CanaryResult) -> CanaryResult {
    if all_good(&result.seen) {
        let last = result.seen.pop().map(|last| Observation { what: name.to_owned(), ..last });
        return CanaryResult { seen: last.into_iter().collect(), ..result };
    }
    for observation in &mut result.seen {
        observation.what = format!("{name}: {}", observation.what);
    }
    result
}
