//! Commands and their answers.

use std::time::{Duration, Instant};

use super::data::{DATABASES, Data, Stored};
use super::reply::Reply;
use super::session::Session;
use super::{Shared, lock};

/// What may be asked while listening, in RESP2.
const LISTENING: [&str; 6] = ["SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "PING", "QUIT"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Result<T, Reply> {
    text(bytes).parse().map_err(|_| Reply::error("ERR value is not an integer or out of range"))
}

fn syntax() -> Reply {
    Reply::error("ERR syntax error")
}

impl Session {
    /// Carries out a command.
    pub(super) fn answer(&mut self, data: &Shared, words: &[Vec<u8>]) -> Vec<Reply> {
        let Some((name, arguments)) = words.split_first() else { return Vec::new() };
        let name = text(name).to_ascii_uppercase();
        if !self.is_known && !matches!(name.as_str(), "AUTH" | "HELLO" | "QUIT") {
            return vec![Reply::error("NOAUTH Authentication required.")];
        }
        if self.version == 2 && !self.channels.is_empty() && !LISTENING.contains(&name.as_str()) {
            let text = format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                name.to_lowercase()
            );
            return vec![Reply::Error(text)];
        }
        let mut data = lock(data);
        match name.as_str() {
            "SUBSCRIBE" | "PSUBSCRIBE" => return self.subscribe(&mut data, &name.to_lowercase(), arguments),
            "UNSUBSCRIBE" | "PUNSUBSCRIBE" => {
                return self.unsubscribe(&mut data, &name.to_lowercase(), arguments);
            }
            _ => {}
        }
        let Some((least, most)) = arity(&name) else { return vec![unknown(&words[0], arguments)] };
        if !(least..=most).contains(&arguments.len()) {
            let name = name.to_lowercase();
            return vec![Reply::Error(format!("ERR wrong number of arguments for '{name}' command"))];
        }
        let answered = match name.as_str() {
            "GET" | "SET" | "DEL" | "EXISTS" | "EXPIRE" | "TTL" | "PTTL" | "INCR" | "TYPE" | "DBSIZE" => {
                self.keys(&mut data, &name, arguments)
            }
            "AUTH" | "HELLO" | "CLIENT" | "SELECT" | "PING" | "ECHO" | "QUIT" => {
                self.connection(&data, &name, arguments)
            }
            _ => server(&mut data, &name, arguments),
        };
        vec![answered.unwrap_or_else(|refusal| refusal)]
    }

    fn subscribe(&mut self, data: &mut Data, how: &str, names: &[Vec<u8>]) -> Vec<Reply> {
        let by_pattern = how.starts_with('p');
        let one = |name: &Vec<u8>| {
            self.channels.insert((by_pattern, name.clone()));
            data.subscribe(by_pattern, name.clone(), self.id, self.deliver.clone());
            told(how, Reply::Bulk(name.clone()), self.channels.len())
        };
        if names.is_empty() {
            return vec![Reply::Error(format!("ERR wrong number of arguments for '{how}' command"))];
        }
        names.iter().map(one).collect()
    }

    fn unsubscribe(&mut self, data: &mut Data, how: &str, names: &[Vec<u8>]) -> Vec<Reply> {
        let by_pattern = how.starts_with('p');
        let own = self.channels.iter().filter(|(pattern, _)| *pattern == by_pattern);
        let own: Vec<Vec<u8>> = own.map(|(_, name)| name.clone()).collect();
        let all = if names.is_empty() { own } else { names.to_vec() };
        if all.is_empty() {
            return vec![told(how, Reply::Null, self.channels.len())];
        }
        let one = |name: Vec<u8>| {
            self.channels.remove(&(by_pattern, name.clone()));
            data.unsubscribe(by_pattern, &name, self.id);
            told(how, Reply::Bulk(name), self.channels.len())
        };
        all.into_iter().map(one).collect()
    }

    fn connection(&mut self, data: &Data, name: &str, arguments: &[Vec<u8>]) -> Result<Reply, Reply> {
        match name {
            "AUTH" => {
                let (user, password) = match arguments {
                    [password] => (&b"default"[..], password),
                    [user, password, ..] => (user.as_slice(), password),
                    [] => return Err(syntax()),
                };
                self.log_in(data, user, password).map(|()| Reply::ok())
            }
            "HELLO" => self.hello(data, arguments),
            "CLIENT" => self.client(arguments),
            "SELECT" => {
                let database: usize =
                    number(&arguments[0]).map_err(|_| Reply::error("ERR invalid DB index"))?;
                if database >= DATABASES {
                    return Err(Reply::error("ERR DB index is out of range"));
                }
                self.database = database;
                Ok(Reply::ok())
            }
            "PING" if self.version == 2 && !self.channels.is_empty() => {
                let said = arguments.first().cloned().unwrap_or_default();
                Ok(Reply::List(vec![Reply::text("pong"), Reply::Bulk(said)]))
            }
            "PING" => Ok(arguments.first().cloned().map_or(Reply::Simple("PONG"), Reply::Bulk)),
            "ECHO" => Ok(Reply::Bulk(arguments[0].clone())),
            _ => {
                self.leaves = true;
                Ok(Reply::ok())
            }
        }
    }

    fn log_in(&mut self, data: &Data, user: &[u8], password: &[u8]) -> Result<(), Reply> {
        if user == b"default" && password == data.password.as_bytes() {
            self.is_known = true;
            return Ok(());
        }
        Err(Reply::error("WRONGPASS invalid username-password pair or user is disabled."))
    }

    fn hello(&mut self, data: &Data, arguments: &[Vec<u8>]) -> Result<Reply, Reply> {
        let mut rest = arguments;
        let mut version = self.version;
        if let Some((given, others)) = rest.split_first() {
            version = number(given).unwrap_or_default();
            if !(2..=3).contains(&version) {
                return Err(Reply::error("NOPROTO unsupported protocol version"));
            }
            rest = others;
        }
        while let Some((option, others)) = rest.split_first() {
            rest = match (text(option).to_ascii_uppercase().as_str(), others) {
                ("AUTH", [user, password, others @ ..]) => {
                    self.log_in(data, user, password)?;
                    others
                }
                ("SETNAME", [name, others @ ..]) => {
                    self.name.clone_from(name);
                    others
                }
                _ => return Err(syntax()),
            };
        }
        if !self.is_known {
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
            (other, _) => Err(subcommand(other, "CLIENT")),
        }
    }

    fn keys(&self, data: &mut Data, name: &str, arguments: &[Vec<u8>]) -> Result<Reply, Reply> {
        let keys = data.keys(self.database);
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
                stored.until = Some(Instant::now() + Duration::from_secs(number(&arguments[1])?));
                Ok(Reply::Number(1))
            }
            ("EXPIRE", None) => Ok(Reply::Number(0)),
            ("TTL" | "PTTL", None) => Ok(Reply::Number(-2)),
            ("TTL" | "PTTL", Some(stored)) => {
                let left =
                    stored.until.map(|until| until.saturating_duration_since(Instant::now()).as_millis());
                let unit = if name == "TTL" { 1000 } else { 1 };
                Ok(Reply::Number(
                    left.map_or(-1, |left| i64::try_from(left.div_ceil(unit)).unwrap_or(i64::MAX)),
                ))
            }
            ("INCR", stored) => {
                let value: i64 = stored.as_ref().map_or(Ok(0), |stored| number(&stored.value))?;
                let until = stored.and_then(|stored| stored.until);
                let value = value + 1;
                keys.insert(arguments[0].clone(), Stored { value: value.to_string().into(), until });
                Ok(Reply::Number(value))
            }
            _ => set(keys, arguments),
        }
    }
}

