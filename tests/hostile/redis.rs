use serde_json::{Value, json};

use gonogo_core::outcome::Class::Error;

use super::server::{Behaviour, Connection, Handler};
use super::{LONG, Row, SHORT};

fn with(port: u16) -> Value {
    json!({"url": format!("redis://127.0.0.1:{port}"), "persistence": true, "spike_limit_ms": 100})
}

fn row(description: &'static str, expected: &'static [&'static str], handler: Handler) -> Row {
    Row {
        kind: "redis",
        description,
        behaviour: Behaviour::PerConnection(handler),
        with,
        deadline: LONG,
        class: Error,
        expected,
    }
}

/// The same for a probe that ends at the deadline.
fn timeout_row(description: &'static str, expected: &'static [&'static str], handler: Handler) -> Row {
    Row { deadline: SHORT, ..row(description, expected, handler) }
}

/// Answers PING, and reads the next request.
fn answer_ping(connection: &mut Connection) -> std::io::Result<()> {
    connection.read()?;
    connection.send("+PONG\r\n")?;
    connection.read().map(drop)
}

pub(super) fn rows() -> Vec<Row> {
    [slow(), large(), others()].into_iter().flatten().collect()
}

fn slow() -> Vec<Row> {
    let partial = &["no response within 3 s (response to INFO); only a part of the response was received"];
    vec![
        timeout_row(
            "accepts and stays silent",
            &["no response within 3 s (response to PING)"],
            Connection::stay_silent,
        ),
        Row {
            behaviour: Behaviour::NeverAccepts,
            ..timeout_row(
                "never accepts",
                &["no response within 3 s (connect to 127.0.0.1:"],
                Connection::stay_silent,
            )
        },
        timeout_row("drips its INFO", partial, |connection| {
            answer_ping(connection)?;
            connection.send("$2000\r\n")?;
            connection.drip(b"a:b\r\n")
        }),
        timeout_row("announces a bulk string and never sends it", partial, |connection| {
            answer_ping(connection)?;
            connection.send("$4000000\r\n")?;
            connection.stay_silent()
        }),
    ]
}

fn large() -> Vec<Row> {
    vec![
        row("announces a bulk string of 512 MiB", &["announces a text of 536870912 bytes"], |connection| {
            answer_ping(connection)?;
            connection.send("$536870912\r\n")?;
            connection.stay_silent()
        }),
        row(
            "announces a list of 2,000,000,000",
            &["announces a list of 2000000000 elements"],
            |connection| {
                answer_ping(connection)?;
                connection.send("*2000000000\r\n")?;
                connection.flood(b":1\r\n")
            },
        ),
        row("nests lists 10,000 deep", &["nests lists more than 8 deep"], |connection| {
            answer_ping(connection)?;
            connection.send("*1\r\n".repeat(10_000))?;
            connection.stay_silent()
        }),
        row("sends lists without end", &["in total; the limit is 65536"], |connection| {
            answer_ping(connection)?;
            connection.send("*60000\r\n")?;
            connection.flood(b"*2\r\n:1\r\n:2\r\n")
        }),
        row("sends a line longer than any reply", &["the server sent more than 4 MiB"], |connection| {
            answer_ping(connection)?;
            connection.send("+")?;
            connection.flood(b"flood")
        }),
    ]
}

fn others() -> Vec<Row> {
    vec![
        row(
            "answers garbage",
            &["this is not a Redis server: invalid RESP2 reply start `\\u{ff}`"],
            |connection| {
                connection.read()?;
                connection.flood(b"\xff\x00garbage\x1b[2J")
            },
        ),
        row("sends unsolicited errors without end", &["rejected by the server (ERR flood)"], |connection| {
            connection.flood(b"-ERR flood\r\n")
        }),
        row("sends unsolicited pushes without end", &["invalid RESP2 reply start `>`"], |connection| {
            connection.read()?;
            connection.flood(b">2\r\n+message\r\n+x\r\n")
        }),
        row("closes in mid-frame", &["closed within a response"], |connection| {
            answer_ping(connection)?;
            connection.send("$2000\r\nredis_version")
        }),
        row(
            "is an HTTP server",
            &["this is not a Redis server: an HTTP server responds here"],
            |connection| {
                connection.read()?;
                connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            },
        ),
        row("is a TLS server", &["a TLS server responds here; use rediss://"], Connection::accept_tls),
    ]
}
