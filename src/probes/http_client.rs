//! HTTP requests for the probes: one request, one response with a capped body, and the error message when there is
//! none.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Client, Proxy, RequestBuilder, Response, Url};
use rustls::ClientConfig;
use tokio::sync::OnceCell;
use tracing::debug;

use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{TextOrSecret, Tls};
use gonogo_core::{error, text};

use super::address::has_credentials;
use super::content::ReadBody;
use super::deadline::{Deadline, TimedOut};
use super::error::{ProbeError, ProbeResult};
use super::net::{self, ConnectError};
use super::rate_limit::retry_after;
use super::secrets::read_secret;
use super::servers::{self, Servers};
use super::tls;

/// The most of a body that is read, in bytes, after decompression.
pub(super) const MAX_BODY: usize = 1 << 20;
/// The longest content type, or location, of an answer that is shown, in bytes.
const MAX_KIND: usize = 120;
/// The timeout for reading the start of a body.
const EXCERPT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long before the deadline connecting times out, so that the message names it.
const CONNECT_MARGIN: Duration = Duration::from_millis(20);

/// Whether the proxies that the environment names are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProxyUse {
    /// `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    Environment,
    /// None.
    Never,
    /// This one, for everything.
    Only(String),
}

impl ProxyUse {
    /// Whether a request may go to a proxy over TLS.
    fn may_speak_tls(&self) -> bool {
        match self {
            Self::Environment => !proxies_of_environment().is_empty(),
            Self::Never => false,
            Self::Only(proxy) => proxy.starts_with("https:"),
        }
    }
}

fn client(
    mut config: ClientConfig,
    names: &DnsResolver,
    proxies: &ProxyUse,
    deadline: &Deadline,
) -> ProbeResult<Client> {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let builder = Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(names.clone())
        .connect_timeout(deadline.remaining().saturating_sub(CONNECT_MARGIN).max(Duration::from_millis(1)))
        .user_agent(concat!("gonogo/", env!("CARGO_PKG_VERSION")));
    let builder = match proxies {
        ProxyUse::Environment => builder,
        ProxyUse::Never => builder.no_proxy(),
        ProxyUse::Only(proxy) => builder.no_proxy().proxy(proxy_at(proxy)?),
    };
    Ok(builder.build()?)
}

/// A client for one probe run.
pub(super) struct HttpClient {
    client: Client,
    /// The same, trusting the roots of this system: made when TLS is spoken first.
    trusting: OnceCell<Client>,
    names: DnsResolver,
    tls: Tls,
    proxies: ProxyUse,
    deadline: Deadline,
}

impl HttpClient {
    /// A client that follows no redirects, trusts the requested roots, and ends at the deadline.
    pub(super) fn new(tls: &Tls, proxies: ProxyUse, deadline: &Deadline) -> ProbeResult<Self> {
        let names = DnsResolver::default();
        let client = client(tls::config_without_system(tls)?, &names, &proxies, deadline)?;
        let trusting = OnceCell::new();
        Ok(Self { client, trusting, names, tls: tls.clone(), proxies, deadline: *deadline })
    }

    /// The client for a URL where TLS needs roots that the one of all requests does not have.
    async fn trusting(&self, url: &Url) -> ProbeResult<Option<Client>> {
        let is_plain_text = url.scheme() == "http" && !self.proxies.may_speak_tls();
        if is_plain_text || self.tls.roots.is_some() {
            return Ok(None);
        }
        let build = async || {
            let config = self.deadline.limit("reading root certificates", tls::config(&self.tls)).await??;
            client(config, &self.names, &self.proxies, &self.deadline)
        };
        self.trusting.get_or_try_init(build).await.cloned().map(Some)
    }

