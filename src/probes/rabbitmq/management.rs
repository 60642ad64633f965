//! Checks through the management API: type, durability, arguments, bindings, unacknowledged messages.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde_json::Value;
use tokio::sync::OnceCell;

use gonogo_core::checklist::spec::{ExchangeCheck, QueueCheck, RabbitmqSpec};
use gonogo_core::secret::Secret;
use gonogo_core::text;

use super::super::content::{Unreadable, json};
use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use super::super::http_client::{HttpClient, ProxyUse, host_and_port, segment};
use super::peek;
use super::routing::{Binding, ExchangeRoutes, Routing};
use super::settings::{self, EFFECTIVE_POLICY, Policies};

/// Delay before figures that are not there yet are queried again.
const RETRY_DELAY: Duration = Duration::from_millis(250);
/// How many exchanges are queried at most, those behind other exchanges included.
const MAX_EXCHANGES: usize = 32;
/// A queue's unacknowledged messages.
pub(super) const UNACKNOWLEDGED: &str = "messages_unacknowledged";

/// The API's data: nothing where no check needs it, only the reason if the login failed.
pub(super) type ManagementResult = Option<ProbeResult<ManagementSnapshot>>;

/// The API's data, in the spec's order; absent where no check needs it.
pub(super) struct ManagementSnapshot {
    pub(super) exchanges: Vec<Option<ProbeResult<ManagementObject>>>,
    pub(super) queues: Vec<Option<ProbeResult<ManagementObject>>>,
    pub(super) routing: Routing,
    pub(super) alarms: ProbeResult<Alarms>,
    /// All policies of the virtual host; none where no check needs them.
    pub(super) policies: Policies,
    /// Whether the broker counts unacknowledged messages.
    pub(super) has_statistics: bool,
}

/// What blocks publishers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Alarms {
    /// `memory on rabbit@host`.
    InForce(Vec<String>),
    /// The server is too old to report them to this user.
    NotOffered,
}

/// The API's description of something; absent when it does not exist.
pub(super) type ManagementObject = Option<Value>;

struct ManagementClient<'a> {
    browser: HttpClient,
    base: &'a Url,
    spec: &'a RabbitmqSpec,
    password: &'a Secret,
    deadline: &'a Deadline,
    /// Whether the broker counts messages; asked for when a count is missing.
    has_statistics: OnceCell<bool>,
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
        return Some(Err(ProbeError::new("no management address is configured, which these checks need")));
    };
    Some(query(spec, base, password, deadline).await)
}

async fn query(
    spec: &RabbitmqSpec,
    base: &Url,
    password: &Secret,
    deadline: &Deadline,
) -> ProbeResult<ManagementSnapshot> {
    let api = ManagementClient::new(spec, base, password, deadline)?;
    api.log_in().await?;
    let (mut exchanges, mut queues) = (Vec::new(), Vec::new());
    for exchange in &spec.exchanges {
        let is_needed = is_exchange_managed(exchange);
        exchanges.push(if is_needed { Some(api.exchange(&exchange.name).await) } else { None });
    }
    let policies =
        if spec.queues.iter().any(settings::is_checked) { api.policies().await } else { Ok(Vec::new()) };
    let may_apply = policies.as_ref().is_ok_and(|names| !names.is_empty());
    for queue in &spec.queues {
        queues.push(if is_queue_managed(queue) { Some(api.queue(queue, may_apply).await) } else { None });
    }
    let (routing, alarms) = (api.routing().await, api.alarms().await);
    let has_statistics = api.has_statistics.into_inner().unwrap_or(true);
    Ok(ManagementSnapshot { exchanges, queues, routing, alarms, policies, has_statistics })
}

/// The first message of a queue, taken and put back; none if there is none.
pub(super) async fn head(
    spec: &RabbitmqSpec,
    base: &Url,
    password: &Secret,
    queue: &str,
    deadline: &Deadline,
) -> ProbeResult<ManagementObject> {
    let api = ManagementClient::new(spec, base, password, deadline)?;
    let url = api.url(&api.path("queues", &format!("/{}/get", segment(queue))))?;
    let request = api.browser.request(Method::POST, url).header("Content-Type", "application/json");
    let messages = api.send(request.body(peek::request().to_string())).await?;
    let messages = checked_shape(messages, Value::is_array)?;
    Ok(messages.and_then(|list| list.get(0).cloned()))
}

