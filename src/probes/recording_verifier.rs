//! Verifies servers as the TLS library does, and notes the certificates that are accepted.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::servers::{Servers, is_valid_at};
use super::tls::is_authority_as_server;

/// Every decision is the library's but one: a server may present a self-signed certificate that the profile names as a
/// root, as `curl --cacert` and OpenSSL accept it. The library refuses those that are marked as an authority's, which
/// `openssl req -x509` makes by default.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    library: Arc<WebPkiServerVerifier>,
    /// The roots that the profile names.
    named: Vec<CertificateDer<'static>>,
    servers: Servers,
}

impl RecordingVerifier {
    /// None without a root: then nothing is accepted.
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        named: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Option<Self> {
        let library = WebPkiServerVerifier::builder_with_provider(roots, provider).build().ok()?;
        Some(Self { library, named, servers: Servers::of_this_run() })
    }

    /// Accepts a named root, byte by byte, for its names and while it is valid. That the server has its key is verified by
    /// the signature of the handshake, as always.
    fn verify_named(
        &self,
        refused: Error,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_authority =
            matches!(&refused, Error::InvalidCertificate(wrong) if is_authority_as_server(wrong));
        if !is_authority || !self.named.iter().any(|named| named.as_ref() == certificate.as_ref()) {
            return Err(refused);
        }
        if !is_valid_at(certificate, now) {
            return Err(CertificateError::Expired.into());
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self
            .library
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .or_else(|refused| self.verify_named(refused, end_entity, server_name, now))?;
        self.servers.note_certificate(&server_name.to_str(), end_entity);
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.library.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.library.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.library.supported_verify_schemes()
    }
}