    pub(super) fn request(&self, method: reqwest::Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(&self, request: RequestBuilder) -> ProbeResult<Response> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| ProbeError::new(error::chain(&error.without_url())))?;
        let url = request.url().clone();
        let client = self.trusting(&url).await?.unwrap_or(client);
        let step = format!("response to {}", request.method());
        let method = request.method().clone();
        let asked = servers::now();
        match self.deadline.limit(step, client.execute(request)).await {
            Ok(answer) => {
                // Neither user nor path nor query: each can be a secret.
                let status = answer.as_ref().ok().map(|answer| answer.status().as_u16());
                debug!(%method, server = host_and_port(&url), status, "request");
                if let Ok(answer) = &answer {
                    let server = host_and_port(&url);
                    Servers::of_this_run().note_clock(&server, answer.headers(), asked, servers::now());
                }
                answer.map_err(|error| self.explain(&error.without_url(), &url))
            }
            Err(late) => Err(self.late(&url).unwrap_or(late).into()),
        }
    }

    /// The same, once more if the server limits our rate, after the time that it names.
    pub(super) async fn send_within_rate(&self, request: RequestBuilder) -> ProbeResult<Response> {
        let again = request.try_clone();
        let response = self.send(request).await?;
        match retry_after(response.status(), response.headers(), &self.deadline).zip(again) {
            Some((delay, again)) => {
                tokio::time::sleep(delay).await;
                self.send(again).await
            }
            None => Ok(response),
        }
    }

    /// Reads a body up to the cap or the deadline, and reports which one cut it.
    pub(super) async fn read(&self, response: Response) -> ReadBody {
        self.read_up_to(response, MAX_BODY).await
    }

    /// The same up to `limit` bytes, for an API whose answers are long.
    pub(super) async fn read_up_to(&self, response: Response, limit: usize) -> ReadBody {
        read(response, limit, &self.deadline).await
    }

    /// The same, but for no longer than a moment: for a body that is only there to explain.
    pub(super) async fn glance(&self, response: Response) -> ReadBody {
        read(response, MAX_BODY, &Deadline::after(EXCERPT_TIMEOUT.min(self.deadline.remaining()))).await
    }

    /// An answer that is not the expected one: its status, its kind, and the begin of its body.
    pub(super) async fn describe(&self, response: Response) -> String {
        let status = response.status().as_u16();
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.filter(|_| status == 200).map(|kind| format!(" {}", text::clip(kind, MAX_KIND)));
        let location = response.headers().get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()));
        let location = location.map(|to| format!(", location {}", text::excerpt(to.as_bytes(), MAX_KIND)));
        let head = format!("HTTP {status}{}{}", kind.unwrap_or_default(), location.unwrap_or_default());
        let body = self.glance(response).await;
        if body.bytes.is_empty() { head } else { format!("{head}: {}", body.excerpt()) }
    }

    fn late(&self, url: &Url) -> Option<TimedOut> {
        self.names
            .is_resolving()
            .then(|| self.deadline.timed_out(format!("name resolution of {}", host(url))))
    }

    fn explain(&self, error: &reqwest::Error, url: &Url) -> ProbeError {
        if error.is_connect() && error.is_timeout() {
            let tls = if url.scheme() == "https" { " or TLS handshake with" } else { " to" };
            let step = format!("connect{tls} {}", host_and_port(url));
            return self.late(url).unwrap_or_else(|| self.deadline.timed_out(step)).into();
        }
        let mut why = self.cause(error, url);
        match &self.proxies {
            ProxyUse::Environment if error.is_connect() && !proxies_of_environment().is_empty() => {
                why.push_str(" (a proxy is set in the environment)");
            }
            ProxyUse::Only(proxy) if error.is_connect() => {
                why = format!("{why} (through {proxy})");
            }
            _ => {}
        }
        ProbeError::new(why)
    }

    fn cause(&self, error: &(dyn Error + 'static), url: &Url) -> String {
        let chain = std::iter::successors(Some(error), below);
        for cause in chain {
            if let Some(error) = cause.downcast_ref::<ConnectError>() {
                return error.to_string();
            }
            if let Some(error) = tls::tls_error_in(cause) {
                return tls::explain_tls(error, &host(url), &self.tls);
            }
            match cause.downcast_ref::<io::Error>() {
                Some(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    return format!(
                        "{} refuses connections: nothing listens on that port",
                        host_and_port(url)
                    );
                }
                Some(error) if url.scheme() == "https" && tls::is_closed(error) => {
                    return tls::explain(error, &host(url), &self.tls);
                }
                _ => {}
            }
        }
        let (place, why) = (host_and_port(url), error::chain(error));
        if why.contains("message head is too large") {
            return format!("{place} sends more headers than are read (100 headers, 400 KiB)");
        }
        if why.contains("invalid HTTP") {
            let hint = if url.scheme() == "http" { "; perhaps it expects https://" } else { "" };
            return format!("{place} does not respond in HTTP{hint}");
        }
        if why.contains("received unexpected message") {
            return format!("{place} does not speak HTTP: it sends data before the request");
        }
        // Whatever ended the connection before the request left is not in the error.
        if why.contains("connection was not ready") {
            return format!(
                "{place} does not wait for an HTTP request: it closes the connection or sends data before the request"
            );
        }
        if why.contains("connection closed before message completed") {
            return format!("{place} closed the connection without a response");
        }
        why
    }
}

