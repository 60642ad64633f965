//! One connection to a Redis server: logging in, asking, and what its errors mean.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, RedisError, Value};

use crate::secret_store::SecretStore;
use gonogo_core::checklist::spec::{RedisSpec, Tls};
use gonogo_core::error;
use gonogo_core::outcome::Observation;
use gonogo_core::secret::Secret;

use super::super::address::Address;
use super::super::deadline::Deadline;
use super::super::error::{ProbeError, ProbeResult};
use super::super::net::{self, AbortOnDrop};
use super::super::socket::ReceivedBytes;
use super::guard::RedisGuard;
use crate::probes::secrets::read_secret;

/// Who logs in, where, and with what.
pub(super) struct Login {
    username: Option<String>,
    password: Option<Secret>,
}

/// A connection, closed when dropped.
pub(super) struct RedisSession {
    connection: MultiplexedConnection,
    seen: ReceivedBytes,
    tls: bool,
    pub(super) deadline: Deadline,
    _driver: AbortOnDrop<()>,
}

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum RedisRefusal {
    /// The server refuses: its error code, and its whole message.
    #[error("{}", explain(code, message))]
    Server { code: String, message: String },
    /// There is no answer.
    #[error("{0}")]
    NoAnswer(String),
}

impl Login {
    pub(super) async fn read(
        spec: &RedisSpec,
        secret_store: &SecretStore,
        deadline: &Deadline,
    ) -> ProbeResult<Self> {
        let password = match &spec.password {
            Some(reference) => Some(read_secret(reference, deadline, secret_store).await?),
            None => None,
        };
        Ok(Self { username: spec.username.clone(), password })
    }

    /// The ACL user.
    pub(super) fn user(&self) -> &str {
        self.username.as_deref().unwrap_or("default")
    }

    /// The same for a client that logs in by itself.
    pub(super) fn info(&self, info: RedisConnectionInfo) -> RedisConnectionInfo {
        let Some(password) = &self.password else { return info };
        let info = info.set_password(password.expose());
        match &self.username {
            Some(user) => info.set_username(user),
            None => info,
        }
    }

    fn command(&self) -> Option<Cmd> {
        let mut command = redis::cmd("AUTH");
        if let Some(user) = &self.username {
            command.arg(user);
        }
        Some(command.arg(self.password.as_ref()?.expose()).to_owned())
    }
}

impl RedisSession {
    /// Connects without logging in.
    pub(super) async fn open(address: &Address, tls: &Tls, deadline: &Deadline) -> ProbeResult<Self> {
        let socket = net::connect(address, tls, deadline).await?.watched(RedisGuard::default());
        let seen = socket.seen();
        // The client sends nothing first: AUTH and SELECT are sent here, so that their errors can be reported.
        let no_setup = RedisConnectionInfo::default().set_skip_set_lib_name();
        // The client would give up before the probe's own deadline.
        let no_timeouts =
            AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let opened = MultiplexedConnection::new_with_config(&no_setup, socket, no_timeouts);
        let (connection, driver) = deadline.limit("opening the session", opened).await??;
        let driver = AbortOnDrop(tokio::spawn(driver));
        Ok(Self { connection, seen, tls: address.tls, deadline: *deadline, _driver: driver })
    }

    /// Whether the connection uses TLS.
    pub(super) const fn is_over_tls(&self) -> bool {
        self.tls
    }

    /// Logs in, selects the database and sees that the server answers.
    pub(super) async fn log_in(&mut self, login: &Login, address: &Address) -> ProbeResult<Vec<Observation>> {
        let mut seen = Vec::new();
        if let Some(command) = login.command() {
            seen.extend(self.authenticate(&command, login).await?);
        }
        let what = format!("Redis at {address}");
        match self.query(&["PING"]).await {
            Ok(_) => seen.push(Observation::new(what, "PONG", "PONG", true)),
            Err(RedisRefusal::Server { code, message }) if is_server_fault(&code) => {
                seen.push(Observation::new(what, "PONG", explain(&code, &message), false));
            }
            // The login has succeeded then, and that is what is checked here.
            Err(RedisRefusal::Server { code, .. }) if code == "NOPERM" => {
                seen.push(Observation::recorded(what, "connected; PING is not permitted"));
            }
            Err(refusal) => return Err(refusal.into()),
        }
        seen.extend(self.select(&address.rest).await);
        Ok(seen)
    }