fn set(
    keys: &mut std::collections::BTreeMap<Vec<u8>, Stored>,
    arguments: &[Vec<u8>],
) -> Result<Reply, Reply> {
    let [key, value, options @ ..] = arguments else { return Err(syntax()) };
    let (mut until, mut only) = (None, None);
    let mut rest = options;
    while let Some((option, others)) = rest.split_first() {
        rest = match (text(option).to_ascii_uppercase().as_str(), others) {
            ("NX", others) => {
                only = Some(false);
                others
            }
            ("XX", others) => {
                only = Some(true);
                others
            }
            ("EX", [seconds, others @ ..]) => {
                until = Some(Instant::now() + Duration::from_secs(number(seconds)?));
                others
            }
            ("PX", [millis, others @ ..]) => {
                until = Some(Instant::now() + Duration::from_millis(number(millis)?));
                others
            }
            _ => return Err(syntax()),
        };
    }
    if only.is_some_and(|there| there != keys.contains_key(key)) {
        return Ok(Reply::Null);
    }
    keys.insert(key.clone(), Stored { value: value.clone(), until });
    Ok(Reply::ok())
}

fn told(kind: &str, channel: Reply, count: usize) -> Reply {
    Reply::Push(vec![Reply::text(kind), channel, Reply::count(count)])
}

