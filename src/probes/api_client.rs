//! A client of an HTTP API: the same headers with every request, whole responses, and a distinction between refused
//! requests and missing objects.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;

use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec;
use gonogo_core::text;

use super::address::has_credentials;
use super::content::{self, Unreadable};
use super::deadline::Deadline;
use super::error::{ProbeError, ProbeResult};
use super::http_client::{self, HttpClient, ProxyUse};

/// The longest piece of an answer that explains a refusal, in bytes.
const MAX_REASON: usize = 160;

/// The most of a long answer that is read, in bytes: the rules and targets of a large cluster.
const MAX_LONG_BODY: usize = 12 << 20;

/// A client of one API.
pub(super) struct ApiClient {
    browser: HttpClient,
    base: Url,
    headers: HeaderMap,
}

/// A response with its whole body.
pub(super) struct ApiResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl ApiClient {
    pub(super) async fn new(
        spec: &spec::ApiSpec,
        deadline: &Deadline,
        secret_store: &SecretStore,
    ) -> ProbeResult<Self> {
        let base = base(&spec.url)?;
        let headers = http_client::headers(&spec.headers, deadline, secret_store).await?;
        let browser = HttpClient::new(&spec.tls, ProxyUse::Environment, deadline)?;
        Ok(Self { browser, base, headers })
    }

    /// The address of a path, which begins with a slash.
    pub(super) fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Host and port.
    pub(super) fn host_and_port(&self) -> String {
        http_client::host_and_port(&self.base)
    }

    /// A request with the common headers; without them to another host.
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let is_same_origin = url.origin() == self.base.origin();
        let request = self.browser.request(method, url);
        if is_same_origin { request.headers(self.headers.clone()) } else { request }
    }

    /// Sends a request and reads its answer to the end.
    pub(super) async fn send(&self, request: RequestBuilder) -> ProbeResult<ApiResponse> {
        self.send_up_to(request, http_client::MAX_BODY).await
    }

    /// The same, once more if the server limits our rate, after the time that it names.
    pub(super) async fn send_within_rate(&self, request: RequestBuilder) -> ProbeResult<ApiResponse> {
        self.read(self.browser.send_within_rate(request).await?, http_client::MAX_BODY).await
    }

    /// The same for an answer of up to `limit` bytes.
    pub(super) async fn send_up_to(&self, request: RequestBuilder, limit: usize) -> ProbeResult<ApiResponse> {
        self.read(self.browser.send(request).await?, limit).await
    }

    async fn read(&self, response: Response, limit: usize) -> ProbeResult<ApiResponse> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.browser.read_up_to(response, limit).await;
        body.cut.map_or(Ok(ApiResponse { status, headers, body: body.bytes }), Err)
    }

    /// The same, for an answer that may be long.
    pub(super) async fn get_long(&self, path: &str, query: &[(&str, &str)]) -> ProbeResult<ApiResponse> {
        self.send_up_to(self.request(Method::GET, self.url(path, query)), MAX_LONG_BODY).await
    }

    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> ProbeResult<ApiResponse> {
        self.send(self.request(Method::GET, self.url(path, query))).await
    }
}

impl ApiResponse {
    /// The body of a good answer as JSON.
    pub(super) fn json(&self) -> ProbeResult<Value> {
        if self.status.is_success() { self.json_of_any_status() } else { Err(self.error_of_status()) }
    }

    /// The body as JSON, whatever the status.
    pub(super) fn json_of_any_status(&self) -> ProbeResult<Value> {
        content::json(&self.body).map_err(|why| self.unreadable(&why))
    }

    /// Why the body could not be read as JSON, for people.
    pub(super) fn unreadable(&self, why: &Unreadable) -> ProbeError {
        let login = if self.is_page() { " (a web page: perhaps a login page)" } else { "" };
        ProbeError::new(match why {
            Unreadable::Foreign => format!("the response is not JSON: {}{login}", self.reason()),
            why => why.to_string(),
        })
    }

    /// Whether the body is a web page.
    pub(super) fn is_page(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        kind.starts_with("text/html") || self.body.trim_ascii_start().starts_with(b"<")
    }

    /// Why the response is not a success, for people.
    pub(super) fn error_of_status(&self) -> ProbeError {
        let code = self.status.as_u16();
        ProbeError::new(match self.status {
            StatusCode::UNAUTHORIZED => {
                format!("credentials are missing or refused ({code}: {})", self.reason())
            }
            StatusCode::FORBIDDEN => {
                format!("permission denied ({code}: {})", self.reason())
            }
            _ if self.status.is_redirection() => {
                let location = self.headers.get("location").map(|to| String::from_utf8_lossy(to.as_bytes()));
                format!("HTTP {code}, redirect to {}: not followed", location.unwrap_or_default())
            }
            _ => format!("HTTP {code}: {}", self.reason()),
        })
    }

    /// The begin of the body, which explains a refusal.
    pub(super) fn reason(&self) -> String {
        if self.body.is_empty() { "empty body".into() } else { text::excerpt(&self.body, MAX_REASON) }
    }
}

fn base(address: &str) -> ProbeResult<Url> {
    let url =
        Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // Not repeated: there may be a password in it.
    let url = url.ok_or_else(|| ProbeError::new("not an address such as https://host:port"))?;
    if has_credentials(&url) {
        return Err(ProbeError::new(
            "the address contains a user or a password; send it as a header, by reference",
        ));
    }
    Ok(url)
}
