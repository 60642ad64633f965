//! The probe of a TLS server's certificate.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use super::*;
use crate::support::certs::{Certs, ServerCert};
use crate::support::ports;
use crate::support::web::Web;

fn run_probe(web: &Web, more: &Value) -> Outcome {
    let url = web.url("");
    let port: u16 = url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    run_probe_within(DEADLINE, "tls", &plus(&json!({"host": "127.0.0.1", "port": port}), more))
}

#[test]
fn a_certificate_is_trusted_for_its_names_by_its_authority() {
    let certs = Certs::shared();
    let (web, ca, other) = (Web::start_tls(&certs.server), roots(&certs.ca), roots(&certs.other_ca));
    let trusted = json!({"tls": {"roots": ca.path()}, "server_name": "localhost", "names": ["127.0.0.1"]});
    let outcome = run_probe(&web, &trusted);
    assert_pass(
        &outcome,
        &[
            "✓ TLS with localhost | a trusted certificate for this name | trusted, by TLS 1.3",
            "✓ certificate for 127.0.0.1 | valid for this name | valid for it",
            "✓ certificate of localhost | recorded | ",
            "✓ issuer | recorded | CN=gonogo test authority",
            "✓ SHA-256 of the certificate | recorded | ",
        ],
    );
    assert!(outcome.reproduce.contains("-servername localhost -verify_hostname localhost -CAfile "));
    // One line about its time, though every TLS connection has one.
    assert_eq!(describe(&outcome).matches("certificate of ").count(), 1);
    let names = json!({"tls": {"roots": ca.path()}, "names": ["www.example.org", "localhost"]});
    let outcome = run_probe(&web, &names);
    assert_fail(
        &outcome,
        &["✗ certificate for www.example.org | valid for this name | ", "✓ certificate for localhost"],
    );
    let unknown = run_probe(&web, &json!({"tls": {"roots": other.path()}}));
    assert_fail(
        &unknown,
        &[
            "✗ TLS with 127.0.0.1 | ",
            "| unknown issuer CN=gonogo test authority: certificate not trusted",
            "sends no intermediate",
        ],
    );
}

#[test]
fn what_is_wrong_with_a_certificate_is_named() {
    let own = ["127.0.0.1"];
    let trusted = |cert: &ServerCert, more: Value| {
        let ca = roots(cert.ca());
        run_probe(&Web::start_tls(cert), &plus(&json!({"tls": {"roots": ca.path()}}), &more))
    };
    let expired = trusted(&ServerCert::self_signed(&own, -60, -1), json!({}));
    assert_fail(&expired, &["| certificate expired", "✗ certificate of 127.0.0.1 | ", "0 hours left"]);
    assert_fail(&trusted(&ServerCert::self_signed(&own, 2, 60), json!({})), &["| certificate not valid yet"]);
    let other_name = ServerCert::self_signed(&["boards.example"], -1, 60);
    assert_fail(&trusted(&other_name, json!({})), &["| name mismatch: the certificate is not for 127.0.0.1"]);
    assert_pass(
        &trusted(&other_name, json!({"server_name": "boards.example"})),
        &["✓ TLS with boards.example"],
    );
    let stranger = roots(&Certs::shared().ca);
    let web = Web::start_tls(&ServerCert::self_signed(&own, -1, 60));
    let self_signed = run_probe(&web, &json!({"tls": {"roots": stranger.path()}}));
    assert_fail(&self_signed, &["| self-signed certificate: certificate not trusted: "]);
}

#[test]
fn a_certificate_must_have_days_left() {
    let cert = ServerCert::with_days_left(20);
    let (web, ca) = (Web::start_tls(&cert), roots(cert.ca()));
    let run = |more: Value| run_probe(&web, &plus(&json!({"tls": {"roots": ca.path()}}), &more));
    assert_pass(&run(json!({})), &["| recorded | expires soon: "]);
    assert_pass(&run(json!({"warn_days_left": 10})), &["✓ certificate of 127.0.0.1 | recorded | 1"]);
    assert_fail(
        &run(json!({"min_days_left": 30})),
        &["✗ certificate of 127.0.0.1 | 30 days or more left | "],
    );
}

/// As web servers answer TLS on a port without it.
fn without_tls() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let _ = client.read(&mut [0; 512]);
        client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = client.read_to_end(&mut Vec::new());
    });
    port
}

#[test]
fn a_server_without_tls_fails_and_a_missing_one_too() {
    let at = |port: u16, more: Value| {
        run_probe_within(DEADLINE, "tls", &plus(&json!({"host": "127.0.0.1", "port": port}), &more))
    };
    let plain = at(without_tls(), json!({}));
    assert_fail(
        &plain,
        &["✗ TLS with 127.0.0.1 | a trusted certificate for this name | this is not a TLS server"],
    );
    let missing = at(ports::refused_port(), json!({}));
    assert_fail(&missing, &["✗ connection to 127.0.0.1:", "nothing listens on that port"]);
    let no_file = at(without_tls(), json!({"tls": {"roots": "/no/such/file"}}));
    assert_error(&no_file, &["? TLS with 127.0.0.1 | ", "/no/such/file"]);
}
