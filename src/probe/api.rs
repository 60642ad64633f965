//! Looking through an HTTP API: the same headers with every request, answers read whole, and what a server
//! refuses told apart from what it does not have.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde_json::Value;

use crate::checklist::spec;
use crate::secret::Keeper;
use crate::text;

use super::address::has_credentials;
use super::blind::{Blind, Fact};
use super::content::{self, Unreadable};
use super::deadline::Deadline;
use super::web::{self, Browser, Proxies};

/// The longest piece of an answer that explains a refusal, in bytes.
const SAID: usize = 160;

/// An API, ready to be asked.
pub(super) struct Api {
    browser: Browser,
    base: Url,
    headers: HeaderMap,
}

/// An answer, its body whole.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Api {
    pub(super) async fn new(spec: &spec::Api, deadline: &Deadline, keeper: &Keeper) -> Fact<Self> {
        let base = base(&spec.url)?;
        let headers = web::headers(&spec.headers, deadline, keeper).await?;
        let browser = Browser::new(&spec.tls, Proxies::Environment, deadline)?;
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
    pub(super) fn place(&self) -> String {
        web::place(&self.base)
    }

    /// A request with the headers of all of them; to another host, without.
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        let own = url.origin() == self.base.origin();
        let request = self.browser.request(method, url);
        if own { request.headers(self.headers.clone()) } else { request }
    }

    /// Sends a request and reads its answer to the end.
    pub(super) async fn send(&self, request: RequestBuilder) -> Fact<Reply> {
        let response = self.browser.send(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.browser.read(response).await;
        body.cut.map_or(Ok(Reply { status, headers, body: body.bytes }), Err)
    }

    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Fact<Reply> {
        self.send(self.request(Method::GET, self.url(path, query))).await
    }
}

impl Reply {
    /// The body of a good answer as JSON.
    pub(super) fn json(&self) -> Fact<Value> {
        if self.status.is_success() { self.any_json() } else { Err(self.refusal()) }
    }

    /// The body as JSON, whatever the status.
    pub(super) fn any_json(&self) -> Fact<Value> {
        content::json(&self.body).map_err(|why| match why {
            Unreadable::Foreign => Blind::new(format!("the answer is not JSON: {}", self.said())),
            why => Blind::new(why.to_string()),
        })
    }

    /// Why it is no good answer, in words.
    pub(super) fn refusal(&self) -> Blind {
        let code = self.status.as_u16();
        Blind::new(match self.status {
            StatusCode::UNAUTHORIZED => {
                format!("credentials are missing or refused ({code}: {})", self.said())
            }
            StatusCode::FORBIDDEN => format!("these credentials may not see this ({code}: {})", self.said()),
            _ if self.status.is_redirection() => {
                let to = self.headers.get("location").map(|to| String::from_utf8_lossy(to.as_bytes()));
                format!("it answers {code} to {}: not followed", to.unwrap_or_default())
            }
            _ => format!("it answers {code}: {}", self.said()),
        })
    }

    fn said(&self) -> String {
        if self.body.is_empty() { "nothing more".into() } else { text::excerpt(&self.body, SAID) }
    }
}

fn base(address: &str) -> Fact<Url> {
    let url =
        Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // Not repeated: there may be a password in it.
    let url = url.ok_or_else(|| Blind::new("not an address such as https://host:port"))?;
    if has_credentials(&url) {
        return Err(Blind::new("the address holds a user or a password; send it as a header, by reference"));
    }
    Ok(url)
}