impl<'a> ManagementClient<'a> {
    fn new(
        spec: &'a RabbitmqSpec,
        base: &'a Url,
        password: &'a Secret,
        deadline: &'a Deadline,
    ) -> ProbeResult<Self> {
        let browser = HttpClient::new(&spec.tls, ProxyUse::Never, deadline)?;
        Ok(Self { browser, base, spec, password, deadline, has_statistics: OnceCell::new() })
    }

    /// Logs in once, so that refused credentials are reported once, apart from the queries.
    async fn log_in(&self) -> ProbeResult<()> {
        match self.get("whoami").await? {
            Some(me) if me.get("name").is_some() => Ok(()),
            _ => Err(ProbeError::new(format!("no management API at {}", host_and_port(self.base)))),
        }
    }

    async fn exchange(&self, name: &str) -> ProbeResult<ManagementObject> {
        self.described(&self.path("exchanges", &format!("/{}", segment(name)))).await
    }

    /// The bindings of the checked queues and exchanges, and of the exchanges behind those.
    async fn routing(&self) -> Routing {
        let mut routing = Routing::default();
        for check in &self.spec.bindings {
            if !routing.queues.contains_key(&check.queue) {
                let path = self.path("queues", &format!("/{}/bindings", segment(&check.queue)));
                let bindings = self.listed(&path).await;
                let bindings = bindings.map(|list| list.as_ref().map(Binding::list).unwrap_or_default());
                routing.queues.insert(check.queue.clone(), bindings);
            }
        }
        let mut next: Vec<_> = self.spec.bindings.iter().map(|check| check.exchange.clone()).collect();
        while let Some(name) = next.pop() {
            if routing.exchanges.contains_key(&name) || routing.exchanges.len() >= MAX_EXCHANGES {
                continue;
            }
            let routes = self.routes(&name).await;
            if let Ok(Some(routes)) = &routes {
                let behind = routes.bindings.iter().filter(|one| one.to_exchange);
                next.extend(behind.map(|one| one.destination.clone()));
            }
            routing.exchanges.insert(name, routes);
        }
        routing
    }

    async fn routes(&self, name: &str) -> ProbeResult<Option<ExchangeRoutes>> {
        let Some(exchange) = self.exchange(name).await? else { return Ok(None) };
        let path = self.path("exchanges", &format!("/{}/bindings/source", segment(name)));
        let bindings = self.listed(&path).await?.as_ref().map(Binding::list).unwrap_or_default();
        let kind = exchange.get("type").and_then(Value::as_str).unwrap_or("unknown").to_owned();
        Ok(Some(ExchangeRoutes { kind, bindings }))
    }

    /// Of all nodes. The check of its own needs no more than the login; older servers report alarms of their nodes, to
    /// users with the monitoring tag.
    async fn alarms(&self) -> ProbeResult<Alarms> {
        let (status, body) =
            self.fetch(self.browser.request(Method::GET, self.url("health/checks/alarms")?)).await?;
        match (status, json(&body)) {
            (StatusCode::SERVICE_UNAVAILABLE, Ok(answer))
                if answer.get("status") == Some(&"failed".into()) =>
            {
                Ok(Alarms::InForce(named_alarms(&answer)))
            }
            (StatusCode::NOT_FOUND, _) => self.node_alarms().await,
            _ => self.item(status, &body).map(|_| Alarms::InForce(Vec::new())),
        }
    }

    async fn node_alarms(&self) -> ProbeResult<Alarms> {
        let (status, body) = self.fetch(self.browser.request(Method::GET, self.url("nodes")?)).await?;
        if status != StatusCode::OK {
            return Ok(Alarms::NotOffered);
        }
        let nodes = self.item(status, &body)?.unwrap_or_default();
        let nodes = nodes.as_array().into_iter().flatten();
        Ok(Alarms::InForce(nodes.flat_map(alarms_of_node).collect()))
    }

    /// The names of the virtual host's policies, of operators too.
    async fn policies(&self) -> Policies {
        let mut names = Vec::new();
        for kind in ["policies", "operator-policies"] {
            let listed = self.listed(&self.path(kind, "")).await?.unwrap_or_default();
            let of = listed.as_array().into_iter().flatten().filter_map(|one| one.get("name")?.as_str());
            names.extend(of.map(str::to_owned));
        }
        Ok(names)
    }

