//! Which tokens a running application accepts: the current one on both of its endpoints, and no other.

use std::pin::pin;

use futures_util::future::join_all;
use futures_util::{Stream, StreamExt as _, stream};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Response, Url};

use super::checked_by::{self, CheckedBy};
use super::curl;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::http_client::{self, HttpClient, ProxyUse, segment};
use super::samples;
use super::secrets::read_secret;
use super::websocket::{self, WebSocketAnswer, WebSocketMessage};
use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{ApiSpec, TokenSpec};
use gonogo_core::outcome::{Observation, Outcome, key};
use gonogo_core::secret::Secret;
use gonogo_core::text;

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
        .map_err(|_| ProbeError::new("the token is not a valid HTTP header value"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The same URL with the token in its query, as browsers send it.
pub(super) fn with_token(mut url: Url, token: &Secret) -> Url {
    url.query_pairs_mut().append_pair("token", token.expose());
    url
}

/// How a token is sent, and where to.
#[derive(Clone, Copy)]
enum Carrier<'a> {
    /// In the header `Authorization`, as programs do.
    Header(&'a str),
    /// In the query, as browsers do: they can set no header for a WebSocket or an event stream.
    Query(&'a str),
}

impl Carrier<'_> {
    /// The request of the events with a token, which is a word of a shell.
    fn reproduce(self, spec: &TokenSpec, token: &str) -> String {
        let (base, options) = match self {
            Self::Header(base) => (base, format!("-H 'Authorization: Bearer '{token}")),
            Self::Query(base) => (base, format!("-G --data-urlencode token={token}")),
        };
        let api = ApiSpec { url: base.to_owned(), ..spec.api.clone() };
        format!("{} -o /dev/null -w '%{{http_code}}' {options}", curl::get(&api, SSE_PATH))
    }

    /// What is added to the name of a token.
    fn describe(self, spec: &TokenSpec) -> String {
        match self {
            Self::Header(_) => String::new(),
            Self::Query(base) if base == spec.api.url => " in the query".into(),
            Self::Query(base) => format!(" in the query, through {base}"),
        }
    }
}

/// An endpoint's answer to a token.
#[derive(Debug)]
enum EndpointAnswer {
    Open,
    Shut(String),
    /// Neither: another answer.
    Odd(String),
}

/// One check of the probe.
struct TokenProbe<'a> {
    spec: &'a TokenSpec,
    headers: HeaderMap,
    deadline: &'a Deadline,
}

pub(super) async fn run(spec: &TokenSpec, deadline: &Deadline, secret_store: &SecretStore) -> Outcome {
    let default_word = text::shell_word(&spec.default);
    let headers = match http_client::headers(&spec.api.headers, deadline, secret_store).await {
        Ok(headers) => headers,
        Err(why) => {
            let command = Carrier::Header(&spec.api.url).reproduce(spec, &default_word);
            return Outcome::of(vec![Observation::unknown("application", "reachable", why)], command);
        }
    };
    let probe = TokenProbe { spec, headers, deadline };
    let default = Ok(Secret::new(spec.default.clone()));
    let mut checks = probe.check("the default token", default, &default_word, false).await;
    for (what, reference, is_current) in
        [("the old token", &spec.old, false), ("the current token", &spec.current, true)]
    {
        let Some(reference) = reference else {
            let why = "not checked: the profile does not have it";
            let seen = (!is_current)
                .then(|| Observation::recorded(what, why).with_key(key::NOTICE))
                .into_iter()
                .collect();
            checks.push(CheckedBy { command: String::new(), seen });
            continue;
        };
        let token = read_secret(reference, deadline, secret_store).await;
        if let (false, Ok(token), Some(current)) = (is_current, &token, &spec.current)
            && read_secret(current, deadline, secret_store)
                .await
                .is_ok_and(|current| current.expose() == token.expose())
        {
            let seen_text = "identical: the token was not rotated";
            let same = Observation::new(what, "different from the current token", seen_text, false);
            let command = Carrier::Header(&spec.api.url).reproduce(spec, &reference.shell());
            checks.push(CheckedBy { command, seen: vec![same] });
            continue;
        }
        checks.extend(probe.check(what, token, &reference.shell(), is_current).await);
    }
    checked_by::outcome(checks)
}

impl TokenProbe<'_> {
    /// The same token at both endpoints, by each carrier; `word` stands for it in commands.
    async fn check(
        &self,
        what: &str,
        token: ProbeResult<Secret>,
        word: &str,
        is_current: bool,
    ) -> Vec<CheckedBy> {
        let command = |carrier: Carrier| carrier.reproduce(self.spec, word);
        let token = match token {
            Ok(token) => token,
            Err(why) => {
                let seen = vec![Observation::unknown(what, "readable", why)];
                return vec![CheckedBy { command: command(Carrier::Header(&self.spec.api.url)), seen }];
            }
        };
        let base = self.spec.api.url.as_str();
        let public = self.spec.public_url.as_deref().unwrap_or(base);
        let mut checks = Vec::new();
        for carrier in [Carrier::Header(base), Carrier::Query(public)] {
            let what = format!("{what}{}", carrier.describe(self.spec));
            let seen = self.sample(carrier, &what, &token, is_current).await;
            checks.push(CheckedBy { command: command(carrier), seen });
        }
        checks
    }

    /// The token at both endpoints, as often as the spec says: one instance of several may judge it otherwise. The event
    /// streams are limited to 30 a minute, so that a refusal is repeated at the WebSocket only.
    async fn sample(
        &self,
        carrier: Carrier<'_>,
        what: &str,
        token: &Secret,
        is_current: bool,
    ) -> Vec<Observation> {
        let TokenSpec { samples, refusals, .. } = *self.spec;
        let (streams, sockets) = if is_current { (samples, samples) } else { (1, refusals) };
        let streams = join_all((0..streams).map(|_| self.at_sse(carrier, token)));
        let sockets = join_all((0..sockets).map(|_| self.at_ws(carrier, token)));
        let (streams, sockets) = tokio::join!(streams, sockets);
        let judged = |path: &str, answers: Vec<ProbeResult<EndpointAnswer>>| {
            let what = format!("{what} at {path}");
            samples::merge(answers.into_iter().map(|answer| vec![judge(&what, is_current, answer)]).collect())
        };
        [judged(SSE_PATH, streams), judged("/ws", sockets)].concat()
    }

    /// The URL of a path and the headers of a request with the token.
    fn request(&self, carrier: Carrier, path: &str, token: &Secret) -> ProbeResult<(Url, HeaderMap)> {
        let mut headers = self.headers.clone();
        Ok(match carrier {
            Carrier::Header(base) => {
                headers.insert(AUTHORIZATION, bearer(token)?);
                (address(base, path)?, headers)
            }
            Carrier::Query(base) => (with_token(address(base, path)?, token), headers),
        })
    }

    async fn at_sse(&self, carrier: Carrier<'_>, token: &Secret) -> ProbeResult<EndpointAnswer> {
        let (url, headers) = self.request(carrier, SSE_PATH, token)?;
        let browser = HttpClient::new(&self.spec.api.tls, ProxyUse::Environment, self.deadline)?;
        // The head is enough; the stream itself would never end.
        let response = browser.send_within_rate(browser.request(Method::GET, url).headers(headers)).await?;
        Ok(match response.status().as_u16() {
            200 if is_event_stream(&response) => EndpointAnswer::Open,
            code @ (401 | 403) => EndpointAnswer::Shut(code.to_string()),
            _ => EndpointAnswer::Odd(browser.describe(response).await),
        })
    }

    async fn at_ws(&self, carrier: Carrier<'_>, token: &Secret) -> ProbeResult<EndpointAnswer> {
        let (url, headers) = self.request(carrier, &board_path(&self.spec.board), token)?;
        let answer = websocket::open(&url, &headers, &self.spec.api.tls, self.deadline).await?;
        let mut socket = match answer {
            WebSocketAnswer::Open(socket) => socket,
            WebSocketAnswer::Refused(code @ (401 | 403), _) => {
                return Ok(EndpointAnswer::Shut(code.to_string()));
            }
            WebSocketAnswer::Refused(code, reason) => {
                let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
                return Ok(EndpointAnswer::Odd(format!("HTTP {code} on the handshake{reason}")));
            }
        };
        socket.ping().await?;
        let messages = stream::unfold(socket, |mut socket| async { Some((socket.next().await, socket)) });
        pong(self.deadline, pin!(messages)).await
    }
}

