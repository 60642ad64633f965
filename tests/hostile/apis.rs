//! What is hostile over HTTP APIs, a `WebSocket` and event streams.

use std::io;

use gonogo_core::outcome::Class::{self, Error};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::server::{Guest, Serve};
use super::{LONG, Row, SHORT, WALKER};

const OPEN: &str = "200 OK";
const SHUT: &str = "401 Unauthorized";
const UPGRADE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";

type With = fn(u16) -> Value;

/// Each kind that asks an HTTP API and reads its answers, with what it is asked.
const KINDS: [(&str, With); 9] = [
    (
        "prometheus",
        |port| json!({"api": api(port), "rules": ["R"], "queries": [{"what": "q", "expr": "up", "at_least": 1}]}),
    ),
    ("grafana", |port| json!({"api": api(port), "dashboard": "d"})),
    ("jaeger", |port| json!({"api": api(port), "service": "s", "routes": ["/ws"]})),
    ("otlp", |port| json!({"endpoint": format!("http://127.0.0.1:{port}")})),
    ("registry", registry),
    (
        "vault",
        |port| json!({"api": {"url": format!("http://127.0.0.1:{port}")}, "path": "p", "auth": {"token": token()}}),
    ),
    ("headers", |port| json!({"api": api(port), "hsts_min_age": 1})),
    ("cors", |port| json!({"api": api(port), "origins": ["https://a.example"]})),
    ("http", |port| json!({"url": format!("http://127.0.0.1:{port}"), "json": [{"path": "$.a"}]})),
];

/// Those that read JSON.
const READERS: [&str; 5] = ["prometheus", "grafana", "jaeger", "vault", "http"];

fn token() -> Value {
    json!({"env": WALKER})
}

fn api(port: u16) -> Value {
    let headers = json!({"Authorization": {"secret": token(), "prefix": "Bearer "}});
    json!({"url": format!("http://127.0.0.1:{port}"), "headers": headers})
}

fn registry(port: u16) -> Value {
    json!({"api": {"url": format!("http://127.0.0.1:{port}")}, "repository": "r", "username": "u", "password": token(), "tag": "v1", "push": true})
}

fn pipeline(port: u16) -> Value {
    json!({"api": {"url": format!("http://127.0.0.1:{port}")}, "token": token()})
}

fn doors(port: u16) -> Value {
    json!({"api": {"url": format!("http://127.0.0.1:{port}")}})
}

pub(super) fn rows() -> Vec<Row> {
    [common(), registries(), streams(), sockets(), handshakes()].into_iter().flatten().collect()
}

/// What any API can do.
fn common() -> Vec<Row> {
    let mut rows = Vec::new();
    for (kind, with) in KINDS {
        let row = |server, told, serve| Row { kind, server, serve, with, deadline: LONG, class: Error, told };
        let late = &["within 3 s"];
        rows.push(Row { deadline: SHORT, ..row("accepts and stays silent", late, Serve::Each(Guest::hold)) });
        rows.push(Row { deadline: SHORT, ..row("never accepts", late, Serve::NeverAccepts) });
        rows.push(row("sends a body without end", &["body longer than 1 MiB"], Serve::Each(endless)));
        rows.push(Row { deadline: SHORT, ..row("drips its body", late, Serve::Each(dripping)) });
        rows.push(row("closes in mid-body", &["the body broke off"], Serve::Each(broken)));
        rows.push(Row {
            class: if kind == "http" { Class::Fail } else { Error },
            ..row("redirects to another host", &["302"], Serve::Each(elsewhere))
        });
        if READERS.contains(&kind) {
            rows.push(row("nests JSON 100,000 deep", &["JSON nested more than 128 deep"], Serve::Each(deep)));
        }
    }
    // An export that is redirected is not taken, and a stranger that is redirected is kept out.
    for row in rows.iter_mut().filter(|row| row.server == "redirects to another host") {
        row.class = if ["otlp", "http"].contains(&row.kind) { Class::Fail } else { row.class };
    }
    rows
}

fn head(guest: &mut Guest, status: &str, more: &str) -> io::Result<()> {
    guest.hear()?;
    guest.say(format!("HTTP/1.1 {status}\r\n{more}\r\n"))
}

fn endless(guest: &mut Guest) -> io::Result<()> {
    head(guest, "200 OK", "")?;
    guest.flood(b"flood ")
}

fn dripping(guest: &mut Guest) -> io::Result<()> {
    head(guest, "200 OK", "")?;
    guest.drip(b"drip ")
}

fn broken(guest: &mut Guest) -> io::Result<()> {
    head(guest, "200 OK", "Content-Length: 99\r\n")?;
    guest.say("{\"data\":")
}

fn deep(guest: &mut Guest) -> io::Result<()> {
    head(guest, "200 OK", "")?;
    guest.say("[".repeat(100_000))
}

fn elsewhere(guest: &mut Guest) -> io::Result<()> {
    let to = guest.elsewhere;
    head(
        guest,
        "302 Found",
        &format!("Location: http://127.0.0.1:{to}/\r\nContent-Length: 0\r\nConnection: close\r\n"),
    )
}