/// The cause of an error. An I/O error that wraps another skips it as its source.
fn below<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map(|error| error as &(dyn Error + 'static)).or_else(|| (*error).source())
}

async fn read(mut response: Response, limit: usize, deadline: &Deadline) -> ReadBody {
    let mut bytes = Vec::new();
    // One step, however many pieces it comes in: the time may be over between two of them.
    let reading = deadline.limit("the rest of the body", read_pieces(&mut response, limit, &mut bytes)).await;
    let cut = reading.unwrap_or_else(|late| Some(late.into()));
    ReadBody { bytes, cut }
}

/// Why not all of it was read, if it was not.
async fn read_pieces(response: &mut Response, limit: usize, bytes: &mut Vec<u8>) -> Option<ProbeError> {
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return None,
            Err(error) => {
                return Some(ProbeError::new(format!(
                    "the connection closed within the body: {}",
                    error::chain(&error.without_url())
                )));
            }
        }
        if bytes.len() > limit {
            bytes.truncate(limit);
            let mebibytes = limit >> 20;
            return Some(ProbeError::new(format!(
                "body longer than {mebibytes} MiB: only the first {mebibytes} MiB was read"
            )));
        }
    }
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// Host and port of a URL.
pub(super) fn host_and_port(url: &Url) -> String {
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", host(url))
}

/// A proxy for all requests.
fn proxy_at(address: &str) -> ProbeResult<Proxy> {
    let url = Url::parse(address).ok();
    let url =
        url.filter(|url| ["socks5h", "socks5", "http", "https"].contains(&url.scheme()) && url.has_host());
    let url =
        url.ok_or_else(|| ProbeError::new("not a proxy such as socks5h://host:1080 or http://host:3128"))?;
    if has_credentials(&url) {
        return Err(ProbeError::new("the proxy's address contains a user or a password; remove them"));
    }
    Ok(Proxy::all(url)?)
}

/// The proxies that the environment names: the variable, and the address without user and password.
#[must_use]
pub fn proxies_of_environment() -> Vec<(&'static str, String)> {
    let names = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    let variables = names.into_iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
    let address = |value: String| value.rsplit_once('@').map_or(value.clone(), |(_, host)| host.to_owned());
    variables.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, address(value))).collect()
}

/// Resolves names, and knows whether it is resolving one: a timeout meanwhile is about the name.
#[derive(Clone, Default)]
struct DnsResolver(Arc<AtomicU8>);

impl DnsResolver {
    fn is_resolving(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Resolve for DnsResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let pending = Arc::clone(&self.0);
        Box::pin(async move {
            pending.fetch_add(1, Ordering::Relaxed);
            let addresses = net::resolve_host(name.as_str(), 0).await;
            pending.fetch_sub(1, Ordering::Relaxed);
            let addresses: Addrs = Box::new(addresses?.into_iter());
            Ok(addresses)
        })
    }
}

/// Request headers; the secret ones are read and marked as such.
pub(super) async fn headers(
    specs: &BTreeMap<String, TextOrSecret>,
    deadline: &Deadline,
    secret_store: &SecretStore,
) -> ProbeResult<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in specs {
        let invalid =
            |what| ProbeError::new(format!("request header {name:?}: not a valid HTTP header {what}"));
        let value = match value {
            TextOrSecret::Text(text) => HeaderValue::from_str(text).map_err(|_| invalid("value"))?,
            TextOrSecret::Secret(secret) => {
                let read = read_secret(&secret.secret, deadline, secret_store).await?;
                let text = format!("{}{}", secret.prefix, read.expose());
                let mut value = HeaderValue::from_str(&text).map_err(|_| invalid("value"))?;
                value.set_sensitive(true);
                value
            }
        };
        headers.append(HeaderName::try_from(name).map_err(|_| invalid("name"))?, value);
    }
    Ok(headers)
}

/// One segment of a path, percent-encoded: everything but the unreserved characters of RFC 3986.
pub(super) fn segment(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::http;
    use futures_util::stream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_until_the_deadline_times_out() {
        let pieces = stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Some((Ok::<_, Infallible>("."), ()))
        });
        let response = http::Response::new(reqwest::Body::wrap_stream(pieces)).into();
        let content = read(response, MAX_BODY, &Deadline::after(Duration::from_millis(200))).await;
        assert!(content.bytes.starts_with(b"..."));
        let cut = content.cut.unwrap().to_string();
        assert_eq!(cut, "no response within 200 ms (the rest of the body)");
    }
}
