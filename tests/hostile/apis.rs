//! Hostile HTTP APIs, WebSocket servers and event streams.

use std::io;

use gonogo_core::outcome::Class::{self, Error};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::server::{Behaviour, Connection, Handler};
use super::{LONG, PASSWORD_VARIABLE, Row, SHORT};

const ACCEPTED: &str = "200 OK";
const REFUSED: &str = "401 Unauthorized";
const UPGRADE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";

type With = fn(u16) -> Value;

/// The kinds of probes that use an HTTP API, each with a spec.
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

/// The kinds that read JSON.
const JSON_KINDS: [&str; 5] = ["prometheus", "grafana", "jaeger", "vault", "http"];

fn token() -> Value {
    json!({"env": PASSWORD_VARIABLE})
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

fn endpoints(port: u16) -> Value {
    json!({"api": {"url": format!("http://127.0.0.1:{port}")}})
}

pub(super) fn rows() -> Vec<Row> {
    [common(), registries(), streams(), sockets(), handshakes()].into_iter().flatten().collect()
}

/// What any API may do.
fn common() -> Vec<Row> {
    let mut rows = Vec::new();
    for (kind, with) in KINDS {
        let row = |description, expected, behaviour| Row {
            kind,
            description,
            behaviour,
            with,
            deadline: LONG,
            class: Error,
            expected,
        };
        let timeout = &["within 3 s"];
        rows.push(Row {
            deadline: SHORT,
            ..row("accepts and stays silent", timeout, Behaviour::PerConnection(Connection::stay_silent))
        });
        rows.push(Row { deadline: SHORT, ..row("never accepts", timeout, Behaviour::NeverAccepts) });
        rows.push(row(
            "sends a body without end",
            &["body longer than 1 MiB"],
            Behaviour::PerConnection(endless),
        ));
        rows.push(Row {
            deadline: SHORT,
            ..row("drips its body", timeout, Behaviour::PerConnection(dripping))
        });
        rows.push(row(
            "closes in mid-body",
            &["the connection closed within the body"],
            Behaviour::PerConnection(broken),
        ));
        rows.push(Row {
            class: if kind == "http" { Class::Fail } else { Error },
            ..row("redirects to another host", &["302"], Behaviour::PerConnection(redirecting))
        });
        if JSON_KINDS.contains(&kind) {
            rows.push(row(
                "nests JSON 100,000 deep",
                &["JSON nested more than 128 deep"],
                Behaviour::PerConnection(deep),
            ));
        }
    }
    // For an export and for a plain request, a redirect is a wrong answer.
    for row in rows.iter_mut().filter(|row| row.description == "redirects to another host") {
        row.class = if ["otlp", "http"].contains(&row.kind) { Class::Fail } else { row.class };
    }
    rows
}

fn head(connection: &mut Connection, status: &str, more: &str) -> io::Result<()> {
    connection.read()?;
    connection.send(format!("HTTP/1.1 {status}\r\n{more}\r\n"))
}

fn endless(connection: &mut Connection) -> io::Result<()> {
    head(connection, "200 OK", "")?;
    connection.flood(b"flood ")
}

fn dripping(connection: &mut Connection) -> io::Result<()> {
    head(connection, "200 OK", "")?;
    connection.drip(b"drip ")
}

fn broken(connection: &mut Connection) -> io::Result<()> {
    head(connection, "200 OK", "Content-Length: 99\r\n")?;
    connection.send("{\"data\":")
}

fn deep(connection: &mut Connection) -> io::Result<()> {
    head(connection, "200 OK", "")?;
    connection.send("[".repeat(100_000))
}

fn redirecting(connection: &mut Connection) -> io::Result<()> {
    let port = connection.forbidden_port;
    head(
        connection,
        "302 Found",
        &format!("Location: http://127.0.0.1:{port}/\r\nContent-Length: 0\r\nConnection: close\r\n"),
    )
}

/// Registries point clients to a token server and to the address of an upload.
fn registries() -> Vec<Row> {
    let row = |description, expected, handler: Handler| Row {
        kind: "registry",
        description,
        behaviour: Behaviour::PerConnection(handler),
        with: registry,
        deadline: LONG,
        class: Error,
        expected,
    };
    vec![
        row("sends for tokens to another host", &["another host without TLS: not used"], |connection| {
            let realm = format!("http://localhost:{}/token", connection.forbidden_port);
            let challenge = format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"s\"\r\n");
            head(
                connection,
                "401 Unauthorized",
                &format!("{challenge}Content-Length: 0\r\nConnection: close\r\n"),
            )
        }),
        row("puts the upload on another host", &["another host"], |connection| {
            let location =
                format!("Location: http://127.0.0.1:{}/v2/r/blobs/uploads/1\r\n", connection.forbidden_port);
            head(connection, "202 Accepted", &format!("{location}Content-Length: 0\r\nConnection: close\r\n"))
        }),
    ]
}

