use std::io;

use serde_json::{Value, json};

use gonogo_core::outcome::Class::Error;

use super::server::{Behaviour, Connection, Handler};
use super::{LONG, PASSWORD_VARIABLE, Row, SHORT};

fn amqp(port: u16) -> Value {
    json!({
        "url": format!("amqp://127.0.0.1:{port}"), "username": "probe", "password": {"env": PASSWORD_VARIABLE},
        "queues": [{"name": "q"}],
    })
}

/// AMQP and management API on the same port, so the AMQP connection is an error too.
fn management(port: u16) -> Value {
    json!({
        "url": format!("amqp://127.0.0.1:{port}"), "username": "probe", "password": {"env": PASSWORD_VARIABLE},
        "management": format!("http://127.0.0.1:{port}"),
        "queues": [{"name": "q", "durable": true}],
    })
}

fn row(description: &'static str, expected: &'static [&'static str], handler: Handler) -> Row {
    let behaviour = Behaviour::PerConnection(handler);
    Row { kind: "rabbitmq", description, behaviour, with: amqp, deadline: LONG, class: Error, expected }
}

/// The same for a probe that ends at the deadline.
fn timeout_row(description: &'static str, expected: &'static [&'static str], handler: Handler) -> Row {
    Row { deadline: SHORT, ..row(description, expected, handler) }
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 0, 0], &size[..], payload, &[0xce]].concat()
}

/// `connection.start` with these server properties, an encoded table.
fn start(properties: &[u8]) -> Vec<u8> {
    let size = u32::try_from(properties.len()).unwrap().to_be_bytes();
    let head = [0, 10, 0, 10, 0, 9];
    frame(1, &[&head[..], &size, properties, b"\0\0\0\x05PLAIN\0\0\0\x05en_US"].concat())
}

/// A table with one field of lists nested to this depth.
fn nested(depth: u32) -> Vec<u8> {
    let lists = (0..depth).rev().flat_map(|inner| [&b"A"[..], &(inner * 5).to_be_bytes()].concat());
    b"\x01x".iter().copied().chain(lists).collect()
}

/// `connection.tune` with the maximum numbers of channels and bytes per frame.
fn tune() -> Vec<u8> {
    frame(1, &[0, 10, 0, 30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0])
}

/// Reads everything up to `connection.open`.
fn read_until_open(connection: &mut Connection) -> io::Result<()> {
    let mut received = Vec::new();
    while !received.windows(4).any(|bytes| bytes == [0, 10, 0, 40]) {
        let more = connection.read()?;
        if more.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        received.extend(more);
    }
    Ok(())
}

const HEARTBEAT: &[u8] = b"\x08\0\0\0\0\0\0\xce";

pub(super) fn rows() -> Vec<Row> {
    [handshakes(), frames(), apis()].into_iter().flatten().collect()
}

fn handshakes() -> Vec<Row> {
    let partial = &["no response within 3 s (AMQP handshake); only a part of the response was received"];
    vec![
        timeout_row(
            "accepts and stays silent",
            &["no response within 3 s (AMQP handshake)"],
            Connection::stay_silent,
        ),
        timeout_row("drips its connection.start", partial, |connection| {
            connection.read()?;
            connection.drip(&start(&[b'x'; 4000]))
        }),
        timeout_row("stays silent after connection.start", partial, |connection| {
            connection.read()?;
            connection.send(start(&[]))?;
            connection.stay_silent()
        }),
        timeout_row(
            "tunes to frames of 4 GiB",
            &["no response within 3 s (declare of queue q)"],
            |connection| {
                connection.read()?;
                connection.send(start(&[]))?;
                connection.read()?;
                connection.send(tune())?;
                read_until_open(connection)?;
                connection.send(frame(1, &[0, 10, 0, 41, 0]))?;
                connection.stay_silent()
            },
        ),
        row(
            "closes after the protocol header",
            &["closed without a response to the AMQP handshake"],
            |connection| connection.read().map(drop),
        ),
        row("speaks AMQP 1.0", &["the server speaks another protocol: AMQP 1.0.0"], |connection| {
            connection.read()?;
            connection.send(b"AMQP\x03\x01\x00\x00")
        }),
        row(
            "is an HTTP server",
            &["this is not an AMQP server: an HTTP server responds here"],
            |connection| {
                connection.read()?;
                connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            },
        ),
        row("is a TLS server", &["a TLS server responds here; use amqps://"], Connection::accept_tls),
    ]
}

fn frames() -> Vec<Row> {
    vec![
        row("answers garbage", &["invalid frame start `\\xff`"], |connection| {
            connection.read()?;
            connection.flood(b"\xff\x00garbage\x1b[2J")
        }),
        row("announces a frame of 2 GiB", &["announces a frame of 2147483648 bytes"], |connection| {
            connection.read()?;
            connection.send(b"\x01\0\0\x80\0\0\0")?;
            connection.flood(b"flood")
        }),
        row("sends heartbeats without end", &["the server sent more than 4 MiB"], |connection| {
            connection.read()?;
            connection.flood(HEARTBEAT)
        }),
        row("sends unsolicited messages", &["unsolicited messages"], |connection| {
            connection.read()?;
            connection.send(start(&[]))?;
            connection.read()?;
            connection.flood(&frame(3, b"flood"))
        }),
        row(
            "nests tables as deep as a frame holds",
            &["sends more than 16 tables in one frame"],
            |connection| {
                connection.read()?;
                connection.send(start(&nested(1_600)))?;
                connection.stay_silent()
            },
        ),
        // The client may notice the closed connection before the deadline or not.
        timeout_row("nests as deep as is allowed, and closes", &["AMQP handshake"], |connection| {
            connection.read()?;
            connection.send(start(&nested(16)))
        }),
    ]
}

fn apis() -> Vec<Row> {
    let api = |row: Row| Row { with: management, ..row };
    vec![
        api(timeout_row("management API drips its body", &["3 s (the rest of the body)"], |connection| {
            connection.read()?;
            connection.send("HTTP/1.1 200 OK\r\n\r\n")?;
            connection.drip(b"drip")
        })),
        api(row("management API sends a body without end", &["body longer than 1 MiB"], |connection| {
            connection.read()?;
            connection.send("HTTP/1.1 200 OK\r\n\r\n")?;
            connection.flood(b"flood")
        })),
        api(row("management API answers 500", &["HTTP 500: boom"], |connection| {
            connection.read()?;
            connection.send("HTTP/1.1 500 -\r\n\r\nboom")
        })),
        api(row("management API answers HTML", &["the response is not JSON: <html>"], |connection| {
            connection.read()?;
            connection.send("HTTP/1.1 200 OK\r\n\r\n<html>")
        })),
        api(row("management API answers a list for a user", &["no management API at"], |connection| {
            connection.read()?;
            connection.send("HTTP/1.1 200 OK\r\n\r\n[[]]")
        })),
        api(row(
            "management API answers a list for a queue",
            &["not a response of the management API: [1,\"durable\"]"],
            |connection| {
                let request = connection.read()?;
                let is_login = request.starts_with(b"GET /api/whoami");
                let body = if is_login { r#"{"name":"probe"}"# } else { r#"[1,"durable"]"# };
                connection.send(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}"))
            },
        )),
    ]
}
