//! The commands, and their replies.

use std::time::{Duration, Instant};

use super::reply::Reply;
use super::session::ClientSession;
use super::state::{DATABASES, RedisState, StoredValue};
use super::{SharedRedis, lock};

/// The commands that RESP2 allows while subscribed.
const ALLOWED_WHILE_SUBSCRIBED: [&str; 6] =
    ["SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "PING", "QUIT"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn parse_number<T: std::str::FromStr>(bytes: &[u8]) -> Result<T, Reply> {
    text(bytes).parse().map_err(|_| Reply::error("ERR value is not an integer or out of range"))
}

fn syntax_error() -> Reply {
    Reply::error("ERR syntax error")
}

impl ClientSession {
    /// Executes a command.
    pub(super) fn execute(&mut self, state: &SharedRedis, words: &[Vec<u8>]) -> Vec<Reply> {
        let Some((name, arguments)) = words.split_first() else { return Vec::new() };
        let name = text(name).to_ascii_uppercase();
        if !self.is_authenticated && !matches!(name.as_str(), "AUTH" | "HELLO" | "QUIT") {
            return vec![Reply::error("NOAUTH Authentication required.")];
        }
        if self.version == 2
            && !self.channels.is_empty()
            && !ALLOWED_WHILE_SUBSCRIBED.contains(&name.as_str())
        {
            let text = format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                name.to_lowercase()
            );
            return vec![Reply::Error(text)];
        }
        let mut state = lock(state);
        match name.as_str() {
            "SUBSCRIBE" | "PSUBSCRIBE" => return self.subscribe(&mut state, &name.to_lowercase(), arguments),
            "UNSUBSCRIBE" | "PUNSUBSCRIBE" => {
                return self.unsubscribe(&mut state, &name.to_lowercase(), arguments);
            }
            _ => {}
        }
        let Some((min, max)) = arity(&name) else { return vec![unknown_command(&words[0], arguments)] };
        if !(min..=max).contains(&arguments.len()) {
            let name = name.to_lowercase();
            return vec![Reply::Error(format!("ERR wrong number of arguments for '{name}' command"))];
        }
        let reply = match name.as_str() {
            "GET" | "SET" | "DEL" | "EXISTS" | "EXPIRE" | "TTL" | "PTTL" | "INCR" | "TYPE" | "DBSIZE" => {
                self.key_command(&mut state, &name, arguments)
            }
            "AUTH" | "HELLO" | "CLIENT" | "SELECT" | "PING" | "ECHO" | "QUIT" => {
                self.connection_command(&state, &name, arguments)
            }
            _ => server_command(&mut state, &name, arguments),
        };
        vec![reply.unwrap_or_else(|error| error)]
    }

    fn subscribe(&mut self, state: &mut RedisState, kind: &str, names: &[Vec<u8>]) -> Vec<Reply> {
        let by_pattern = kind.starts_with('p');
        let one = |name: &Vec<u8>| {
            self.channels.insert((by_pattern, name.clone()));
            state.subscribe(by_pattern, name.clone(), self.id, self.deliver.clone());
            subscription_reply(kind, Reply::Bulk(name.clone()), self.channels.len())
        };
        if names.is_empty() {
            return vec![Reply::Error(format!("ERR wrong number of arguments for '{kind}' command"))];
        }
        names.iter().map(one).collect()
    }

    fn unsubscribe(&mut self, state: &mut RedisState, kind: &str, names: &[Vec<u8>]) -> Vec<Reply> {
        let by_pattern = kind.starts_with('p');
        let subscribed = self.channels.iter().filter(|(pattern, _)| *pattern == by_pattern);
        let subscribed: Vec<Vec<u8>> = subscribed.map(|(_, name)| name.clone()).collect();
        let unsubscribed = if names.is_empty() { subscribed } else { names.to_vec() };
        if unsubscribed.is_empty() {
            return vec![subscription_reply(kind, Reply::Null, self.channels.len())];
        }
        let one = |name: Vec<u8>| {
            self.channels.remove(&(by_pattern, name.clone()));
            state.unsubscribe(by_pattern, &name, self.id);
            subscription_reply(kind, Reply::Bulk(name), self.channels.len())
        };
        unsubscribed.into_iter().map(one).collect()
    }

    fn connection_command(
        &mut self,
        state: &RedisState,
        name: &str,
        arguments: &[Vec<u8>],
    ) -> Result<Reply, Reply> {
        match name {
            "AUTH" => {
                let (user, password) = match arguments {
                    [password] => (&b"default"[..], password),
                    [user, password, ..] => (user.as_slice(), password),
                    [] => return Err(syntax_error()),
                };
                self.authenticate(state, user, password).map(|()| Reply::ok())
            }
            "HELLO" => self.hello(state, arguments),
            "CLIENT" => self.client(arguments),
            "SELECT" => {
                let database: usize =
                    parse_number(&arguments[0]).map_err(|_| Reply::error("ERR invalid DB index"))?;
                if database >= DATABASES {
                    return Err(Reply::error("ERR DB index is out of range"));
                }
                self.database = database;
                Ok(Reply::ok())
            }
            "PING" if self.version == 2 && !self.channels.is_empty() => {
                let message = arguments.first().cloned().unwrap_or_default();
                Ok(Reply::List(vec![Reply::text("pong"), Reply::Bulk(message)]))
            }
            "PING" => Ok(arguments.first().cloned().map_or(Reply::Simple("PONG"), Reply::Bulk)),
            "ECHO" => Ok(Reply::Bulk(arguments[0].clone())),
            _ => {
                self.has_quit = true;
                Ok(Reply::ok())
            }
        }
    }

    fn authenticate(&mut self, state: &RedisState, user: &[u8], password: &[u8]) -> Result<(), Reply> {
        if user == b"default" && password == state.password.as_bytes() {
            self.is_authenticated = true;
            return Ok(());
        }
        Err(Reply::error("WRONGPASS invalid username-password pair or user is disabled."))
    }

    fn hello(&mut self, state: &RedisState, arguments: &[Vec<u8>]) -> Result<Reply, Reply> {
        let mut rest = arguments;
        let mut version = self.version;
        if let Some((requested, others)) = rest.split_first() {
            version = parse_number(requested).unwrap_or_default();
            if !(2..=3).contains(&version) {
                return Err(Reply::error("NOPROTO unsupported protocol version"));
            }
            rest = others;
        }
        while let Some((option, others)) = rest.split_first() {
            rest = match (text(option).to_ascii_uppercase().as_str(), others) {
                ("AUTH", [user, password, others @ ..]) => {
                    self.authenticate(state, user, password)?;
                    others
                }
                ("SETNAME", [name, others @ ..]) => {
                    self.name.clone_from(name);
                    others
                }
                _ => return Err(syntax_error()),
            };
        }
        if !self.is_authenticated {
            return Err(Reply::error(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
            ));
        }
        self.version = version;
        Ok(Reply::Pairs(vec![
            ("server", Reply::text("redis")),
            ("version", Reply::text("7.2.0")),
            ("proto", Reply::Number(version.into())),
            ("id", Reply::count(usize::try_from(self.id).unwrap_or_default())),
            ("mode", Reply::text("standalone")),
            ("role", Reply::text("master")),
            ("modules", Reply::List(Vec::new())),
        ]))
    }

    fn client(&mut self, arguments: &[Vec<u8>]) -> Result<Reply, Reply> {
        match (text(&arguments[0]).to_ascii_uppercase().as_str(), &arguments[1..]) {
            ("SETINFO", [_, _]) => Ok(Reply::ok()),
            ("SETNAME", [name]) => {
                self.name.clone_from(name);
                Ok(Reply::ok())
            }
            ("GETNAME", []) => Ok(Reply::Bulk(self.name.clone())),
            ("ID", []) => Ok(Reply::count(usize::try_from(self.id).unwrap_or_default())),
            (other, _) => Err(unknown_subcommand(other, "CLIENT")),
        }
    }

    fn key_command(&self, state: &mut RedisState, name: &str, arguments: &[Vec<u8>]) -> Result<Reply, Reply> {
        let keys = state.keys(self.database);
        let key = arguments.first();
        let stored = key.and_then(|key| keys.get_mut(key));
        match (name, stored) {
            ("DBSIZE", _) => Ok(Reply::count(keys.len())),
            ("GET", stored) => Ok(stored.map_or(Reply::Null, |stored| Reply::Bulk(stored.value.clone()))),
            ("TYPE", stored) => Ok(Reply::Simple(if stored.is_some() { "string" } else { "none" })),
            ("DEL", _) => {
                Ok(Reply::count(arguments.iter().filter(|key| keys.remove(*key).is_some()).count()))
            }
            ("EXISTS", _) => Ok(Reply::count(arguments.iter().filter(|key| keys.contains_key(*key)).count())),
            ("EXPIRE", Some(stored)) => {
                stored.expires_at = Some(Instant::now() + Duration::from_secs(parse_number(&arguments[1])?));
                Ok(Reply::Number(1))
            }
            ("EXPIRE", None) => Ok(Reply::Number(0)),
            ("TTL" | "PTTL", None) => Ok(Reply::Number(-2)),
            ("TTL" | "PTTL", Some(stored)) => {
                let left = stored
                    .expires_at
                    .map(|expires_at| expires_at.saturating_duration_since(Instant::now()).as_millis());
                let unit = if name == "TTL" { 1000 } else { 1 };
                Ok(Reply::Number(
                    left.map_or(-1, |left| i64::try_from(left.div_ceil(unit)).unwrap_or(i64::MAX)),
                ))
            }
            ("INCR", stored) => {
                let value: i64 = stored.as_ref().map_or(Ok(0), |stored| parse_number(&stored.value))?;
                let expires_at = stored.and_then(|stored| stored.expires_at);
                let value = value + 1;
                keys.insert(
                    arguments[0].clone(),
                    StoredValue { value: value.to_string().into(), expires_at },
                );
                Ok(Reply::Number(value))
            }
            _ => set(keys, arguments),
        }
    }
}