/// How many arguments a command takes, at least and at most; none if it is not known.
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

fn unknown(name: &[u8], arguments: &[Vec<u8>]) -> Reply {
    let words = arguments.iter().flat_map(|word| ["'".to_owned(), text(word), "' ".to_owned()]);
    let beginning: String = words.collect::<String>().chars().take(128).collect();
    Reply::Error(format!("ERR unknown command '{}', with args beginning with: {beginning}", text(name)))
}

fn subcommand(name: &str, of: &str) -> Reply {
    Reply::Error(format!("ERR unknown subcommand '{name}'. Try {of} HELP."))
}

fn server(data: &mut Data, name: &str, arguments: &[Vec<u8>]) -> Result<Reply, Reply> {
    let first = arguments.first().map(|word| text(word).to_ascii_uppercase()).unwrap_or_default();
    let rest = arguments.get(1..).unwrap_or_default();
    match (name, first.as_str(), rest) {
        ("INFO", ..) => Ok(Reply::text(data.info())),
        ("COMMAND", ..) => Ok(Reply::List(Vec::new())),
        ("PUBLISH", _, [payload]) => Ok(Reply::count(data.publish(&arguments[0], payload))),
        ("ROLE", ..) => {
            Ok(Reply::List(vec![Reply::text("master"), Reply::Number(0), Reply::List(Vec::new())]))
        }
        ("ACL", "WHOAMI", []) => Ok(Reply::text("default")),
        ("CONFIG", "GET", names) => {
            let all = data
                .config
                .iter()
                .filter(|(own, _)| names.iter().any(|name| text(name).eq_ignore_ascii_case(own)));
            Ok(Reply::List(all.flat_map(|(name, value)| [Reply::text(name), Reply::text(value)]).collect()))
        }
        ("CONFIG", "SET", [name, value]) => {
            let (name, value) = (text(name).to_lowercase(), text(value));
            let known = data.config.get_mut(&name);
            let known = known.ok_or_else(|| {
                Reply::Error(format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'"))
            })?;
            *known = value;
            Ok(Reply::ok())
        }
        ("LATENCY", "LATEST", []) => {
            let one = |(name, spike): (&&str, &super::data::Spike)| {
                let figure = |figure| Reply::Number(i64::try_from(figure).unwrap_or(i64::MAX));
                Reply::List(vec![
                    Reply::text(*name),
                    figure(spike.at),
                    figure(spike.latest),
                    figure(spike.most),
                ])
            };
            Ok(Reply::List(data.spikes.iter().map(one).collect()))
        }
        ("LATENCY", "RESET", []) => {
            let count = data.spikes.len();
            data.spikes.clear();
            Ok(Reply::count(count))
        }
        ("PUBSUB", "CHANNELS", []) => Ok(Reply::List(data.channels().into_iter().map(Reply::Bulk).collect())),
        ("PUBSUB", "NUMSUB", channels) => {
            let one =
                |channel: &Vec<u8>| [Reply::Bulk(channel.clone()), Reply::count(data.subscribers(channel))];
            Ok(Reply::List(channels.iter().flat_map(one).collect()))
        }
        ("PUBSUB", "NUMPAT", []) => Ok(Reply::count(data.patterns())),
        ("CLUSTER", ..) => Err(Reply::error("ERR This instance has cluster support disabled")),
        (_, other, _) if arguments.is_empty() => Err(unknown(name.as_bytes(), &[other.into()])),
        (_, other, _) => Err(subcommand(other, name)),
    }
}