    async fn authenticate(&mut self, command: &Cmd, login: &Login) -> ProbeResult<Option<Observation>> {
        let needs_no_password = |message: &str| {
            message.contains("without any password") || message.contains("no password is set")
        };
        match self.send(command, "AUTH").await {
            Ok(_) => Ok(None),
            Err(RedisRefusal::Server { message, .. }) if needs_no_password(&message) => {
                Ok(Some(Observation::new(
                    format!("password of user `{}`", login.user()),
                    "required",
                    "no password required: anonymous access",
                    false,
                )))
            }
            Err(RedisRefusal::Server { code, .. }) if code == "WRONGPASS" => Err(ProbeError::new(format!(
                "credentials refused: wrong password, unknown user, or disabled user: `{}` (WRONGPASS)",
                login.user()
            ))),
            Err(refusal) => Err(refusal.into()),
        }
    }

    async fn select(&mut self, database: &str) -> Option<Observation> {
        if matches!(database, "" | "0") {
            return None;
        }
        let what = format!("database {database}");
        Some(match self.query(&["SELECT", database]).await {
            Ok(_) => Observation::new(what, "present", "present", true),
            Err(RedisRefusal::Server { code, message }) if code == "ERR" => {
                Observation::new(what, "present", explain(&code, &message), false)
            }
            Err(refusal) => Observation::unknown(what, "present", refusal.to_string()),
        })
    }

    /// One command and its answer.
    pub(super) async fn query(&mut self, words: &[&str]) -> Result<Value, RedisRefusal> {
        let mut command = Cmd::new();
        for word in words {
            command.arg(word);
        }
        self.send(&command, &words.join(" ")).await
    }

    async fn send(&mut self, command: &Cmd, name: &str) -> Result<Value, RedisRefusal> {
        let before = self.seen.count();
        let answer =
            self.deadline.limit(format!("response to {name}"), self.connection.send_packed_command(command));
        match answer.await {
            Ok(Ok(Value::ServerError(error))) => {
                Err(refused(error.code(), error.details().unwrap_or_default()))
            }
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(late) => Err(RedisRefusal::NoAnswer(
                self.protocol_violation().unwrap_or_else(|| self.seen.late(&late, before)),
            )),
        }
    }

    /// The server's violation of the protocol, if any.
    fn protocol_violation(&self) -> Option<String> {
        let Some(what) = self.seen.guess().filter(|what| *what != "a Redis server") else {
            return self.seen.refused();
        };
        let hint = if what == "a TLS server" { "; use rediss://" } else { "" };
        Some(format!("this is not a Redis server: {what} responds here{hint}"))
    }

    fn failed(&self, error: &RedisError) -> RedisRefusal {
        if let Some(violation) = self.protocol_violation() {
            return RedisRefusal::NoAnswer(violation);
        }
        match error.code() {
            Some(code) => refused(code, error.detail().unwrap_or_default()),
            None if self.seen.is_empty() && !self.tls => RedisRefusal::NoAnswer(
                "the connection was closed without a response; perhaps the server expects TLS (rediss://)"
                    .into(),
            ),
            None if self.seen.is_empty() => RedisRefusal::NoAnswer(
                "the connection was closed without a response; perhaps the server requires a client certificate (tls: certificate, key)"
                    .into(),
            ),
            None if error.is_connection_dropped() || error.is_io_error() => {
                RedisRefusal::NoAnswer(format!("the connection was lost: {}", error::chain(error)))
            }
            // Anything outside the protocol was rejected before the client saw it.
            None if error.to_string().contains("end of input") => {
                RedisRefusal::NoAnswer("the connection was closed within a response".into())
            }
            None => RedisRefusal::NoAnswer(format!("this is not a Redis server: {}", error::chain(error))),
        }
    }
}

fn refused(code: &str, detail: &str) -> RedisRefusal {
    RedisRefusal::Server { code: code.to_owned(), message: format!("{code} {detail}").trim_end().to_owned() }
}

/// Whether an error is about the server itself, and not about the client.
fn is_server_fault(code: &str) -> bool {
    matches!(code, "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "MISCONF")
}

/// What an error of the server means.
fn explain(code: &str, message: &str) -> String {
    let meaning = match code {
        "NOAUTH" => "the server requires credentials, but none are configured",
        "NOPERM" => "permission denied",
        "LOADING" => "the server is still loading its data",
        "MASTERDOWN" => "this replica has lost its primary",
        "CLUSTERDOWN" => "the cluster is down",
        "MISCONF" => "the server cannot persist and refuses writes",
        _ if message.contains("unknown command") => "the server does not support this command",
        _ if message.contains("max number of clients") => "the server's connection limit is reached",
        _ => "rejected by the server",
    };
    format!("{meaning} ({message})")
}