fn judge(what: &str, is_current: bool, answer: ProbeResult<EndpointAnswer>) -> Observation {
    let expected = if is_current { "accepted" } else { "refused" };
    match answer {
        Ok(EndpointAnswer::Open) => Observation::new(what, expected, "accepted", is_current),
        Ok(EndpointAnswer::Shut(how)) if is_current && how == "403" => {
            // The application closes before it accepts, also at its connection limit.
            let seen = "refused (403: the token, the origin or the connection limit)";
            Observation::new(what, expected, seen, false)
        }
        Ok(EndpointAnswer::Shut(how)) => {
            Observation::new(what, expected, format!("refused ({how})"), !is_current)
        }
        Ok(EndpointAnswer::Odd(how)) => Observation::unknown(what, expected, how),
        Err(why) => Observation::unknown(what, expected, why),
    }
}

/// An address of the application.
pub(super) fn address(base: &str, path: &str) -> ProbeResult<Url> {
    let url = format!("{}{path}", base.trim_end_matches('/'));
    Url::parse(&url).map_err(|_| ProbeError::new("not an address such as https://host"))
}

/// Whether an answer is an event stream: a login page with status 200 is none.
pub(super) fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

/// The answer to a ping. It is one step, whatever is sent before: the time may run out between two messages.
async fn pong(
    deadline: &Deadline,
    messages: impl Stream<Item = ProbeResult<WebSocketMessage>> + Unpin,
) -> ProbeResult<EndpointAnswer> {
    deadline.limit("response to a ping over the WebSocket", pong_of(messages)).await?
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
        assert_eq!(late.to_string(), "no response within 200 ms (response to a ping over the WebSocket)");
    }
}
