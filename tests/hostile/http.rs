use serde_json::{Value, json};

use gonogo_core::outcome::Class::{self, Error, Fail};

use super::server::{Behaviour, Connection, Handler};
use super::{LONG, PASSWORD_VARIABLE, Row, SHORT};

/// The start of a response whose body ends with the connection.
const OK: &str = "HTTP/1.1 200 OK\r\n";

fn plain(port: u16) -> Value {
    json!({
        "url": format!("http://127.0.0.1:{port}/readyz"),
        "headers": {"Authorization": {"secret": {"env": PASSWORD_VARIABLE}}},
        "redirects": 20,
        "body": [{"contains": "ready"}],
    })
}

fn https(port: u16) -> Value {
    json!({"url": format!("https://127.0.0.1:{port}/")})
}

fn with_json(port: u16) -> Value {
    json!({"url": format!("http://127.0.0.1:{port}/"), "json": [{"path": "$.up", "equals": true}]})
}

fn row(description: &'static str, class: Class, expected: &'static [&'static str], handler: Handler) -> Row {
    Row {
        kind: "http",
        description,
        behaviour: Behaviour::PerConnection(handler),
        with: plain,
        deadline: LONG,
        class,
        expected,
    }
}

pub(super) fn rows() -> Vec<Row> {
    [heads(), bodies(), others()].into_iter().flatten().collect()
}

fn heads() -> Vec<Row> {
    let timeout = &["no response within 3 s (response to GET)"];
    let large = &["sends more headers than are read (100 headers, 400 KiB)"];
    vec![
        Row {
            deadline: SHORT,
            ..row("drips its headers", Error, timeout, |connection| {
                connection.read()?;
                connection.send(OK)?;
                connection.drip(b"X-Drip: drip\r\n")
            })
        },
        row("sends headers without end", Error, large, |connection| {
            connection.read()?;
            connection.send(OK)?;
            connection.flood(b"X-Flood: flood\r\n")
        }),
        row("sends one header of 10 MiB", Error, large, |connection| {
            connection.read()?;
            connection.send(OK)?;
            connection.send("X-Long: ")?;
            (0..160).try_for_each(|_| connection.send([b'x'; 1 << 16]))?;
            connection.send("\r\n\r\n")
        }),
        Row {
            deadline: SHORT,
            ..row("answers 103 without end", Error, timeout, |connection| {
                connection.read()?;
                connection.flood(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            })
        },
        row("answers garbage", Error, &["does not respond in HTTP"], |connection| {
            connection.read()?;
            connection.flood(b"\xff\x00garbage\x1b[2J")
        }),
        row("closes before it answers", Error, &["closed the connection without a response"], |connection| {
            connection.read().map(drop)
        }),
        Row { deadline: SHORT, ..row("accepts and stays silent", Error, timeout, Connection::stay_silent) },
        Row {
            deadline: SHORT,
            behaviour: Behaviour::NeverAccepts,
            ..row(
                "never accepts",
                Error,
                &["no response within 3 s (connect to 127.0.0.1:"],
                Connection::stay_silent,
            )
        },
    ]
}

fn bodies() -> Vec<Row> {
    let capped = &["body longer than 1 MiB: only the first 1 MiB was read"];
    vec![
        Row {
            deadline: SHORT,
            ..row("drips its body", Error, &["no response within 3 s (the rest of the body)"], |connection| {
                connection.read()?;
                connection.send(format!("{OK}\r\n"))?;
                connection.drip(b"drip")
            })
        },
        row("sends a body without end", Error, capped, |connection| {
            connection.read()?;
            connection.send(format!("{OK}\r\n"))?;
            connection.flood(b"flood")
        }),
        row("sends 1 MiB of gzip that inflates to more than 1 GiB", Error, capped, |connection| {
            connection.read()?;
            connection.send(format!("{OK}Content-Encoding: gzip\r\n\r\n"))?;
            connection.send([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])?;
            // A deflate block in which two zero bits encode 258 zero bytes.
            connection.send([237, 193, 49, 1, 0, 0, 0, 194, 160, 245, 79, 109, 8, 95, 160])?;
            (0..16).try_for_each(|_| connection.send([0; 1 << 16]))?;
            connection.stay_silent()
        }),
        row("closes in mid-body", Error, &["the connection closed within the body: "], |connection| {
            connection.read()?;
            connection.send(format!("{OK}Content-Length: 99\r\n\r\n{{\"up\":"))
        }),
        row("sends a chunk of no size", Error, &["the connection closed within the body: "], |connection| {
            connection.read()?;
            connection.send(format!("{OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n"))?;
            connection.stay_silent()
        }),
        Row {
            with: with_json,
            ..row(
                "nests JSON 100,000 deep",
                Error,
                &["JSON nested more than 128 deep: not read"],
                |connection| {
                    connection.read()?;
                    connection.send(format!("{OK}\r\n{}", "[".repeat(100_000)))
                },
            )
        },
        Row {
            with: with_json,
            ..row(
                "sends JSON that grows a hundredfold when read",
                Error,
                &["more than 16384 objects"],
                |connection| {
                    connection.read()?;
                    connection.send(format!("{OK}\r\n[{}0]", "{\"\":0},".repeat(120_000)))
                },
            )
        },
    ]
}

fn others() -> Vec<Row> {
    vec![
        row(
            "speaks TLS on a plain HTTP port",
            Error,
            &["perhaps it expects https://"],
            Connection::accept_tls,
        ),
        Row {
            with: https,
            ..row("speaks plain HTTP on an HTTPS port", Error, &["this is not a TLS server"], |connection| {
                connection.read()?;
                connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            })
        },
        row("redirects in a loop", Fail, &["| 200 | 307 to /readyz"], |connection| {
            connection.read()?;
            connection
                .send("HTTP/1.1 307 -\r\nLocation: /readyz\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }),
        row(
            "redirects to another host",
            Fail,
            &["redirect | to 127.0.0.1:", ": not followed"],
            |connection| {
                connection.read()?;
                let location = format!("Location: http://127.0.0.1:{}/\r\n", connection.forbidden_port);
                connection.send(format!("HTTP/1.1 302 -\r\n{location}Content-Length: 0\r\n\r\n"))
            },
        ),
    ]
}
