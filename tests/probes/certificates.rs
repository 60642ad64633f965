//! Client certificates, and servers with a certificate that is its own root.

use serde_json::json;

use super::redis::{run_probe, well_configured};
use super::*;
use crate::support::certs::{Certs, ServerCert};
use crate::support::need;
use crate::support::redis::SERVER;
use crate::support::web::{Reply, Web};

#[test]
fn a_client_certificate_is_sent_to_a_server_that_requires_one() {
    need!(SERVER);
    let certs = Certs::shared();
    let server = well_configured().tls().line("tls-auth-clients yes").start();
    let (ca, certificate, key) = (roots(&certs.ca), roots(&certs.server.cert), roots(&certs.server.key));
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let tls = json!({"roots": ca.path(), "certificate": certificate.path(), "key": key.path()});
    assert_pass(&run_probe(&json!({"url": url, "tls": tls})), &["| PONG | PONG"]);
    let without = run_probe(&json!({"url": url, "tls": {"roots": ca.path()}}));
    assert_error(&without, &["certificate"]);
    let without_key =
        run_probe(&json!({"url": url, "tls": {"roots": ca.path(), "certificate": certificate.path()}}));
    assert_error(&without_key, &["key"]);
    let swapped = json!({"roots": ca.path(), "certificate": key.path(), "key": certificate.path()});
    assert_error(&run_probe(&json!({"url": url, "tls": swapped})), &["certificate"]);
}

/// As `curl --cacert` does. The certificate of another authority with the same name does not do.
#[test]
fn a_self_signed_certificate_is_trusted_if_it_is_named_as_root() {
    let own = ["127.0.0.1"];
    let cert = ServerCert::self_signed(&own, -1, 60);
    let other = ServerCert::self_signed(&own, -1, 60);
    let other_name = ServerCert::self_signed(&["boards.example"], -1, 60);
    let (expired, future) = (ServerCert::self_signed(&own, -60, -1), ServerCert::self_signed(&own, 2, 60));
    for (cert, root, message) in [
        (&cert, &cert, None),
        (&cert, &other, Some("certificate not trusted: ")),
        (&other_name, &other_name, Some("name mismatch")),
        (&expired, &expired, Some("certificate expired")),
        (&future, &future, Some("certificate not valid yet")),
    ] {
        let (ca, web) = (roots(root.ca()), Web::start_tls(cert));
        web.route("/", Reply::ok("ok"));
        let with = json!({"url": web.url("/"), "tls": {"roots": ca.path()}});
        let outcome = run_probe_within(DEADLINE, "http", &with);
        match message {
            None => assert_pass(&outcome, &["| 200 | 200", "certificate of 127.0.0.1"]),
            Some(message) => assert_error(&outcome, &[message]),
        }
    }
}
