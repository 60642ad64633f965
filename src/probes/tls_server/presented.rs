//! The certificate that a server presents, whether it is accepted or not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::super::tls;

/// What a server has presented.
#[derive(Clone, Debug, Default)]
pub(super) struct Presented(Arc<Mutex<Option<Chain>>>);

#[derive(Clone, Debug)]
struct Chain {
    certificate: CertificateDer<'static>,
    /// How many others came with it.
    intermediates: usize,
}

impl Presented {
    /// A verifier that decides as this one does, and keeps the certificate.
    pub(super) fn observing(&self, verifier: Arc<dyn ServerCertVerifier>) -> Arc<dyn ServerCertVerifier> {
        Arc::new(ObservingVerifier { verifier, presented: self.clone() })
    }

    /// The certificate, if one was presented.
    pub(super) fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.lock().as_ref().map(|chain| chain.certificate.clone())
    }

    /// Whether a certificate was presented to the verifier, whatever it decided. Without any root there is no verifier.
    pub(super) fn reached_the_verifier(&self) -> bool {
        self.lock().is_some()
    }

    /// Why a certificate is not trusted, with the likely cause.
    pub(super) fn explain(&self, wrong: &CertificateError, why: String) -> String {
        let (is_unknown, is_authority) =
            (matches!(wrong, CertificateError::UnknownIssuer), tls::is_authority_as_server(wrong));
        let chain = self.lock();
        let parsed = chain.as_ref().and_then(|chain| {
            Some((Certificate::from_der(&chain.certificate).ok()?.tbs_certificate, chain.intermediates))
        });
        match parsed {
            Some((own, _)) if own.issuer == own.subject && (is_unknown || is_authority) => {
                format!("self-signed certificate: {why}")
            }
            Some((own, 0)) if is_unknown => {
                let issuer = own.issuer;
                format!("unknown issuer {issuer}: {why}; the server sends no intermediate certificate")
            }
            Some((own, _)) if is_unknown => format!("unknown issuer {}: {why}", own.issuer),
            _ => why,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Chain>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The issuer of a certificate, as RFC 4514 writes it.
pub(super) fn issuer(der: &[u8]) -> Option<String> {
    Some(Certificate::from_der(der).ok()?.tbs_certificate.issuer.to_string())
}

/// Every decision is the inner verifier's.
#[derive(Debug)]
struct ObservingVerifier {
    verifier: Arc<dyn ServerCertVerifier>,
    presented: Presented,
}

impl ServerCertVerifier for ObservingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain =
            Chain { certificate: end_entity.clone().into_owned(), intermediates: intermediates.len() };
        *self.presented.lock() = Some(chain);
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