/// Registries send clients on: for tokens, and where an upload is.
fn registries() -> Vec<Row> {
    let row = |server, told, serve: fn(&mut Guest) -> io::Result<()>| Row {
        kind: "registry",
        server,
        serve: Serve::Each(serve),
        with: registry,
        deadline: LONG,
        class: Error,
        told,
    };
    vec![
        row("sends for tokens to another host", &["another host without TLS: not followed"], |guest| {
            let realm = format!("http://localhost:{}/token", guest.elsewhere);
            let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"s\"\r\n");
            head(guest, "401 Unauthorized", &format!("{challenge}Content-Length: 0\r\nConnection: close\r\n"))
        }),
        row("puts the upload on another host", &["another host"], |guest| {
            let to = format!("Location: http://127.0.0.1:{}/v2/r/blobs/uploads/1\r\n", guest.elsewhere);
            head(guest, "202 Accepted", &format!("{to}Content-Length: 0\r\nConnection: close\r\n"))
        }),
    ]
}

/// A WebSocket that is opened, where one is asked for. The event stream is open too, or shut.
fn upgraded(guest: &mut Guest, stream: &str) -> io::Result<bool> {
    let heard = String::from_utf8_lossy(&guest.hear()?).into_owned();
    let key = heard.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
    });
    let Some(key) = key else {
        guest.say(format!("HTTP/1.1 {stream}\r\nContent-Type: text/event-stream\r\n\r\n"))?;
        return Ok(false);
    };
    let accept = derive_accept_key(key.as_bytes());
    guest.say(format!("{UPGRADE}Sec-WebSocket-Accept: {accept}\r\n\r\n"))?;
    Ok(true)
}

fn row(
    kind: &'static str,
    with: With,
    server: &'static str,
    class: Class,
    told: &'static [&'static str],
    serve: fn(&mut Guest) -> io::Result<()>,
) -> Row {
    Row { kind, server, serve: Serve::Each(serve), with, deadline: LONG, class, told }
}

/// The event stream of a pipeline.
fn streams() -> Vec<Row> {
    let late = &["event back over server-sent events"];
    let short = |row: Row| Row { deadline: SHORT, ..row };
    vec![
        short(row("pipeline", pipeline, "streams a line without end", Class::Fail, late, |guest| {
            if upgraded(guest, OPEN)? { guest.hold() } else { guest.flood(b"data: flood") }
        })),
        short(row("pipeline", pipeline, "streams heartbeats without end", Class::Fail, late, |guest| {
            if upgraded(guest, OPEN)? { guest.hold() } else { guest.flood(b"event: heartbeat\ndata: {}\n\n") }
        })),
        short(row("pipeline", pipeline, "streams one event without end", Class::Fail, late, |guest| {
            if upgraded(guest, OPEN)? { guest.hold() } else { guest.flood(b"data: flood\n") }
        })),
        short(row("pipeline", pipeline, "drips its events", Class::Fail, late, |guest| {
            if upgraded(guest, OPEN)? { guest.hold() } else { guest.drip(b"data: {}\n\n") }
        })),
        row(
            "pipeline",
            pipeline,
            "ends the stream",
            Class::Fail,
            &["the application ended the stream"],
            |guest| {
                if upgraded(guest, OPEN)? { guest.hold() } else { Ok(()) }
            },
        ),
    ]
}

/// The WebSocket of an application, once it is open.
fn sockets() -> Vec<Row> {
    let late = &["within 3 s"];
    let flood = &["the default token at /ws | refused | the server sent more than 4 MiB: no more is read"];
    let short = |row: Row| Row { deadline: SHORT, ..row };
    vec![
        short(row("token", doors, "stays silent on the WebSocket", Error, late, |guest| {
            upgraded(guest, SHUT)?;
            guest.hold()
        })),
        row("token", doors, "pings without end", Error, flood, |guest| {
            if upgraded(guest, SHUT)? { guest.flood(&[0x89, 0]) } else { guest.hold() }
        }),
        row("token", doors, "says small things without end", Error, flood, |guest| {
            if upgraded(guest, SHUT)? { guest.flood(&[0x81, 2, b'h', b'i']) } else { guest.hold() }
        }),
        row("token", doors, "announces a frame of 2^62 bytes", Error, &["the WebSocket broke"], |guest| {
            if upgraded(guest, SHUT)? {
                guest.say([0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0])?;
            }
            guest.hold()
        }),
        row(
            "token",
            doors,
            "sends frames that never make a message",
            Error,
            &["the WebSocket broke"],
            |guest| {
                if upgraded(guest, SHUT)? {
                    guest.say([0x01, 1, b'x'])?;
                    guest.flood(&[0x00, 1, b'x'])
                } else {
                    guest.hold()
                }
            },
        ),
    ]
}

/// The WebSocket of an application, while it is opened.
fn handshakes() -> Vec<Row> {
    vec![
        row(
            "token",
            doors,
            "accepts the WebSocket with a wrong key",
            Error,
            &["the WebSocket broke"],
            |guest| {
                guest.hear()?;
                guest.say(format!("{UPGRADE}Sec-WebSocket-Accept: bm9wZQ==\r\n\r\n"))?;
                guest.hold()
            },
        ),
        row("token", doors, "answers the handshake without end", Error, &["/ws"], |guest| {
            let heard = guest.hear()?;
            if String::from_utf8_lossy(&heard).to_lowercase().contains("upgrade") {
                guest.say("HTTP/1.1 101 -\r\n")?;
                guest.flood(b"X-Flood: flood\r\n")
            } else {
                guest.say(format!("HTTP/1.1 {SHUT}\r\n\r\n"))
            }
        }),
    ]
}
