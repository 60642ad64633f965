//! The TCP probe on sockets of this machine.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};

use super::*;
use crate::support::ports;

/// A server that serves one connection; its port.
fn serve(session: impl FnOnce(&mut TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || session(&mut listener.accept().unwrap().0));
    port
}

/// Sends this, and then waits until the client closes the connection.
fn greet(greeting: &'static str) -> u16 {
    serve(move |client| {
        client.write_all(greeting.as_bytes()).unwrap();
        let _ = client.read_to_end(&mut Vec::new());
    })
}

fn run_probe(port: u16, more: &Value) -> Outcome {
    run_probe_within(DEADLINE, "tcp", &plus(&json!({"host": "127.0.0.1", "port": port}), more))
}

#[test]
fn a_port_accepts_connections_or_refuses_them() {
    let port = greet("");
    let outcome = run_probe(port, &json!({}));
    assert_pass(
        &outcome,
        &[&format!("✓ connection to 127.0.0.1:{port} | accepted | accepted"), "connect time"],
    );
    assert_eq!(outcome.reproduce, format!("nc -vz -w 5 127.0.0.1 {port}"));
    assert_fail(
        &run_probe(ports::refused_port(), &json!({})),
        &["| accepted | ", "nothing listens on that port"],
    );
    let nobody = run_probe_within(DEADLINE, "tcp", &json!({"host": "no-such-host.invalid", "port": 1}));
    assert_error(&nobody, &["? connection to no-such-host.invalid:1 | accepted | "]);
}

#[test]
fn a_banner_is_checked_as_soon_as_it_has_come() {
    let smtp = json!({"expect": [{"matches": "^220 .* ESMTP"}]});
    assert_pass(
        &run_probe(greet("220 mail.example.org ESMTP\r\n"), &smtp),
        &["✓ response | matches `^220 .* ESMTP` | "],
    );
    let wrong = run_probe(greet("554 no\r\n"), &smtp);
    assert_fail(&wrong, &["✗ response | matches `^220 .* ESMTP` | no match in: 554 no"]);
    let closed = run_probe(serve(|_| ()), &smtp);
    assert_fail(&closed, &["no match in: nothing"]);
    assert!(closed.reproduce.ends_with(" </dev/null"), "{}", closed.reproduce);
    let silent =
        run_probe_within(SHORT, "tcp", &plus(&json!({"host": "127.0.0.1", "port": greet("")}), &smtp));
    assert_error(
        &silent,
        &["? response | matches `^220 .* ESMTP` | no response within 700 ms (waiting for a response)"],
    );
}

#[test]
fn a_text_is_sent_and_its_response_checked() {
    let port = serve(|client| {
        let mut asked = [0; 6];
        client.read_exact(&mut asked).unwrap();
        client.write_all(if asked == *b"PING\r\n" { b"+PONG" } else { b"-ERR" }).unwrap();
        let _ = client.read_to_end(&mut Vec::new());
    });
    let outcome =
        run_probe(port, &json!({"send": "PING\r\n", "expect": [{"contains": "PONG"}, {"lacks": "ERR"}]}));
    assert_pass(&outcome, &["✓ response | contains `PONG`", "✓ response | nothing matches `ERR`"]);
    assert_eq!(outcome.reproduce, format!("printf %b 'PING\\r\\n' | nc -w 5 127.0.0.1 {port}"));
}

#[test]
fn an_endless_response_is_not_read_to_its_end() {
    let port = serve(|client| while client.write_all(&[b'x'; 4096]).is_ok() {});
    let outcome = run_probe(port, &json!({"expect": [{"contains": "y"}]}));
    assert_error(&outcome, &["the server sent more than 64 KiB: stopped reading"]);
}
