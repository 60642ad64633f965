//! Certificates of our own, shown to servers that ask for one.

use serde_json::json;

use super::redis::{good, look};
use super::*;
use crate::bench::certs::Certs;
use crate::bench::need;
use crate::bench::redis::SERVER;

#[test]
fn a_server_that_asks_for_a_certificate_is_shown_one() {
    need!(SERVER);
    let certs = Certs::shared();
    let server = good().tls().line("tls-auth-clients yes").start();
    let (right, certificate, key) = (roots(&certs.ca), roots(&certs.server.cert), roots(&certs.server.key));
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let shown = json!({"roots": right.path(), "certificate": certificate.path(), "key": key.path()});
    assert_pass(&look(&json!({"url": url, "tls": shown})), &["| PONG | PONG"]);
    let without = look(&json!({"url": url, "tls": {"roots": right.path()}}));
    assert_error(&without, &["certificate"]);
    let half = look(&json!({"url": url, "tls": {"roots": right.path(), "certificate": certificate.path()}}));
    assert_error(&half, &["key"]);
    let swapped = json!({"roots": right.path(), "certificate": key.path(), "key": certificate.path()});
    assert_error(&look(&json!({"url": url, "tls": swapped})), &["certificate"]);
}