/// Answers the request for a WebSocket with an upgrade, and the request for the event stream with `stream`. Returns whether
/// it was the WebSocket.
fn upgrade_websocket(connection: &mut Connection, stream: &str) -> io::Result<bool> {
    let request = String::from_utf8_lossy(&connection.read()?).into_owned();
    let key = request.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("sec-websocket-key").then(|| value.trim().to_owned())
    });
    let Some(key) = key else {
        connection.send(format!("HTTP/1.1 {stream}\r\nContent-Type: text/event-stream\r\n\r\n"))?;
        return Ok(false);
    };
    let accept = derive_accept_key(key.as_bytes());
    connection.send(format!("{UPGRADE}Sec-WebSocket-Accept: {accept}\r\n\r\n"))?;
    Ok(true)
}

fn row(
    kind: &'static str,
    with: With,
    description: &'static str,
    class: Class,
    expected: &'static [&'static str],
    handler: Handler,
) -> Row {
    Row {
        kind,
        description,
        behaviour: Behaviour::PerConnection(handler),
        with,
        deadline: LONG,
        class,
        expected,
    }
}

/// An event stream on which the event of the pipeline probe does not arrive before the deadline.
fn event_row(description: &'static str, handler: Handler) -> Row {
    let not_received = &["event received over server-sent events"];
    let row = row("pipeline", pipeline, description, Class::Fail, not_received, handler);
    Row { deadline: SHORT, ..row }
}

/// The event stream of a pipeline.
fn streams() -> Vec<Row> {
    vec![
        event_row("streams a line without end", |connection| {
            if upgrade_websocket(connection, ACCEPTED)? {
                connection.stay_silent()
            } else {
                connection.flood(b"data: flood")
            }
        }),
        event_row("streams heartbeats without end", |connection| {
            if upgrade_websocket(connection, ACCEPTED)? {
                connection.stay_silent()
            } else {
                connection.flood(b"event: heartbeat\ndata: {}\n\n")
            }
        }),
        event_row("streams one event without end", |connection| {
            if upgrade_websocket(connection, ACCEPTED)? {
                connection.stay_silent()
            } else {
                connection.flood(b"data: flood\n")
            }
        }),
        event_row("drips its events", |connection| {
            if upgrade_websocket(connection, ACCEPTED)? {
                connection.stay_silent()
            } else {
                connection.drip(b"data: {}\n\n")
            }
        }),
        row(
            "pipeline",
            pipeline,
            "ends the stream",
            Class::Fail,
            &["the application ended the stream"],
            |connection| {
                if upgrade_websocket(connection, ACCEPTED)? { connection.stay_silent() } else { Ok(()) }
            },
        ),
    ]
}

/// The WebSocket of an application after the handshake.
fn sockets() -> Vec<Row> {
    let timeout = &["within 3 s"];
    let flood = &["the default token at /ws | refused | the server sent more than 4 MiB: stopped reading"];
    let short = |row: Row| Row { deadline: SHORT, ..row };
    vec![
        short(row("token", endpoints, "stays silent on the WebSocket", Error, timeout, |connection| {
            upgrade_websocket(connection, REFUSED)?;
            connection.stay_silent()
        })),
        row("token", endpoints, "pings without end", Error, flood, |connection| {
            if upgrade_websocket(connection, REFUSED)? {
                connection.flood(&[0x89, 0])
            } else {
                connection.stay_silent()
            }
        }),
        row("token", endpoints, "sends small messages without end", Error, flood, |connection| {
            if upgrade_websocket(connection, REFUSED)? {
                connection.flood(&[0x81, 2, b'h', b'i'])
            } else {
                connection.stay_silent()
            }
        }),
        row(
            "token",
            endpoints,
            "announces a frame of 2^62 bytes",
            Error,
            &["WebSocket error"],
            |connection| {
                if upgrade_websocket(connection, REFUSED)? {
                    connection.send([0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0])?;
                }
                connection.stay_silent()
            },
        ),
        row(
            "token",
            endpoints,
            "sends frames that never make a message",
            Error,
            &["WebSocket error"],
            |connection| {
                if upgrade_websocket(connection, REFUSED)? {
                    connection.send([0x01, 1, b'x'])?;
                    connection.flood(&[0x00, 1, b'x'])
                } else {
                    connection.stay_silent()
                }
            },
        ),
    ]
}

/// The WebSocket of an application during the handshake.
fn handshakes() -> Vec<Row> {
    vec![
        row(
            "token",
            endpoints,
            "accepts the WebSocket with a wrong key",
            Error,
            &["WebSocket error"],
            |connection| {
                connection.read()?;
                connection.send(format!("{UPGRADE}Sec-WebSocket-Accept: bm9wZQ==\r\n\r\n"))?;
                connection.stay_silent()
            },
        ),
        row("token", endpoints, "answers the handshake without end", Error, &["/ws"], |connection| {
            let request = connection.read()?;
            if String::from_utf8_lossy(&request).to_lowercase().contains("upgrade") {
                connection.send("HTTP/1.1 101 -\r\n")?;
                connection.flood(b"X-Flood: flood\r\n")
            } else {
                connection.send(format!("HTTP/1.1 {REFUSED}\r\n\r\n"))
            }
        }),
    ]
}