fn set(
    keys: &mut std::collections::BTreeMap<Vec<u8>, StoredValue>,
    arguments: &[Vec<u8>],
) -> Result<Reply, Reply> {
    let [key, value, options @ ..] = arguments else { return Err(syntax_error()) };
    let (mut expires_at, mut must_exist) = (None, None);
    let mut rest = options;
    while let Some((option, others)) = rest.split_first() {
        rest = match (text(option).to_ascii_uppercase().as_str(), others) {
            ("NX", others) => {
                must_exist = Some(false);
                others
            }
            ("XX", others) => {
                must_exist = Some(true);
                others
            }
            ("EX", [seconds, others @ ..]) => {
                expires_at = Some(Instant::now() + Duration::from_secs(parse_number(seconds)?));
                others
            }
            ("PX", [millis, others @ ..]) => {
                expires_at = Some(Instant::now() + Duration::from_millis(parse_number(millis)?));
                others
            }
            _ => return Err(syntax_error()),
        };
    }
    if must_exist.is_some_and(|expected| expected != keys.contains_key(key)) {
        return Ok(Reply::Null);
    }
    keys.insert(key.clone(), StoredValue { value: value.clone(), expires_at });
    Ok(Reply::ok())
}

fn subscription_reply(kind: &str, channel: Reply, count: usize) -> Reply {
    Reply::Push(vec![Reply::text(kind), channel, Reply::count(count)])
}

