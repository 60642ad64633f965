use serde_json::{Value, json};

use gonogo_core::outcome::Class::Error;

use super::server::{Guest, Serve};
use super::{LONG, Row, SHORT};

fn with(port: u16) -> Value {
    json!({"url": format!("redis://127.0.0.1:{port}"), "persistence": true, "spike_limit_ms": 100})
}

fn row(
    server: &'static str,
    told: &'static [&'static str],
    serve: fn(&mut Guest) -> std::io::Result<()>,
) -> Row {
    Row { kind: "redis", server, serve: Serve::Each(serve), with, deadline: LONG, class: Error, told }
}

/// The same, given up at the deadline.
fn late(
    server: &'static str,
    told: &'static [&'static str],
    serve: fn(&mut Guest) -> std::io::Result<()>,
) -> Row {
    Row { deadline: SHORT, ..row(server, told, serve) }
}

/// Answers PING, and hears what is asked next.
fn pong(guest: &mut Guest) -> std::io::Result<()> {
    guest.hear()?;
    guest.say("+PONG\r\n")?;
    guest.hear().map(drop)
}

pub(super) fn rows() -> Vec<Row> {
    [slow(), large(), others()].into_iter().flatten().collect()
}

fn slow() -> Vec<Row> {
    let part = &["no answer within 3 s (answer to INFO); something came, but no whole answer"];
    vec![
        late("accepts and stays silent", &["no answer within 3 s (answer to PING)"], Guest::hold),
        Row {
            serve: Serve::NeverAccepts,
            ..late("never accepts", &["no answer within 3 s (connect to 127.0.0.1:"], Guest::hold)
        },
        late("drips its INFO", part, |guest| {
            pong(guest)?;
            guest.say("$2000\r\n")?;
            guest.drip(b"a:b\r\n")
        }),
        late("announces a text and never sends it", part, |guest| {
            pong(guest)?;
            guest.say("$4000000\r\n")?;
            guest.hold()
        }),
    ]
}

fn large() -> Vec<Row> {
    vec![
        row("announces a text of 512 MiB", &["announces a text of 536870912 bytes"], |guest| {
            pong(guest)?;
            guest.say("$536870912\r\n")?;
            guest.hold()
        }),
        row("announces a list of 2,000,000,000", &["announces a list of 2000000000 elements"], |guest| {
            pong(guest)?;
            guest.say("*2000000000\r\n")?;
            guest.flood(b":1\r\n")
        }),
        row("nests lists 10,000 deep", &["nests lists more than 8 deep"], |guest| {
            pong(guest)?;
            guest.say("*1\r\n".repeat(10_000))?;
            guest.hold()
        }),
        row("sends lists without end", &["in all; no more than 65536 are read"], |guest| {
            pong(guest)?;
            guest.say("*60000\r\n")?;
            guest.flood(b"*2\r\n:1\r\n:2\r\n")
        }),
        row("sends a line longer than any reply", &["the server sent more than 4 MiB"], |guest| {
            pong(guest)?;
            guest.say("+")?;
            guest.flood(b"flood")
        }),
    ]
}

fn others() -> Vec<Row> {
    vec![
        row("answers garbage", &["this is not a Redis server: a reply begins with `\\u{ff}`"], |guest| {
            guest.hear()?;
            guest.flood(b"\xff\x00garbage\x1b[2J")
        }),
        row("sends errors nobody asked for, without end", &["the server refuses (ERR flood)"], |guest| {
            guest.flood(b"-ERR flood\r\n")
        }),
        row("sends pushes nobody asked for, without end", &["a reply begins with `>`"], |guest| {
            guest.hear()?;
            guest.flood(b">2\r\n+message\r\n+x\r\n")
        }),
        row("closes in mid-frame", &["closed in the middle of an answer"], |guest| {
            pong(guest)?;
            guest.say("$2000\r\nredis_version")
        }),
        row("is an HTTP server", &["this is not a Redis server: an HTTP server answers here"], |guest| {
            guest.hear()?;
            guest.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        }),
        row("is a TLS server", &["a TLS server answers here; ask for it with rediss://"], Guest::speak_tls),
    ]
}
