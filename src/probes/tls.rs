//! How TLS servers are verified, and the message about one that is not trusted.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore};

use super::recording_verifier::RecordingVerifier;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use gonogo_core::checklist::spec::Tls;
use gonogo_core::error;
use gonogo_core::files::read_regular;

/// The largest file of certificates or of a key, in bytes.
const MAX_PEM: u64 = 4 << 20;

/// Why there can be no TLS at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("{what} file {path}: {why}")]
    File { what: &'static str, path: String, why: String },
    #[error("a client certificate needs both `certificate` and `key`")]
    Half,
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// A verifier that observes another one.
pub(super) type Observer<'a> =
    &'a (dyn Fn(Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier> + Sync);

/// A client configuration that trusts only the requested roots.
pub(super) async fn config(tls: &Tls) -> Result<ClientConfig, TlsError> {
    config_observed(tls, &|verifier| verifier).await
}

/// The same with a verifier that observes the usual one; it is not asked where nothing is trusted.
pub(super) async fn config_observed(tls: &Tls, observer: Observer<'_>) -> Result<ClientConfig, TlsError> {
    match &tls.roots {
        Some(path) => trusting(roots_of_file(path)?, tls, observer),
        None => trusting(Roots { store: roots_of_system().await, named: Vec::new() }, tls, observer),
    }
}

/// The same for a client that may never use TLS: without a file of roots, none is trusted, and the system's are not read,
/// which takes time and memory.
pub(super) fn config_without_system(tls: &Tls) -> Result<ClientConfig, TlsError> {
    match &tls.roots {
        Some(path) => trusting(roots_of_file(path)?, tls, &|verifier| verifier),
        None => {
            trusting(Roots { store: RootCertStore::empty().into(), named: Vec::new() }, tls, &|verifier| {
                verifier
            })
        }
    }
}

/// What a client trusts.
struct Roots {
    store: Arc<RootCertStore>,
    /// The same certificates, if the profile names them.
    named: Vec<CertificateDer<'static>>,
}

fn trusting(roots: Roots, tls: &Tls, observer: Observer<'_>) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let Roots { store, named } = roots;
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match RecordingVerifier::new(store.clone(), named, provider) {
        Some(verifier) => builder.dangerous().with_custom_certificate_verifier(observer(Arc::new(verifier))),
        None => builder.with_root_certificates(store),
    };
    match (&tls.certificate, &tls.key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let (chain, key) = (chain_of_file(certificate)?, key_of_file(key)?);
            Ok(builder.with_client_auth_cert(chain, key)?)
        }
        _ => Err(TlsError::Half),
    }
}

fn chain_of_file(path: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file_error = |why: String| TlsError::File { what: "certificate", path: path.to_owned(), why };
    let pem = read_regular(path, MAX_PEM).map_err(|e| file_error(e.to_string()))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|e| file_error(format!("not PEM: {e}")))?;
    if chain.is_empty() { Err(file_error("it contains no certificate".into())) } else { Ok(chain) }
}

fn key_of_file(path: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    let file_error = |why: String| TlsError::File { what: "key", path: path.to_owned(), why };
    let pem = Zeroizing::new(read_regular(path, MAX_PEM).map_err(|e| file_error(e.to_string()))?);
    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| file_error("it contains no private key in PEM".into()))
}

fn roots_of_file(path: &str) -> Result<Roots, TlsError> {
    let file_error = |why: String| TlsError::File { what: "roots", path: path.to_owned(), why };
    let pem = read_regular(path, MAX_PEM).map_err(|e| file_error(e.to_string()))?;
    let (mut store, mut named) = (RootCertStore::empty(), Vec::new());
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|e| file_error(format!("not PEM: {e}")))?;
        store.add(certificate.clone()).map_err(|e| file_error(format!("not a root certificate: {e}")))?;
        named.push(certificate);
    }
    if store.is_empty() {
        return Err(file_error("it contains no certificate".into()));
    }
    Ok(Roots { store: store.into(), named })
}

