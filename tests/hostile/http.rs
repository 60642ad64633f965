use serde_json::{Value, json};

use gonogo_core::outcome::Class::{self, Error, Fail};

use super::server::{Guest, Serve};
use super::{LONG, Row, SHORT, WALKER};

/// The begin of an answer whose body ends when it is closed.
const OK: &str = "HTTP/1.1 200 OK\r\n";

fn plain(port: u16) -> Value {
    json!({
        "url": format!("http://127.0.0.1:{port}/readyz"),
        "headers": {"Authorization": {"secret": {"env": WALKER}}},
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

fn row(
    server: &'static str,
    class: Class,
    told: &'static [&'static str],
    serve: fn(&mut Guest) -> std::io::Result<()>,
) -> Row {
    Row { kind: "http", server, serve: Serve::Each(serve), with: plain, deadline: LONG, class, told }
}

pub(super) fn rows() -> Vec<Row> {
    [heads(), bodies(), others()].into_iter().flatten().collect()
}

fn heads() -> Vec<Row> {
    let late = &["no answer within 3 s (answer to GET)"];
    let large = &["answers with more headers than are read (100 headers, 400 KiB)"];
    vec![
        Row {
            deadline: SHORT,
            ..row("drips its headers", Error, late, |guest| {
                guest.hear()?;
                guest.say(OK)?;
                guest.drip(b"X-Drip: drip\r\n")
            })
        },
        row("sends headers without end", Error, large, |guest| {
            guest.hear()?;
            guest.say(OK)?;
            guest.flood(b"X-Flood: flood\r\n")
        }),
        row("sends one header of 10 MiB", Error, large, |guest| {
            guest.hear()?;
            guest.say(OK)?;
            guest.say("X-Long: ")?;
            (0..160).try_for_each(|_| guest.say([b'x'; 1 << 16]))?;
            guest.say("\r\n\r\n")
        }),
        Row {
            deadline: SHORT,
            ..row("answers 103 without end", Error, late, |guest| {
                guest.hear()?;
                guest.flood(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            })
        },
        row("answers garbage", Error, &["does not answer in HTTP"], |guest| {
            guest.hear()?;
            guest.flood(b"\xff\x00garbage\x1b[2J")
        }),
        row("closes before it answers", Error, &["closed the connection without an answer"], |guest| {
            guest.hear().map(drop)
        }),
        Row { deadline: SHORT, ..row("accepts and stays silent", Error, late, Guest::hold) },
        Row {
            deadline: SHORT,
            serve: Serve::NeverAccepts,
            ..row("never accepts", Error, &["no answer within 3 s (connect to 127.0.0.1:"], Guest::hold)
        },
    ]
}

fn bodies() -> Vec<Row> {
    let capped = &["body longer than 1 MiB: only its begin was read"];
    vec![
        Row {
            deadline: SHORT,
            ..row("drips its body", Error, &["no answer within 3 s (the rest of the body)"], |guest| {
                guest.hear()?;
                guest.say(format!("{OK}\r\n"))?;
                guest.drip(b"drip")
            })
        },
        row("sends a body without end", Error, capped, |guest| {
            guest.hear()?;
            guest.say(format!("{OK}\r\n"))?;
            guest.flood(b"flood")
        }),
        row("sends 1 MiB of gzip that inflates to more than 1 GiB", Error, capped, |guest| {
            guest.hear()?;
            guest.say(format!("{OK}Content-Encoding: gzip\r\n\r\n"))?;
            guest.say([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3])?;
            // A block whose code spells 258 zeros in two bits, both of them 0.
            guest.say([237, 193, 49, 1, 0, 0, 0, 194, 160, 245, 79, 109, 8, 95, 160])?;
            (0..16).try_for_each(|_| guest.say([0; 1 << 16]))?;
            guest.hold()
        }),
        row("closes in mid-body", Error, &["the body broke off: "], |guest| {
            guest.hear()?;
            guest.say(format!("{OK}Content-Length: 99\r\n\r\n{{\"up\":"))
        }),
        row("sends a chunk of no size", Error, &["the body broke off: "], |guest| {
            guest.hear()?;
            guest.say(format!("{OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n"))?;
            guest.hold()
        }),
        Row {
            with: with_json,
            ..row("nests JSON 100,000 deep", Error, &["JSON nested more than 128 deep: not read"], |guest| {
                guest.hear()?;
                guest.say(format!("{OK}\r\n{}", "[".repeat(100_000)))
            })
        },
        Row {
            with: with_json,
            ..row(
                "sends JSON that grows a hundredfold when read",
                Error,
                &["more than 16384 objects"],
                |guest| {
                    guest.hear()?;
                    guest.say(format!("{OK}\r\n[{}0]", "{\"\":0},".repeat(120_000)))
                },
            )
        },
    ]
}

fn others() -> Vec<Row> {
    vec![
        row("speaks TLS where plain is meant", Error, &["perhaps it expects https://"], Guest::speak_tls),
        Row {
            with: https,
            ..row("speaks plain where TLS is meant", Error, &["this is not a TLS server"], |guest| {
                guest.hear()?;
                guest.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            })
        },
        row("redirects in a loop", Fail, &["| 200 | 307 to /readyz"], |guest| {
            guest.hear()?;
            guest.say("HTTP/1.1 307 -\r\nLocation: /readyz\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }),
        row("redirects to another host", Fail, &["redirect | to 127.0.0.1:", ": not followed"], |guest| {
            guest.hear()?;
            let to = format!("Location: http://127.0.0.1:{}/\r\n", guest.elsewhere);
            guest.say(format!("HTTP/1.1 302 -\r\n{to}Content-Length: 0\r\n\r\n"))
        }),
    ]
}
