//! Checks through the management API: type, durability, arguments, bindings, unacknowledged messages.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde_json::Value;

use gonogo_core::checklist::spec::{ExchangeCheck, QueueCheck, RabbitmqSpec};
use gonogo_core::secret::Secret;
use gonogo_core::text;

use super::super::content::{Unreadable, json};
use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use super::super::http_client::{HttpClient, ProxyUse, host_and_port, segment};
use super::peek;

/// Delay before figures that are not there yet are queried again.
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// A queue's unacknowledged messages.
pub(super) const UNACKNOWLEDGED: &str = "messages_unacknowledged";

/// The API's data: nothing where no check needs it, only the reason if the login failed.
pub(super) type ManagementResult = Option<ProbeResult<ManagementSnapshot>>;

/// The API's data, in the spec's order; absent where no check needs it.
pub(super) struct ManagementSnapshot {
    pub(super) exchanges: Vec<Option<ProbeResult<ManagementObject>>>,
    pub(super) queues: Vec<Option<ProbeResult<ManagementObject>>>,
    pub(super) bindings: Vec<ProbeResult<ManagementObject>>,
}

/// The API's description of something; absent when it does not exist.
pub(super) type ManagementObject = Option<Value>;

struct ManagementClient<'a> {
    browser: HttpClient,
    base: &'a Url,
    spec: &'a RabbitmqSpec,
    password: &'a Secret,
    deadline: &'a Deadline,
}

/// Whether a check of this exchange needs the management API.
pub(super) fn is_exchange_managed(exchange: &ExchangeCheck) -> bool {
    exchange.type_.is_some() || exchange.durable.is_some()
}

/// Whether a check of this queue needs the management API.
pub(super) fn is_queue_managed(queue: &QueueCheck) -> bool {
    queue.durable.is_some()
        || queue.message_ttl_ms.is_some()
        || queue.dead_letter_exchange.is_some()
        || queue.dead_letter_routing_key.is_some()
        || queue.depth_at_most.is_some()
}

fn is_needed(spec: &RabbitmqSpec) -> bool {
    !spec.bindings.is_empty()
        || spec.exchanges.iter().any(is_exchange_managed)
        || spec.queues.iter().any(is_queue_managed)
}

/// Asks for all that the checks need.
pub(super) async fn survey(
    spec: &RabbitmqSpec,
    base: Option<&Url>,
    password: &Secret,
    deadline: &Deadline,
) -> ManagementResult {
    if !is_needed(spec) {
        return None;
    }
    let Some(base) = base else {
        return Some(Err(ProbeError::new(
            "no address is given, and only the management API reports what is checked here",
        )));
    };
    Some(query(spec, base, password, deadline).await)
}

async fn query(
    spec: &RabbitmqSpec,
    base: &Url,
    password: &Secret,
    deadline: &Deadline,
) -> ProbeResult<ManagementSnapshot> {
    let browser = HttpClient::new(&spec.tls, ProxyUse::Never, deadline)?;
    let api = ManagementClient { browser, base, spec, password, deadline };
    api.log_in().await?;
    let mut snapshot = ManagementSnapshot { exchanges: Vec::new(), queues: Vec::new(), bindings: Vec::new() };
    for exchange in &spec.exchanges {
        let is_needed = is_exchange_managed(exchange);
        snapshot.exchanges.push(if is_needed { Some(api.exchange(exchange).await) } else { None });
    }
    for queue in &spec.queues {
        snapshot.queues.push(if is_queue_managed(queue) { Some(api.queue(queue).await) } else { None });
    }
    for binding in &spec.bindings {
        let suffix = format!("/e/{}/q/{}", segment(&binding.exchange), segment(&binding.queue));
        snapshot.bindings.push(api.listed(&api.path("bindings", &suffix)).await);
    }
    Ok(snapshot)
}

/// The first message of a queue, taken and put back; none if there is none.
pub(super) async fn head(
    spec: &RabbitmqSpec,
    base: &Url,
    password: &Secret,
    queue: &str,
    deadline: &Deadline,
) -> ProbeResult<ManagementObject> {
    let browser = HttpClient::new(&spec.tls, ProxyUse::Never, deadline)?;
    let api = ManagementClient { browser, base, spec, password, deadline };
    let url = api.url(&api.path("queues", &format!("/{}/get", segment(queue))))?;
    let request = api.browser.request(Method::POST, url).header("Content-Type", "application/json");
    let messages = api.send(request.body(peek::request().to_string())).await?;
    let messages = checked_shape(messages, Value::is_array)?;
    Ok(messages.and_then(|list| list.get(0).cloned()))
}

