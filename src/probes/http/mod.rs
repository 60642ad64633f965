//! The HTTP probe: a request, redirects followed within the host, and what its answer must be.

mod checks;
mod instances;
mod reproduce;
mod via;

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode, Url};

use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{self, HttpSpec, Vantage};
use gonogo_core::outcome::{Observation, Outcome};

use super::address::has_credentials;
use super::content::ReadBody;
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::http_client::{self, HttpClient, ProxyUse};
use super::samples;

/// The response to a request.
struct HttpAnswer {
    /// Redirects on the way.
    way: Vec<Observation>,
    status: StatusCode,
    headers: HeaderMap,
    body: ReadBody,
    took: Duration,
}

/// Requests and judges the answer.
pub(super) async fn run(spec: &HttpSpec, deadline: &Deadline, secret_store: &SecretStore) -> Outcome {
    let url = match address(&spec.url) {
        Ok(url) => url,
        // Neither the address nor a command with it: it may contain a password.
        Err(why) => return Outcome::error("HTTP address", "http://… or https://…", why),
    };
    let answers = sample(spec, &url, deadline, secret_store).await;
    let summary = (answers.len() > 1).then(|| instances::summary(&answers));
    let mut judged = Vec::new();
    for answer in answers {
        judged.push(match answer {
            Ok(answer) => checks::judge(spec, answer, deadline).await,
            Err(why) => vec![Observation::unknown(name(spec), checks::expected_status(spec), why)],
        });
    }
    let mut observations = samples::merge(judged);
    observations.extend(summary);
    observations.extend(
        spec.via.as_ref().map(|via| Observation::recorded("requested through", describe_vantage(via))),
    );
    Outcome::of(observations, reproduce::curl(spec))
}

/// The answers to all samples, each over a connection of its own: at once, or one after the other where each starts
/// programs elsewhere.
async fn sample(
    spec: &HttpSpec,
    url: &Url,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> Vec<ProbeResult<HttpAnswer>> {
    let proxies = match &spec.via {
        Some(Vantage::Exec(argv)) => {
            let mut answers = Vec::new();
            for _ in 0..spec.samples {
                answers.push(via::visit(spec, url, argv, deadline, secret_store).await);
            }
            return answers;
        }
        Some(Vantage::Proxy(proxy)) => ProxyUse::Only(proxy.clone()),
        None => ProxyUse::Environment,
    };
    let visits = (0..spec.samples).map(|_| visit(spec, url.clone(), proxies.clone(), deadline, secret_store));
    join_all(visits).await
}

fn describe_vantage(via: &Vantage) -> String {
    match via {
        Vantage::Proxy(proxy) => format!("proxy {proxy}"),
        Vantage::Exec(argv) => format!("command `{}`", argv.join(" ")),
    }
}

/// What the request is called: `GET http://host/path`.
fn name(spec: &HttpSpec) -> String {
    format!("{} {}", method(spec.method), spec.url)
}

fn method(method: spec::Method) -> Method {
    match method {
        spec::Method::Get => Method::GET,
        spec::Method::Head => Method::HEAD,
        spec::Method::Options => Method::OPTIONS,
        spec::Method::Post => Method::POST,
    }
}

fn address(text: &str) -> ProbeResult<Url> {
    let url =
        Url::parse(text).map_err(|_| ProbeError::new("not an address such as http://host:port/path"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ProbeError::new("only http:// and https:// can be requested"));
    }
    if has_credentials(&url) {
        return Err(ProbeError::new(
            "the address contains a user or a password; send it as a header, by reference",
        ));
    }
    Ok(url)
}

async fn visit(
    spec: &HttpSpec,
    url: Url,
    proxies: ProxyUse,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<HttpAnswer> {
    let headers = http_client::headers(&spec.headers, deadline, secret_store).await?;
    let browser = HttpClient::new(&spec.tls, proxies, deadline)?;
    let (mut url, mut method, mut way) = (url, method(spec.method), Vec::new());
    loop {
        let started = Instant::now();
        let request = browser.request(method.clone(), url.clone()).headers(headers.clone());
        let response = browser.send(request).await?;
        let took = started.elapsed();
        if let Some(step) = redirect(spec, &url, &response, way.len()) {
            let step = step.map_err(|rejected| way.push(rejected));
            if let Ok(next) = step {
                way.push(Observation::recorded(
                    "redirect",
                    format!("{} to {next}", response.status().as_u16()),
                ));
                method = after_redirect(&method, response.status());
                url = next;
                continue;
            }
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body(spec, &browser, response).await;
        return Ok(HttpAnswer { way, status, headers, body, took });
    }
}

/// The target of a redirect, if redirects are followed; an error if it points to another host.
fn redirect(
    spec: &HttpSpec,
    from: &Url,
    response: &reqwest::Response,
    so_far: usize,
) -> Option<Result<Url, Observation>> {
    let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    if !redirects || so_far >= usize::from(spec.redirects) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let next = from.join(location).ok();
    Some(next.filter(|next| is_same_host(from, next)).ok_or_else(|| {
        let seen = format!("{} to {location}: not followed", response.status().as_u16());
        Observation::new("redirect", format!("to {}", http_client::host_and_port(from)), seen, false)
    }))
}

/// Whether request headers, secret ones among them, may go on to `next`: the same host and port, or the
/// same host's move to TLS.
fn is_same_host(from: &Url, next: &Url) -> bool {
    let same_port = from.port_or_known_default() == next.port_or_known_default();
    let to_tls = from.scheme() == "http" && next.scheme() == "https";
    from.host() == next.host()
        && !has_credentials(next)
        && (to_tls || from.scheme() == next.scheme() && same_port)
}

fn after_redirect(method: &Method, status: StatusCode) -> Method {
    // RFC 9110, 15.4: 303 asks for a GET, and after 301 and 302 clients turn a POST into one.
    match status.as_u16() {
        303 if method != Method::HEAD => Method::GET,
        301 | 302 if method == Method::POST => Method::GET,
        _ => method.clone(),
    }
}

/// The body, where a check or an explanation needs it: that of a stream would never end.
async fn body(spec: &HttpSpec, browser: &HttpClient, response: reqwest::Response) -> ReadBody {
    if !spec.body.is_empty() || !spec.json.is_empty() {
        browser.read(response).await
    } else if spec.status.contains(&response.status().as_u16()) {
        ReadBody::default()
    } else {
        browser.glance(response).await
    }
}