/// The roots of this system, read once, however many ask at the same time. There may be none: then nothing is
/// trusted, which is reported when it matters.
async fn roots_of_system() -> Arc<RootCertStore> {
    static ROOTS: OnceCell<Arc<RootCertStore>> = OnceCell::const_new();
    let read = async || {
        let certificates = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
        let mut roots = RootCertStore::empty();
        // A system's store may hold a few that do not parse: the others count.
        roots.add_parsable_certificates(certificates.map(|result| result.certs).unwrap_or_default());
        Arc::new(roots)
    };
    Arc::clone(ROOTS.get_or_init(read).await)
}

/// The TLS error in an I/O error or in what caused it.
pub(super) fn tls_error_in<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let inner = inner.map(|inner| inner as &(dyn Error + 'static));
    let downcast = |e: &'a (dyn Error + 'static)| e.downcast_ref::<rustls::Error>();
    downcast(error).or_else(|| inner.and_then(tls_error_in)).or_else(|| error.source().and_then(tls_error_in))
}

/// Whether the server has closed the connection.
pub(super) fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

/// The message about a failed handshake.
pub(super) fn explain(error: &io::Error, host: &str, tls: &Tls) -> String {
    match tls_error_in(error) {
        Some(error) => explain_tls(error, host, tls),
        None if is_closed(error) => {
            "the connection was closed during the TLS handshake; perhaps this is not a TLS server".into()
        }
        None => format!("the TLS handshake failed: {}", error::chain(error)),
    }
}

/// The same for the error of the TLS library.
pub(super) fn explain_tls(error: &rustls::Error, host: &str, tls: &Tls) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => explain_certificate(error, host, tls),
        rustls::Error::InvalidMessage(_) => {
            format!("this is not a TLS server: its response is not TLS ({error})")
        }
        rustls::Error::AlertReceived(alert) => format!("the server rejects the TLS handshake: {alert:?}"),
        error => format!("the TLS handshake failed: {error}"),
    }
}

/// Whether the library refuses a server's certificate since it is marked as an authority's (RFC 5280, 4.2.1.9).
pub(super) fn is_authority_as_server(error: &CertificateError) -> bool {
    error.to_string().contains("CaUsedAsEndEntity")
}

fn explain_certificate(error: &CertificateError, host: &str, tls: &Tls) -> String {
    use CertificateError as Wrong;
    match error {
        Wrong::UnknownIssuer => match &tls.roots {
            Some(path) => format!("certificate not trusted: not signed by a root certificate in {path}"),
            None => "certificate not trusted: not signed by a root certificate of this system".into(),
        },
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
            format!("name mismatch: the certificate is not for {host} ({error})")
        }
        Wrong::Expired | Wrong::ExpiredContext { .. } => format!("certificate expired ({error})"),
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            format!("certificate not valid yet ({error})")
        }
        Wrong::BadSignature => {
            let hint = "the root certificate of that name did not sign it";
            format!("certificate not trusted: {hint} (does `tls.roots` contain the right CA?)")
        }
        wrong if is_authority_as_server(wrong) => {
            let hint = "name that certificate in `tls.roots`, or give the server one that the CA signs";
            format!("certificate not trusted: the server presents a CA certificate as its own; {hint}")
        }
        wrong => format!("certificate not trusted: {wrong}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_errors_are_distinguished() {
        let explain_error = |error: CertificateError| {
            let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error));
            explain(&error, "broker", &Tls::default())
        };
        for (error, begin) in [
            (
                CertificateError::UnknownIssuer,
                "certificate not trusted: not signed by a root certificate of this system",
            ),
            (CertificateError::NotValidForName, "name mismatch: the certificate is not for broker"),
            (CertificateError::Expired, "certificate expired"),
            (CertificateError::NotValidYet, "certificate not valid yet"),
            (CertificateError::Revoked, "certificate not trusted: "),
            (
                CertificateError::BadSignature,
                "certificate not trusted: the root certificate of that name did not sign",
            ),
        ] {
            let message = explain_error(error);
            assert!(message.starts_with(begin), "{message}");
        }
    }

    #[test]
    fn a_tls_error_is_found_below_other_errors() {
        let tls_error = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let error = io::Error::other(io::Error::other(tls_error));
        assert!(tls_error_in(&error).is_some());
        assert!(tls_error_in(&io::Error::other("no")).is_none());
    }
}
