use std::io;

use serde_json::{Value, json};

use gonogo_core::outcome::Class::Error;

use super::server::{Guest, Serve};
use super::{LONG, Row, SHORT, WALKER};

fn amqp(port: u16) -> Value {
    json!({
        "url": format!("amqp://127.0.0.1:{port}"), "username": "probe", "password": {"env": WALKER},
        "queues": [{"name": "q"}],
    })
}

/// AMQP and management API on one port: what the one is told by the other is an error as well.
fn management(port: u16) -> Value {
    json!({
        "url": format!("amqp://127.0.0.1:{port}"), "username": "probe", "password": {"env": WALKER},
        "management": format!("http://127.0.0.1:{port}"),
        "queues": [{"name": "q", "durable": true}],
    })
}

type Behaviour = fn(&mut Guest) -> io::Result<()>;

fn row(server: &'static str, told: &'static [&'static str], serve: Behaviour) -> Row {
    let serve = Serve::Each(serve);
    Row { kind: "rabbitmq", server, serve, with: amqp, deadline: LONG, class: Error, told }
}

/// The same, given up at the deadline.
fn late(server: &'static str, told: &'static [&'static str], serve: Behaviour) -> Row {
    Row { deadline: SHORT, ..row(server, told, serve) }
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

/// A table whose only field is a list in a list in a list, as deep as asked.
fn nested(depth: u32) -> Vec<u8> {
    let lists = (0..depth).rev().flat_map(|inner| [&b"A"[..], &(inner * 5).to_be_bytes()].concat());
    b"\x01x".iter().copied().chain(lists).collect()
}

/// `connection.tune`: as many channels as there are, frames as long as there are.
fn tune() -> Vec<u8> {
    frame(1, &[0, 10, 0, 30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0])
}

/// Hears all up to `connection.open`.
fn hear_open(guest: &mut Guest) -> io::Result<()> {
    let mut heard = Vec::new();
    while !heard.windows(4).any(|bytes| bytes == [0, 10, 0, 40]) {
        let more = guest.hear()?;
        if more.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        heard.extend(more);
    }
    Ok(())
}

const HEARTBEAT: &[u8] = b"\x08\0\0\0\0\0\0\xce";

pub(super) fn rows() -> Vec<Row> {
    [handshakes(), frames(), apis()].into_iter().flatten().collect()
}

fn handshakes() -> Vec<Row> {
    let part = &["no answer within 3 s (AMQP handshake); something came, but no whole answer"];
    vec![
        late("accepts and stays silent", &["no answer within 3 s (AMQP handshake)"], Guest::hold),
        late("drips its connection.start", part, |guest| {
            guest.hear()?;
            guest.drip(&start(&[b'x'; 4000]))
        }),
        late("stays silent after connection.start", part, |guest| {
            guest.hear()?;
            guest.say(start(&[]))?;
            guest.hold()
        }),
        late("tunes to frames of 4 GiB", &["no answer within 3 s (declare of queue q)"], |guest| {
            guest.hear()?;
            guest.say(start(&[]))?;
            guest.hear()?;
            guest.say(tune())?;
            hear_open(guest)?;
            guest.say(frame(1, &[0, 10, 0, 41, 0]))?;
            guest.hold()
        }),
        row(
            "closes after the protocol header",
            &["closed without an answer to the AMQP handshake"],
            |guest| guest.hear().map(drop),
        ),
        row("speaks AMQP 1.0", &["the server speaks another protocol: AMQP 1.0.0"], |guest| {
            guest.hear()?;
            guest.say(b"AMQP\x03\x01\x00\x00")
        }),
        row("is an HTTP server", &["this is not an AMQP server: an HTTP server answers here"], |guest| {
            guest.hear()?;
            guest.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        }),
        row("is a TLS server", &["a TLS server answers here; ask for it with amqps://"], Guest::speak_tls),
    ]
}

fn frames() -> Vec<Row> {
    vec![
        row("answers garbage", &["a frame begins with `\\xff`"], |guest| {
            guest.hear()?;
            guest.flood(b"\xff\x00garbage\x1b[2J")
        }),
        row("announces a frame of 2 GiB", &["announces a frame of 2147483648 bytes"], |guest| {
            guest.hear()?;
            guest.say(b"\x01\0\0\x80\0\0\0")?;
            guest.flood(b"flood")
        }),
        row("sends heartbeats without end", &["the server sent more than 4 MiB"], |guest| {
            guest.hear()?;
            guest.flood(HEARTBEAT)
        }),
        row("sends messages nobody asked for", &["unsolicited messages"], |guest| {
            guest.hear()?;
            guest.say(start(&[]))?;
            guest.hear()?;
            guest.flood(&frame(3, b"flood"))
        }),
        row("nests tables as deep as a frame holds", &["sends more than 16 tables in one frame"], |guest| {
            guest.hear()?;
            guest.say(start(&nested(1_600)))?;
            guest.hold()
        }),
        // The client may notice the end, or not.
        late("nests as deep as is let through, and closes", &["AMQP handshake"], |guest| {
            guest.hear()?;
            guest.say(start(&nested(16)))
        }),
    ]
}

fn apis() -> Vec<Row> {
    let api = |row: Row| Row { with: management, ..row };
    vec![
        api(late("management API drips its body", &["3 s (the rest of the body)"], |guest| {
            guest.hear()?;
            guest.say("HTTP/1.1 200 OK\r\n\r\n")?;
            guest.drip(b"drip")
        })),
        api(row("management API sends a body without end", &["body longer than 1 MiB"], |guest| {
            guest.hear()?;
            guest.say("HTTP/1.1 200 OK\r\n\r\n")?;
            guest.flood(b"flood")
        })),
        api(row("management API answers 500", &["it answers 500: boom"], |guest| {
            guest.hear()?;
            guest.say("HTTP/1.1 500 -\r\n\r\nboom")
        })),
        api(row("management API answers HTML", &["the answer is not JSON: <html>"], |guest| {
            guest.hear()?;
            guest.say("HTTP/1.1 200 OK\r\n\r\n<html>")
        })),
        api(row("management API answers a list for a user", &["there is no management API at"], |guest| {
            guest.hear()?;
            guest.say("HTTP/1.1 200 OK\r\n\r\n[[]]")
        })),
        api(row("management API answers a list for a queue", &["documents: [1,\"durable\"]"], |guest| {
            let asked = guest.hear()?;
            let is_login = asked.starts_with(b"GET /api/whoami");
            let body = if is_login { r#"{"name":"probe"}"# } else { r#"[1,"durable"]"# };
            guest.say(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}"))
        })),
    ]
}