    /// Whether the broker counts messages at all.
    async fn has_statistics(&self) -> bool {
        let ask = async {
            let overview = self.get("overview").await.ok().flatten();
            !overview.is_some_and(|overview| overview.get("disable_stats") == Some(&Value::Bool(true)))
        };
        *self.has_statistics.get_or_init(|| ask).await
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

    /// A queue. Its figures and policies come from statistics that lag by seconds, and a new queue has none at all:
    /// absent is not documented to mean zero, so the query is repeated until they are there.
    async fn queue(&self, queue: &QueueCheck, policies_exist: bool) -> ProbeResult<ManagementObject> {
        let path = self.path("queues", &format!("/{}", segment(&queue.name)));
        loop {
            let item = self.described(&path).await?;
            let has = |key: &str, is_needed: bool| {
                !is_needed || item.as_ref().is_none_or(|item| item.get(key).is_some())
            };
            let is_complete = has(UNACKNOWLEDGED, queue.depth_at_most.is_some())
                && has(EFFECTIVE_POLICY, policies_exist && settings::is_checked(queue));
            if is_complete || self.deadline.remaining() < RETRY_DELAY * 2 || !self.has_statistics().await {
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
        Url::parse(&url).map_err(|_| ProbeError::new("the management address must have no path"))
    }

    async fn send(&self, request: RequestBuilder) -> ProbeResult<ManagementObject> {
        let (status, body) = self.fetch(request).await?;
        self.item(status, &body)
    }

    async fn fetch(&self, request: RequestBuilder) -> ProbeResult<(StatusCode, Vec<u8>)> {
        let request = request.basic_auth(&self.spec.username, Some(self.password.expose()));
        let response = self.browser.send(request).await?;
        let status = response.status();
        let body = self.browser.read(response).await;
        match body.cut {
            Some(why) => Err(why),
            None => Ok((status, body.bytes)),
        }
    }

    fn item(&self, status: StatusCode, body: &[u8]) -> ProbeResult<ManagementObject> {
        let json = json(body);
        match status {
            StatusCode::OK => json.map(Some).map_err(|why| match why {
                Unreadable::Foreign => {
                    ProbeError::new(format!("the response is not JSON: {}", text::excerpt(body, 120)))
                }
                why => ProbeError::new(why.to_string()),
            }),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(self.error_of_status(status, json.as_ref().ok()))
            }
            status => Err(ProbeError::new(format!("HTTP {}: {}", status.as_u16(), text::excerpt(body, 120)))),
        }
    }

    /// The API answers 401 to wrong credentials, to users without a management tag, and to those without
    /// access to the virtual host; only the reason distinguishes them.
    fn error_of_status(&self, status: StatusCode, json: Option<&Value>) -> ProbeError {
        let reason = json.and_then(|json| json.get("reason")?.as_str()).unwrap_or("no reason given");
        let (code, user) = (status.as_u16(), &self.spec.username);
        ProbeError::new(match reason {
            "Login failed" => format!("credentials refused for user `{user}` ({code}: {reason})"),
            _ => format!("permission denied for user `{user}` ({code}: {reason})"),
        })
    }
}

/// `{"alarms": [{"node": "rabbit@host", "resource": "memory"}]}`.
fn named_alarms(answer: &Value) -> Vec<String> {
    let alarms = answer.get("alarms").and_then(Value::as_array).into_iter().flatten();
    let named: Vec<_> = alarms
        .filter_map(|alarm| {
            let (resource, node) = (alarm.get("resource")?.as_str()?, alarm.get("node")?.as_str()?);
            Some(format!("{resource} on {node}"))
        })
        .collect();
    if named.is_empty() { vec!["an unnamed alarm".into()] } else { named }
}

fn alarms_of_node(node: &Value) -> Vec<String> {
    let name = node.get("name").and_then(Value::as_str).unwrap_or("a node");
    let is_in_force = |key: &str| node.get(key) == Some(&Value::Bool(true));
    let alarms = [("mem_alarm", "memory"), ("disk_free_alarm", "disk")];
    alarms
        .iter()
        .filter(|(key, _)| is_in_force(key))
        .map(|(_, resource)| format!("{resource} on {name}"))
        .collect()
}

fn checked_shape(item: ManagementObject, is: impl Fn(&Value) -> bool) -> ProbeResult<ManagementObject> {
    match item {
        Some(item) if !is(&item) => {
            let seen = text::excerpt(item.to_string().as_bytes(), 120);
            Err(ProbeError::new(format!("not a response of the management API: {seen}")))
        }
        item => Ok(item),
    }
}