impl ManagementClient<'_> {
    /// Logs in once, so that refused credentials are reported once, apart from the queries.
    async fn log_in(&self) -> ProbeResult<()> {
        match self.get("whoami").await? {
            Some(me) if me.get("name").is_some() => Ok(()),
            _ => Err(ProbeError::new(format!("there is no management API at {}", host_and_port(self.base)))),
        }
    }

    async fn exchange(&self, exchange: &ExchangeCheck) -> ProbeResult<ManagementObject> {
        self.described(&self.path("exchanges", &format!("/{}", segment(&exchange.name)))).await
    }

    /// One object: another shape would be reported as missing properties.
    async fn described(&self, path: &str) -> ProbeResult<ManagementObject> {
        checked_shape(self.get(path).await?, Value::is_object)
    }

    /// A list of objects.
    async fn listed(&self, path: &str) -> ProbeResult<ManagementObject> {
        let is_list = |item: &Value| item.as_array().is_some_and(|items| items.iter().all(Value::is_object));
        checked_shape(self.get(path).await?, is_list)
    }

    /// A queue. Its figures come from statistics that lag by seconds, and a fresh queue has none at all:
    /// absent is not documented to mean zero, so the query is repeated until they are there.
    async fn queue(&self, queue: &QueueCheck) -> ProbeResult<ManagementObject> {
        let path = self.path("queues", &format!("/{}", segment(&queue.name)));
        loop {
            let item = self.described(&path).await?;
            let lacks_figures =
                |item: &Value| queue.depth_at_most.is_some() && item.get(UNACKNOWLEDGED).is_none();
            if !item.as_ref().is_some_and(lacks_figures) || self.deadline.remaining() < RETRY_DELAY * 2 {
                return Ok(item);
            }
            tokio::time::sleep(RETRY_DELAY).await;
        }
    }

    fn path(&self, what: &str, rest: &str) -> String {
        format!("{what}/{}{rest}", segment(&self.spec.vhost))
    }

    async fn get(&self, path: &str) -> ProbeResult<ManagementObject> {
        self.send(self.browser.request(Method::GET, self.url(path)?)).await
    }

    fn url(&self, path: &str) -> ProbeResult<Url> {
        let url = format!("{}/api/{path}", self.base.as_str().trim_end_matches('/'));
        Url::parse(&url).map_err(|_| ProbeError::new("the management address takes no path"))
    }

    async fn send(&self, request: RequestBuilder) -> ProbeResult<ManagementObject> {
        let request = request.basic_auth(&self.spec.username, Some(self.password.expose()));
        let response = self.browser.send(request).await?;
        let status = response.status();
        let body = self.browser.read(response).await;
        if let Some(why) = body.cut {
            return Err(why);
        }
        self.item(status, &body.bytes)
    }

    fn item(&self, status: StatusCode, body: &[u8]) -> ProbeResult<ManagementObject> {
        let json = json(body);
        match status {
            StatusCode::OK => json.map(Some).map_err(|why| match why {
                Unreadable::Foreign => {
                    ProbeError::new(format!("the answer is not JSON: {}", text::excerpt(body, 120)))
                }
                why => ProbeError::new(why.to_string()),
            }),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(self.error_of_status(status, json.as_ref().ok()))
            }
            status => {
                Err(ProbeError::new(format!("it answers {}: {}", status.as_u16(), text::excerpt(body, 120))))
            }
        }
    }

    /// The API answers 401 to wrong credentials, to users without a management tag, and to those without
    /// access to the virtual host; only the reason distinguishes them.
    fn error_of_status(&self, status: StatusCode, json: Option<&Value>) -> ProbeError {
        let reason = json.and_then(|json| json.get("reason")?.as_str()).unwrap_or("no reason given");
        let (code, user) = (status.as_u16(), &self.spec.username);
        ProbeError::new(match reason {
            "Login failed" => format!("credentials refused for user `{user}` ({code}: {reason})"),
            _ => format!("user `{user}` may not see this ({code}: {reason})"),
        })
    }
}

fn checked_shape(item: ManagementObject, is: impl Fn(&Value) -> bool) -> ProbeResult<ManagementObject> {
    match item {
        Some(item) if !is(&item) => {
            let seen = text::excerpt(item.to_string().as_bytes(), 120);
            Err(ProbeError::new(format!(
                "the answer is in no form that the management API documents: {seen}"
            )))
        }
        item => Ok(item),
    }
}
