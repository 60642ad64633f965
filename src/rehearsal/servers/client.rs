//! The HTTP client for the stack's own servers, which do not use TLS.

use std::io;
use std::sync::Arc;

use reqwest::Client;
use rustls::{ClientConfig, RootCertStore};

/// An HTTP client without trust anchors and without a proxy.
///
/// # Errors
/// When the client cannot be built.
pub(crate) fn plain_http_client() -> io::Result<Client> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls =
        tls.map_err(io::Error::other)?.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    Client::builder().tls_backend_preconfigured(tls).no_proxy().build().map_err(io::Error::other)
}
