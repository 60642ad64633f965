//! Client certificates.

use serde_json::json;

use super::redis::{run_probe, well_configured};
use super::*;
use crate::support::certs::Certs;
use crate::support::need;
use crate::support::redis::SERVER;

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