/// Minimum and maximum number of a command's arguments; `None` for an unknown command.
fn arity(name: &str) -> Option<(usize, usize)> {
    Some(match name {
        "PING" => (0, 1),
        "QUIT" | "DBSIZE" | "ROLE" => (0, 0),
        "GET" | "TTL" | "PTTL" | "INCR" | "TYPE" | "SELECT" | "ECHO" => (1, 1),
        "EXPIRE" | "PUBLISH" => (2, 2),
        "AUTH" => (1, 2),
        "SET" => (2, 6),
        "HELLO" | "INFO" | "COMMAND" => (0, 16),
        "DEL" | "EXISTS" | "CLIENT" | "CONFIG" | "LATENCY" | "PUBSUB" | "CLUSTER" | "ACL" => (1, 64),
        _ => return None,
    })
}

fn unknown_command(name: &[u8], arguments: &[Vec<u8>]) -> Reply {
    let quoted_args = arguments.iter().flat_map(|word| ["'".to_owned(), text(word), "' ".to_owned()]);
    let first_args: String = quoted_args.collect::<String>().chars().take(128).collect();
    Reply::Error(format!("ERR unknown command '{}', with args beginning with: {first_args}", text(name)))
}

fn unknown_subcommand(name: &str, command: &str) -> Reply {
    Reply::Error(format!("ERR unknown subcommand '{name}'. Try {command} HELP."))
}

