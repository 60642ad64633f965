//! A client for the stack's own servers, which speak without TLS.

use std::io;
use std::sync::Arc;

use reqwest::Client;
use rustls::{ClientConfig, RootCertStore};

/// A client that trusts nobody over TLS, and goes through no proxy.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn plain() -> io::Result<Client> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls =
        tls.map_err(io::Error::other)?.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    Client::builder().tls_backend_preconfigured(tls).no_proxy().build().map_err(io::Error::other)
}
