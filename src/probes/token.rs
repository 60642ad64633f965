//! Which tokens a running application accepts: the current one on both of its endpoints, and no other.

use std::pin::pin;

use futures_util::{Stream, StreamExt as _, stream};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use super::curl;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::http_client::{self, HttpClient, ProxyUse, segment};
use super::websocket::{self, WebSocketAnswer, WebSocketMessage};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::TokenSpec;
use gonogo_core::outcome::{Observation, Outcome};
use gonogo_core::secret::{Secret, SecretRef};

/// Where events are read.
pub(super) const SSE_PATH: &str = "/sse/activity";
/// The code with which the application closes a WebSocket for an unknown token.
const UNAUTHORIZED: u16 = 4401;

/// The path of a board's WebSocket.
pub(super) fn board_path(board: &str) -> String {
    format!("/ws/boards/{}", segment(board))
}

/// A bearer token as a header.
pub(super) fn bearer(token: &Secret) -> ProbeResult<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| ProbeError::new("the token is not one that HTTP can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// An endpoint's answer to a token.
#[derive(Debug)]
enum EndpointAnswer {
    Open,
    Shut(String),
    /// Neither: another answer.
    Odd(String),
}

pub(super) async fn run(spec: &TokenSpec, deadline: &Deadline, secret_store: &SecretStore) -> Outcome {
    let reproduce = format!(
        "{} -o /dev/null -w '%{{http_code}}' -H 'Authorization: Bearer {}'",
        curl::get(&spec.api, SSE_PATH),
        spec.default
    );
    let mut seen = Vec::new();
    let default = Secret::new(spec.default.clone());
    seen.extend(
        check_both_endpoints(spec, "the default token", Ok(default), false, deadline, secret_store).await,
    );
    for (what, reference, is_current) in
        [("the old token", &spec.old, false), ("the current token", &spec.current, true)]
    {
        let Some(reference) = reference else { continue };
        let token = read(reference, deadline, secret_store).await;
        if let (false, Ok(token), Some(current)) = (is_current, &token, &spec.current)
            && read(current, deadline, secret_store)
                .await
                .is_ok_and(|current| current.expose() == token.expose())
        {
            seen.push(Observation::new(
                what,
                "another than the current one",
                "the same: it was not rotated",
                false,
            ));
            continue;
        }
        seen.extend(check_both_endpoints(spec, what, token, is_current, deadline, secret_store).await);
    }
    Outcome::of(seen, reproduce)
}

async fn read(reference: &SecretRef, deadline: &Deadline, secret_store: &SecretStore) -> ProbeResult<Secret> {
    Ok(deadline.limit(format!("reading {reference}"), secret_store.read(reference)).await??)
}

/// The same token at both endpoints.
async fn check_both_endpoints(
    spec: &TokenSpec,
    what: &str,
    token: ProbeResult<Secret>,
    is_current: bool,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> Vec<Observation> {
    let token = match token {
        Ok(token) => token,
        Err(why) => return vec![Observation::unknown(what, "readable", why)],
    };
    let headers = async {
        let mut headers = http_client::headers(&spec.api.headers, deadline, secret_store).await?;
        headers.insert(AUTHORIZATION, bearer(&token)?);
        Ok::<_, ProbeError>(headers)
    };
    let (sse, ws) = match headers.await {
        Ok(headers) => tokio::join!(at_sse(spec, &headers, deadline), at_ws(spec, &headers, deadline)),
        Err(why) => (Err(why.clone()), Err(why)),
    };
    vec![
        judge(format!("{what} at {SSE_PATH}"), is_current, sse),
        judge(format!("{what} at /ws"), is_current, ws),
    ]
}

fn judge(what: String, is_current: bool, answer: ProbeResult<EndpointAnswer>) -> Observation {
    let expected = if is_current { "accepted" } else { "refused" };
    match answer {
        Ok(EndpointAnswer::Open) => Observation::new(what, expected, "accepted", is_current),
        Ok(EndpointAnswer::Shut(how)) => {
            Observation::new(what, expected, format!("refused ({how})"), !is_current)
        }
        Ok(EndpointAnswer::Odd(how)) => Observation::unknown(what, expected, how),
        Err(why) => Observation::unknown(what, expected, why),
    }
}

/// The application's own address for a path.
fn address(spec: &TokenSpec, path: &str) -> ProbeResult<reqwest::Url> {
    let url = format!("{}{path}", spec.api.url.trim_end_matches('/'));
    reqwest::Url::parse(&url).map_err(|_| ProbeError::new("not an address such as https://host"))
}

async fn at_sse(spec: &TokenSpec, headers: &HeaderMap, deadline: &Deadline) -> ProbeResult<EndpointAnswer> {
    let browser = HttpClient::new(&spec.api.tls, ProxyUse::Environment, deadline)?;
    let request = browser.request(reqwest::Method::GET, address(spec, SSE_PATH)?).headers(headers.clone());
    // The status is enough; the stream itself would never end.
    let status = browser.send(request).await?.status();
    Ok(match status.as_u16() {
        200 => EndpointAnswer::Open,
        code @ (401 | 403) => EndpointAnswer::Shut(code.to_string()),
        code => EndpointAnswer::Odd(format!("it answers {code}")),
    })
}

async fn at_ws(spec: &TokenSpec, headers: &HeaderMap, deadline: &Deadline) -> ProbeResult<EndpointAnswer> {
    let url = address(spec, &board_path(&spec.board))?;
    let mut socket = match websocket::open(&url, headers, &spec.api.tls, deadline).await? {
        WebSocketAnswer::Open(socket) => socket,
        WebSocketAnswer::Refused(code @ (401 | 403)) => return Ok(EndpointAnswer::Shut(code.to_string())),
        WebSocketAnswer::Refused(code) => {
            return Ok(EndpointAnswer::Odd(format!("it answers {code} to the handshake")));
        }
    };
    socket.ping().await?;
    let messages = stream::unfold(socket, |mut socket| async { Some((socket.next().await, socket)) });
    pong(deadline, pin!(messages)).await
}

/// The answer to a ping. It is one step, whatever is sent before: the time may run out between two messages.
async fn pong(
    deadline: &Deadline,
    messages: impl Stream<Item = ProbeResult<WebSocketMessage>> + Unpin,
) -> ProbeResult<EndpointAnswer> {
    deadline.limit("answer to a ping over the WebSocket", pong_of(messages)).await?
}

async fn pong_of(
    mut messages: impl Stream<Item = ProbeResult<WebSocketMessage>> + Unpin,
) -> ProbeResult<EndpointAnswer> {
    while let Some(message) = messages.next().await {
        match message? {
            WebSocketMessage::Pong => return Ok(EndpointAnswer::Open),
            WebSocketMessage::Closed(Some(UNAUTHORIZED)) => {
                return Ok(EndpointAnswer::Shut(format!("closed with {UNAUTHORIZED}")));
            }
            WebSocketMessage::Closed(code) => {
                let code = code.map_or_else(|| "without a code".to_owned(), |code| format!("with {code}"));
                return Ok(EndpointAnswer::Odd(format!("closed {code}")));
            }
            WebSocketMessage::Text(_) => {}
        }
    }
    Ok(EndpointAnswer::Odd("closed without a code".into()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn messages_until_the_deadline_are_no_answer_to_a_ping() {
        let messages = stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok(WebSocketMessage::Text("more".into())), ()))
        });
        let deadline = Deadline::after(Duration::from_millis(200));
        let late = pong(&deadline, pin!(messages)).await.unwrap_err();
        assert_eq!(late.to_string(), "no answer within 200 ms (answer to a ping over the WebSocket)");
    }
}