fn server_command(state: &mut RedisState, name: &str, arguments: &[Vec<u8>]) -> Result<Reply, Reply> {
    let first = arguments.first().map(|word| text(word).to_ascii_uppercase()).unwrap_or_default();
    let rest = arguments.get(1..).unwrap_or_default();
    match (name, first.as_str(), rest) {
        ("INFO", ..) => Ok(Reply::text(state.info())),
        ("COMMAND", ..) => Ok(Reply::List(Vec::new())),
        ("PUBLISH", _, [payload]) => Ok(Reply::count(state.publish(&arguments[0], payload))),
        ("ROLE", ..) => {
            Ok(Reply::List(vec![Reply::text("master"), Reply::Number(0), Reply::List(Vec::new())]))
        }
        ("ACL", "WHOAMI", []) => Ok(Reply::text("default")),
        ("CONFIG", "GET", names) => {
            let all = state
                .config
                .iter()
                .filter(|(option, _)| names.iter().any(|name| text(name).eq_ignore_ascii_case(option)));
            Ok(Reply::List(all.flat_map(|(name, value)| [Reply::text(name), Reply::text(value)]).collect()))
        }
        ("CONFIG", "SET", [name, value]) => {
            let (name, value) = (text(name).to_lowercase(), text(value));
            let option = state.config.get_mut(&name);
            let option = option.ok_or_else(|| {
                Reply::Error(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'"))
            })?;
            *option = value;
            Ok(Reply::ok())
        }
        ("LATENCY", "LATEST", []) => {
            let one = |(name, spike): (&&str, &super::state::SpikeRecord)| {
                let figure = |figure| Reply::Number(i64::try_from(figure).unwrap_or(i64::MAX));
                Reply::List(vec![
                    Reply::text(*name),
                    figure(spike.at),
                    figure(spike.latest),
                    figure(spike.max),
                ])
            };
            Ok(Reply::List(state.spikes.iter().map(one).collect()))
        }
        ("LATENCY", "RESET", []) => {
            let count = state.spikes.len();
            state.spikes.clear();
            Ok(Reply::count(count))
        }
        ("PUBSUB", "CHANNELS", []) => {
            Ok(Reply::List(state.channels().into_iter().map(Reply::Bulk).collect()))
        }
        ("PUBSUB", "NUMSUB", channels) => {
            let one =
                |channel: &Vec<u8>| [Reply::Bulk(channel.clone()), Reply::count(state.subscribers(channel))];
            Ok(Reply::List(channels.iter().flat_map(one).collect()))
        }
        ("PUBSUB", "NUMPAT", []) => Ok(Reply::count(state.pattern_count())),
        ("CLUSTER", ..) => Err(Reply::error("ERR This instance has cluster support disabled")),
        (_, other, _) if arguments.is_empty() => Err(unknown_command(name.as_bytes(), &[other.into()])),
        (_, other, _) => Err(unknown_subcommand(other, name)),
    }
}
